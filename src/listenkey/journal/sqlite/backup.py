"""A whole copy of a journal, while it is written."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from listenkey.journal.sqlite.database import open_reader, told_as_ours
from listenkey.journal.sqlite.schema import ONE_ACCOUNT, Schema

STEP_PAGES: Final = 1024
"""Copied at once: four megabytes, some ten milliseconds."""

READING: Final = ("SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ")
WRITING: Final = ("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR")
"""The beginnings of the names of errors that come from writing; a journal that is copied is only read."""


def back_up(journal: Path, into: Path, progress: Callable[[int, int], None], kind: Schema = ONE_ACCOUNT) -> None:
    """
    Copy a journal as it is at this moment, its log included; who writes to it is not held up.

    The copy is one file, which can be read on a read-only mount as well.

    Args:
        journal: May be written to meanwhile.
        into: An empty file.
        progress: Called with how many pages were copied, and of how many.
        kind: The kind of file.

    Raises:
        UsageError: There is no journal.
        JournalError: It can't be read.
        OSError: The copy can't be written.
    """
    with told_as_ours(journal), contextlib.closing(open_reader(journal, kind)) as source:
        # Without a transaction that is open, the copy would begin anew whenever somebody has written.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with _told_of_copy(into), contextlib.closing(sqlite3.connect(into, isolation_level=None)) as copy:
            source.backup(copy, pages=STEP_PAGES, progress=lambda _, left, total: progress(total - left, total))
            copy.execute("PRAGMA journal_mode=DELETE")


@contextmanager
def _told_of_copy(into: Path) -> Iterator[None]:
    """Raise SQLite's errors that come from writing as the system's, about the copy."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(READING) or not name.startswith(WRITING):
            raise
        number = errno.ENOSPC if name == "SQLITE_FULL" else errno.EIO
        raise OSError(number, os.strerror(number) if name == "SQLITE_FULL" else str(error), str(into)) from error
