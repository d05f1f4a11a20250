"""A journal, read back: in order, from any number, while it is written or not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import takewhile
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from listenkey.errors import Corrupt, JournalError, UsageError
from listenkey.items import Item, Update
from listenkey.journal.files import Identity, identity_of
from listenkey.journal.sqlite import schema
from listenkey.journal.sqlite.database import ERRORS, open_reader, told_as_ours
from listenkey.journal.sqlite.hash_chain import Row, checksums, is_whole
from listenkey.journal.sqlite.metadata import ANCHOR_SEQ, facts
from listenkey.journal.sqlite.row_codec import item_of
from listenkey.journal.sqlite.row_shape import SEQ_MAX, TIME_MAX_MS, is_well_formed
from listenkey.wire.frames import read_payloads

CHUNK_ROWS: Final = 256
"""Rows a query. Queries are short, because SQLite can't shorten its log while somebody reads."""

CHUNK_BYTES: Final = 4 * 1024 * 1024
"""The bytes of raw JSON per query: a frame may have a mebibyte."""

_SKIPPED: Final = schema.COLUMNS.index("skipped")
_RAW: Final = schema.COLUMNS.index("raw")
_AFTER: Final = f"SELECT {', '.join(schema.COLUMNS)} FROM items WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 - our own names

_PLAIN: Final = (
    "SELECT seq, received_ms, type, event_ms, symbol, order_id, trade_id, CAST(raw AS BLOB), crc32, "
    "(kind, account, provenance, late, typeof(raw), typeof(received_ms)) = ('update', ?, 'ws', 0, 'text', 'integer') "
    "AND typeof(event_ms) IN ('integer', 'null') AND received_ms BETWEEN 0 AND ? AND seq <= ? "
    "AND coalesce(event, from_ms, to_ms, why, recovered, unrecoverable, skipped) IS NULL "
    "AND length(CAST(raw AS BLOB)) <= ? "
    "FROM items WHERE seq > ? ORDER BY seq LIMIT ?"
)
"""
Nearly every row is an update from the socket, and these are alike in twelve columns. SQLite says whether a row is one of
them, and hands over only the other columns, in half the time.
"""

_FIRST: Final = "SELECT seq, chain FROM items ORDER BY seq LIMIT 1"
_NOT_PLAIN: Final = (None,)
_is_plain: Final = itemgetter(-1)


