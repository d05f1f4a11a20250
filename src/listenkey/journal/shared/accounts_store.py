"""
The file of many accounts, held for writing: groups in, each durable as a whole or not there at all.

What concerns the file is as with the journal of one account (`journal/sqlite/store.py`): the lock, the log, what a failed
commit may have left. What concerns an account is read when that account is opened (`account_view.py`), so that damage to
one account's items keeps nobody else from opening.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from listenkey.errors import Corrupt
from listenkey.journal.shared import accounts_check
from listenkey.journal.shared.account_end import AccountEnd
from listenkey.journal.shared.account_part import AccountFill, AccountPart, Cursor, known_fills, prune_rows, write_parts
from listenkey.journal.shared.account_view import accounts_of, open_accounts
from listenkey.journal.shared.accounts_schema import SHARED
from listenkey.journal.shared.reached_notes import ReachedNotes
from listenkey.journal.sqlite.database import create, open_writer
from listenkey.journal.sqlite.hash_chain import BEGINNING
from listenkey.journal.sqlite.held_database import HeldDatabase
from listenkey.journal.sqlite.held_files import HeldFiles
from listenkey.journal.sqlite.table_setup import make_tables, make_views

log = logging.getLogger("listenkey")


class AccountsStore(HeldDatabase):
    """
    The file, held for writing.

    Attributes:
        last_id: The newest row that is durable, whosever it is.
        numbers: The accounts by name, those included that have nothing in the file yet.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, SHARED, HeldFiles(path, SHARED, accounts_check.misplaced_log))
        self.last_id = 0
        self.numbers: dict[str, int] = {}
        self._chain = BEGINNING
        self._notes = ReachedNotes()
        self._lacks_names = False

    def open(self) -> None:
        """
        Lock the file, make it where there is none, and look which accounts it has.

        Raises:
            Fenced: Another process writes to it, or may.
            UsageError: It is another kind of file, or its files don't lie together.
            Corrupt: Its tables are damaged.
            Full, JournalError: It can't be made or read.
        """
        with self._opened() as connection:
            newest = connection.execute("SELECT id, chain FROM rows ORDER BY id DESC LIMIT 1").fetchone()
            self.last_id, self._chain = newest or (0, BEGINNING)
            self.numbers, damaged = accounts_of(connection)
            self._lacks_names = bool(damaged)
            self._notes = ReachedNotes(self.files.more_notes())
        if self._notes.places and not self.numbers:
            log.warning(
                "the file %s is new or empty, and the notes beside it know of items: what accounts had is lost, and each tells "
                "it in a gap (journal_lost); to put a copy back, end this process first", self.path,
            )  # fmt: skip

    def _create(self) -> None:
        create(self.path)

    def _connect(self) -> sqlite3.Connection:
        return open_writer(self.path, SHARED)

    def _connect_reading(self) -> sqlite3.Connection:
        return open_accounts(self.path)

    def _make(self, connection: sqlite3.Connection) -> None:
        make_tables(connection, None, SHARED)
        make_views(connection, self.path, SHARED)

    def enrolled(self, account: str) -> tuple[int, bool]:
        """
        Return an account's number, and whether it has one for the first time.

        Raises:
            Corrupt: It is not in the file, or its name there can't be read.
        """
        number = self.numbers.get(account)
        if number is not None:
            return number, False
        if self._lacks_names:
            raise Corrupt(
                f"the journal {self.path} has accounts whose names are damaged, and {account!r} may be one of them; "
                "`listenkey journal verify` tells more"
            )
        # Behind every note, too: what an older copy of the file does not know keeps its note.
        number = self.numbers[account] = max([self._notes.places, *self.numbers.values()]) + 1
        return number, True

    def left(self, account: str) -> tuple[int, int]:
        """Return how far an account had come as far as is known beside the file, and until when it was whole; else 0."""
        return self._notes.left(account)

    def known_fills(self, keys: Collection[AccountFill]) -> set[AccountFill]:
        """Return those of these fills that the file has, or had until retention took them away."""
        return known_fills(self.connection, keys, self.last_id)

    def write(self, parts: Sequence[AccountPart], cursors: Sequence[Cursor] = ()) -> None:
        """
        Commit a group of many accounts. When this returns, it is on the disk, and their ends are moved on.

        Args:
            parts: Numbered.
            cursors: Of consumers that commit beside a journal's own reader.

        Raises:
            sqlite3.IntegrityError: A fill among the rows is in the file already; nothing was written.
            sqlite3.Error: It is not known what was written.
        """
        with self._writing() as connection:
            self.files.check_lock_in(connection, self.last_id)
            if self._may_hold_more:
                # The commit that failed may have reached the file all the same; nobody was told of it.
                connection.execute("DELETE FROM rows WHERE id > ?", (self.last_id,))
            newest = write_parts(connection, parts, cursors)
        self._may_hold_more = False
        for part in parts:
            if part.group.rows:
                self._chain = part.group.rows[-1][-1]
            part.written()
            self._note(part.end)
        if newest is not None:
            self.last_id = newest

    def prune(self, ids: Sequence[int], cut: Mapping[int, tuple[int, bytes]]) -> None:
        """Take these rows away, up to one of each account in `cut`; see `prune_rows`."""
        with self._writing() as connection:
            prune_rows(connection, ids, cut)

    def _note(self, end: AccountEnd) -> None:
        # What was lost has numbers as well. Until one behind them is given, they must stay noted.
        if end.last_seq and not end.skip:
            self._notes.note(end.account_no, end.account, end.last_seq, end.covered_ms)

    @property
    def is_noted(self) -> bool:
        """True where nothing waits to be noted beside the file."""
        return self._notes.is_written

    def note_reached(self) -> None:
        """Write down beside the file how far its accounts have come; nobody waits for that to be on the disk."""
        if not self._notes.is_written:
            self.files.note_reached(self.last_id, 0)
            self.files.note_more(*self._notes.take())

    def _damage(self) -> str | None:
        with contextlib.closing(self._connect_reading()) as connection:
            if not self._holds_all(connection):
                return f"{self._newest_in_words()} is not there as it was written"
        return accounts_check.damage_in(self.path, self._notes.now())

    def _holds_all(self, connection: sqlite3.Connection) -> bool:
        """Return True where the newest committed row is there."""
        newest = connection.execute("SELECT chain FROM main.rows WHERE id = ?", (self.last_id,)).fetchone()
        return not self.last_id or newest == (self._chain,)

    def _newest_in_words(self) -> str:
        return f"row {self.last_id}"
