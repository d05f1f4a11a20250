"""Verify a journal: every row, every link, every number, and SQLite's own check of the file."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from listenkey.errors import Corrupt, UsageError
from listenkey.journal.sqlite import metadata, schema
from listenkey.journal.sqlite.database import VERIFY_TELLS, open_reader, open_without_log
from listenkey.journal.sqlite.file_access import ALONE, FileAccess
from listenkey.journal.sqlite.hash_chain import BEGINNING, CHAIN_BYTES, Row, follows, is_whole
from listenkey.journal.sqlite.row_shape import is_well_formed
from listenkey.journal.sqlite.schema_check import look_at_schema

PROBLEMS_MAX: Final = 20
"""The problems that are reported at most; a file that is damaged all over says enough with these."""

HEAD: Final = re.compile(rf"[0-9a-fA-F]{{{2 * CHAIN_BYTES}}}")
"""The chain of an item, as people keep it."""

_SKIPPED: Final = schema.COLUMNS.index("skipped")
_ROWS: Final = f"SELECT {', '.join(schema.COLUMNS)} FROM items"  # noqa: S608 - our own names
_LINK: Final = "SELECT seq, chain FROM items WHERE seq = ?"
DAMAGE: Final = (sqlite3.Error, Corrupt, TypeError, ValueError, OverflowError)
"""The errors that reading a damaged file may raise; a value of a wrong type is one way."""


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """
    The result of verifying a whole journal.

    Attributes:
        items: How many are whole, from the first one up to the first bad one; `replay` shows as many.
        first_seq: The first, or 0.
        last_seq: The last that is as it was written, counted from the beginning, or 0.
        head: The chain of that one, as hex digits; what to keep elsewhere.
        first_bad_seq: The first item that is changed or missing, or None.
        problems: What was found, in words.
        notes: What is there as well, and is no damage.
    """

    items: int
    first_seq: int
    last_seq: int
    head: str
    first_bad_seq: int | None
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """True where no problem was found."""
        return not self.problems


class _Look:
    """One look: its progress, and its findings."""

    def __init__(self, head: str | None, kind: schema.Schema = schema.ONE_ACCOUNT) -> None:
        self._kind = kind
        self.head_wanted = None if head is None else head.lower()
        self.items = 0
        self.first_seq = 0
        self.last_seq = 0
        self.chain = BEGINNING
        self.first_bad_seq: int | None = None
        self.problems: list[str] = []
        self.notes: list[str] = []

    def found(self, problem: str, seq: int | None = None) -> None:
        if seq is not None and self.first_bad_seq is None:
            self.first_bad_seq = seq
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(problem)

    def pass_by(self, row: Row) -> None:
        self.last_seq, self.chain = row[0], row[-1]
        if self.head_wanted and row[-1].hex() == self.head_wanted:
            self.head_wanted = None

    def views(self, connection: sqlite3.Connection) -> Iterator[str]:
        """Views that would show people something else; the tables were looked at before anything was read."""
        found = look_at_schema(connection, self._kind)
        yield from (f"{name} is not the view that listenkey made" for name in found.views)
        self.notes += (
            f"the view {name} is an earlier release's; the next stream makes it anew" for name in found.older_views
        )
        self.notes += found.foreign

    def result(self) -> VerifyResult:
        head = self.chain.hex() if self.items else ""
        return VerifyResult(
            self.items, self.first_seq, self.last_seq, head, self.first_bad_seq,
            tuple(dict.fromkeys(self.problems)), tuple(self.notes[:PROBLEMS_MAX]),
        )  # fmt: skip


def verify_journal(path: Path, head: str | None = None, access: FileAccess = ALONE) -> VerifyResult:
    """
    Look at everything. May be asked while somebody writes; what is added meanwhile is not looked at.

    Args:
        path: The journal.
        head: The chain of some item, as hex digits, kept from an earlier look; it must still be there.
        access: To its file; one of many accounts is another one.

    Raises:
        UsageError: There is no journal at the path.
        JournalError: The file can't be opened.
    """
    if head is not None and not HEAD.fullmatch(head):
        raise UsageError(
            f"a head is {2 * CHAIN_BYTES} hex digits, as `listenkey journal info` prints it, and not {head!r}"
        )
    # How far it had come is asked first: the journal only grows, so it must have come as far.
    return _look_at(path, head, access.reached_of(path), access)


def misplaced_log(path: Path, reached: int | None) -> str:
    """
    Return what shows that the log beside the file was written for another file; empty where the two make one journal.

    Inodes alone can't tell. `cp` over a file keeps its inode, and a folder that was removed and restored may have the same
    numbers in another order.

    Args:
        path: The journal.
        reached: The last number that was committed, as far as is known; None where it is not known that this file has the
            inode of the one that was written to last. Where the two do not come as far, or nothing is known, every row is
            looked at: an older copy of a journal does not fit to a log that was written since.

    Raises:
        UsageError: There is no journal at the path.
        JournalError: The file can't be opened.
    """
    if (reached is None or _last_seq(path) < reached) and (problems := _look_at(path, None, 0).problems):
        return problems[0].partition("\n")[0]
    with contextlib.suppress(*DAMAGE), contextlib.closing(open_reader(path)) as connection:
        known = metadata.facts(connection)
        anchor = known.get(metadata.ANCHOR_SEQ, 0), known.get(metadata.ANCHOR_CHAIN, BEGINNING)
        first = _first_without_log(path, anchor[0])
        if first and first != anchor and first not in connection.execute(_LINK, first[:1]):
            return f"item {first[0]} of the file is not in the journal that the log was written for"
    return ""


def _last_seq(path: Path) -> int:
    """The number of the last item of the file with its log; 0 where that can't be read."""
    with contextlib.suppress(*DAMAGE), contextlib.closing(open_reader(path)) as connection:
        anchor = metadata.facts(connection).get(metadata.ANCHOR_SEQ, 0)
        (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM items").fetchone()
        return max(int(anchor), int(last))
    return 0


def _first_without_log(path: Path, from_seq: int) -> tuple[int, bytes] | None:
    """The number and the chain of the file's first item; None where it has none, or a power cut has torn it."""
    with contextlib.suppress(*DAMAGE), contextlib.closing(open_without_log(path)) as connection:
        row = connection.execute(f"{_ROWS} WHERE seq >= ? ORDER BY seq LIMIT 1", (from_seq,)).fetchone()
        if row and is_whole(row):
            return row[0], row[-1]
    return None


def damage_of(path: Path, access: FileAccess = ALONE, through: tuple[int, bytes | None] | None = None) -> str | None:
    """
    Look at the rows; return the first that is wrong with them, or None.

    Args:
        path: The journal.
        access: To its file.
        through: The newest item that was committed, and its chain where that is known: it must be there, and the
            positions of consumers must be readable.

    Raises:
        UsageError: There is no journal at the path.
        JournalError: The file can't be opened.
    """
    look = _Look(None)
    try:
        connection = access.connect(path)
    except Corrupt as error:
        return str(error).removesuffix(VERIFY_TELLS)
    try:
        connection.execute("BEGIN")
        _rows(connection, look)
        if through is not None and not look.problems:
            _end(connection, look, *through)
            _ask(connection, look, _facts)
    finally:
        connection.close()
    return next(iter(look.problems), None)


def _end(connection: sqlite3.Connection, look: _Look, seq: int, chain: bytes | None) -> None:
    """Check that all rows up to one are there, and that this is the one."""
    if look.last_seq < seq:
        look.found(f"the items {look.last_seq + 1} to {seq} are missing at the end", look.last_seq + 1)
    elif chain is not None and look.chain != chain and (seq, chain) not in connection.execute(_LINK, (seq,)):
        look.found(f"item {seq} was written by somebody else", seq)


def verify_items(path: Path, access: FileAccess) -> VerifyResult:
    """Look at one account's items and facts, and not at the file around them. Raises what `verify_journal` does."""
    return _look_at(path, None, access.reached_of(path), access, with_file=False)


def verify_tables(path: Path, access: FileAccess) -> VerifyResult:
    """Look at the file around the items: its views, and SQLite's own check. Raises what `verify_journal` does."""
    look = _Look(None, access.kind)
    try:
        connection = access.connect(path)
    except Corrupt as error:
        look.found(str(error).removesuffix(VERIFY_TELLS))
        return look.result()
    try:
        connection.execute("BEGIN")
        _ask(connection, look, look.views, _integrity)
    finally:
        connection.close()
    return look.result()


def _look_at(
    path: Path, head: str | None, reached: int, access: FileAccess = ALONE, *, with_file: bool = True
) -> VerifyResult:
    look = _Look(head, access.kind)
    try:
        connection = access.connect(path)
    except Corrupt as error:
        look.found(str(error).removesuffix(VERIFY_TELLS))
        return look.result()
    try:
        connection.execute("BEGIN")
        _rows(connection, look)
        if look.first_bad_seq is None and look.last_seq < reached:
            look.found(f"the items {look.last_seq + 1} to {reached} are missing at the end", look.last_seq + 1)
        if look.head_wanted:
            look.found(f"no item has the head {look.head_wanted}: the chain was made anew, or cut off before it")
        _ask(connection, look, _facts, *((look.views, _integrity) if with_file else ()))
    finally:
        connection.close()
    return look.result()


def _ask(connection: sqlite3.Connection, look: _Look, *questions: Any) -> None:
    for question in questions:
        for problem in _asked(question, connection):
            look.found(problem)


def _asked(question: Any, connection: sqlite3.Connection) -> Iterator[str]:
    try:
        yield from question(connection)
    except DAMAGE as error:
        yield f"the file is damaged: {error}"


def _rows(connection: sqlite3.Connection, look: _Look) -> None:
    """Check every row, until the first that was changed: behind it nothing can be vouched for."""
    try:
        known = metadata.facts(connection)
        look.last_seq, look.chain = known.get(metadata.ANCHOR_SEQ, 0), known.get(metadata.ANCHOR_CHAIN, BEGINNING)
    except DAMAGE as error:
        look.found(str(error))
    try:
        for row in _readable(connection):
            if problem := _wrong(row, look):
                look.found(problem, look.last_seq + 1)
                return
            look.items += 1
            look.first_seq = look.first_seq or row[0]
            look.pass_by(row)
    except DAMAGE as error:
        look.found(f"item {look.last_seq + 1} can't be read: {error}", look.last_seq + 1)


def _readable(connection: sqlite3.Connection) -> Iterator[Row]:
    """Every row up to the first that can't be read; raises there."""
    last_seq = -1
    try:
        for row in connection.execute(f"{_ROWS} ORDER BY seq"):
            yield row
            last_seq = row[0]
    except DAMAGE:
        # Python's module looks one row ahead, and takes the row before a damaged page along. By itself it can be read.
        yield from connection.execute(f"{_ROWS} WHERE seq > ? ORDER BY seq LIMIT 1", (last_seq,))
        raise


def _wrong(row: Row, look: _Look) -> str:
    expected = look.last_seq + 1 + (row[_SKIPPED] or 0)
    if not is_whole(row):
        return f"item {row[0]} was changed"
    if row[0] != expected:
        return f"the items {look.last_seq + 1} to {row[0] - 1} are missing"
    if not is_well_formed(row):
        return f"item {row[0]} has values that listenkey does not write"
    return "" if follows(row, look.chain) else f"item {row[0]} does not follow the one before it"


def _facts(connection: sqlite3.Connection) -> Iterator[str]:
    """The cursors; the rest of the facts was read at the beginning."""
    metadata.cursors(connection)
    yield from ()


def _integrity(connection: sqlite3.Connection) -> Iterator[str]:
    for (line,) in connection.execute(f"PRAGMA integrity_check({PROBLEMS_MAX})"):
        if line != "ok":
            yield f"SQLite: {line}"
