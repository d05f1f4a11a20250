"""A file that is held for writing, whatever is in it."""

from __future__ import annotations

import sqlite3
import subprocess
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
        self.damage: str | None = None

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

    def _damage(self) -> str | None:
        return self.damage

    def write(self) -> None:
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('x', 1, 1)")

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


def touch(path: Path) -> None:
    """Write to it as somebody else does; not with a descriptor of this process, whose end would give SQLite's locks back."""
    subprocess.run(
        ["dd", "if=/dev/null", f"of={path}", "conv=notrunc", "oflag=append"], check=True, capture_output=True
    )
    subprocess.run(["touch", path], check=True)


@pytest.mark.parametrize("ending", ["", "-wal"])
def test_what_somebody_else_has_written_to_is_looked_at_before_the_next_write(ending: str, tmp_path: Path) -> None:
    held = Held(tmp_path / "a.db")
    held.open()
    held.write()
    touch(tmp_path / f"a.db{ending}")
    with pytest.raises(NotInPlace, match="somebody else has written to it, so all of it is looked at"):
        held.write()
    held.write()
    held.write()
    held.close()


def test_what_somebody_else_has_overwritten_is_not_written_to(tmp_path: Path) -> None:
    held = Held(tmp_path / "a.db")
    held.open()
    held.write()
    touch(tmp_path / "a.db")
    held.damage = "it is torn\nall over"
    with pytest.raises(NotInPlace):
        held.write()
    with pytest.raises(Corrupt, match=r"somebody else has written to the journal .*: it is torn\. Nothing was written"):
        held.write()
    log_bytes = (tmp_path / "a.db-wal").stat().st_size
    held.close()
    assert (tmp_path / "a.db-wal").stat().st_size == log_bytes > 0, "the log is not moved into it"


def test_what_is_overwritten_while_it_is_looked_at_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(tmp_path / "a.db")
    held.open()
    held.write()
    touch(tmp_path / "a.db")
    with pytest.raises(NotInPlace):
        held.write()
    with monkeypatch.context() as patched:
        patched.setattr(held, "_damage", lambda: touch(tmp_path / "a.db"))
        held.write()
    assert not held.files.own.is_overwritten, "what is written meanwhile counts as ours"
    held.close()


def test_a_damage_that_cant_be_looked_at_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> str:
        raise sqlite3.DatabaseError("file is not a database")

    held = Held(tmp_path / "a.db")
    held.open()
    touch(tmp_path / "a.db")
    monkeypatch.setattr(held, "_damage", fails)
    with pytest.raises(NotInPlace):
        held.write()
    with pytest.raises(Corrupt, match="is damaged: file is not a database"):
        held.write()
    held.close()
