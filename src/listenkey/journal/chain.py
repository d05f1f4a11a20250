"""
What makes a change in a journal show: a checksum a row, and a chain through all of them.

The body of a row is the MessagePack array of its columns from `seq` to `skipped`, in the order of the table. `crc32` is
the CRC-32 of the body. `chain` is BLAKE2b, 16 bytes, of the chain of the row before followed by the body; before the
first row stand 16 zero bytes. So a changed row is found by its checksum, and one that was taken out, doubled, swapped
or put in by the chain of the next. Whoever can write the file can compute a new chain as well: keep the last one
elsewhere (`listenkey journal info` prints it) to find that, too.
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
"""How many columns at the end of a row are the seal: `crc32` and `chain`."""

_encode: Final = msgspec.msgpack.Encoder().encode
_encode_into: Final = msgspec.msgpack.Encoder().encode_into


def seal(values: Sequence[Any], before: bytes) -> Row:
    """The row: its values, their checksum, and the chain up to here."""
    body = _encode(values)
    return (*values, zlib.crc32(body), _link(before, body))


def checksums(rows: Iterable[Sequence[Any]]) -> list[int]:
    """What `crc32` says of rows with these values."""
    crc32, body, found = zlib.crc32, bytearray(), []
    for values in rows:
        _encode_into(values, body)
        found.append(crc32(body))
    return found


def is_whole(row: Row) -> bool:
    """Whether a row is what was written, by its checksum."""
    return bool(zlib.crc32(_encode(row[:-SEALED])) == row[-SEALED])


def follows(row: Row, before: bytes) -> bool:
    """Whether a row is what was written after the row with the chain `before`."""
    body = _encode(row[:-SEALED])
    return bool(zlib.crc32(body) == row[-SEALED] and _link(before, body) == row[-1])


def mark(name: str, value: object) -> int:
    """The checksum of a small fact: a line of `meta` or `consumers`."""
    return zlib.crc32(_encode((name, value)))


def _link(before: bytes, body: bytes) -> bytes:
    return hashlib.blake2b(before + body, digest_size=CHAIN_BYTES).digest()
