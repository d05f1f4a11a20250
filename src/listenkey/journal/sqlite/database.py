"""
Open a journal's file, and explain SQLite's errors.

One connection writes and checkpoints; every other one is opened read-only. Releases of SQLite before 3.51.3 can corrupt
a database in WAL mode when one connection checkpoints while another commits (the "WAL-reset" bug); with one connection
doing both it can't happen. See decisions/0007.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from listenkey.errors import Corrupt, Fenced, Full, JournalError, UsageError
from listenkey.journal.files import (
    OWNER_ONLY,
    beside,
    check_files,
    identity_of,
    is_there,
    open_regular,
    size_of,
    synchronise_folder,
)
from listenkey.journal.sqlite.lock import reached_of
from listenkey.journal.sqlite.schema import ONE_ACCOUNT, Schema
from listenkey.journal.sqlite.schema_check import look_at_schema

CHECKPOINT_PAGES: Final = 250
"""A checkpoint holds up the writer: 250 pages take about 2 ms, SQLite's own 1,000 take 6, and 4,000 take 30."""

BUSY_MS: Final = 2000
"""The time the writer waits for somebody who writes to the file by hand, before it reports a problem."""

ANEW_BYTES: Final = 1024 * 1024
"""The log is written anew in portions of this size."""

NO_ROOM: Final = frozenset({"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"})
ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)
"""The errors SQLite reports. Its text may quote damaged data, which Python may not be able to decode."""

STEPS_BETWEEN_LOOKS: Final = 1_000_000
"""The steps of SQLite's machine, some ten milliseconds, between two checks that the process is to end."""

PROBLEMS_TOLD: Final = 3
_ENDING: Final = threading.Event()

HEADER: Final = b"SQLite format 3\0"
"""The beginning of every database."""

HEADER_BYTES: Final = 100
"""The least that a database with anything in it holds."""

VERIFY_TELLS: Final = "; `listenkey journal verify` tells more"
"""The end of a message about damage. The commands take it off where they say the same, or are that command."""

DAMAGED: Final = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT"})


def create(path: Path) -> None:
    """
    Make the file, for its owner alone, where there is none. SQLite gives its own files the same mode.

    Raises:
        Fenced: The file has a second name, under which another process may write to it.
        JournalError: A log is there, and no file that it belongs to.
        OSError: It can't be made.
    """
    if identity_of(path) is None and size_of(log := beside(path, "-wal")):
        raise JournalError(  # SQLite would remove it, and it may hold items that are nowhere else.
            f"the journal {path} is missing, and its log {log.name} is there; put the journal back, or take the log away"
        )
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY))
    except FileExistsError:
        if path.stat().st_nlink > 1:
            # A second name has a lock and a log of its own: what one name's log holds, the other one's writer misses.
            raise Fenced(
                f"the journal {path} has another name as well (a hard link), under which another process may write "
                "to it; remove that name, or make a copy in its place"
            ) from None
        return
    try:
        synchronise_folder(path.parent)
    except BaseException:
        path.unlink()  # The next one that makes it is to synchronise the folder as well.
        raise


