from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from listenkey.errors import Corrupt, Fenced, Full, JournalError, UsageError
from listenkey.journal.sqlite import database, schema
from listenkey.journal.sqlite.database import (
    as_ours,
    check_without_log,
    create,
    end_all_questions,
    open_guard,
    open_reader,
    open_writer,
    told_as_ours,
)
from listenkey.journal.sqlite.info import journal_info
from listenkey.journal.sqlite.lock import Lock
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.verify import verify_journal
from tests.unit.journal.making import ACCOUNT, broken, fill, written
from tests.unit.journal.test_files import needs_mounts


def test_a_new_file_is_its_owners_alone_and_so_is_what_sqlite_adds(tmp_path: Path) -> None:
    path = tmp_path / "a b?#%.db"
    before = os.umask(0)
    try:
        create(path)
        create(path)
        connection = open_writer(path)
        connection.execute("CREATE TABLE x(y)")
    finally:
        os.umask(before)
    assert {one.name: one.stat().st_mode & 0o777 for one in tmp_path.iterdir()} == {
        path.name + end: 0o600 for end in ("", "-wal", "-shm")
    }
    connection.close()


def test_the_writer_waits_for_the_disk_at_each_commit(tmp_path: Path) -> None:
    create(tmp_path / "a.db")
    connection = open_writer(tmp_path / "a.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


@pytest.mark.parametrize(("code", "name"), [(errno.EIO, "SQLITE_IOERR_FSYNC"), (errno.ENOSPC, "SQLITE_FULL")])
def test_a_log_that_was_left_is_synchronised_anew_before_it_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, name: str
) -> None:
    path, left = tmp_path / "a.db", tmp_path / "left.db"
    create(path)
    connection = open_writer(path)
    connection.execute(f"PRAGMA application_id={schema.APPLICATION_ID}")
    for statement in schema.SQL.values():
        connection.execute(statement)
    for end in ("", "-wal"):  # as a process leaves it that was killed
        left.with_name(left.name + end).write_bytes(path.with_name(path.name + end).read_bytes())
    connection.close()
    log = left.with_name("left.db-wal").read_bytes()

    def fails(file: int) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(sqlite3.OperationalError) as caught:
        open_writer(left)
    assert caught.value.sqlite_errorname == name
    monkeypatch.undo()
    assert left.with_name("left.db-wal").read_bytes() == log, "nobody has moved it"
    connection = open_writer(left)
    assert connection.execute("SELECT count(*) FROM items").fetchone() == (0,)
    connection.close()


