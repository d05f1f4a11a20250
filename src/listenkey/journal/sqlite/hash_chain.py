"""
Reveal every change in a journal: a checksum per row, and a chain through all rows.

The body of a row is the MessagePack array of its columns from `seq` to `skipped`, in the order of the table. `crc32` is
the CRC-32 of the body. `chain` is BLAKE2b, 16 bytes, of the chain of the row before followed by the body; before the
first row stand 16 zero bytes. So a changed row is found by its checksum, and one that was taken out, doubled, swapped
or put in by the chain of the next. An attacker who can write the file can compute a new chain as well: keep the last
one elsewhere (`listenkey journal info` prints it) to find that, too.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import msgspec

Row: TypeAlias = tuple[Any, ...]
"""The values of `schema.COLUMNS`."""

CHAIN_BYTES: Final = 16
BEGINNING: Final = bytes(CHAIN_BYTES)

SEALED: Final = 2
"""The number of columns at the end of a row that seal it: `crc32` and `chain`."""

_NOTHING_YET: Final = hashlib.blake2b(digest_size=CHAIN_BYTES)
"""The hash before its first byte. A copy takes a quarter of the time of a new one."""

_encode: Final = msgspec.msgpack.Encoder().encode
_encode_into: Final = msgspec.msgpack.Encoder().encode_into


def seal(values: Sequence[Any], before: bytes) -> Row:
    """The row: its values, their checksum, and the chain up to here."""
    body = _encode(values)
    return (*values, zlib.crc32(body), _link(before, body))


def checksums(rows: Iterable[Sequence[Any]]) -> list[int]:
    """Return the `crc32` of rows with these values."""
    crc32, body, found = zlib.crc32, bytearray(), []
    for values in rows:
        _encode_into(values, body)
        found.append(crc32(body))
    return found


def is_whole(row: Row) -> bool:
    """Return True where a row has its checksum."""
    return bool(zlib.crc32(_encode(row[:-SEALED])) == row[-SEALED])


def follows(row: Row, before: bytes) -> bool:
    """Return True where a row has its checksum and follows the row with the chain `before`."""
    body = _encode(row[:-SEALED])
    return bool(zlib.crc32(body) == row[-SEALED] and _link(before, body) == row[-1])


def fact_checksum(name: str, value: object) -> int:
    """The checksum of a small fact: a line of `meta` or `consumers`."""
    return zlib.crc32(_encode((name, value)))


def _link(before: bytes, body: bytes) -> bytes:
    link = _NOTHING_YET.copy()
    link.update(before)
    link.update(body)
    return link.digest()
