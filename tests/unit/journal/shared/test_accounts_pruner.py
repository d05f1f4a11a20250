"""Old rows of a file of many accounts, taken away from the beginning of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from listenkey.journal.shared import accounts_pruner
from listenkey.journal.shared.account_end import AccountEnd
from listenkey.journal.shared.account_view import account_access
from listenkey.journal.shared.accounts_pruner import AccountsPruner
from listenkey.journal.shared.accounts_schema import FILE_NAME
from listenkey.journal.shared.accounts_store import AccountsStore
from listenkey.journal.sqlite.pruner import PRUNE_EVERY_S
from listenkey.journal.sqlite.retention import DAY_MS, Retention
from listenkey.journal.sqlite.verify import verify_journal
from tests.unit.journal.making import AT_MS, ORDER_ID, SYMBOL, Wall, fill, until
from tests.unit.journal.shared.shared_making import account, append, change, end, opened, part, seqs


@dataclass
class Open:
    """An account that is open."""

    end_of_items: AccountEnd | None
    read_seq: int


class Bench:
    """Three accounts with ten items each, whose times lie a day apart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = AccountsStore(folder / FILE_NAME)
        self.store.open()
        self.ends = [end(self.store, name) for name in "abc"]
        for day in range(10):
            self.store.write([part(each, fill(day + 1, AT_MS + day * DAY_MS)) for each in self.ends])
        self.store.connection.execute("UPDATE rows SET received_ms = event_ms")
        self.store.files.own.note_written()
        self.opened: dict[str, Open] = {}
        self.wall = Wall(AT_MS + 9 * DAY_MS)
        self.pruner = AccountsPruner(self.store, Retention(5.5), self.wall, self.opened.get)

    def kept(self) -> list[list[int]]:
        ask = "SELECT seq FROM rows WHERE account_no = ? ORDER BY seq"
        return [[seq for (seq,) in self.store.connection.execute(ask, (each.account_no,))] for each in self.ends]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_what_is_too_old_goes_of_all_accounts_at_once(bench: Bench) -> None:
    bench.opened["a"] = Open(bench.ends[0], 10)
    assert bench.pruner.is_due(7.0)
    assert not bench.pruner.take_some(7.0)
    assert bench.kept() == [list(range(5, 11))] * 3
    assert (bench.ends[0].first_seq, bench.ends[0].has_pruned, bench.ends[1].first_seq) == (5, True, 1)
    assert (bench.pruner.is_due(7.0 + PRUNE_EVERY_S - 1), bench.pruner.is_due(7.0 + PRUNE_EVERY_S)) == (False, True)
    keys = [(number, SYMBOL, 1, ORDER_ID + 1) for number in (1, 2, 4)]
    assert bench.store.known_fills(keys) == set(keys[:2]), "the fills stay known"
    bench.store.close()
    bench.store.open()
    bench.store.close()


def test_a_portion_at_a_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts_pruner, "PORTION_ROWS", 3)
    left = []
    while bench.pruner.take_some(0.0):
        left.append([len(each) for each in bench.kept()])
    assert left == [[9] * 3, [8] * 3, [7] * 3, [6] * 3]


def test_nothing_goes_that_somebody_still_wants_nor_what_came_after_it(bench: Bench) -> None:
    bench.store.write([], [(1, "book", 2), (1, "other", 7)])
    bench.opened["b"] = Open(bench.ends[1], 3)
    bench.opened["c"] = Open(None, 10)
    assert not bench.pruner.take_some(0.0)
    assert [each[0] for each in bench.kept()] == [3, 4, 1]
    bench.store.connection.execute("UPDATE consumers SET crc32 = 1 WHERE name = 'other'")
    bench.store.connection.execute("UPDATE consumers SET crc32 = crc32 + 1 WHERE name = 'book'")
    assert not bench.pruner.take_some(0.0)
    assert bench.kept()[0][0] == 3, "a position that can't be read holds all of it"


def test_the_newest_item_of_an_account_stays_however_old(bench: Bench) -> None:
    bench.wall.ms += 30 * DAY_MS
    bench.store.write([part(bench.ends[1], fill(11, bench.wall.ms))])
    assert not bench.pruner.take_some(0.0)
    assert bench.kept() == [[10], [11], [10]]


def test_a_clock_that_is_far_ahead_takes_nothing_away(bench: Bench) -> None:
    bench.wall.ms += 3000 * DAY_MS
    assert not bench.pruner.take_some(0.0)
    assert bench.kept() == [list(range(6, 11))] * 3
    bench.store.connection.execute("UPDATE rows SET event_ms = NULL")
    bench.store.files.own.note_written()
    assert not bench.pruner.take_some(0.0)
    assert bench.kept() == [[10]] * 3, "without an event, the clock is believed"


def test_what_is_held_back_is_not_looked_at_all_the_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts_pruner, "PORTION_ROWS", 3)
    bench.opened |= dict.fromkeys("abc", Open(None, 0))
    now_s = 0.0
    while bench.pruner.take_some(now_s):
        now_s += 10.0
    assert now_s > 0
    assert not bench.pruner.is_due(now_s + accounts_pruner.REST_SHARE * now_s - 1)


def test_a_file_without_rows_has_nothing_to_give(tmp_path: Path) -> None:
    store = AccountsStore(tmp_path / FILE_NAME)
    store.open()
    pruner = AccountsPruner(store, Retention(1), Wall(), lambda _: None)
    assert not pruner.take_some(0.0)
    assert not AccountsPruner(store, Retention(), Wall(), lambda _: None).is_due(0.0)
    store.close()


async def test_streams_that_go_on_delete_what_is_too_old_and_stay_whole(tmp_path: Path) -> None:
    wall = Wall()
    async with opened(tmp_path, wall_ms=wall) as journals:
        for name in ("a", "b"):
            journal = await account(journals, name)
            append(journal, fill(1), fill(2), fill(3))
            await journal.aclose()
    change(tmp_path, f"UPDATE rows SET event_ms = {AT_MS} WHERE seq < 3")
    wall.ms += DAY_MS
    async with opened(tmp_path, wall_ms=wall, keep_days=0.5) as journals:
        got: list[object] = []
        journal = await account(journals, "a", on_items=got.extend)
        await until(lambda: journals.oldest_seq("a") == 3)
        append(journal, fill(1), fill(4, wall.ms))
        await until(lambda: bool(got))
        assert journal.duplicates == 1
        assert await journals.kept("b") == (3, 3)
    assert (seqs(tmp_path, "a"), seqs(tmp_path, "b")) == ([3, 4], [3])
    for name in ("a", "b"):
        assert verify_journal(tmp_path / FILE_NAME, None, account_access(name)).whole