class JournalReader:
    """
    Reads the items of a journal. What it shows is durable: SQLite shows a commit to others after it is on the disk.

    Each row is compared with its checksum, and each number with the one before, so damage raises and is never skipped.

    Args:
        path: The file.
        misses_pruned: Refuse to go on where items behind the one that was read last were deleted for their age.
        connect: Opens the file; another one shows one account's items of a file of many.
        account: The alias of the items, where it is known; else it is learnt from the first one.

    Raises:
        UsageError: There is no journal at the path.
        JournalError: It can't be opened.
    """

    def __init__(
        self,
        path: Path,
        *,
        misses_pruned: bool = False,
        connect: Callable[[Path], sqlite3.Connection] = open_reader,
        account: str = "",
    ) -> None:
        self.path = path
        self._misses_pruned = misses_pruned
        self._identity = _identity_now(path)
        self._connect = connect
        self._connection = connect(path)
        self._lenient = self._connection.text_factory
        self._account = account
        self._mark: tuple[int, bytes] | None = None

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def read(self, after: int, most: int = CHUNK_ROWS) -> list[Item]:
        """
        The next items after a number, oldest first; empty where there are none yet.

        Raises:
            Corrupt: The next row was changed, or is missing. Where rows before it are whole, these come first.
        """
        items, is_all = self._plain(after, most)
        if not is_all:
            self._add_others(items, after, most - len(items))
        if items and self._mark is None:
            self._mark = self._first()
        return items

    def _plain(self, after: int, most: int) -> tuple[list[Item], bool]:
        """
        The next items, as far as they are plain, and whether these are all; compared with their checksums as any other.

        Whatever looks wrong is left to `_rows`, which says what it is.
        """
        rows = self._plain_rows(after, most)
        plain = list(takewhile(_is_plain, rows))
        if not plain or plain[-1][0] != after + len(plain):
            return [], not rows
        account = self._account
        sealed = checksums(
            (
                number, "update", account, time_ms, type_, "ws", 0, event_ms, symbol, order, trade, None,
                raw.decode("utf-8", "replace"), None, None, None, None, None, None,
            )
            for number, time_ms, type_, event_ms, symbol, order, trade, raw, _, _ in plain
        )  # fmt: skip
        events = read_payloads([row[7] for row in plain])
        if events is None or sealed != [row[8] for row in plain]:
            return [], False
        items: list[Item] = [
            Update(row[0], account, event, row[1], row[7]) for row, event in zip(plain, events, strict=True)
        ]
        return items, len(plain) == len(rows)

    def _plain_rows(self, after: int, most: int) -> list[tuple[Any, ...]]:
        self._connection.text_factory = str
        try:
            limits = self._account, TIME_MAX_MS, SEQ_MAX, CHUNK_BYTES // most, after, most
            return self._connection.execute(_PLAIN, limits).fetchall()
        except ERRORS:
            return [_NOT_PLAIN]  # A text that is none, for example.
        finally:
            self._connection.text_factory = self._lenient

    def _add_others(self, items: list[Item], after: int, most: int) -> None:
        """Add the next items of any kind; raises only where there would be none, so that all before damage is shown."""
        try:
            # Item by item: those before the one that raises are in the list then.
            items.extend(map(item_of, self._rows(items[-1].seq if items else after, most)))
        except Corrupt:
            if not items:
                raise

    def _rows(self, after: int, most: int) -> Iterator[Row]:
        """The next rows of any kind, compared with their checksums."""
        with told_as_ours(self.path):
            rows = self._chunk(after, most)
            first = rows[0][0] - (rows[0][_SKIPPED] or 0) if rows else after + 1
            if first > after + 1 and facts(self._connection).get(ANCHOR_SEQ, 0) >= first - 1:
                if after and self._misses_pruned:
                    raise JournalError(
                        f"the items {after + 1} to {first - 1} were deleted from the journal {self.path} before they were "
                        f"read here: read on behind item {first - 1}"
                    )
                after = first - 1
        for row in rows:
            if row[0] - (row[_SKIPPED] or 0) != after + 1 and not self._within_skip(row, after):
                raise Corrupt(f"the journal {self.path} lacks the items {after + 1} to {row[0] - 1}")
            if not is_whole(row) or not is_well_formed(row):
                raise Corrupt(f"item {row[0]} of the journal {self.path} was changed")
            after, self._account = row[0], row[2]
            yield row

    def renewed(self, after: int) -> tuple[JournalReader, int] | None:
        """
        A reader of the file that has the journal's name now, and after which number to read on in it.

        A journal that was moved away and begun anew is another one and is read from its beginning. In a copy of the same
        journal, the items up to `after` are the same.

        Returns:
            None while it is still this file, or there is none that could be read.
        """
        if (named := _identity_now(self.path)) is None or named == self._identity:
            return None
        try:
            other = JournalReader(self.path, misses_pruned=self._misses_pruned, connect=self._connect)
        except (UsageError, JournalError):
            return None  # It is being made, or is none.
        last = min(after, other.last_seq())
        seq, ours = last, self._chain_of(last)
        if ours is None and self._mark is not None:  # It was pruned here, after the copy was made.
            seq, ours = self._mark
        return other, after if ours is not None and ours == other._chain_of(seq) else 0

    def _first(self) -> tuple[int, bytes] | None:
        """Return the oldest item's number and chain, by which a copy of the journal is known; None where it is empty."""
        with told_as_ours(self.path):
            row: tuple[int, bytes] | None = self._connection.execute(_FIRST).fetchone()
        return row

    def _chain_of(self, seq: int) -> bytes | None:
        with told_as_ours(self.path):
            row = self._connection.execute("SELECT chain FROM items WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else row[0]

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

    def oldest_seq(self) -> int:
        """The number of the oldest item that was not deleted for its age; one behind the newest where all were."""
        with told_as_ours(self.path):
            return int(facts(self._connection).get(ANCHOR_SEQ, 0)) + 1

    @staticmethod
    def _within_skip(row: Row, after: int) -> bool:
        """Return True where `after` is one of the numbers that the row says were lost before it."""
        return bool(row[_SKIPPED]) and row[0] - row[_SKIPPED] - 1 <= after < row[0]

    def _chunk(self, after: int, most: int) -> list[Row]:
        rows: list[Row] = []
        size = 0
        try:
            for row in self._connection.execute(_AFTER, (after, most)):
                rows.append(row)
                size += len(row[_RAW]) if isinstance(row[_RAW], str) else 0
                if size > CHUNK_BYTES:
                    break
        except ERRORS:
            # Python's module looks one row ahead, and takes the row before a damaged page along. By itself it can be read.
            return rows or self._connection.execute(_AFTER, (after, 1)).fetchall()
        return rows


def _identity_now(path: Path) -> Identity | None:
    try:
        return identity_of(path)
    except OSError:
        return None
