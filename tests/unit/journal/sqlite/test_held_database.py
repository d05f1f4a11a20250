"""A file that is held for writing, whatever is in it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from listenkey.errors import Corrupt, Fenced, JournalError
from listenkey.journal.sqlite.database import create, open_reader, open_writer
from listenkey.journal.sqlite.held_database import HeldDatabase
from listenkey.journal.sqlite.held_files import HeldFiles
from listenkey.journal.sqlite.own_files import NotInPlace
from listenkey.journal.sqlite.schema import ONE_ACCOUNT
from listenkey.journal.sqlite.table_setup import make_tables


class Held(HeldDatabase):
    """Holds a file in which nothing is missed, or something is."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, ONE_ACCOUNT, HeldFiles(path))
        self.is_whole = True
        self.fails: BaseException | None = None
        self.noted = 0

    def open(self) -> None:
        with self._opened():
            if self.fails is not None:
                raise self.fails

    def _create(self) -> None:
        create(self.path)

    def _connect(self) -> sqlite3.Connection:
        return open_writer(self.path)

    def _connect_reading(self) -> sqlite3.Connection:
        return open_reader(self.path)

    def _make(self, connection: sqlite3.Connection) -> None:
        make_tables(connection, "desk")

    def _holds_all(self, _: sqlite3.Connection) -> bool:
        return self.is_whole

    def _newest_in_words(self) -> str:
        return "the newest"

    def note_reached(self) -> None:
        self.noted += 1


def test_it_is_held_until_it_is_closed(tmp_path: Path) -> None:
    one, other = Held(tmp_path / "a.db"), Held(tmp_path / "a.db")
    one.open()
    assert one.is_open
    with pytest.raises(Fenced):
        other.open()
    one.close()
    assert (one.is_open, one.noted) == (False, 1)
    other.open()
    other.close()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), Corrupt("damaged"), KeyboardInterrupt()])
def test_whatever_goes_wrong_while_it_is_opened_it_is_let_go_of(error: BaseException, tmp_path: Path) -> None:
    held = Held(tmp_path / "a.db")
    held.fails = error
    with pytest.raises(JournalError if isinstance(error, OSError) else type(error)) as told:
        held.open()
    assert ("can't be made: No space" in str(told.value)) is isinstance(error, OSError)
    assert not held.is_open
    other = Held(tmp_path / "a.db")
    other.open()
    other.close()


def test_after_an_error_another_connection_is_used_if_nothing_is_missing(tmp_path: Path) -> None:
    held = Held(tmp_path / "a.db")
    held.open()
    before = held.connection
    held.abandon()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        before.execute("SELECT 1")
    held.reopen()
    assert held.connection is not before
    held.abandon()
    held.is_whole = False
    with pytest.raises(Corrupt, match="no longer holds the newest, which was committed"):
        held.reopen()
    held.close()


def test_another_log_in_the_place_of_its_own_is_used_only_where_nothing_is_missing(tmp_path: Path) -> None:
    held = Held(tmp_path / "a.db")
    held.open()
    held.connection.execute("INSERT INTO meta VALUES ('x', 1, 1)")
    log = tmp_path / "a.db-wal"
    assert held.files.own.is_same_log()
    held.abandon()
    content = log.read_bytes()
    log.rename(tmp_path / "kept")
    log.write_bytes(content)
    held.is_whole = False
    with pytest.raises(NotInPlace, match="another file stands in the place of its log"):
        held.reopen()
    held.is_whole = True
    held.reopen()
    held.close()
