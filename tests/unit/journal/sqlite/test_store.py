from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from listenkey.core.gaps import NOT_RUNNING, Resumed, Watermark
from listenkey.errors import Corrupt, Fenced, JournalError, UsageError
from listenkey.items import GapClosed, GapOpened, Live
from listenkey.journal.sqlite.group import GROUP_ROWS_MAX, Group
from listenkey.journal.sqlite.hash_chain import seal
from listenkey.journal.sqlite.lock import lock_path, reached_line
from listenkey.journal.sqlite.own_files import NotInPlace
from listenkey.journal.sqlite.row_codec import told_values
from listenkey.journal.sqlite.store import Store
from listenkey.outcomes import GapCause, Reason
from tests.unit.journal.making import (
    ACCOUNT,
    AT_MS,
    ORDER_ID,
    SYMBOL,
    change,
    fill,
    greeks,
    group,
    live_row,
    rows,
    seqs,
)

LOST_TWO = Reason(GapCause.JOURNAL_LOST, f"the journal had lost its last 2 items, and {NOT_RUNNING.text}")


def key(number: int) -> tuple[str, int, int]:
    return SYMBOL, number, ORDER_ID + number


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    made = Store(path, ACCOUNT)
    assert made.open() == Resumed()
    yield made
    made.close()


@pytest.mark.parametrize("count", [1, 2, 3, 64, 65, GROUP_ROWS_MAX])
def test_groups_of_any_size_are_there_for_others_when_write_returns(count: int, store: Store, path: Path) -> None:
    store.write(group(*rows([greeks(number) for number in range(count)], store)))
    assert store.last_seq == count
    assert seqs(path) == list(range(1, count + 1))


def test_what_was_written_is_where_the_next_goes_on(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1), fill(2)], store), covered_ms=AT_MS - 5, cursors={"book": 2}))
    chain = store.chain
    store.close()
    again = Store(path, ACCOUNT)
    left = again.open()
    assert left == Resumed(AT_MS - 5)
    assert [one[:3] for one in left.fills] == [key(2), key(1)], "the newest first, for what asks REST"
    assert (again.last_seq, again.chain, again.skip, again.cursor("book"), again.cursor("x")) == (2, chain, 0, 2, None)
    assert again.known_fills({key(2), key(3), ("x", 2, ORDER_ID + 2), (SYMBOL, 2, 1)}) == {key(2)}
    again.close()


def test_by_which_clocks_the_stream_was_covered_is_left_to_the_next(store: Store, path: Path) -> None:
    mark = Watermark(AT_MS, "boot", 5, AT_MS - 1, AT_MS - 9, AT_MS - 10)
    store.write(group(live_row(1, store.chain), covered_ms=AT_MS, watermark=mark))
    store.write(group(*rows([fill(1), fill(2)], store)))
    store.close()
    again = Store(path, ACCOUNT)
    left = again.open()
    assert (left.watermark, left.began_ms) == (mark, AT_MS)
    assert left.lead_ms is not None
    again.prune(2)
    again.close()
    assert Store(path, ACCOUNT).open().began_ms == 0, "the beginning was taken away"


