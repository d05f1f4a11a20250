"""A journal, read back: in order, from any number, while it is written or not."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from listenkey.errors import Corrupt
from listenkey.items import Item
from listenkey.journal import schema
from listenkey.journal.chain import Row, is_whole
from listenkey.journal.database import open_reader, told_as_ours
from listenkey.journal.facts import ANCHOR_SEQ, facts
from listenkey.journal.rows import item_of

CHUNK_ROWS: Final = 512
"""Rows a query. Queries are short, because SQLite can't shorten its log while somebody reads."""

CHUNK_BYTES: Final = 4 * 1024 * 1024
"""Of raw JSON a query: a frame may have a mebibyte."""

_SKIPPED: Final = schema.COLUMNS.index("skipped")
_RAW: Final = schema.COLUMNS.index("raw")
_AFTER: Final = f"SELECT {', '.join(schema.COLUMNS)} FROM items WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 - our own names


class JournalReader:
    """
    Reads the items of a journal. What it shows is durable: SQLite shows a commit to others after it is on the disk.

    Each row is compared with its checksum, and each number with the one before, so damage raises and is never skipped.

    Raises:
        UsageError: There is no journal at the path.
        JournalError: It can't be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = open_reader(path)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def read(self, after: int, most: int = CHUNK_ROWS) -> list[Item]:
        """
        The next items after a number, oldest first; empty where there are none yet.

        Raises:
            Corrupt: A row was changed, or is missing.
        """
        return [item_of(row) for row in self.rows(after, most)]

    def rows(self, after: int, most: int = CHUNK_ROWS) -> list[Row]:
        """The same as rows, compared with their checksums."""
        with told_as_ours(self.path):
            rows = self._chunk(after, most)
            first = rows[0][0] - (rows[0][_SKIPPED] or 0) if rows else after + 1
            if first > after + 1 and facts(self._connection).get(ANCHOR_SEQ, 0) >= first - 1:
                after = first - 1  # what retention took away is not missed
        for row in rows:
            if row[0] - (row[_SKIPPED] or 0) != after + 1 and not self._within_skip(row, after):
                raise Corrupt(f"the journal {self.path} lacks the items {after + 1} to {row[0] - 1}")
            if not is_whole(row):
                raise Corrupt(f"item {row[0]} of the journal {self.path} was changed")
            after = row[0]
        return rows

    def changes(self) -> int:
        """A number that is another one after each commit of the writer: cheap to ask before reading."""
        with told_as_ours(self.path):
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def last_seq(self) -> int:
        """The newest item's number; 0 in an empty journal."""
        with told_as_ours(self.path):
            (last,) = self._connection.execute("SELECT max(seq) FROM items").fetchone()
        return int(last or 0)

    @staticmethod
    def _within_skip(row: Row, after: int) -> bool:
        """Whether `after` is one of the numbers that the row says were lost before it."""
        return bool(row[_SKIPPED]) and row[0] - row[_SKIPPED] - 1 <= after < row[0]

    def _chunk(self, after: int, most: int) -> list[Row]:
        rows: list[Row] = []
        size = 0
        for row in self._connection.execute(_AFTER, (after, most)):
            rows.append(row)
            size += len(row[_RAW] or "")
            if size > CHUNK_BYTES:
                break
        return rows
