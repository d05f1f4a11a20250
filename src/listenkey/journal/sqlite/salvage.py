"""
Rescue the readable items of a damaged journal.

Every row has a checksum of its own. So rows are looked for on every page of the file and its log, even where the tree
that leads to them is damaged, and those that are whole are kept. Nothing is guessed: missing items are reported.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from listenkey.errors import Corrupt, Fenced, JournalError, UsageError
from listenkey.journal.files import beside, check_files, is_there
from listenkey.journal.sqlite import metadata, schema
from listenkey.journal.sqlite.database import ERRORS, open_reader
from listenkey.journal.sqlite.group import GROUP_ROWS_MAX, Group
from listenkey.journal.sqlite.hash_chain import BEGINNING, SEALED, Row, follows, is_whole, seal
from listenkey.journal.sqlite.lock import Lock, lock_path
from listenkey.journal.sqlite.pages import Cell, Pages
from listenkey.journal.sqlite.row_codec import fill_of
from listenkey.journal.sqlite.row_shape import is_well_formed
from listenkey.journal.sqlite.store import Store

MISSING_TOLD: Final = 20
"""The stretches of missing numbers that are named; the rest are counted."""

_SKIPPED: Final = schema.COLUMNS.index("skipped")
_ACCOUNT: Final = schema.COLUMNS.index("account")
_SYMBOL, _TRADE, _ORDER = (f"c{schema.COLUMNS.index(name)}" for name in ("symbol", "trade_id", "order_id"))
_PLACES: Final = ", ".join("?" * len(schema.COLUMNS))


@dataclass(slots=True)
class Salvaged:
    """
    The result of a rescue.

    Attributes:
        items: Rows that are whole.
        fills: How many of them are fills.
        first_seq, last_seq: The first and the last of them; 0 where there is none.
        missing: Stretches of numbers that are missing, each from and to; the first of them.
        missing_items: How many numbers are missing in all.
        items_before_missing: How many whole ones come before the first that is missing; what `verify` and `replay` count.
        notes: What of the rest could not be read.
    """

    items: int = 0
    fills: int = 0
    first_seq: int = 0
    last_seq: int = 0
    missing: list[tuple[int, int]] = field(default_factory=list)
    missing_items: int = 0
    items_before_missing: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def lacks_nothing(self) -> bool:
        """True where every item, and what stands beside the items, was saved."""
        return not self.missing_items and not self.notes

    def lacks(self, first: int, last: int) -> None:
        """Note that these numbers are missing."""
        if last < first:
            return
        self.missing_items += last - first + 1
        if len(self.missing) < MISSING_TOLD:
            self.missing.append((first, last))


class NothingWhole(Corrupt):
    """
    Nothing of a journal could be saved.

    Attributes:
        advice: What to do.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.advice = "put a backup in its place; docs/how-to/use-a-journal.md, Put a copy back"


def salvage_journal(journal: Path, into: Path, progress: Callable[[int, int], None]) -> Salvaged:
    """
    Read the whole rows of a damaged journal into a new one, with their numbers; return the result.

    A row behind missing ones says how many these are (`skipped`), so the new journal is whole by itself.

    Args:
        journal: What is damaged. It is only read.
        into: An empty file, which becomes the new journal.
        progress: Called with how many bytes were looked at, and of how many.

    Raises:
        UsageError: There is no file, or it is no journal.
        Fenced: Somebody writes to it.
        Corrupt: There is no row in it that is whole.
        JournalError: It can't be read, or the new one can't be written.
    """
    if not is_there(journal):
        raise UsageError(f"there is no journal at {journal}; give the path of one")
    check_files(journal)
    with contextlib.ExitStack() as stack:
        reached = _reached(journal, stack)
        staging = stack.enter_context(contextlib.closing(sqlite3.connect("", isolation_level=None)))
        try:
            _gather(journal, staging, progress)
        except OSError as error:
            raise JournalError(f"the journal {journal} can't be read: {error.strerror}") from None
        return _write(journal, into, staging, reached)


