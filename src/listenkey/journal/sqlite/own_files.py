"""Tell the files a journal is written to from others with their names: moved away, replaced, overwritten, out of sight."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from listenkey.journal.files import FileState, Identity, beside, state_of

ANOTHER_LOG: Final = "another file stands in the place of its log, and is left as it is; take it away"


class NotInPlace(sqlite3.OperationalError):
    """
    The file with the journal's name is not the one that is written, or can't be looked at.

    The connection still writes to the right file, so it is kept: the file may come back under its name.
    """

    sqlite_errorname = "SQLITE_CANTOPEN"


class OwnFiles:
    """
    The database and its log, as they were when they were opened.

    SQLite goes by names when it opens a log, moves it into the database or removes it. With another file under one of the
    names it would write the log of one database into another one.

    What somebody else writes into them keeps their identity: `cp` over a file, `>`, `truncate`, an edit in place, a
    statement by hand. But it changes the size or the time of the last change, which our own last write has left.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._log_path = path, beside(path, "-wal")
        self._table: Identity | None = None
        self._log: Identity | None = None
        self._seen: tuple[FileState | None, FileState | None] = None, None
        self._written: tuple[FileState | None, FileState | None] | None = None

    def note(self) -> None:
        """
        Take the files that have the names now for ours.

        Raises:
            NotInPlace: The system does not let us look.
        """
        self._table, self._log = map(_identity, self._named())

    def note_written(self, seen: tuple[FileState | None, FileState | None] | None = None) -> None:
        """
        Take what is in the files now for ours; or what was in them at an earlier look, which `seen` returned.

        Raises:
            NotInPlace: The system does not let us look.
        """
        self._written = seen or self._named()

    @property
    def seen(self) -> tuple[FileState | None, FileState | None]:
        """The files at the last look."""
        return self._seen

    @property
    def is_overwritten(self) -> bool:
        """True where, at the last look, somebody else had written into them since our own last write."""
        if self._written is None or self._seen == self._written:
            return False
        return _identity(self._seen[0]) == _identity(
            self._written[0]
        )  # Else it is another file, and ours is elsewhere.

    @property
    def inode(self) -> int:
        """The inode of the database; 0 where there is none."""
        return self._table[1] if self._table else 0

    def check(self) -> bool:
        """
        Check that the names still belong to the files we write; return True where the log is where it was.

        A file that was removed can be written and synchronised as before, and nobody will ever find what is in it.

        Raises:
            NotInPlace: They do not, or can't be looked at.
        """
        is_same = self.is_same_log()
        if is_same is False:
            raise NotInPlace(ANOTHER_LOG)
        return bool(is_same)

    def is_same_log(self) -> bool | None:
        """
        Check the database alone; return whether its log is still the same file, or None where it was removed.

        Raises:
            NotInPlace: Another file has the name of the database, or it can't be looked at.
        """
        table, its_log = map(_identity, self._named())
        if table is None:
            raise NotInPlace("its file was moved or removed; put it back")
        if table != self._table:
            raise NotInPlace("another file stands in its place, and is left as it is; put the journal back")
        if self._log is None:
            self._log = its_log
        elif its_log is None:
            self._log = None
            return None
        return its_log == self._log

    def is_in_place(self) -> bool:
        """True where the database has its name."""
        try:
            table = _identity(self._named()[0])
        except NotInPlace:
            return False
        return table == self._table

    def log_is_ours(self) -> bool:
        """True where no file has the log's name, or the log of our database has it; SQLite would remove another one."""
        try:
            table, its_log = map(_identity, self._named())
        except NotInPlace:
            return False
        return its_log in (None, self._log) or (self._log is None and table == self._table)

    def _named(self) -> tuple[FileState | None, FileState | None]:
        try:
            self._seen = state_of(self._path), state_of(self._log_path)
        except OSError as error:
            raise NotInPlace(f"its file can't be looked at: {error.strerror}") from None
        return self._seen


def _identity(state: FileState | None) -> Identity | None:
    return None if state is None else state.identity
