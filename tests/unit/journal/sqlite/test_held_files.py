"""Test the lock and the watch over a journal's files; what others do to them is in test_own_files.py."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from listenkey.errors import Fenced, JournalError, UsageError
from listenkey.journal.files import beside
from listenkey.journal.sqlite.database import create, open_writer
from listenkey.journal.sqlite.held_files import HeldFiles
from listenkey.journal.sqlite.lock import lock_path
from listenkey.journal.sqlite.store import Store
from tests.unit.journal.making import ACCOUNT, fill, group, rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "a.db"
    create(made)
    return made


def test_one_holds_them_at_a_time(path: Path) -> None:
    files = HeldFiles(path)
    files.note_reached(3, 4)  # not held: another one may write
    files.hold()
    seen = [files.are_held]
    assert files.reached() == (0, 0)
    files.note_reached(3, 4)
    assert files.reached() == (3, 4)
    with pytest.raises(Fenced):
        HeldFiles(path).hold()
    files.release()
    files.release()
    seen.append(files.are_held)
    assert seen == [True, False]
    other = HeldFiles(path)
    other.hold()
    other.release()


def test_a_lock_that_was_replaced_fences(path: Path) -> None:
    files = HeldFiles(path)
    files.hold()
    files.check_lock()
    lock_path(path).unlink()
    lock_path(path).touch()
    with pytest.raises(Fenced, match="another file stands where the lock"):
        files.check_lock()
    files.release()


def test_they_are_watched_until_they_are_not(path: Path) -> None:
    files = HeldFiles(path)
    files.hold()
    files.check_log()
    files.own.note()
    connection = open_writer(path)
    seen = [files.is_watched]
    files.watch()
    files.check(connection)
    seen.append(files.is_watched)
    path.with_name("a.db-wal").unlink()
    with pytest.raises(sqlite3.OperationalError, match="its log was moved or removed"):
        files.check(connection)
    files.unwatch()
    files.unwatch()
    seen.append(files.is_watched)
    assert seen == [False, True, False]
    connection.close()
    files.release()


def test_an_empty_file_beside_the_log_of_another_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    store = Store(path, ACCOUNT)
    store.open()
    store.write(group(*rows([fill(1)], store)))
    store.note_reached()
    store.abandon()
    store.files.release()
    os.truncate(path, 0)
    with pytest.raises(JournalError, match="1 items were written, and there are no tables in it"):
        Store(path, ACCOUNT).open()
    lock_path(path).unlink()
    with pytest.raises(UsageError, match="is empty"):
        Store(path, ACCOUNT).open()
    assert beside(path, "-wal").stat().st_size, "who reads an empty file does not remove its log"
