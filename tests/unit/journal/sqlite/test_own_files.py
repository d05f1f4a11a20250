"""A store whose files are moved, replaced or hidden while it writes to them, and what the next one finds."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenkey.errors import JournalError, UsageError
from listenkey.items import Item
from listenkey.journal.sqlite import durable_items, durable_journal
from listenkey.journal.sqlite import store as stores
from listenkey.journal.sqlite.database import open_writer
from listenkey.journal.sqlite.lock import lock_path
from listenkey.journal.sqlite.own_files import NotInPlace
from listenkey.journal.sqlite.store import Store
from tests.unit.journal.making import ACCOUNT, append, fill, group, journal, rows, seqs, take, until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    made = Store(path, ACCOUNT)
    made.open()
    yield made
    made.close()


@pytest.mark.parametrize("taken", ["a.db", "a.db-wal"])
def test_what_is_not_under_its_name_any_more_is_not_written_to(taken: str, store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    name = path.with_name(path.name + taken.removeprefix("a.db"))
    away = path.with_name("away")
    name.rename(away)
    with pytest.raises(sqlite3.OperationalError, match="moved or removed"):
        store.write(group(*rows([fill(2)], store)))
    away.rename(name)
    store.abandon()
    store.reopen()
    store.write(group(*rows([fill(2)], store)))
    store.close()
    assert seqs(path) == [1, 2]


def test_a_journal_that_is_back_goes_on_with_the_same_connection(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    connection, away = store.connection, path.with_name("away")
    path.rename(away)
    with pytest.raises(NotInPlace, match="moved or removed; put it back"):
        store.write(group(*rows([fill(2)], store)))
    away.rename(path)
    store.write(group(*rows([fill(2)], store)))
    assert store.connection is connection
    store.close()
    assert seqs(path) == [1, 2]


def test_a_folder_that_cant_be_looked_at_is_waited_for(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `chmod 000` on it, for a process without root's rights."""
    store.write(group(*rows([fill(1)], store)))
    connection = store.connection

    def fails(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", fails)
        with pytest.raises(NotInPlace, match="can't be looked at: Permission denied"):
            store.write(group(*rows([fill(2)], store)))
        with pytest.raises(NotInPlace):
            store.reopen()
        assert not store.files.own.log_is_ours()
        assert not store.files.own.is_in_place()
    store.write(group(*rows([fill(2)], store)))
    assert store.connection is connection


def test_a_log_that_was_removed_takes_nothing_with_it(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1), fill(2)], store)))
    path.with_name("a.db-wal").unlink()
    with pytest.raises(sqlite3.OperationalError, match="its log was moved or removed") as caught:
        store.write(group(*rows([fill(3)], store)))
    assert not isinstance(caught.value, NotInPlace)
    store.abandon()
    store.reopen()
    store.write(group(*rows([fill(3)], store)))
    store.close()
    assert seqs(path) == [1, 2, 3]