def test_a_fill_is_not_written_twice_and_the_store_goes_on(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    for more in ({}, {"covered_ms": 5}):
        with pytest.raises(sqlite3.IntegrityError):
            store.write(group(*rows([fill(2), fill(1)], store), **more))
    store.write(group(*rows([fill(2)], store)))
    assert seqs(path) == [1, 2]


def test_gaps_that_were_not_closed_are_left_to_the_next(store: Store, path: Path) -> None:
    told: list[GapOpened | GapClosed] = [GapOpened(1, ACCOUNT, 1, "a"), GapClosed(2, ACCOUNT, 1, 2, 0)]
    told += [GapOpened(3, ACCOUNT, 5, "b"), GapOpened(4, ACCOUNT, 3, "and it had begun earlier")]
    chain, made = store.chain, []
    for item in told:
        made.append(seal(told_values(item, AT_MS), chain))
        chain = made[-1][-1]
    store.write(group(*made, covered_ms=4))
    store.close()
    assert Store(path, ACCOUNT).open() == Resumed(4, 3)


def test_a_gap_whose_end_was_taken_away_long_ago_is_not_open_again(store: Store, path: Path) -> None:
    told: list[Live | GapOpened | GapClosed] = [GapOpened(1, ACCOUNT, 1, "a"), GapClosed(2, ACCOUNT, 1, 2, 0)]
    told += [GapOpened(3, ACCOUNT, 5, "b"), GapClosed(4, ACCOUNT, 5, 9, 0)]
    told += [Live(seq, ACCOUNT, 9) for seq in range(5, 1100)]
    chain, made = store.chain, []
    for item in told:
        made.append(seal(told_values(item, AT_MS), chain))
        chain = made[-1][-1]
    for at in range(0, len(made), GROUP_ROWS_MAX):
        store.write(group(*made[at : at + GROUP_ROWS_MAX], covered_ms=20))
    store.close()
    change(path, "DELETE FROM items WHERE seq = 2")
    again = Store(path, ACCOUNT)
    assert again.open() == Resumed(20)
    again.close()


def test_a_gap_that_was_told_from_earlier_is_closed_as_one(store: Store, path: Path) -> None:
    told: list[GapOpened | GapClosed] = [GapOpened(1, ACCOUNT, 9, "a"), GapOpened(2, ACCOUNT, 3, "earlier")]
    told += [GapClosed(3, ACCOUNT, 3, 20, 0)]
    chain, made = store.chain, []
    for item in told:
        made.append(seal(told_values(item, AT_MS), chain))
        chain = made[-1][-1]
    store.write(group(*made, covered_ms=20))
    gaps = store.connection.execute("SELECT opened_seq, closed_seq FROM gaps ORDER BY 1").fetchall()
    assert gaps == [(1, 3), (2, 3)]
    store.close()
    again = Store(path, ACCOUNT)
    assert again.open() == Resumed(20)
    again.close()


def test_a_second_writer_is_refused(store: Store, path: Path) -> None:
    with pytest.raises(Fenced):
        Store(path, ACCOUNT).open()
    store.write(group(*rows([fill(1)], store)))


def test_whoever_lost_its_lock_writes_no_more(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    lock_path(path).unlink()
    other = Store(path, ACCOUNT)
    other.open()
    with pytest.raises(Fenced, match="lock"):
        store.write(group(*rows([fill(3)], store)))
    other.write(group(*rows([fill(4)], other)))
    other.close()
    assert seqs(path) == [1, 2]


def test_a_lock_that_was_removed_is_made_again_by_the_next_write(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    store.note_reached()
    lock_path(path).unlink()
    store.write(group(*rows([fill(2)], store)))  # nobody else has it
    with pytest.raises(Fenced):
        Store(path, ACCOUNT).open()
    assert store.files.reached() == (1, 0)
    store.write(group(*rows([fill(3)], store)))


@pytest.mark.parametrize("has_written", [True, False])
def test_of_two_writers_whose_lock_is_removed_again_one_writes_on(store: Store, path: Path, has_written: bool) -> None:
    store.write(group(*rows([fill(1)], store)))
    lock_path(path).unlink()
    other = Store(path, ACCOUNT)
    other.open()
    if has_written:
        other.write(group(*rows([fill(2)], other)))
        lock_path(path).unlink()
        with pytest.raises(NotInPlace):
            store.write(group(*rows([fill(3)], store)))
        with pytest.raises(Fenced, match="another process has written"):
            store.write(group(*rows([fill(3)], store)))
        with pytest.raises(NotInPlace):  # The first one has moved its log when it had looked at all of it.
            other.write(group(*rows([fill(4)], other)))
        other.write(group(*rows([fill(4)], other)))
    else:
        lock_path(path).unlink()
        with pytest.raises(NotInPlace, match="somebody else has written to it"):
            store.write(group(*rows([fill(3)], store)))
        store.write(group(*rows([fill(3)], store)))
        with pytest.raises(Fenced):
            other.write(group(*rows([fill(4)], other)))
    other.close()
    assert seqs(path) == [1, 2, 3][: 3 if has_written else 2]


def test_after_a_commit_that_failed_nothing_of_another_process_is_taken_away(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of that commit are deleted before it is written anew, but not where the lock was gone meanwhile."""
    store.write(group(*rows([fill(1)], store)))
    mine = group(*rows([fill(2)], store))

    def fails(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Group, "write", fails)
        with pytest.raises(sqlite3.OperationalError):
            store.write(mine)
    store.abandon()
    lock_path(path).unlink()
    other = Store(path, ACCOUNT)
    other.open()
    other.write(group(*rows([fill(7), fill(8)], other)))
    other.close()
    lock_path(path).unlink()
    with contextlib.suppress(Fenced):
        store.reopen()
        store.write(mine)
    store.close()
    assert seqs(path) == [1, 2, 3]
    reader = sqlite3.connect(path)
    assert reader.execute("SELECT trade_id FROM items ORDER BY seq").fetchall() == [(1,), (7,), (8,)]
    reader.close()


def test_who_takes_a_removed_lock_waits_for_what_is_being_written(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It found its lock in place, and commits what it has begun: the other one goes on behind that."""
    other, write = Store(path, ACCOUNT), Group.write
    thread = threading.Thread(target=other.open)

    def write_late(self: Group, connection: sqlite3.Connection, account: str) -> None:
        lock_path(path).unlink()
        thread.start()
        deadline_s = time.monotonic() + 5
        while not lock_path(path).exists() and time.monotonic() < deadline_s:
            pass
        write(self, connection, account)

    monkeypatch.setattr(Group, "write", write_late)
    store.write(group(*rows([fill(1)], store)))
    thread.join(10)
    monkeypatch.undo()
    assert other.last_seq == 1
    with pytest.raises(Fenced):
        store.write(group(*rows([fill(2)], store)))
    with pytest.raises(Fenced):
        store.prune(1)
    other.write(group(*rows([fill(2)], other)))
    other.close()


def test_another_account_is_refused_and_lets_go(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    store.close()
    with pytest.raises(UsageError, match="belongs to the account 'a3f1'"):
        Store(path, "other").open()
    Store(path, ACCOUNT).open()


@pytest.mark.parametrize("account_is_named", [True, False])
def test_a_journal_that_holds_nothing_takes_the_name_of_whoever_opens_it(
    tmp_path: Path, *, account_is_named: bool
) -> None:
    """The first API key may have been refused."""
    path = tmp_path / "b.db"
    first = Store(path, "0123abcd")
    first.open()
    first.close()
    again = Store(path, ACCOUNT, account_is_named=account_is_named)
    again.open()
    assert (again.account, again.account_doubt) == (ACCOUNT, "")
    again.write(group(*rows([fill(1)], again)))
    again.close()
    with pytest.raises(UsageError, match="belongs to the account 'a3f1'"):
        Store(path, "0123abcd").open()


def test_a_name_that_somebody_chose_stays_though_the_journal_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    first = Store(path, "desk-1")
    first.open()
    first.close()
    with pytest.raises(UsageError, match="belongs to the account 'desk-1'"):
        Store(path, "other").open()


def test_a_name_that_nobody_chose_gives_way_to_the_journals(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    store.close()
    again = Store(path, "other", account_is_named=False)
    again.open()
    assert again.account == ACCOUNT
    assert "begun with another API key" in again.account_doubt
    again.close()
    same = Store(path, ACCOUNT, account_is_named=False)
    same.open()
    assert same.account_doubt == ""
    same.close()
    nobody = Store(path, "", account_is_named=False)
    nobody.open()
    assert (nobody.account, nobody.account_doubt) == (ACCOUNT, "")
    nobody.close()


def test_a_journal_that_names_no_account_is_damaged(store: Store, path: Path) -> None:
    store.close()
    change(path, "DELETE FROM meta WHERE name = 'account'")
    with pytest.raises(Corrupt, match="does not say which account's it is"):
        Store(path, ACCOUNT).open()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="/no does not exist; make it, or give another path"):
        Store(tmp_path / "no" / "a.db", ACCOUNT).open()


def test_a_file_that_cant_be_made_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("listenkey.journal.sqlite.store.create", full)
    with pytest.raises(JournalError, match="No space left"):
        Store(path, ACCOUNT).open()


@pytest.mark.parametrize("damage", ["UPDATE items SET raw = '{}' WHERE seq = 2", "DELETE FROM items WHERE seq = 2"])
def test_a_damaged_end_is_not_written_on(damage: str, store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1), fill(2), fill(3)], store)))
    store.close()
    change(path, damage)
    with pytest.raises(Corrupt, match=r"item [23]"):
        Store(path, ACCOUNT).open()


def test_a_number_is_never_used_again_when_the_end_was_lost(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1), fill(2), fill(3)], store), covered_ms=5))
    store.close()
    change(path, "DELETE FROM items WHERE seq > 1")
    again = Store(path, ACCOUNT)
    assert again.open() == Resumed(5, None, LOST_TWO)
    assert (again.last_seq, again.skip) == (1, 2)
    again.close()


