"""The file of many accounts, held for writing."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenkey.errors import Corrupt, Fenced, JournalError, UsageError
from listenkey.journal.files import beside
from listenkey.journal.shared.account_end import AccountEnd
from listenkey.journal.shared.account_view import AccountLeft, account_left, open_accounts
from listenkey.journal.shared.accounts_schema import FILE_NAME
from listenkey.journal.shared.accounts_store import AccountsStore
from listenkey.journal.sqlite.lock import lock_path
from listenkey.journal.sqlite.own_files import NotInPlace
from tests.unit.journal.making import AT_MS, ORDER_ID, SYMBOL, fill, greeks
from tests.unit.journal.shared.shared_making import change, end, part, seqs


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AccountsStore]:
    made = AccountsStore(tmp_path / FILE_NAME)
    made.open()
    yield made
    made.close()


def left(store: AccountsStore, name: str) -> AccountLeft:
    number, is_new = store.enrolled(name)
    connection = open_accounts(store.path)
    try:
        return account_left(connection, store.path, AccountEnd(number, name, is_new=is_new), *store.left(name))
    finally:
        connection.close()


def test_a_group_is_there_for_others_when_write_returns_and_the_next_goes_on(
    store: AccountsStore, tmp_path: Path
) -> None:
    a, b = end(store, "a"), end(store, "b")
    store.write([part(a, fill(1), fill(2)), part(b, fill(1), covered_ms=AT_MS)])
    assert (seqs(tmp_path, "a"), seqs(tmp_path, "b")) == ([1, 2], [1])
    store.write([part(b, fill(2))])
    assert (store.last_id, a.last_seq, b.last_seq, b.covered_ms) == (4, 2, 2, AT_MS)
    store.close()
    again = AccountsStore(store.path)
    again.open()
    assert (again.last_id, again.numbers) == (4, {"a": 1, "b": 2})
    assert left(again, "b").end == b
    assert again.enrolled("c") == (3, True)
    assert again.enrolled("c") == (3, False), "it keeps the number, though nothing is written yet"
    again.close()


def test_a_fill_that_is_there_keeps_the_group_out_and_nothing_is_moved_on(store: AccountsStore, tmp_path: Path) -> None:
    a, b = end(store, "a"), end(store, "b")
    store.write([part(a, fill(1))])
    with pytest.raises(sqlite3.IntegrityError):
        store.write([part(b, fill(1)), part(a, greeks(1), fill(1))])
    assert (a.last_seq, b.last_seq, store.last_id) == (1, 0, 1)
    assert store.known_fills([(number, SYMBOL, 1, ORDER_ID + 1) for number in (1, 2)]) == {(1, SYMBOL, 1, ORDER_ID + 1)}
    store.write([part(b, fill(1)), part(a, greeks(1))])
    assert (seqs(tmp_path, "a"), seqs(tmp_path, "b")) == ([1, 2], [1])


def test_a_second_writer_is_refused(store: AccountsStore) -> None:
    with pytest.raises(Fenced, match="another stream of this process"):
        AccountsStore(store.path).open()
    lock_path(store.path).unlink()
    lock_path(store.path).touch()
    with pytest.raises(Fenced, match="another file stands where the lock"):
        store.write([part(end(store, "a"), fill(1))])


def test_a_lock_that_was_removed_is_made_again_with_its_notes(store: AccountsStore) -> None:
    a = end(store, "a")
    store.write([part(a, fill(1))])
    store.note_reached()
    before = lock_path(store.path).read_bytes()
    lock_path(store.path).unlink()
    store.write([part(a, fill(2))])
    assert lock_path(store.path).read_bytes() == before
    with pytest.raises(Fenced):
        AccountsStore(store.path).open()


def test_what_another_process_wrote_meanwhile_is_not_taken_away(store: AccountsStore, tmp_path: Path) -> None:
    a = end(store, "a")
    store.write([part(a, fill(1))])
    lock_path(store.path).unlink()
    other = AccountsStore(store.path)
    other.open()
    other.write([part(left(other, "a").end, fill(2))])
    lock_path(store.path).unlink()
    with pytest.raises(NotInPlace, match="somebody else has written to it"):
        store.write([part(a, fill(3))])
    with pytest.raises(Fenced, match="whose lock was removed"):
        store.write([part(a, fill(3))])
    assert seqs(tmp_path, "a") == [1, 2]
    other.close()


def test_a_reopened_store_rewrites_what_nobody_was_told_of(store: AccountsStore, tmp_path: Path) -> None:
    a, b = end(store, "a"), end(store, "b")
    store.write([part(a, fill(1))])
    before = a.last_seq, a.chain, store.last_id, store._chain
    store.write([part(a, fill(2)), part(b, fill(1))])  # It reaches the file, and is reported as failed.
    a.last_seq, a.chain, store.last_id, store._chain = before
    b = end(store, "b")
    store.abandon()
    store.abandon()
    store.reopen()
    store.write([part(b, fill(3), fill(1)), part(a, fill(4))])
    assert (seqs(tmp_path, "a"), seqs(tmp_path, "b"), store.last_id) == ([1, 2], [1, 2], 4)


def test_a_reopened_store_misses_what_was_committed(store: AccountsStore, tmp_path: Path) -> None:
    store.write([part(end(store, "a"), fill(1), fill(2))])
    store.abandon()
    change(tmp_path, "DELETE FROM rows WHERE seq = 2")
    with pytest.raises(Corrupt, match="no longer holds row 2, which was committed"):
        store.reopen()


def test_another_log_is_used_where_nothing_of_ours_is_missing(store: AccountsStore, tmp_path: Path) -> None:
    a = end(store, "a")
    store.write([part(a, fill(1))])
    log = beside(store.path, "-wal")
    content = log.read_bytes()
    store.abandon()
    log.rename(tmp_path / "kept")
    log.write_bytes(content)
    store.reopen()
    store.write([part(a, fill(2))])
    assert seqs(tmp_path, "a") == [1, 2]


def test_a_store_without_rows_reopens(store: AccountsStore) -> None:
    store.abandon()
    store.reopen()
    assert store.is_open


def test_a_number_is_never_used_again_when_the_end_was_lost(store: AccountsStore, tmp_path: Path) -> None:
    a, b = end(store, "a"), end(store, "b")
    store.write([part(a, fill(1)), part(b, fill(1), covered_ms=7)])
    store.close()
    shutil.copy(store.path, tmp_path / "older")
    store.open()
    c = end(store, "c")
    a, b = left(store, "a").end, left(store, "b").end
    store.write([part(a, fill(2), fill(3)), part(c, fill(1), fill(2), covered_ms=AT_MS)])
    store.close()
    shutil.copy(tmp_path / "older", store.path)
    again = AccountsStore(store.path)
    again.open()
    assert again.enrolled("d") == (4, True), "the place of c keeps its note"
    assert [left(again, name).end.skip for name in "abc"] == [2, 0, 2]
    assert left(again, "c").resumed.covered_until_ms == AT_MS
    lost = left(again, "a")
    again.write([part(lost.end, fill(4))])
    assert seqs(tmp_path, "a") == [1, 4]
    assert lost.end.skip == 0
    again.close()


def test_what_was_lost_stays_noted_until_a_number_behind_it_is_given(store: AccountsStore, tmp_path: Path) -> None:
    store.close()
    shutil.copy(store.path, tmp_path / "older")
    store.open()
    store.write([part(end(store, "a"), fill(1), fill(2))])
    store.close()
    shutil.copy(tmp_path / "older", store.path)
    for _ in range(2):
        again = AccountsStore(store.path)
        again.open()
        found = left(again, "a").end
        assert found.skip == 2
        again.write([part(found, covered_ms=5)])
        again.close()


def test_a_damaged_name_refuses_only_who_might_be_meant(store: AccountsStore, tmp_path: Path) -> None:
    store.write([part(end(store, name), fill(1)) for name in ("a", "b")])
    store.close()
    change(tmp_path, "UPDATE accounts SET name = 'c' WHERE name = 'a'")
    store.open()
    assert store.enrolled("b") == (2, False)
    for name in ("a", "c"):
        with pytest.raises(Corrupt, match="names are damaged"):
            store.enrolled(name)


def test_what_is_no_such_file_is_refused_and_left(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"text")
    with pytest.raises(UsageError, match="is no journal"):
        AccountsStore(tmp_path / FILE_NAME).open()
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    with pytest.raises(JournalError, match="does not exist"):
        AccountsStore(tmp_path / "none" / FILE_NAME).open()


def test_nothing_is_noted_beside_a_file_that_is_not_held(tmp_path: Path) -> None:
    store = AccountsStore(tmp_path / FILE_NAME)
    store._note(AccountEnd(1, "a", last_seq=1))
    store.note_reached()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM rows WHERE id = 3", "row 3 is not there as it was written"),
        ("DELETE FROM rows WHERE id = 2", "the account 'a': the items 2 to 2 are missing at the end"),
        ("UPDATE rows SET raw = '{}' WHERE id = 1", "the account 'a': item 1 was changed"),
    ],
)
def test_what_somebody_else_did_to_the_items_ends_it(
    statement: str, problem: str, store: AccountsStore, tmp_path: Path
) -> None:
    a, b = end(store, "a"), end(store, "b")
    store.write([part(a, fill(1), fill(2))])
    store.write([part(b, fill(1))])
    change(tmp_path, "INSERT INTO accounts SELECT 9, 'x', 1")
    assert "the name of account number 9 is damaged" in (store._damage() or "")
    change(tmp_path, "DELETE FROM accounts WHERE account_no = 9")
    assert store._damage() is None
    change(tmp_path, statement)
    assert problem in (store._damage() or "")


@pytest.mark.parametrize("is_removed", [True, False])
def test_an_empty_file_beside_notes_of_items_is_told(
    is_removed: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = AccountsStore(tmp_path / FILE_NAME)
    store.open()
    assert not caplog.text
    store.write([part(end(store, "a"), fill(1), fill(2))])
    store.close()
    if is_removed:
        store.path.unlink()
    else:
        os.truncate(store.path, 0)
    store.open()
    assert "what accounts had is lost, and each tells it in a gap (journal_lost)" in caplog.text
    assert store.left("a") == (2, 0)
    store.close()
