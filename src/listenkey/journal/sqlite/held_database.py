"""
A database that is held for writing: the one connection that writes, and the files it writes to.

After an error the connection is given up (`abandon`) and never used again: what the kernel answers to a second fsync of
the same file after a failed one says nothing about the first. `reopen` starts from what is on the disk.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from listenkey.errors import Corrupt, Fenced, JournalError, UsageError
from listenkey.journal.files import check_files, check_folder, make_private
from listenkey.journal.sqlite.database import (
    VERIFY_TELLS,
    check_before_lock,
    close_without_moving,
    told_as_ours,
    transaction,
)
from listenkey.journal.sqlite.held_files import HeldFiles
from listenkey.journal.sqlite.own_files import ANOTHER_LOG, NotInPlace
from listenkey.journal.sqlite.schema import Schema

log = logging.getLogger("listenkey")


class HeldDatabase(ABC):
    """
    A file of a kind, held for writing.

    Args:
        path: The file.
        kind: Its tables.
        files: What is locked and watched.

    Attributes:
        files: The lock, and what is held by it.
    """

    def __init__(self, path: Path, kind: Schema, files: HeldFiles) -> None:
        self.path = path
        self.files = files
        self._kind = kind
        self._connection: sqlite3.Connection | None = None
        self._may_hold_more = False
        self._is_looking = False

    @abstractmethod
    def _create(self) -> None:
        """Make the file where there is none."""

    @abstractmethod
    def _connect(self) -> sqlite3.Connection:
        """Open the connection that writes."""

    @abstractmethod
    def _connect_reading(self) -> sqlite3.Connection:
        """Open one that only reads."""

    @abstractmethod
    def _make(self, connection: sqlite3.Connection) -> None:
        """Make tables and views where they are missing."""

    @abstractmethod
    def _holds_all(self, connection: sqlite3.Connection) -> bool:
        """Return True where the newest row that was committed is there."""

    @abstractmethod
    def _damage(self) -> str | None:
        """Look at all that was committed, with a connection of its own; return what is wrong with it first, or None."""

    @abstractmethod
    def note_reached(self) -> None:
        """Write down beside the file how far it has come; nobody waits for that to be on the disk."""

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """
        Lock the file, make it where there is none, and open it; let go of all of it where what is done in here fails.

        Raises:
            Fenced: Another process writes to it, or may.
            UsageError: It is another kind of file, or its files don't lie together.
            Corrupt: Its tables are damaged.
            Full, JournalError: It can't be made or read.
        """
        check_folder(self.path)
        check_files(self.path)
        check_before_lock(self.path, self._kind)
        self.files.hold()
        try:
            with told_as_ours(self.path):
                self._create()
                if told := make_private(self.path):
                    log.warning("journal %s: %s", self.path, told)
                self.files.own.note()
                self.files.check_log()
                connection = self._connection = self._connect()
                self._make(connection)
                self.files.watch()
                with transaction(connection):  # Waits for a writer whose lock was removed; see `check_lock_in`.
                    self.files.check_lock()
                yield connection
                self.files.own.note_written()
        except OSError as error:
            self.close()
            raise JournalError(f"the journal {self.path} can't be made: {error.strerror}") from None
        except BaseException:
            self.abandon()
            self.close()
            raise

    @property
    def is_open(self) -> bool:
        """True where there is a connection to write with."""
        return self._connection is not None

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, for queries."""
        assert self._connection is not None, "open the journal first"
        return self._connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """
        Commit what is done in here, to files that nobody else has overwritten.

        Raises:
            NotInPlace: They are not under their names, or somebody else has written to them: the next try looks at all.
            Corrupt: Somebody else has overwritten what was committed; nothing more is written.
            Fenced: Another file has the name of the lock.
            sqlite3.Error: It is not known what was written.
        """
        connection, own = self.connection, self.files.own
        self.files.check(connection)
        if own.is_overwritten:
            self._look_through()
        try:
            with transaction(connection):
                yield connection
        except (sqlite3.IntegrityError, Fenced):
            own.note_written()
            raise
        own.note_written()

    def _look_through(self) -> None:
        """
        Find out whether all that was committed is there after somebody else has written to the files.

        The first time it only says what is about to happen: a large file takes seconds, and people should know.
        """
        if not self._is_looking:
            self._is_looking = True
            raise NotInPlace("somebody else has written to it, so all of it is looked at")
        own = self.files.own
        seen = own.seen
        if problem := self._problem():
            raise Corrupt(
                f"somebody else has written to the journal {self.path}, and what was in it is damaged: {problem}. "
                "Nothing was written into it since; put a copy of the journal in its place, or save what is whole of it"
            )
        log.warning("somebody else has written to the journal %s; all of its items are as they were", self.path)
        self._is_looking = False
        own.note_written(seen)
        own.check()
        if not own.is_overwritten:  # Else the next write looks once more.
            # The log may be damaged where it is not read any more: now nothing of it is needed after a power cut.
            self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            own.note_written()

    def _problem(self) -> str | None:
        try:
            with told_as_ours(self.path):
                problem = self._damage()
        except (JournalError, UsageError) as error:
            problem = str(error)
        return problem and problem.partition("\n")[0].removesuffix(VERIFY_TELLS)

    def abandon(self) -> None:
        """Give the connection up after an error; the lock stays."""
        self._may_hold_more = True
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                if self.files.is_watched:
                    connection.close()
                else:
                    close_without_moving(connection, self.path)
        self.files.unwatch()

    def reopen(self) -> None:
        """
        Open a new connection, and prove that the committed rows are there.

        Raises:
            NotInPlace: What has its name is another file.
            sqlite3.Error: Not yet; try again later.
            Fenced: The lock is another file now.
            Corrupt: What was committed is gone.
        """
        own = self.files.own
        if own.is_same_log() is False and not self._is_left_whole():
            raise NotInPlace(ANOTHER_LOG)
        self.files.check_lock()
        own.note()
        connection = self._connection = self._connect()
        self.files.watch()
        # Everything that was committed into the table itself, synchronised anew; and the log starts from its beginning.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not self._holds_all(connection):
            raise Corrupt(f"the journal {self.path} no longer holds {self._newest_in_words()}, which was committed")
        own.note_written()

    @abstractmethod
    def _newest_in_words(self) -> str:
        """Name the newest row that was committed."""

    def _is_left_whole(self) -> bool:
        """Return True where the file holds all that was committed with its present log: others may have opened it."""
        try:
            with contextlib.closing(self._connect_reading()) as connection:
                return self._holds_all(connection)
        except (JournalError, UsageError):
            return False

    def close(self) -> None:
        """Move the log into the file, wherever that is, and let go of both; another process may write."""
        self.note_reached()
        own = self.files.own
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                if own.log_is_ours() and not (own.is_overwritten and self._problem()):
                    if not own.is_in_place():  # SQLite's last connection would then leave the log where it is.
                        connection.execute("PRAGMA busy_timeout=100")
                        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                    self.files.unwatch()
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        self.files.unwatch()
        self.files.release()