def test_a_writer_makes_no_empty_journal(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        open_writer(tmp_path / "a.db")
    assert not (tmp_path / "a.db").exists()


def test_a_database_of_somebody_else_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE x(y)")
    theirs.close()
    before = path.read_bytes()
    for opening in (open_writer, open_reader):
        with pytest.raises(UsageError, match="not one of listenkey's"):
            opening(path)
    assert path.read_bytes() == before


async def test_a_journal_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    await written(tmp_path / "a.db", [fill(1)])
    ours = sqlite3.connect(tmp_path / "a.db")
    ours.execute("PRAGMA user_version=99")
    ours.close()
    before = (tmp_path / "a.db").read_bytes()
    for opening in (open_writer, open_reader):
        with pytest.raises(UsageError, match=r"newer release.*schema 99; this one reads 1\); use that release"):
            opening(tmp_path / "a.db")
    assert (tmp_path / "a.db").read_bytes() == before


async def test_words_of_sqlite_that_quote_damage_are_read_as_well_as_can_be(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await written(path, [fill(1)])
    right = path.read_bytes()
    path.write_bytes(right.replace(b" ELSE ", b" E\xccSE ", 1))
    with pytest.raises(UnicodeDecodeError), contextlib.closing(sqlite3.connect(path)) as theirs:
        theirs.execute("SELECT count(*) FROM sqlite_master")
    with pytest.raises(Corrupt, match=r"is damaged: .*E\ufffdSE.*verify"):
        Store(path, ACCOUNT).open()
    with pytest.raises(Corrupt, match="is damaged"):
        journal_info(path)
    assert not verify_journal(path).whole


async def test_a_reader_cant_write(tmp_path: Path) -> None:
    await written(tmp_path / "a.db", [fill(1)])
    reader = open_reader(tmp_path / "a.db")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM items")
    reader.close()


async def test_a_reader_opens_where_it_cant_make_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await written(tmp_path / "a.db", [fill(1)])
    real, asked = sqlite3.connect, []

    def connect(name: str, **options: object) -> sqlite3.Connection:
        asked.append(name.partition("?")[2])
        if "immutable" not in name:
            raise broken("SQLITE_CANTOPEN")
        return real(name, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(sqlite3, "connect", connect)
    reader = open_reader(tmp_path / "a.db")
    assert asked == ["mode=ro", "mode=ro&immutable=1"]
    reader.close()
    (tmp_path / "a.db-wal").write_bytes(b"x")
    with pytest.raises(JournalError):
        open_reader(tmp_path / "a.db")


def test_a_reader_needs_a_journal(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no journal at"):
        open_reader(tmp_path / "a.db")
    (tmp_path / "text").write_text("no database, and longer than a header would be " * 10)
    with pytest.raises(UsageError, match="no SQLite file"):
        open_reader(tmp_path / "text")
    lock = Lock(tmp_path / "text")
    lock.note_reached(1)
    lock.release()
    with pytest.raises(Corrupt):  # It was a journal once.
        open_reader(tmp_path / "text")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SQLITE_FULL", Full),
        ("SQLITE_IOERR_SHMSIZE", Full),
        ("SQLITE_CORRUPT_INDEX", Corrupt),
        ("SQLITE_NOTADB", Corrupt),
        ("SQLITE_IOERR_FSYNC", JournalError),
        ("SQLITE_BUSY", JournalError),
    ],
)
def test_errors_are_told_by_what_to_do(name: str, kind: type[JournalError], tmp_path: Path) -> None:
    assert type(as_ours(broken(name), tmp_path)) is kind
    with pytest.raises(kind), told_as_ours(tmp_path):
        raise broken(name)


async def test_a_journal_with_two_names_has_no_writer(tmp_path: Path) -> None:
    """Each name has a lock and a log of its own: what waits in one log, the other name's writer would miss."""
    await written(tmp_path / "a.db", [fill(1)])
    (tmp_path / "b.db").hardlink_to(tmp_path / "a.db")
    for name in ("a.db", "b.db"):
        with pytest.raises(Fenced, match=r"another name as well \(a hard link\).*remove that name"):
            Store(tmp_path / name, ACCOUNT).open()
    (tmp_path / "b.db").unlink()
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    store.close()


async def test_a_journal_that_others_could_read_is_closed_to_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await written(tmp_path / "a.db", [fill(1)])
    (tmp_path / "a.db").chmod(0o644)
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    store.close()
    assert (tmp_path / "a.db").stat().st_mode & 0o777 == 0o600
    assert "closed to other users of this machine: a.db (0644)" in caplog.text


async def test_questions_of_readers_end_when_the_process_is_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(tmp_path / "a.db", [fill(1)])
    monkeypatch.setattr(database, "_ENDING", threading.Event())
    reader = open_reader(tmp_path / "a.db")
    end_all_questions()
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        reader.execute(
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
        ).fetchone()
    reader.close()


def test_what_was_copied_without_its_log_is_named_for_what_it_is(tmp_path: Path) -> None:
    create(tmp_path / "a.db")
    with pytest.raises(UsageError, match=r"is empty; .*copy its log too \(a\.db-wal\)"):
        open_reader(tmp_path / "a.db")
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    with pytest.raises(UsageError, match="is empty"):
        open_reader(tmp_path / "a.db")


@needs_mounts
@pytest.mark.parametrize("has_log", [False, True])
def test_a_journal_on_a_read_only_mount_is_read(has_log: bool, tmp_path: Path) -> None:
    folder, inside = tmp_path / "folder", tmp_path / "inside"
    folder.mkdir()
    inside.mkdir()
    asyncio.run(written(folder / "a.db", [fill(1)]))
    (folder / "a.db-wal").write_bytes(b"x" * has_log)
    script = "import sys; from listenkey.cli.main import run; sys.exit(run(['journal', 'info', sys.argv[1]]))"
    mount = f'mount --bind "{folder}" "{inside}" && mount -o remount,ro,bind "{inside}" && "$0" -c "$1" "$2"'
    told = subprocess.run(
        ["unshare", "-m", "sh", "-c", mount, sys.executable, script, str(inside / "a.db")],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if has_log:
        assert told.returncode == 5
        assert "copy a.db and a.db-wal to a folder that can be written to" in told.stderr
    else:
        assert "2, numbers 1 to 2" in told.stdout


def test_a_guard_needs_a_database_and_a_look_without_the_log_leaves_damage_to_others(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, and longer than a header would be " * 10)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        open_guard(tmp_path / "text")
    (tmp_path / "torn").write_bytes(database.HEADER + b"\xff" * 4080)
    check_without_log(tmp_path / "torn")
    (tmp_path / "zeros").write_bytes(bytes(4096))
    check_without_log(tmp_path / "zeros")
    (tmp_path / "empty").touch()
    check_without_log(tmp_path / "empty")


def test_a_file_that_cant_be_looked_at_is_left_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").write_text("no database, and longer than a header would be " * 10)

    def refused(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("listenkey.journal.sqlite.database.os.pread", refused)
    check_without_log(tmp_path / "text")
    monkeypatch.setattr(database, "open_regular", refused)
    check_without_log(tmp_path / "text")
    monkeypatch.undo()
    with pytest.raises(UsageError, match=r"no journal \(no SQLite file\)"):
        check_without_log(tmp_path / "text")
