"""The files of a journal that is held for writing: locked, and watched so that nothing is written into another one."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from listenkey.errors import Fenced, JournalError, UsageError
from listenkey.journal.files import beside, size_of
from listenkey.journal.sqlite import verify
from listenkey.journal.sqlite.database import check_without_log, open_guard
from listenkey.journal.sqlite.lock import NUMBER_MAX, Lock
from listenkey.journal.sqlite.own_files import OwnFiles
from listenkey.journal.sqlite.schema import ONE_ACCOUNT, Schema


class HeldFiles:
    """
    Holds the lock, knows which files are ours, and keeps SQLite from moving the log behind our back.

    Args:
        path: The database.
        kind: The kind of file that it is.
        misplaced_log: Says what shows that a log was written for another file; see `verify.misplaced_log`.

    Attributes:
        own: The database and its log, as they were when they were opened.
    """

    def __init__(
        self,
        path: Path,
        kind: Schema = ONE_ACCOUNT,
        misplaced_log: Callable[[Path, int | None], str] = verify.misplaced_log,
    ) -> None:
        self.own = OwnFiles(path)
        self._path = path
        self._kind = kind
        self._misplaced_log = misplaced_log
        self._lock: Lock | None = None
        self._guard: sqlite3.Connection | None = None

    @property
    def are_held(self) -> bool:
        """True from `hold` to `release`. Only the simulation asks."""
        return self._lock is not None

    def hold(self) -> None:
        """Take the lock. Raises Fenced where another process has it, and JournalError where there can be none."""
        self._lock = Lock(self._path)

    def release(self) -> None:
        """Let another process write."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def reached(self) -> tuple[int, int]:
        """Return the last number that was committed and until when the stream was whole, as far as is known; else 0."""
        lock = self._held
        return lock.reached(), lock.covered_ms()

    def note_reached(self, seq: int, covered_ms: int) -> None:
        """Write the last number beside the journal; nobody waits for that to be on the disk."""
        if self._lock is not None:
            self._lock.note_reached(seq, covered_ms)

    def more_notes(self) -> bytes:
        """Return what a file of many accounts has noted beside it."""
        return self._held.more()

    def note_more(self, at: int, notes: bytes) -> None:
        """Write some of that; nobody waits for it to be on the disk."""
        if self._lock is not None:
            self._lock.note_more(at, notes)

    def check_lock(self) -> None:
        """Raise Fenced where another file has the name of the lock, and somebody else may hold that."""
        if self._held.is_replaced():
            raise Fenced(f"another file stands where the lock of the journal {self._path} was")

    def check_lock_in(self, connection: sqlite3.Connection, last_seq: int) -> None:
        """
        Check, while the database is locked for writing, that nobody else is its writer; make the lock again if it is gone.

        Who takes the lock writes to the database once before it looks at its end. So a writer who finds his lock in place
        here is before him, and one who comes later finds that it is not.

        Args:
            connection: In a transaction that writes.
            last_seq: The last number that was committed. Where a commit failed there may be more that is ours; with the lock
                gone nobody can tell that from what another process has written.

        Raises:
            Fenced: Another process holds a lock of that name, or has written meanwhile.
        """
        if self._held.is_gone():
            (newest_seq,) = connection.execute(self._kind.newest).fetchone()
            if newest_seq > last_seq:  # Before a lock is made, which would fence the other one.
                raise Fenced(f"another process has written to the journal {self._path}, whose lock was removed")
            self._held.make_anew()
        self.check_lock()

    def check(self, connection: sqlite3.Connection) -> None:
        """
        Check that the file the connection writes to has our name.

        Raises:
            NotInPlace: It has not.
            Fenced: Another file has the name of the lock, and somebody else may hold that.
            sqlite3.OperationalError: Its log was removed. What the log held is in the file now.
        """
        self.check_lock()
        if not self.own.check():
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            error = sqlite3.OperationalError("its log was moved or removed")
            error.sqlite_errorname = "SQLITE_CANTOPEN"
            raise error

    def check_log(self) -> None:
        """
        Check that a log that was left belongs to the file: SQLite would write any log into any file.

        Raises:
            UsageError: The file is no journal.
            JournalError: Another file was put in the place of the one that the log was written for.
        """
        if not size_of(beside(self._path, "-wal")):
            return
        check_without_log(self._path, self._kind)
        is_noted = self._held.inode() == self.own.inode & NUMBER_MAX
        reached = self._held.reached() if is_noted else None
        try:
            problem = self._misplaced_log(self._path, reached)
        except UsageError:
            if not reached:
                raise
            problem = f"{reached:,} items were written, and there are no tables in it"
        if problem:
            name = self._path.name
            raise JournalError(
                f"another file was put in the place of the journal {self._path}, and the log {name}-wal of the "
                f"one before was left ({problem}); nothing was changed. Put the one before back, or take "
                f"{name}-wal and {name}-shm away"
            )

    def watch(self) -> None:
        """
        Note which file it is, and see to it that closing it after an error moves nothing.

        SQLite's last connection synchronises the log once more, moves it into the file, and removes what has the log's
        name, whatever that is by then. While a second connection is open, none of that happens; one that only reads does
        nothing of it itself.
        """
        self.own.check()
        self.own.note()
        self._guard = open_guard(self._path)
        self._held.note_inode(self.own.inode)

    @property
    def is_watched(self) -> bool:
        """True where closing a connection moves nothing."""
        return self._guard is not None

    def unwatch(self) -> None:
        """Let the last connection move the log again."""
        guard, self._guard = self._guard, None
        if guard is not None:
            with contextlib.suppress(sqlite3.Error):
                guard.close()

    @property
    def _held(self) -> Lock:
        assert self._lock is not None
        return self._lock