def test_what_was_lost_stays_noted_until_a_number_behind_it_is_given(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1), fill(2), fill(3)], store), covered_ms=5))
    store.close()
    change(path, "DELETE FROM items WHERE seq > 1")
    for _ in range(2):  # Who opens it, writes nothing and closes it has used no number.
        again = Store(path, ACCOUNT)
        again.open()
        assert (again.last_seq, again.skip) == (1, 2)
        again.write(group(covered_ms=6))
        again.close()
    assert lock_path(path).read_bytes().startswith(reached_line(3))


@pytest.mark.parametrize("left", ["nothing", "a copy of before"])
def test_a_journal_of_which_all_was_lost_goes_on_with_a_gap(left: str, store: Store, path: Path) -> None:
    before = path.read_bytes()
    store.write(group(*rows([fill(1), fill(2)], store), covered_ms=AT_MS))
    store.close()
    path.unlink()
    if left != "nothing":
        path.write_bytes(before)
    again = Store(path, ACCOUNT)
    assert again.open() == Resumed(AT_MS, None, LOST_TWO)
    assert (again.last_seq, again.skip) == (0, 2)
    again.write(group(seal(told_values(GapOpened(3, ACCOUNT, AT_MS, "lost"), AT_MS + 7, 2), again.chain)))
    again.close()
    later = Store(path, ACCOUNT)
    assert later.open() == Resumed(AT_MS, AT_MS, NOT_RUNNING)
    later.close()


