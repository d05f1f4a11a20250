"""Damage in a file of many accounts, and logs that were written for another file."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from listenkey.errors import JournalError
from listenkey.journal.files import beside
from listenkey.journal.shared import accounts_check
from listenkey.journal.shared.accounts_check import damage_in, misplaced_log, verify_accounts
from listenkey.journal.shared.accounts_schema import FILE_NAME
from listenkey.journal.shared.accounts_store import AccountsStore
from listenkey.journal.sqlite.lock import lock_path
from tests.unit.journal.making import fill
from tests.unit.journal.shared.shared_making import change, end, part, written


async def test_damage_is_found_wherever_it_is(tmp_path: Path) -> None:
    await written(tmp_path, a=[fill(1)], b=[fill(1)])
    assert damage_in(tmp_path / FILE_NAME) is None
    change(tmp_path, "UPDATE rows SET raw = '{}' WHERE account_no = 2 AND seq = 2")
    assert damage_in(tmp_path / FILE_NAME) == "the account 'b': item 2 was changed"
    change(tmp_path, "UPDATE accounts SET name = 'c' WHERE account_no = 1")
    assert damage_in(tmp_path / FILE_NAME) == "the name of account number 1 is damaged"


async def test_all_accounts_and_the_file_around_them_are_verified(tmp_path: Path) -> None:
    await written(tmp_path, a=[fill(1)], b=[fill(1)])
    path = tmp_path / FILE_NAME
    found = verify_accounts(path)
    assert (found.whole, {name: its.items for name, its in found.accounts.items()}) == (True, {"a": 2, "b": 2})
    change(tmp_path, "UPDATE rows SET raw = '{}' WHERE account_no = 2 AND seq = 2")
    found = verify_accounts(path)
    assert [its.whole for its in found.accounts.values()] == [True, False]
    change(tmp_path, "UPDATE accounts SET name = 'c' WHERE account_no = 1")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DROP VIEW fills")
    connection.execute("CREATE VIEW mine AS SELECT 1")
    connection.execute("PRAGMA writable_schema=1")
    connection.close()
    found = verify_accounts(path)
    assert found.problems == ("fills is not the view that listenkey made", "the name of account number 1 is damaged")
    assert found.notes == ("the view mine is not listenkey's, and does no harm",)
    change_schema(path, "DROP INDEX rows_told")
    found = verify_accounts(path)
    assert (found.accounts, found.whole) == ({}, False)
    assert "rows_told is not there" in found.problems[0]


def change_schema(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


def left_with_log(folder: Path, name: str) -> Path:
    """A file whose writer was killed: its last group is in the log alone."""
    (folder / name).mkdir()
    store = AccountsStore(folder / name / FILE_NAME)
    store.open()
    a = end(store, "a")
    store.write([part(a, fill(1), fill(2))])
    store.close()
    store.open()
    store.write([part(a, fill(3))])
    store.note_reached()
    left = folder / f"{name}-left"
    shutil.copytree(folder / name, left)
    store.close()
    return left / FILE_NAME


def other_file(path: Path, place: Path) -> None:
    """A file that is as long, with other rows."""
    place.mkdir()
    store = AccountsStore(place / FILE_NAME)
    store.open()
    store.write([part(end(store, "b"), fill(7), fill(8))])
    store.close()
    shutil.copy(place / FILE_NAME, path)


def test_a_log_that_was_left_is_taken_over(tmp_path: Path) -> None:
    path = left_with_log(tmp_path, "one")
    assert misplaced_log(path, None) == misplaced_log(path, 3) == ""
    store = AccountsStore(path)
    store.open()
    assert store.last_id == 3
    store.close()


@pytest.mark.parametrize("reached", [None, 3, 2])
def test_a_log_beside_another_file_is_refused(tmp_path: Path, reached: int | None) -> None:
    path = left_with_log(tmp_path, "one")
    other_file(path, tmp_path / "other")
    assert misplaced_log(path, reached)
    with pytest.raises(JournalError, match="another file was put in the place of the journal"):
        AccountsStore(path).open()


def tear(path: Path) -> None:
    """A power cut has torn the file while its log was moved into it; the log is whole."""
    with path.open("r+b") as file:
        file.write(bytes(100))


def empty(path: Path) -> None:
    beside(path, "-wal").unlink()
    lock_path(path).unlink()
    path.unlink()
    path.touch()


def test_a_file_whose_first_rows_cant_be_read_by_itself_is_no_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = left_with_log(tmp_path, "one")

    def torn(_: Path) -> sqlite3.Connection:
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(accounts_check, "open_without_log", torn)
    assert misplaced_log(path, 3) == ""


def prune(path: Path) -> None:
    change(path.parent, "DELETE FROM rows WHERE id = 1")


@pytest.mark.parametrize("harm", [prune, tear, empty])
def test_rows_that_retention_took_away_and_files_that_are_torn_are_no_sign(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    path = left_with_log(tmp_path, "one")
    harm(path)
    assert misplaced_log(path, 0) == ""
