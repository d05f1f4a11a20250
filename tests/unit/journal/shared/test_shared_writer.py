"""The thread that writes many accounts, played step by step without a thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from listenkey.errors import Corrupt, JournalError
from listenkey.journal.shared import shared_writer
from listenkey.journal.shared.account_end import AccountEnd
from listenkey.journal.shared.account_part import AccountPart
from listenkey.journal.shared.account_view import account_access, open_account
from listenkey.journal.shared.account_writer import AccountWriter
from listenkey.journal.shared.accounts_pruner import AccountsPruner
from listenkey.journal.shared.accounts_schema import FILE_NAME
from listenkey.journal.shared.accounts_store import AccountsStore
from listenkey.journal.shared.shared_writer import (
    GATHER_S,
    MARKS_MAX,
    TURN_ENTRIES,
    GroupCommitted,
    SharedReport,
    SharedWriter,
)
from listenkey.journal.sqlite import metadata, writer_thread
from listenkey.journal.sqlite.group import GROUP_ROWS_MAX, FillKey
from listenkey.journal.sqlite.lock import lock_path
from listenkey.journal.sqlite.marks import NOTE_EVERY_S
from listenkey.journal.sqlite.retention import Retention
from listenkey.journal.sqlite.verify import verify_journal
from listenkey.journal.sqlite.writer import REACHED_EVERY_S, Committed
from listenkey.journal.sqlite.writer_thread import Finished, WriteFailed
from listenkey.transport.threads import Threads
from tests.unit.journal.making import AT_MS, Wall, fill, greeks
from tests.unit.journal.shared.shared_making import BadSharedDisk, entries, seqs


class Owner:
    """Nobody."""

    def written(self, report: Committed) -> None:
        raise AssertionError(report)

    def let_go(self, error: BaseException | None) -> None:
        raise AssertionError(error)


class Bench:
    """A store and a writer whose thread is us; time passes when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_s = 100.0
        self.reports: list[SharedReport] = []
        self.store = AccountsStore(folder / FILE_NAME)
        self.store.open()
        pruner = AccountsPruner(self.store, Retention(), Wall(), lambda _: None)
        self.writer = SharedWriter(self.store, self.reports.append, pruner, Threads(now_s=lambda: self.now_s))

    def account(self, name: str, consumer: str | None = None, **left: Any) -> AccountWriter:
        number, is_new = self.store.enrolled(name)
        made = AccountWriter(self.writer, Owner(), consumer)
        made.end = AccountEnd(number, name, is_new=is_new, **left)
        return made

    def step(self, *, final: bool = False) -> bool:
        self.now_s += GATHER_S
        return self.writer._commit_some(final=final)

    def groups(self) -> list[dict[str, int]]:
        """Count the items of each account in each group."""
        return [
            {account.end.account: len(each.items) for account, each in report.parts}  # type: ignore[union-attr]
            for report in self.reports
            if isinstance(report, GroupCommitted)
        ]

    def ended(self) -> list[AccountWriter]:
        return [account for report in self.reports if isinstance(report, GroupCommitted) for account in report.ended]

    def fact(self, name: str, fact: str) -> Any:
        connection = open_account(self.store.path, name)
        try:
            return metadata.facts(connection).get(fact)
        finally:
            connection.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


def test_what_waits_of_all_accounts_is_one_group(bench: Bench) -> None:
    accounts = [bench.account(str(number)) for number in range(100)]
    for account in accounts:
        account.put_all(entries(fill(1), fill(2)))
    assert bench.step()
    assert bench.groups() == [{str(number): 2 for number in range(100)}]
    assert not bench.step()
    assert seqs(bench.folder, "99") == [1, 2]
    (report,) = bench.reports
    assert isinstance(report, GroupCommitted)
    assert report.parts[0][1] == Committed(report.parts[0][1].items, 2, 2, 2 * len(fill(1)), 0, None, 0)