def test_a_cursor_that_cant_be_read_is_damage(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    change(path, "INSERT INTO consumers VALUES ('book', 1, 7)")
    with pytest.raises(Corrupt, match="cursor of the consumer book"):
        store.cursor("book")
    store.connection.execute("DROP TABLE consumers")
    with pytest.raises(JournalError, match="no such table"):
        store.cursor("book")


def test_a_stream_that_ended_in_its_first_second_was_live(store: Store, path: Path) -> None:
    store.write(group(seal(told_values(Live(1, ACCOUNT, AT_MS), AT_MS + 7), store.chain)))
    store.close()
    again = Store(path, ACCOUNT)
    assert again.open() == Resumed(AT_MS, None, NOT_RUNNING)
    again.close()


def test_a_lock_file_that_says_nothing_is_believed_nothing(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    store.close()
    lock_path(path).write_bytes(reached_line(99)[:-4])
    again = Store(path, ACCOUNT)
    again.open()
    assert again.skip == 0
    again.close()


def test_a_reopened_store_rewrites_what_nobody_was_told_of(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    unsure = group(*rows([fill(2), fill(3)], store))
    # The commit reached the file, and an error was reported all the same.
    before = (store.last_seq, store.chain)
    store.write(unsure)
    store.last_seq, store.chain = before
    store.abandon()
    store.abandon()  # as where opening it anew failed
    assert not store.is_open
    store.reopen()
    store.write(unsure)
    assert seqs(path) == [1, 2, 3]
    assert store.last_seq == 3


def test_a_reopened_store_misses_what_was_committed(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1), fill(2)], store)))
    store.abandon()
    change(path, "DELETE FROM items WHERE seq = 2")
    with pytest.raises(Corrupt, match="no longer holds item 2"):
        store.reopen()


def test_a_store_whose_lock_was_replaced_does_not_go_on(store: Store, path: Path) -> None:
    store.abandon()
    lock_path(path).unlink()
    lock_path(path).touch()
    with pytest.raises(Fenced, match="another file"):
        store.reopen()


def test_pruned_fills_stay_known_and_the_chain_goes_on(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1), fill(2), fill(3)], store)))
    store.prune(2)
    store.prune(2)  # as after an error that was none
    assert store.known_fills({key(1), key(3), key(9)}) == {key(1), key(3)}
    assert seqs(path) == [3]
    store.close()
    again = Store(path, ACCOUNT)
    again.open()
    assert (again.last_seq, again.has_pruned) == (3, True)
    again.write(Group(rows([fill(4)], again)))
    assert seqs(path) == [3, 4]
    again.close()


