from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from listenkey.cli import output_file as module
from listenkey.cli.exit_codes import meaning
from listenkey.cli.output_file import BESIDE, output_file
from listenkey.errors import Corrupt, Full, JournalError, UsageError
from listenkey.journal.files import beside
from listenkey.journal.sqlite.store import Store
from tests.unit.journal.making import ACCOUNT
from tests.unit.journal.test_files import make_special


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    store.close()
    return tmp_path / "a.db"


def write(out: Path, journal: Path, text: str = "new", *, replaces: bool = True) -> None:
    with output_file(out, journal, replaces=replaces) as fresh:
        assert fresh.parent == out.parent
        assert fresh.stat().st_mode & 0o777 == 0o600
        fresh.write_text(text)


def test_a_file_appears_when_it_is_whole_and_is_its_owners_alone(path: Path) -> None:
    out = path.with_name("x.csv")
    out.write_text("old")

    def fails(fresh: Path) -> None:
        fresh.write_text("half")
        assert out.read_text() == "old"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), output_file(out, path, replaces=True) as fresh:
        fails(fresh)
    assert out.read_text() == "old"
    write(out, path)
    assert out.read_text() == "new"
    assert out.stat().st_mode & 0o777 == 0o600
    assert {one.name for one in path.parent.iterdir()} == {"a.db", "a.db-lock", "x.csv"}


def test_a_file_of_the_users_beside_it_is_left_alone(path: Path) -> None:
    users = {path.with_name(f"x.csv{ending}") for ending in (".part", "~", ".tmp")}
    for one in users:
        one.write_text("mine")
    write(path.with_name("x.csv"), path)
    assert {one.read_text() for one in users} == {"mine"}


@pytest.mark.parametrize("ending", BESIDE)
def test_the_journals_own_files_are_not_for_output(ending: str, path: Path) -> None:
    before = path.read_bytes()
    (path.parent / "link").symlink_to(path.parent)
    beside(path, ending).touch()
    path.with_name("hard").hardlink_to(beside(path, ending))
    for out in (beside(path, ending), path.parent / "link" / f"a.db{ending}", path.with_name("hard")):
        with pytest.raises(UsageError, match="is one of the journal's own files"):
            write(out, path)
    beside(path, ending).unlink()
    with pytest.raises(UsageError, match="own files"):
        write(beside(path, ending), path)
    assert ending == "" or path.read_bytes() == before


@pytest.mark.parametrize("kind", ["a FIFO", "a folder", "a symbolic link", "a socket"])
def test_what_is_special_is_not_written_to(kind: str, path: Path) -> None:
    make_special(path.with_name("x"), kind)
    with pytest.raises(UsageError, match=f"x is {kind}; name a regular file"):
        write(path.with_name("x"), path)
    with pytest.raises(UsageError, match="is a device"):
        write(Path("/dev/null"), path)


def test_a_database_is_not_replaced_and_a_new_file_replaces_nothing(path: Path) -> None:
    theirs = sqlite3.connect(path.with_name("theirs.db"))
    theirs.execute("CREATE TABLE x(y)")
    theirs.close()
    with pytest.raises(UsageError, match="is a database, perhaps a journal"):
        write(path.with_name("theirs.db"), path)
    path.with_name("x").touch()
    with pytest.raises(UsageError, match="x exists; name a new file"):
        write(path.with_name("x"), path, replaces=False)


def test_what_came_to_be_there_meanwhile_is_not_replaced(path: Path) -> None:
    out = path.with_name("x")
    with pytest.raises(UsageError, match="is a FIFO"), output_file(out, path, replaces=True):
        os.mkfifo(out)


def test_what_the_system_refuses_is_an_error_of_ours(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(JournalError, match="no does not exist; make it"):
        write(path.with_name("no") / "x.csv", path)

    def fails(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(module, "synchronise_folder", fails)
    with pytest.raises(JournalError, match="can't be written: Input/output error"):
        write(path.with_name("x.csv"), path)


def test_a_folder_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(JournalError, match=r"/no does not exist; make it, or give another path$"):
        write(path.parent / "no" / "x.csv", path)


def test_a_journal_that_cant_be_made_there_has_the_name_that_was_asked_for(path: Path) -> None:
    out = path.with_name("x.db")
    with pytest.raises(JournalError) as caught, output_file(out, path, replaces=False) as fresh:
        raise Full(f"the journal {fresh} can't grow: the disk is full")
    assert str(caught.value) == f"the journal {out} can't grow: the disk is full"
    assert "--out" in meaning(caught.value)[1]
    with pytest.raises(Corrupt, match="nothing whole"), output_file(out, path, replaces=False):
        raise Corrupt(f"there is nothing whole in {path}")
