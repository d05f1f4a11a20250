"""The small facts beside the items: `meta` and `consumers`, each with a checksum of its own."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from listenkey.core.gaps import Watermark
from listenkey.errors import Corrupt
from listenkey.journal.sqlite.hash_chain import CHAIN_BYTES, fact_checksum
from listenkey.journal.sqlite.row_shape import SEQ_MAX, TIME_MAX_MS, is_whole_number

ACCOUNT: Final = "account"
COVERED_MS: Final = "covered_ms"
WATERMARK: Final = "watermark"
ANCHOR_SEQ: Final = "anchor_seq"
ANCHOR_CHAIN: Final = "anchor_chain"

_ENCODE: Final = msgspec.json.Encoder().encode
_DECODE: Final = msgspec.json.Decoder(Watermark).decode


def set_fact(connection: sqlite3.Connection, name: str, value: object) -> None:
    """Write one fact, within the transaction that is open."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", (name, value, fact_checksum(name, value)))


def facts(connection: sqlite3.Connection) -> dict[str, Any]:
    """
    Return all facts by name.

    Raises:
        Corrupt: One is not what was written.
    """
    found = {}
    for name, value, checksum in connection.execute("SELECT name, value, crc32 FROM meta"):
        if fact_checksum(name, value) != checksum or not _is_sound(name, value):
            raise Corrupt(f"the journal's note of {name} is damaged")
        found[name] = value
    return found


def set_coverage(connection: sqlite3.Connection, covered_ms: int, by: Watermark | None) -> None:
    """Write until when the stream is covered, and the same by more clocks, within the transaction that is open."""
    if by is None:
        set_fact(connection, COVERED_MS, covered_ms)
        return
    text = _ENCODE(by).decode()
    connection.execute(
        "INSERT OR REPLACE INTO meta VALUES (?, ?, ?), (?, ?, ?)",
        (
            COVERED_MS,
            covered_ms,
            fact_checksum(COVERED_MS, covered_ms),
            WATERMARK,
            text,
            fact_checksum(WATERMARK, text),
        ),
    )


def watermark(known: dict[str, Any]) -> Watermark | None:
    """
    The watermark among the facts; None where there is none, or none that could be meant.

    Its checksum was right, so it is no damage. Without it the wall clock alone says how long nothing was recorded: that
    costs a longer gap, and refusing the journal would cost all of it.
    """
    try:
        return _DECODE(str(known[WATERMARK]))
    except (KeyError, msgspec.DecodeError):
        return None


def set_cursor(connection: sqlite3.Connection, name: str, seq: int) -> None:
    """Note how far a consumer has come, within the transaction that is open."""
    connection.execute("INSERT OR REPLACE INTO consumers VALUES (?, ?, ?)", (name, seq, fact_checksum(name, seq)))


def cursors(connection: sqlite3.Connection) -> dict[str, int]:
    """
    Return each consumer's position, by name.

    Raises:
        Corrupt: One is not what was written.
    """
    found = {}
    for name, seq, checksum in connection.execute("SELECT name, seq, crc32 FROM consumers"):
        if fact_checksum(name, seq) != checksum or not is_whole_number(seq, SEQ_MAX):
            raise Corrupt(f"the cursor of the consumer {name} is damaged")
        found[name] = seq
    return found


def _is_sound(name: str, value: object) -> bool:
    """Return True where a fact is of the kind and size that is written; a checksum can be made by anybody."""
    match name:
        case "account":
            return isinstance(value, str)
        case "covered_ms":
            return is_whole_number(value, TIME_MAX_MS)
        case "anchor_seq":
            return is_whole_number(value, SEQ_MAX)
        case "anchor_chain":
            return isinstance(value, bytes) and len(value) == CHAIN_BYTES
    return True