def test_a_journal_of_which_everything_was_pruned_goes_on(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1), fill(2)], store)))
    chain = store.chain
    store.prune(2)
    store.abandon()
    store.reopen()
    store.close()
    again = Store(path, ACCOUNT)
    again.open()
    assert (again.last_seq, again.chain) == (2, chain)
    again.close()


def a_text(path: Path) -> None:
    path.write_text("import asyncio\n" * 50)


def a_short_text(path: Path) -> None:
    path.write_text("x")


def another_programs_database(path: Path) -> None:
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE trades(id)")
    theirs.close()


def another_programs_database_in_wal_mode(path: Path) -> None:
    theirs = sqlite3.connect(path)
    theirs.execute("PRAGMA journal_mode=WAL")
    theirs.execute("CREATE TABLE trades(id)")
    theirs.close()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (a_text, r"is no journal \(no SQLite file\)"),
        (a_short_text, r"is no journal \(no SQLite file\)"),
        (another_programs_database, "not one of listenkey's journals"),
        (another_programs_database_in_wal_mode, "not one of listenkey's journals"),
    ],
)
def test_what_is_no_journal_is_refused_before_anything_is_changed_or_made(
    make: Callable[[Path], None], told: str, path: Path
) -> None:
    make(path)
    path.chmod(0o644)
    before = path.read_bytes(), path.stat()
    with pytest.raises(UsageError, match=told):
        Store(path, ACCOUNT).open()
    assert (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns) == (
        before[0],
        before[1].st_mode,
        before[1].st_mtime_ns,
    )
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_journal_that_another_stream_holds_is_fenced_also_where_it_was_changed(store: Store, path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE more(x)")
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    with pytest.raises(Fenced):
        Store(path, ACCOUNT).open()


@pytest.mark.parametrize("part", [bytes(4096), b"SQLite format 3\0" + b"\xff" * 84], ids=["zeros", "torn"])
def test_a_journal_whose_first_page_was_torn_while_its_log_was_moved_opens(
    part: bytes, store: Store, path: Path, tmp_path: Path
) -> None:
    store.write(group(*rows([fill(number) for number in range(1, 41)], store)))  # So that the log has the first page.
    cut = tmp_path / "cut.db"
    (tmp_path / "cut.db-wal").write_bytes((tmp_path / "a.db-wal").read_bytes())
    cut.write_bytes(part + path.read_bytes()[len(part) :])
    again = Store(cut, ACCOUNT)
    again.open()
    assert again.last_seq == 40
    again.close()


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM items WHERE seq = 3", "the items 3 to 3 are missing at the end"),
        ("DELETE FROM items WHERE seq = 2", "the items 2 to 2 are missing"),
        ("UPDATE items SET raw = '{}' WHERE seq = 1", "item 1 was changed"),
        ("INSERT INTO consumers VALUES ('a', 1, 1)", "the cursor of the consumer a is damaged"),
    ],
)
def test_what_somebody_else_did_to_the_items_ends_it(store: Store, path: Path, statement: str, problem: str) -> None:
    store.write(group(*rows([fill(1), fill(2), fill(3)], store)))
    change(path, statement)
    for error in (NotInPlace, Corrupt):
        with pytest.raises(error, match=problem if error is Corrupt else "looked at"):
            store.write(group(*rows([fill(4)], store)))
    store.close()


def test_another_journal_that_comes_as_far_is_no_copy_of_this_one(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    change(path, "DELETE FROM items")
    other = Store(path.with_name("other.db"), ACCOUNT)
    other.open()
    other.write(group(*rows([fill(7), fill(8)], other)))
    other.close()
    statements = ("ATTACH '{0}' AS o", "INSERT INTO items SELECT * FROM o.items", "DELETE FROM items WHERE seq > {1}")
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement.format(other.path, 2))
    connection.close()
    with pytest.raises(NotInPlace):
        store.write(group(*rows([fill(2)], store)))
    with pytest.raises(Corrupt, match="item 1 was written by somebody else"):
        store.write(group(*rows([fill(2)], store)))
    store.close()


def test_rows_behind_the_newest_one_are_those_of_a_commit_that_failed(store: Store, path: Path) -> None:
    store.write(group(*rows([fill(1)], store)))
    before = store.last_seq, store.chain
    store.write(group(*rows([fill(2)], store)))
    store.last_seq, store.chain = before
    change(path, "UPDATE meta SET value = value")
    assert store._damage() is None
    store.close()