def open_writer(path: Path, own: Schema = ONE_ACCOUNT) -> sqlite3.Connection:
    """
    The one connection that writes. The file must exist: a writer that reopens must not make an empty journal.

    Raises:
        UsageError: It is a database of somebody else; nothing was changed in it.
        sqlite3.Error: As SQLite says.
    """
    connection = sqlite3.connect(
        _uri(path, "mode=rw"), uri=True, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    try:
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        if not is_new(connection):
            check_kind(connection, path, own)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        _write_log_anew(connection, path)
    except BaseException:
        close_without_moving(connection, path)
        raise
    return connection


def open_guard(path: Path) -> sqlite3.Connection:
    """
    A connection that reads nothing, and makes any other one not the last.

    Raises:
        sqlite3.Error: As SQLite says.
    """
    connection = sqlite3.connect(_uri(path, "mode=ro"), uri=True, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # From here on it is known to the others.
    except BaseException:
        connection.close()
        raise
    return connection


def close_without_moving(connection: sqlite3.Connection, path: Path) -> None:
    """
    Close, and leave the log as it is.

    SQLite's last connection synchronises the log once more and moves it into the file; what that log holds may not be on
    the disk, whatever the kernel answers then. A reader that is there meanwhile makes this connection not the last, and
    readers move nothing.
    """
    with (
        contextlib.suppress(*ERRORS),
        contextlib.closing(sqlite3.connect(_uri(path, "mode=ro"), uri=True)) as other,
    ):
        other.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.close()
    connection.close()


def _write_log_anew(connection: sqlite3.Connection, path: Path) -> None:
    """
    Make sure that the log is on the disk, and not in the kernel's memory alone.

    After an fsync that failed the kernel takes the pages for clean: it hands them out to whoever reads, and the next
    fsync says that all is well. So somebody may have left a log here, this process or one before it, that the disk
    does not have; to move it into the journal, and to lose the power in the middle of that, would damage the journal.
    Pages that are written once more are dirty again, and the fsync after that means what it says.

    Raises:
        sqlite3.OperationalError: It could not be synchronised.
    """
    connection.execute("BEGIN IMMEDIATE")  # Nobody else may write meanwhile; readers may read, for no byte changes.
    try:
        file = open_regular(beside(path, "-wal"), os.O_RDWR)
        try:
            at = 0
            while part := os.pread(file, ANEW_BYTES, at):
                at += os.pwrite(file, part, at)
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        failed = sqlite3.OperationalError(f"the log can't be written: {error.strerror}")
        failed.sqlite_errorname = "SQLITE_FULL" if error.errno == errno.ENOSPC else "SQLITE_IOERR_FSYNC"
        raise failed from error
    finally:
        connection.execute("ROLLBACK")


def is_new(connection: sqlite3.Connection) -> bool:
    """Return True where nothing has been made in this database."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(pages <= 1 and tables == 0)


def end_all_questions() -> None:
    """Let every question to a journal that this process reads end soon, with an error: the process is to end."""
    _ENDING.set()


def open_reader(path: Path, own: Schema = ONE_ACCOUNT) -> sqlite3.Connection:
    """
    Open a read-only connection, which sees only durable items.

    Raises:
        UsageError: There is no journal, or the file is none.
        JournalError: It can't be opened.
    """
    if not is_there(path):
        raise UsageError(f"there is no journal at {path}; give the path of one that a stream has written")
    check_files(path)
    if not size_of(path) and size_of(beside(path, "-wal")):
        raise is_empty(path)  # SQLite would remove the log, although it only reads.
    with told_as_ours(path):
        try:
            return _reading(path, "mode=ro", own)
        except sqlite3.OperationalError as error:
            if size_of(beside(path, "-wal")):
                raise JournalError(
                    f"the journal {path} has a log that can't be read where it is ({error}); "
                    f"copy {path.name} and {path.name}-wal to a folder that can be written to"
                ) from None
            # Nobody writes, and the folder is read-only: then SQLite can't make the file it shares with a writer.
            return _reading(path, "mode=ro&immutable=1", own)
        except sqlite3.DatabaseError as error:
            # What has a lock that knows of items was a journal once: that it can't be read is damage.
            if error.sqlite_errorname != "SQLITE_NOTADB" or reached_of(path) or _begins_as_database(path):
                raise
            raise no_journal(path) from None


def _reading(path: Path, mode: str, own: Schema) -> sqlite3.Connection:
    connection = sqlite3.connect(_uri(path, mode), uri=True, isolation_level=None, check_same_thread=False)
    try:
        connection.set_progress_handler(_ENDING.is_set, STEPS_BETWEEN_LOOKS)
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        connection.execute("PRAGMA query_only=1")
        # A damaged text is to be found by its checksum, and not to raise in the middle of a row.
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        check_kind(connection, path, own)
    except BaseException:
        connection.close()
        raise
    return connection


def check_without_log(path: Path, own: Schema = ONE_ACCOUNT) -> None:
    """
    Check that the file is a journal, or empty, by itself: a log beside it would make any file look like one.

    A file that can't be read by itself may be one that a power cut met while its log was being moved into it. Then it
    still begins as every database does, or holds nothing but zeros there.

    Raises:
        UsageError: It is no journal.
        Corrupt: Its tables are not the ones that we made.
    """
    is_read = size_of(path) >= HEADER_BYTES  # SQLite takes anything shorter for an empty database.
    try:
        with contextlib.closing(open_without_log(path)) as connection:
            if not is_new(connection):
                check_kind(connection, path, own)
    except ERRORS as error:
        is_read = getattr(error, "sqlite_errorname", None) != "SQLITE_NOTADB"
    # Only what SQLite has no use for is opened here: closing it would give back the locks that SQLite holds on it.
    if not is_read and not _begins_as_database(path):
        raise no_journal(path)


def is_empty(path: Path) -> UsageError:
    """Return the error for a file that has nothing in it yet, or nothing any more."""
    return UsageError(
        f"{path} is empty; wait until a stream has written to it. If it was copied, copy its log too ({path.name}-wal)"
    )


def no_journal(path: Path) -> UsageError:
    """Return the error for a file that does not begin as a journal does."""
    return UsageError(
        f"{path} is no journal (no SQLite file); give another path. If it was a journal, its beginning was "
        f"overwritten: `listenkey journal salvage {path}` saves what is whole"
    )


def check_before_lock(path: Path, own: Schema = ONE_ACCOUNT) -> None:
    """
    Check that a file which is there is no other program's, before anything is changed in it or made beside it.

    Another process may write to it at this moment, so nothing else is concluded from it: who holds the lock looks again.

    Raises:
        UsageError: It is no journal.
    """
    if size_of(path):
        with contextlib.suppress(Corrupt):
            check_without_log(path, own)


def _begins_as_database(path: Path) -> bool:
    """Return True where a file that SQLite can't read begins as a database, or with zeros, or can't be looked at."""
    try:
        file = open_regular(path, os.O_RDONLY)
    except OSError:
        return True
    try:
        found = os.pread(file, len(HEADER), 0)
    except OSError:
        return True
    finally:
        os.close(file)
    return found == HEADER[: len(found)] or not any(found)


def open_without_log(path: Path) -> sqlite3.Connection:
    """
    Open the file by itself, for reading, as if there were no log.

    Raises:
        sqlite3.Error: As SQLite says.
    """
    return sqlite3.connect(_uri(path, "mode=ro&immutable=1"), uri=True)


def check_kind(connection: sqlite3.Connection, path: Path, own: Schema = ONE_ACCOUNT) -> None:
    """
    Check that the file is a journal that this release can read, and that its tables are ours.

    Raises:
        UsageError: It is none, or one of a newer release.
        Corrupt: Its tables are not the ones that we made.
    """
    (kind,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if not kind and is_new(connection):
        raise is_empty(path)
    if kind in own.others:
        raise UsageError(f"{path} {own.others[kind]}")
    if kind != own.application_id:
        raise UsageError(f"{path} is a database, and not one of listenkey's journals; give another path")
    if version > own.version:
        raise UsageError(
            f"the journal {path} was written by a newer release of listenkey (schema {version}; this one reads "
            f"{own.version}); use that release with it, or give another journal"
        )
    if problems := look_at_schema(connection, own).problems:
        words = "; ".join(problems[:PROBLEMS_TOLD])
        raise Corrupt(f"the journal {path} was changed by somebody else: {words}; nothing in it was read or written")


def _uri(path: Path, query: str) -> str:
    return f"file:{quote(os.fspath(path.absolute()))}?{query}"


def as_ours(error: sqlite3.Error | UnicodeDecodeError, path: Path) -> JournalError:
    """Return SQLite's error as one of ours, by what to do."""
    if isinstance(error, UnicodeDecodeError):
        words = error.object.decode("utf-8", "replace")
        return Corrupt(f"the journal {path} is damaged: {words}{VERIFY_TELLS}")
    name = getattr(error, "sqlite_errorname", "") or ""
    primary = "_".join(name.split("_")[:2])
    if name in NO_ROOM or primary in NO_ROOM:
        return Full(f"the journal {path} can't grow: the disk is full")
    if primary in DAMAGED or "malformed JSON" in str(error) or (not name and isinstance(error, sqlite3.DatabaseError)):
        return Corrupt(f"the journal {path} is damaged: {error}{VERIFY_TELLS}")
    return JournalError(f"the journal {path}: {error}")


@contextmanager
def told_as_ours(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as ours."""
    try:
        yield
    except ERRORS as error:
        raise as_ours(error, path) from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit all of it, or nothing and raise; after an error of the disk the owner gives the connection up."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except (sqlite3.IntegrityError, Fenced):
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