def test_a_journal_that_is_gone_is_not_made_anew_behind_its_back(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    away = path.with_name("away")
    path.rename(away)
    store.abandon()
    with pytest.raises(sqlite3.OperationalError, match="moved or removed"):
        store.reopen()
    away.rename(path)
    store.reopen()
    assert seqs(path) == [1]


def move(one: Path, other: Path) -> None:
    one.rename(other)


def content(path: Path) -> bytes:
    return path.read_bytes()


def foreign(path: Path) -> bytes:
    """A database of somebody else."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs(x)")
    connection.close()
    return content(path)


def files(path: Path) -> dict[str, bytes]:
    return {end: one.read_bytes() for end in ("", "-wal") if (one := path.with_name(path.name + end)).exists()}


def other_database(path: Path, kind: str) -> dict[str, bytes]:
    """A file that somebody puts in the place of the journal, and what is in it."""
    other = path.with_name("other.db")
    if kind == "foreign":
        foreign(other)
    elif kind == "another journal":
        made = Store(other, ACCOUNT)
        made.open()
        made.write(group(*rows([fill(7)], made)))
        made.close()
    else:
        shutil.copy(path, other)  # an older copy of the same journal
    return {"": other.read_bytes()}


def opened_anew(path: Path) -> list[int]:
    again = Store(path, ACCOUNT)
    again.open()
    again.close()
    return seqs(path)


KINDS = ["foreign", "another journal", "an older copy"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after_an_error", [False, True])
def test_a_file_that_is_put_in_the_journals_place_is_left_as_it_is(
    kind: str, after_an_error: bool, store: Store, path: Path
) -> None:
    store.write(group(*rows([fill(1)], store)))
    theirs, away = other_database(path, kind), path.with_name("away.db")
    path.rename(away)
    path.with_name("other.db").rename(path)
    for _ in range(2):
        with pytest.raises(NotInPlace, match="another file stands in its place, and is left as it is"):
            store.write(group(*rows([fill(2)], store)))
    if after_an_error:
        store.abandon()
        with pytest.raises(NotInPlace, match="another file stands"):
            store.reopen()
    else:
        store.close()
        assert seqs(away) == [1], "the log went into the file that it belongs to"
    assert files(path).get("") == theirs[""]
    assert bool(files(path).get("-wal")) is after_an_error
    if after_an_error:
        store.close()
        if kind == "an older copy":
            assert opened_anew(path) == [1], "the log lacks nothing in it"
            return
        words = "not one of listenkey's" if kind == "foreign" else "another file was put in the place of the journal"
        with pytest.raises((JournalError, UsageError), match=words):
            Store(path, ACCOUNT).open()
        assert files(path)[""] == theirs[""]
        path.unlink()
        away.rename(path)
        assert opened_anew(path) == [1]


@pytest.mark.parametrize("pruned", [False, True])
def test_another_journal_that_was_copied_over_ours_is_not_written_into(pruned: bool, store: Store, path: Path) -> None:
    """`cp` keeps the inode of what it writes over."""
    store.write(group(*rows([fill(1), fill(2)], store)))
    if pruned:
        store.prune(1)
    store.abandon()
    store.files.release()
    theirs = other_database(path, "another journal")[""]
    path.write_bytes(theirs)
    for _ in range(2):
        with pytest.raises(JournalError, match=r"another file was put .*item 1 of the file is not in the journal"):
            Store(path, ACCOUNT).open()
        assert files(path)[""] == theirs


@pytest.mark.parametrize("keeps_lock", [True, False])
def test_an_older_state_that_the_log_does_not_fit_to_is_refused_and_left_as_it_is(
    keeps_lock: bool, store: Store, path: Path
) -> None:
    """Neither has what was moved from the log into the file since."""
    store.write(group(*rows([fill(number) for number in range(1, 401)], store)))
    store.close()
    older = content(path)
    store.open()
    for first in range(401, 2401, 100):
        store.write(group(*rows([fill(number) for number in range(first, first + 100)], store)))
    store.note_reached()
    store.abandon()
    store.files.release()
    path.write_bytes(older)
    if not keeps_lock:
        lock_path(path).unlink()
    log = files(path)["-wal"]
    with pytest.raises(JournalError, match=r"another file was put .* was left \(.+\); nothing was changed|is damaged"):
        Store(path, ACCOUNT).open()
    assert files(path) == {"": older, "-wal": log}


def test_an_older_state_of_the_journal_that_was_copied_over_it_gets_its_log(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    store.close()
    older = content(path)
    store.open()
    store.write(group(*rows([fill(2)], store)))
    store.prune(1)
    store.abandon()
    store.files.release()
    path.write_bytes(older)
    assert opened_anew(path) == [2]


def test_a_journal_with_a_log_of_its_own_in_our_place_keeps_both(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    other = Store(path.with_name("other.db"), ACCOUNT)
    other.open()
    other.write(group(*rows([fill(7)], other)))
    theirs = files(other.path)
    for end in ("", "-wal"):
        path.with_name(path.name + end).unlink()
        shutil.copy(path.with_name("other.db" + end), path.with_name(path.name + end))
    other.close()
    with pytest.raises(NotInPlace):
        store.write(group(*rows([fill(2)], store)))
    store.close()
    assert files(path) == theirs


def test_a_foreign_log_beside_our_journal_is_left_as_it_is(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    its_log, away = path.with_name("a.db-wal"), path.with_name("away")
    its_log.rename(away)
    its_log.write_bytes(b"theirs")
    with pytest.raises(NotInPlace, match="place of its log, and is left as it is"):
        store.write(group(*rows([fill(2)], store)))
    store.abandon()
    with pytest.raises(NotInPlace, match="place of its log"):
        store.reopen()
    assert its_log.read_bytes() == b"theirs"
    its_log.unlink()
    its_log.mkdir()
    with pytest.raises(NotInPlace, match="place of its log"):
        store.reopen()
    its_log.rmdir()
    away.rename(its_log)
    store.reopen()
    store.write(group(*rows([fill(2)], store)))
    assert seqs(path) == [1, 2]


def test_a_log_that_somebody_else_has_moved_and_begun_anew_is_accepted(store: Store, path: Path) -> None:
    """While ours is given up, another connection may be the last one, and the next one makes a new log."""
    store.write(group(*rows([fill(1)], store)))
    store.abandon()
    theirs = sqlite3.connect(path)
    theirs.execute("SELECT count(*) FROM items").fetchone()
    theirs.close()
    path.with_name("blocker").touch()  # so that the new log is no other file by chance
    theirs = sqlite3.connect(path, isolation_level=None)
    theirs.execute("INSERT INTO consumers VALUES ('x', 1, 1)")
    store.reopen()
    theirs.close()
    store.write(group(*rows([fill(2)], store)))
    assert seqs(path) == [1, 2]


def test_files_that_are_all_others_are_looked_through_before_they_are_believed(store: Store, path: Path) -> None:
    """As in a folder that was restored, and in one where a copy was put beside a log of another time."""
    store.write(group(*rows([fill(1)], store)))
    copy = path.with_name("copy.db")
    for end in ("", "-wal", "-lock"):
        shutil.copy(path.with_name(path.name + end), copy.with_name(copy.name + end))
    before = files(copy)
    log = bytearray(before["-wal"])
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    copy.write_bytes(before[""][:page] + bytes(len(before[""]) - page))
    with pytest.raises(JournalError, match="another file was put in the place of the journal"):
        Store(copy, ACCOUNT).open()
    assert copy.with_name("copy.db-wal").read_bytes() == bytes(log)


def test_a_whole_copy_with_its_log_is_believed_in_another_place(store: Store, path: Path) -> None:
    """A folder that was restored has other inodes: its files belong together all the same."""
    store.write(group(*rows([fill(1)], store)))
    copy = path.with_name("copy.db")
    for end in ("", "-wal", "-lock"):
        shutil.copy(path.with_name(path.name + end), copy.with_name(copy.name + end))
    again = Store(copy, ACCOUNT)
    again.open()
    assert again.last_seq == 1
    again.close()


def test_a_log_without_its_journal_is_not_thrown_away(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    copy = path.with_name("copy.db")
    shutil.copy(path.with_name("a.db-wal"), copy.with_name("copy.db-wal"))
    with pytest.raises(JournalError, match=r"is missing, and its log copy.db-wal is there"):
        Store(copy, ACCOUNT).open()
    assert copy.with_name("copy.db-wal").exists()


def test_a_journal_that_is_swapped_while_it_is_opened_is_not_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Store(path, ACCOUNT)
    made.open()
    made.close()
    theirs = other_database(path, "another journal")
    real = open_writer

    def swap(name: Path) -> sqlite3.Connection:
        connection = real(name)
        path.rename(path.with_name("away.db"))
        path.with_name("other.db").rename(path)
        return connection

    monkeypatch.setattr(stores, "open_writer", swap)
    with pytest.raises(JournalError, match="another file stands in its place"):
        Store(path, ACCOUNT).open()
    assert files(path)[""] == theirs[""]


async def test_a_file_in_its_place_is_left_alone_and_the_stream_goes_on_when_it_is_back(path: Path) -> None:
    made, away, other = journal(path), path.with_name("away.db"), path.with_name("other.db")
    await made.open()
    append(made, fill(1))
    assert len(await take(made, 1)) == 1
    before = foreign(other)
    move(path, away)
    move(other, path)
    append(made, fill(2))
    await until(lambda: "another file stands in its place" in str(made.problem))
    assert content(path) == before
    move(path, other)
    move(away, path)
    assert [item.seq for item in await take(made, 1)] == [2]
    await until(lambda: made.problem is None)
    await made.aclose()
    assert content(other) == before


async def test_a_reader_that_lags_waits_for_a_file_that_cant_be_opened(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable_items, "WINDOW_BYTES_MAX", 1)
    monkeypatch.setattr(durable_journal, "READ_AGAIN_AFTER_S", 0.0)
    made, away = journal(path), path.with_name("away.db")
    await made.open()
    append(made, fill(1), fill(2))
    await until(lambda: made._items.durable_seq == 2)
    await made.next()
    tries = []
    real = durable_items.DurableItems._read_file

    def counted(items: durable_items.DurableItems, after: int) -> list[Item]:
        tries.append(after)
        return real(items, after)

    monkeypatch.setattr(durable_items.DurableItems, "_read_file", counted)
    made._items.window = ()
    made._items.begin(0, 2)
    move(path, away)
    reading = asyncio.ensure_future(take(made, 2))
    await until(lambda: len(tries) > 2)
    assert not reading.done()
    move(away, path)
    assert [item.seq for item in await reading] == [1, 2]
    made._items.read_seq = 0
    made._items._file.close()  # type: ignore[union-attr]
    made._items._file = None
    await made.aclose()
    move(path, away)
    with pytest.raises(UsageError, match="no journal at"):
        await made.next()
