"""The small facts beside the items: `meta` and `consumers`, each with a checksum of its own."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from listenkey.errors import Corrupt
from listenkey.journal.chain import mark

ACCOUNT: Final = "account"
COVERED_MS: Final = "covered_ms"
ANCHOR_SEQ: Final = "anchor_seq"
ANCHOR_CHAIN: Final = "anchor_chain"


def set_fact(connection: sqlite3.Connection, name: str, value: object) -> None:
    """Write one fact, within the transaction that is open."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", (name, value, mark(name, value)))


def facts(connection: sqlite3.Connection) -> dict[str, Any]:
    """
    All of them, by name.

    Raises:
        Corrupt: One is not what was written.
    """
    found = {}
    for name, value, checksum in connection.execute("SELECT name, value, crc32 FROM meta"):
        if mark(name, value) != checksum:
            raise Corrupt(f"the journal's note of {name} is damaged")
        found[name] = value
    return found


def set_cursor(connection: sqlite3.Connection, name: str, seq: int) -> None:
    """Note how far a consumer has come, within the transaction that is open."""
    connection.execute("INSERT OR REPLACE INTO consumers VALUES (?, ?, ?)", (name, seq, mark(name, seq)))


def cursors(connection: sqlite3.Connection) -> dict[str, int]:
    """
    How far each consumer has come.

    Raises:
        Corrupt: One is not what was written.
    """
    found = {}
    for name, seq, checksum in connection.execute("SELECT name, seq, crc32 FROM consumers"):
        if mark(name, seq) != checksum:
            raise Corrupt(f"the cursor of the consumer {name} is damaged")
        found[name] = seq
    return found