def _reached(journal: Path, stack: contextlib.ExitStack) -> int:
    """Return the last number of the journal. Holds its lock meanwhile if it can: a writer moves pages about."""
    if not is_there(lock_path(journal)):
        return 0  # Nobody writes to it, and none is made beside a file that may be no journal.
    try:
        lock = Lock(journal)
    except Fenced:
        raise
    except JournalError:
        return 0  # A folder that can't be written to, for example.
    stack.callback(lock.release)
    return lock.reached()


def _gather(journal: Path, staging: sqlite3.Connection, progress: Callable[[int, int], None]) -> None:
    """Every row that is whole, into a table. SQLite keeps that in a file of its own where it grows large."""
    columns = ", ".join(f"c{number}" for number in range(1, len(schema.COLUMNS)))
    staging.execute(f"CREATE TABLE found(seq INTEGER, {columns}, PRIMARY KEY(seq, c{len(schema.COLUMNS) - 1}))")
    staging.execute("CREATE TABLE pruned(symbol, trade_id, order_id)")
    staging.execute("BEGIN")
    looked_at = 0
    with contextlib.closing(Pages(journal, beside(journal, "-wal"))) as pages:
        for size, cells in pages:
            looked_at += size
            rows = [row for row in map(_row, cells) if row is not None]
            staging.executemany(f"INSERT OR IGNORE INTO found VALUES ({_PLACES})", rows)  # noqa: S608 - places only
            progress(looked_at, pages.size_bytes)
    staging.execute("COMMIT")
    staging.execute(f"CREATE INDEX fill ON found({_SYMBOL}, {_TRADE}, {_ORDER})")


def _row(cell: Cell) -> Row | None:
    """The row that a cell holds, if it is one of `items` and whole."""
    seq, values = cell
    if len(values) != len(schema.COLUMNS) or values[0] is not None:
        return None
    row = (seq, *values[1:])
    return row if is_well_formed(row) and is_whole(row) else None


def _in_order(staging: sqlite3.Connection, after: int, chain: bytes) -> Iterator[Row]:
    """
    One row a number. Of several that are whole, the one that the chain goes through: the others were taken back.

    Args:
        staging: Has the rows.
        after: Those up to here were taken away by retention.
        chain: Of the last of these.
    """
    for _, same in groupby(staging.execute("SELECT * FROM found WHERE seq > ? ORDER BY seq", (after,)), itemgetter(0)):
        rows = list(same)
        following = [row for row in rows if follows(row, chain)]
        candidates = following or [row for row in rows if not _was_written_again(staging, row)]
        if len(candidates) > 1:
            candidates = [row for row in candidates if _goes_on(staging, row)] or candidates
        if candidates:
            chain = candidates[-1][-1]
            yield candidates[-1]


def _goes_on(staging: sqlite3.Connection, row: Row) -> bool:
    """Return True where a row with the next number follows this one."""
    question = "SELECT * FROM found WHERE seq = (SELECT min(seq) FROM found WHERE seq > ?)"
    return any(follows(after, row[-1]) for after in staging.execute(question, (row[0],)))


def _was_written_again(staging: sqlite3.Connection, row: Row) -> bool:
    """Return True where its fill has another number: then this row was taken back, and stands in an unused page."""
    question = f"SELECT 1 FROM found WHERE {_SYMBOL} = ? AND {_TRADE} = ? AND {_ORDER} = ? AND seq > ?"  # noqa: S608 - our own names
    key = fill_of(row[:-SEALED])
    return key is not None and staging.execute(question, (*key, row[0])).fetchone() is not None