def test_a_burst_holds_a_neighbour_back_by_no_more_than_a_group(bench: Bench) -> None:
    loud, quiet = bench.account("loud"), bench.account("quiet")
    loud.put_all(entries(*(greeks(number) for number in range(5 * GROUP_ROWS_MAX))))
    bench.step()
    quiet.put(entries(fill(1))[0])
    bench.step()
    assert bench.groups() == [{"loud": GROUP_ROWS_MAX}, {"loud": GROUP_ROWS_MAX - 1, "quiet": 1}]


def test_accounts_take_turns(bench: Bench) -> None:
    names = [str(number) for number in range(2 * GROUP_ROWS_MAX // TURN_ENTRIES)]
    for name in names:
        bench.account(name).put_all(entries(*(greeks(number) for number in range(TURN_ENTRIES + 1))))
    while bench.step():
        pass
    half = len(names) // 2
    assert bench.groups()[:2] == [dict.fromkeys(names[:half], TURN_ENTRIES), dict.fromkeys(names[half:], TURN_ENTRIES)]
    assert bench.groups()[2] == dict.fromkeys(names, 1)


def test_a_group_after_another_waits_for_more_unless_it_is_the_last(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float | None] = []
    monkeypatch.setattr(bench.writer._give_up, "wait", waits.append)
    account = bench.account("a")
    for number in range(2):
        account.put(entries(fill(number + 1))[0])
        bench.now_s += GATHER_S / 4
        bench.writer._commit_some(final=False)
    assert waits == [pytest.approx(GATHER_S * 3 / 4)]
    bench.writer.is_stopping = True
    account.put(entries(fill(3))[0])
    bench.writer._commit_some(final=True)
    assert len(waits) == 1


def test_a_fill_that_is_known_is_left_out_and_only_its_account_is_numbered_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = bench.account("a"), bench.account("b")
    a.put_all(entries(fill(1), fill(2), fill(1)))
    b.put_all(entries(fill(1)))
    bench.step()
    numbered: list[str] = []
    real = AccountPart.number

    def number(part: AccountPart, known: set[FillKey]) -> None:
        numbered.append(part.end.account)
        real(part, known)

    monkeypatch.setattr(AccountPart, "number", number)
    a.put_all(entries(fill(3), fill(2), greeks(1)))
    b.put_all(entries(fill(2), greeks(1)))
    bench.step()
    assert numbered == ["a", "b", "a"]
    assert (seqs(bench.folder, "a"), seqs(bench.folder, "b")) == ([1, 2, 3, 4], [1, 2, 3])
    parts = [each for report in bench.reports for _, each in report.parts]  # type: ignore[union-attr]
    assert [each.duplicates for each in parts] == [1, 0, 1, 0]
    assert all(verify_journal(bench.store.path, None, account_access(name)).whole for name in "ab")


def test_fills_that_were_taken_away_are_asked_for_first(bench: Bench) -> None:
    a, b = bench.account("a", has_pruned=True), bench.account("b")
    a.put_all(entries(fill(1), greeks(1)))
    b.put_all(entries(fill(1)))
    bench.step()
    bench.store.connection.execute(
        "INSERT INTO pruned_fills SELECT account_no, symbol, 2, order_id + 1 FROM rows LIMIT 1"
    )
    a.put_all(entries(fill(2), fill(3)))
    b.put_all(entries(fill(2)))
    bench.step()
    assert bench.groups()[1] == {"a": 1, "b": 1}


def test_until_when_a_stream_was_whole_is_not_true_before_what_came_until_then_is_there(bench: Bench) -> None:
    account = bench.account("a")
    account.put_all(entries(*(greeks(number) for number in range(GROUP_ROWS_MAX + 1))))
    account.heard(AT_MS + 7)
    bench.step()
    bench.now_s += 1
    assert bench.fact("a", "covered_ms") is None
    bench.step()
    bench.now_s += 1
    bench.step()
    assert bench.fact("a", "covered_ms") == AT_MS + 7
    assert account.marks.are_written


def test_it_is_noted_once_a_second_and_at_the_end(bench: Bench) -> None:
    account = bench.account("a")
    for heard_ms, after_s, noted_ms in ((1, 0.0, 1), (2, 0.9, 1), (3, 0.1, 3), (4, 0.5, 3)):
        bench.now_s += after_s
        account.heard(heard_ms)
        account.put(entries(greeks(heard_ms))[0])
        bench.step()
        assert bench.fact("a", "covered_ms") == noted_ms
    assert bench.step(final=True)
    assert bench.fact("a", "covered_ms") == 4
    assert not bench.step(final=True)


def test_marks_of_many_accounts_are_spread_over_groups(bench: Bench) -> None:
    accounts = [bench.account(str(number)) for number in range(MARKS_MAX + 1)]
    for account in accounts:
        account.heard(AT_MS)
    bench.step()
    assert [account.marks.are_written for account in accounts] == [True] * MARKS_MAX + [False]
    bench.step()
    assert accounts[-1].marks.are_written


def test_marks_of_very_many_accounts_are_written_less_often(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_writer, "MARKS_PER_S", 2)
    accounts = [bench.account(str(number)) for number in range(10)]
    written = []
    for second in range(11):
        for account in accounts:
            account.heard(AT_MS + second)
        bench.now_s += 1.0
        bench.step()
        written.append(accounts[0].marks.are_written)
    assert [second for second, is_written in enumerate(written) if is_written] == [0, 5, 10]


def test_a_cursor_waits_for_the_next_second_unless_somebody_waits_for_it(bench: Bench) -> None:
    account = bench.account("a", "book")
    account.put(entries(fill(1))[0])
    account.heard(AT_MS)
    bench.step()
    account.done(1, urgent=False)
    assert not bench.step()
    account.done(1, urgent=True)
    account.done(1, urgent=True)
    assert bench.step()
    assert [each.cursor for _, each in bench.reports[-1].parts] == [1]  # type: ignore[union-attr]
    account.done(2, urgent=False)
    bench.now_s += 1.0
    assert bench.step()
    assert [each.cursor for _, each in bench.reports[-1].parts] == [2]  # type: ignore[union-attr]


def test_an_account_that_is_closed_ends_when_all_of_it_is_written(bench: Bench) -> None:
    account, other = bench.account("a"), bench.account("b")
    account.put_all(entries(*(greeks(number) for number in range(GROUP_ROWS_MAX + 1))))
    account.heard(AT_MS)
    account.close()
    account.close()
    bench.step()
    assert bench.ended() == []
    bench.step()
    assert bench.ended() == [account]
    assert bench.fact("a", "covered_ms") == AT_MS
    other.close()
    bench.step()
    assert bench.ended() == [account, other]


def test_an_account_that_is_given_up_ends_without_what_waits(bench: Bench) -> None:
    account, other = bench.account("a"), bench.account("b")
    account.put_all(entries(fill(1)))
    account.heard(AT_MS)
    other.put_all(entries(fill(1)))
    account.give_up()
    bench.step()
    assert bench.ended() == [account]
    assert bench.groups() == [{"b": 1}]


def test_how_far_accounts_have_come_is_noted_many_times_a_second(bench: Bench) -> None:
    account = bench.account("a")

    def reached() -> bytes:
        return lock_path(bench.store.path).read_bytes()[120:140]

    account.put(entries(fill(1))[0])
    bench.step()
    assert int(reached()) == 1
    assert bench.writer._rest_s() == NOTE_EVERY_S
    account.put(entries(fill(2))[0])
    bench.step()
    assert int(reached()) == 1
    assert bench.writer._rest_s() == REACHED_EVERY_S
    bench.now_s += REACHED_EVERY_S
    bench.step()
    assert int(reached()) == 2


@pytest.mark.parametrize("after", [False, True], ids=["nothing-done", "done-and-denied"])
@pytest.mark.parametrize("statement", range(1, 20))
def test_whatever_statement_fails_nothing_is_lost_doubled_or_told_too_early(
    statement: int, after: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_thread, "RETRY_FIRST_S", 0.0)
    Bench(tmp_path).store.close()
    disk = BadSharedDisk(monkeypatch)
    bench = Bench(tmp_path)
    disk.count, disk.after, disk.fail = 0, after, {statement, statement + 3}
    accounts = [bench.account("a", "book"), bench.account("b")]
    for number in range(1, 6):
        for account in accounts:
            account.put_all(entries(fill(number), fill(number), greeks(number)))
            account.heard(AT_MS + number)
            account.done(2 * number - 2, urgent=True)
        while bench.step():
            for account in accounts:
                assert account.end is not None
                shown = [item.seq for report in bench.reports if isinstance(report, GroupCommitted) for it, each in report.parts if it is account for item in each.items]  # fmt: skip
                assert shown == seqs(bench.folder, account.end.account)
    assert disk.count >= statement
    assert disk.used_after_failing == 0
    assert [seqs(bench.folder, name) for name in "ab"] == [list(range(1, 11))] * 2
    troubles = [report.problem for report in bench.reports if isinstance(report, WriteFailed)]
    assert troubles[-1:] in ([None], [])
    bench.store.close()
    for name in "ab":
        assert verify_journal(bench.store.path, None, account_access(name)).whole


def test_damage_to_the_file_ends_the_thread_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = BadSharedDisk(monkeypatch, "SQLITE_CORRUPT")
    bench = Bench(tmp_path)
    disk.dead = True
    bench.account("a").put(entries(fill(1))[0])
    bench.writer._run()
    (report,) = bench.reports
    assert isinstance(report, Finished)
    assert isinstance(report.error, Corrupt)


def test_giving_up_ends_the_thread_with_what_was_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = BadSharedDisk(monkeypatch, "SQLITE_FULL")
    bench = Bench(tmp_path)
    disk.dead = True
    bench.account("a").put(entries(fill(1))[0])
    bench.writer.give_up()
    bench.writer._run()
    trouble, report = bench.reports
    assert isinstance(trouble, WriteFailed)
    assert isinstance(report, Finished)
    assert isinstance(report.error, JournalError)
    assert "the disk is full" in str(report.error)


def test_old_rows_go_a_portion_after_each_turn(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [True, False]
    monkeypatch.setattr(bench.writer._pruner, "is_due", lambda _: bool(steps))
    monkeypatch.setattr(bench.writer._pruner, "take_some", lambda _: steps.pop(0))
    wakes = []
    for _ in range(3):
        assert bench.writer.turn()
        wakes.append(bench.writer.wake.is_set())
    assert wakes == [True, False, False]


def test_it_ends_when_it_is_asked_to_and_all_is_written(bench: Bench) -> None:
    account = bench.account("a")
    account.put_all(entries(*(greeks(number) for number in range(GROUP_ROWS_MAX + 1))))
    bench.writer.stop()
    bench.writer._run()
    assert bench.reports[-1] == Finished(None)
    assert seqs(bench.folder, "a")[-1] == GROUP_ROWS_MAX + 1


def test_what_is_put_while_a_mark_is_read_is_in_its_group(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    account = bench.account("a")
    real = bench.writer._marks_due

    def marks_due(now_s: float, *, final: bool) -> Any:
        account.put(entries(fill(1))[0])
        account.heard(9)
        return real(now_s, final=final)

    account.heard(5)
    monkeypatch.setattr(bench.writer, "_marks_due", marks_due)
    bench.step()
    assert (bench.fact("a", "covered_ms"), bench.groups()) == (9, [{"a": 1}])
