"""
SQLite's file format, as far as rows can be taken out of a file that SQLite itself can't read any more.

Pages of the database and of its log are looked at one by one, without the tree that leads to them: a page whose parents
are damaged still holds its rows. Nothing here says whether a row is right; its own checksum does.

Source: https://www.sqlite.org/fileformat2.html, read 2026-11-30: sections 1.3 (header), 1.6 (b-tree pages), 1.6
(overflow), 2.1 (records), 4.1 (log).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

from listenkey.journal.files import open_regular

Cell: TypeAlias = tuple[int, list[Any]]
"""A row's number, and its values as they are stored."""

PAGE_BYTES: Final = 4096
"""The page size of a journal whose header no longer states it: SQLite's default, with which all are made."""

HEADER_BYTES: Final = 100
LOG_HEADER_BYTES: Final = 32
FRAME_HEADER_BYTES: Final = 24
LEAF: Final = 13
PAYLOAD_MAX: Final = 64 * 1024 * 1024
"""The bytes of one row at most; a frame has a mebibyte at most, and a damaged length may say anything."""

_INTEGER_BYTES: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


class Pages:
    """
    The pages of a database and of its log.

    Attributes:
        page_bytes: The size of one.
        size_bytes: Of the pages that are looked at.
    """

    def __init__(self, database: Path, log: Path) -> None:
        self._log: BinaryIO | None = None
        self._file = _open(database)
        try:
            if log.exists():
                self._log = _open(log)
            header = self._file.read(HEADER_BYTES)
            found = int.from_bytes(header[16:18], "big") if len(header) == HEADER_BYTES else 0
            self.page_bytes = 65536 if found == 1 else found if found.bit_count() == 1 and found >= 512 else PAGE_BYTES
            self._usable = self.page_bytes - (header[20] if header[:15] == b"SQLite format 3" else 0)
            self._pages = os.fstat(self._file.fileno()).st_size // self.page_bytes
            self._newest = dict(self._frames())
            self.size_bytes = (self._pages + len(self._newest)) * self.page_bytes
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of both."""
        self._file.close()
        if self._log is not None:
            self._log.close()

    def _frames(self) -> Iterator[tuple[int, int]]:
        """Page number and place of each frame that the log holds since it was begun anew, oldest first."""
        if self._log is None:
            return
        size = os.fstat(self._log.fileno()).st_size
        salts = self._log.read(LOG_HEADER_BYTES)[16:24]
        for at in range(
            LOG_HEADER_BYTES, size - FRAME_HEADER_BYTES - self.page_bytes + 1, FRAME_HEADER_BYTES + self.page_bytes
        ):
            self._log.seek(at)
            header = self._log.read(FRAME_HEADER_BYTES)
            if header[8:16] == salts:
                yield int.from_bytes(header[:4], "big"), at + FRAME_HEADER_BYTES

    def _page(self, number: int) -> bytes:
        """A page as it is now: in the log, else in the file."""
        at = self._newest.get(number)
        if at is not None and self._log is not None:
            self._log.seek(at)
            return self._log.read(self.page_bytes)
        if not 0 < number <= self._pages:
            return b""
        self._file.seek((number - 1) * self.page_bytes)
        return self._file.read(self.page_bytes)

    def __iter__(self) -> Iterator[tuple[int, list[Cell]]]:
        """Yield for each page the bytes read since the page before, and the rows on it."""
        for number in range(1, self._pages + 1):
            self._file.seek((number - 1) * self.page_bytes)
            yield self.page_bytes, list(self._cells(self._file.read(self.page_bytes), number))
        for number, at in self._newest.items():
            assert self._log is not None
            self._log.seek(at)
            yield self.page_bytes, list(self._cells(self._log.read(self.page_bytes), number))

    def _cells(self, page: bytes, number: int) -> Iterator[Cell]:
        start = HEADER_BYTES if number == 1 else 0
        if len(page) < self.page_bytes or page[start] != LEAF:
            return
        count = int.from_bytes(page[start + 3 : start + 5], "big")
        for index in range(min(count, (self.page_bytes - start - 8) // 2)):
            place = start + 8 + 2 * index
            try:
                yield self._cell(page, int.from_bytes(page[place : place + 2], "big"))
            except (ValueError, IndexError, struct.error):
                continue  # Damaged: what was in it is missing.

    def _cell(self, page: bytes, at: int) -> Cell:
        size, at = varint(page, at)
        rowid, at = varint(page, at)
        if not 0 < size <= PAYLOAD_MAX:
            raise ValueError(size)
        most = self._usable - 35
        if size <= most:
            return rowid, record(page[at : at + size])
        least = (self._usable - 12) * 32 // 255 - 23
        local = least + (size - least) % (self._usable - 4)
        local = local if local <= most else least
        payload = bytearray(page[at : at + local])
        follows = int.from_bytes(page[at + local : at + local + 4], "big")
        while len(payload) < size:
            more = self._page(follows)
            if len(more) < self.page_bytes:
                raise ValueError(follows)
            payload += more[4 : self._usable]
            follows = int.from_bytes(more[:4], "big")
        return rowid, record(bytes(payload[:size]))


def _open(path: Path) -> BinaryIO:
    return os.fdopen(open_regular(path, os.O_RDONLY), "rb")


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    value = 0
    for place in range(8):
        byte = data[at + place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + place + 1
    value = value << 8 | data[at + 8]
    return value - (value >> 63 << 64), at + 9


def record(payload: bytes) -> list[Any]:
    """
    The values of a record.

    Raises:
        ValueError, IndexError, struct.error: It is none.
    """
    end, at = varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = varint(payload, at)
        kinds.append(kind)
    values: list[Any] = []
    for kind in kinds:
        size = _INTEGER_BYTES.get(kind, 8 if kind == 7 else 0) if kind < 12 else (kind - 12) // 2
        part = payload[at : at + size]
        if len(part) < size or kind in {10, 11} or kind < 0:
            raise ValueError(kind)
        at += size
        values.append(_value(kind, part))
    return values


def _value(kind: int, part: bytes) -> Any:
    if kind in _INTEGER_BYTES:
        return int.from_bytes(part, "big", signed=True)
    if kind >= 12:
        return part.decode("utf-8", "replace") if kind % 2 else part
    if kind == 7:
        return struct.unpack(">d", part)[0]
    return {0: None, 8: 0, 9: 1}[kind]
