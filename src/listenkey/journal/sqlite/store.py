"""
The one connection that writes: groups of rows in, each group durable as a whole or not there at all.

Raises SQLite's own errors; the writer's thread decides what they mean. See `held_database.py` for the connection and its
files, `group.py` for what is written, and `journal_end.py` for what an earlier process left.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from listenkey.core.gaps import Resumed
from listenkey.credentials import is_fingerprint
from listenkey.errors import Corrupt, UsageError
from listenkey.journal.recovered import RecoveredCount
from listenkey.journal.sqlite import metadata, verify
from listenkey.journal.sqlite.database import create, open_reader, open_writer, told_as_ours, transaction
from listenkey.journal.sqlite.group import FillKey, Group, known_fills
from listenkey.journal.sqlite.hash_chain import BEGINNING
from listenkey.journal.sqlite.held_database import HeldDatabase
from listenkey.journal.sqlite.held_files import HeldFiles
from listenkey.journal.sqlite.journal_end import JournalEnd, newest_rows
from listenkey.journal.sqlite.schema import ONE_ACCOUNT
from listenkey.journal.sqlite.table_setup import make_tables, make_views

log = logging.getLogger("listenkey")


class Store(HeldDatabase):
    """
    A journal's file, held for writing.

    Attributes:
        last_seq: The newest item that is durable.
        chain: Its chain.
        recovered: What was recovered in the gap that is open there.
        skip: Items that were lost at the end before this process; the next row says so.
        has_pruned: Whether there are fills that the index on items doesn't know: retention took them away.
    """

    def __init__(self, path: Path, account: str, *, account_is_named: bool = True) -> None:
        super().__init__(path, ONE_ACCOUNT, HeldFiles(path))
        self.account = account
        self.account_doubt = ""
        self._account_is_named = account_is_named
        self.last_seq = 0
        self.chain = BEGINNING
        self.recovered = RecoveredCount()
        self.skip = 0
        self.has_pruned = False
        self._covered_ms = 0

    def open(self) -> Resumed:
        """
        Lock the journal, make it where there is none, and look at its end.

        Raises:
            Fenced: Another process writes to it, or may.
            UsageError: It is no journal, or another account's, or its files don't lie together.
            Corrupt: Its end is damaged.
            Full, JournalError: It can't be made or read.
        """
        with self._opened() as connection:
            return self._go_on_from(JournalEnd(connection, self.path, *self.files.reached()))

    def _create(self) -> None:
        create(self.path)

    def _connect(self) -> sqlite3.Connection:
        return open_writer(self.path)

    def _connect_reading(self) -> sqlite3.Connection:
        return open_reader(self.path)

    def _make(self, connection: sqlite3.Connection) -> None:
        make_tables(connection, self.account)
        make_views(connection, self.path)

    def _go_on_from(self, end: JournalEnd) -> Resumed:
        self.last_seq, self.chain, self.skip = end.last_seq, end.chain, end.skip
        self.recovered, self.has_pruned = end.recovered, end.has_pruned
        self._check_account(end.account)
        self._covered_ms = end.covered_ms
        return end.left()

    def cursor(self, name: str) -> int | None:
        """The last item that a consumer is done with, or None where it is new."""
        with told_as_ours(self.path):
            return metadata.cursors(self.connection).get(name)

    def known_fills(self, keys: Collection[FillKey]) -> set[FillKey]:
        """
        Return those of these fills that are in the journal, or were until retention took them away.

        Rows that a failed commit may have left do not count: they are written anew.
        """
        return known_fills(self.connection, keys, self.last_seq)

    def write(self, group: Group) -> None:
        """
        Commit a group. When this returns, it is on the disk.

        Raises:
            sqlite3.IntegrityError: A fill among the rows is in the journal already; nothing was written.
            sqlite3.Error: It is not known what was written.
        """
        self._write_all(group)
        self._may_hold_more = False
        if group.rows:
            self.last_seq, self.chain, self.skip = group.rows[-1][0], group.rows[-1][-1], 0
        if group.recovered is not None:
            self.recovered = group.recovered
        if group.covered_ms is not None:
            self._covered_ms = group.covered_ms
            self.note_reached()

    def _write_all(self, group: Group) -> None:
        with self._writing() as connection:
            self.files.check_lock_in(connection, self.last_seq)
            if self._may_hold_more:
                # The commit that failed may have reached the file all the same; nobody was told of it.
                connection.execute("DELETE FROM items WHERE seq > ?", (self.last_seq,))
            group.write(connection, self.account)

    def note_reached(self) -> None:
        """Write the last number beside the journal; nobody waits for that to be on the disk."""
        # What was lost has numbers as well. Until one behind them is given, they must stay noted.
        if self.last_seq and not self.skip:
            self.files.note_reached(self.last_seq, self._covered_ms)

    def begin_after(
        self,
        seq: int,
        chain: bytes,
        known: Mapping[str, object],
        cursors: Mapping[str, int],
        pruned: Iterable[FillKey],
    ) -> None:
        """Let an empty journal begin behind a number, as after retention, with the facts beside the items."""
        with self._writing() as connection:
            for name, value in known.items():
                metadata.set_fact(connection, name, value)
            for name, cursor in cursors.items():
                metadata.set_cursor(connection, name, cursor)
            connection.executemany("INSERT OR IGNORE INTO pruned_fills VALUES (?, ?, ?)", pruned)
            if seq:
                metadata.set_fact(connection, metadata.ANCHOR_SEQ, seq)
                metadata.set_fact(connection, metadata.ANCHOR_CHAIN, chain)
        self.last_seq, self.chain = seq, chain

    def prune(self, through_seq: int) -> None:
        """Take away everything up to a number. The chain stays checkable from there on, and fills stay known."""
        with self._writing() as connection:
            newest = "SELECT seq, chain FROM items WHERE seq <= ? ORDER BY seq DESC LIMIT 1"
            row = connection.execute(newest, (through_seq,)).fetchone()
            if row is None:  # A try that failed had reached the file all the same.
                return
            anchor_seq, anchor_chain = row
            connection.execute(
                "INSERT OR IGNORE INTO pruned_fills SELECT symbol, trade_id, order_id FROM items "
                "WHERE seq <= ? AND trade_id IS NOT NULL",
                (anchor_seq,),
            )
            connection.execute("DELETE FROM items WHERE seq <= ?", (anchor_seq,))
            metadata.set_fact(connection, metadata.ANCHOR_SEQ, anchor_seq)
            metadata.set_fact(connection, metadata.ANCHOR_CHAIN, anchor_chain)
        self.has_pruned = True

    def _newest_in_words(self) -> str:
        return f"item {self.last_seq}"

    def _damage(self) -> str | None:
        return verify.damage_of(self.path, through=(self.last_seq, self.chain))

    def _holds_all(self, connection: sqlite3.Connection) -> bool:
        """Return True where the newest committed item is there."""
        if not self.last_seq or self.chain in [
            row[-1] for row in newest_rows(connection, self.path) if row[0] == self.last_seq
        ]:
            return True
        return bool(metadata.facts(connection).get(metadata.ANCHOR_SEQ) == self.last_seq)

    def _check_account(self, found: str | None) -> None:
        if found is None:
            raise Corrupt(f"the journal {self.path} does not say which account's it is")
        if found == self.account:
            return
        if self.account and is_fingerprint(found) and not self.last_seq + self.skip:
            # It holds nothing, and nobody named it: the API key that its name stands for may have been refused.
            connection = self.connection
            with transaction(connection):
                metadata.set_fact(connection, metadata.ACCOUNT, self.account)
            return
        if self._account_is_named:
            raise UsageError(
                f"the journal {self.path} belongs to the account {found!r}, and account={self.account!r} was given; "
                f"leave the account out, or name {found!r} (--account), or give another journal"
            )
        if self.account:
            self.account_doubt = f"the journal {self.path} of the account {found!r} was begun with another API key"
            log.warning("%s; this key is taken for a newer one of the same account", self.account_doubt)
        self.account = found