def _write(journal: Path, into: Path, staging: sqlite3.Connection, reached: int) -> Salvaged:
    found = Salvaged()
    known, cursors = _beside_the_items(journal, staging, found)
    after, chain = known.get(metadata.ANCHOR_SEQ, 0), known.get(metadata.ANCHOR_CHAIN, BEGINNING)
    question = f"SELECT seq, c{_ACCOUNT}, c{_SKIPPED} FROM found WHERE seq > ? ORDER BY seq LIMIT 1"  # noqa: S608 - our own names
    first = staging.execute(question, (after,)).fetchone()
    if first is None:
        raise _without_items(journal, reached)
    if not known and first[0] > 1 + (first[2] or 0):
        after = first[0] - 1 - (first[2] or 0)  # It is not known whether these were missing or taken away.
        found.lacks(1, after)
    store = Store(into, known.get(metadata.ACCOUNT, first[1]))
    store.open()
    try:
        store.begin_after(after, chain, known, cursors, staging.execute("SELECT * FROM pruned"))
        rows: list[Row] = []
        for row in _in_order(staging, after, chain):
            rows.append(_sealed(row, rows[-1] if rows else None, store, found))
            if len(rows) == GROUP_ROWS_MAX:
                store.write(Group(rows))
                rows = []
        if rows:
            store.write(Group(rows))
        found.lacks(found.last_seq + 1, reached)
    except ERRORS as error:
        raise JournalError(f"{into} can't be written: {error}") from error
    finally:
        store.close()
    return found


def _without_items(journal: Path, reached: int) -> JournalError | UsageError:
    """Return the error for a file in which no whole item was found."""
    with contextlib.suppress(JournalError, *ERRORS):
        try:
            connection = open_reader(journal)
        except UsageError:
            return UsageError(f"{journal} is no journal, and no item of one is in it; give another path")
        with contextlib.closing(connection):
            is_empty = connection.execute("SELECT 1 FROM items LIMIT 1").fetchone() is None
        if is_empty and not reached:
            return UsageError(f"the journal {journal} holds no item; there is nothing to save")
    return NothingWhole(f"there is no item in {journal} that is whole")


def _sealed(row: Row, before: Row | None, store: Store, found: Salvaged) -> Row:
    """The row, saying how many numbers before it are missing."""
    last_seq, chain = (before[0], before[-1]) if before else (store.last_seq, store.chain)
    skipped = row[_SKIPPED] or 0
    found.lacks(last_seq + 1, row[0] - skipped - 1)
    values = list(row[:-SEALED])
    values[_SKIPPED] = row[0] - last_seq - 1 or None
    found.items += 1
    found.items_before_missing += not found.missing_items
    found.fills += row[schema.COLUMNS.index("trade_id")] is not None
    found.first_seq = found.first_seq or row[0]
    found.last_seq = row[0]
    return seal(values, chain)


def _beside_the_items(
    journal: Path, staging: sqlite3.Connection, found: Salvaged
) -> tuple[dict[str, Any], dict[str, int]]:
    """The facts and the cursors, and in the staging the fills that retention took away, as far as SQLite can read them."""
    known: dict[str, Any] = {}
    cursors: dict[str, int] = {}
    try:
        with contextlib.closing(open_reader(journal)) as connection:
            with _noted(found, "whose it is, and until when the stream was whole"):
                known = metadata.facts(connection)
            with _noted(found, "how far consumers had come"):
                cursors = metadata.cursors(connection)
            with _noted(found, "which fills retention had taken away"):
                rows = connection.execute("SELECT symbol, trade_id, order_id FROM pruned_fills")
                staging.executemany("INSERT INTO pruned VALUES (?, ?, ?)", rows)
    except (JournalError, UsageError) as error:
        found.notes.append(f"only the items could be looked for: {error}")
    return known, cursors


@contextlib.contextmanager
def _noted(found: Salvaged, what: str) -> Iterator[None]:
    try:
        yield
    except (*ERRORS, Corrupt) as error:
        found.notes.append(f"not readable: {what} ({error})")
