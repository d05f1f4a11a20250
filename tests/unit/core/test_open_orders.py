"""Test that looks at open orders cost little, and that orders they show as lost are lost."""

from __future__ import annotations

import random

import pytest

from listenkey import venue
from listenkey.core import account_state as account_states
from listenkey.core.account_state import AccountState, FillIndex
from listenkey.core.open_orders import REFUSED_S, SHARE, OpenOrderLists, compare, to_verify
from listenkey.core.timing import Timing
from tests.unit.core.making import OTHER, SYMBOL, order, order_row

EVERY_S = Timing().audit_every_s
TWENTY = [f"symbol {number}" for number in range(20)]


def weight_of(chosen: list[str] | None) -> int:
    return venue.OPEN_ORDERS_ALL_WEIGHT if chosen is None else len(chosen)


def known_of(*events: object) -> AccountState:
    known = AccountState(FillIndex())
    for event in events:
        known.note(event)  # type: ignore[arg-type]
    return known


def look(lists: OpenOrderLists, live: list[str], limit: int, now_s: float) -> list[str] | None:
    """Ask for what is to be asked for, and have it answered; None for the list of all."""
    if not lists.is_all_due(limit, now_s):
        return lists.choose(live, [], limit)
    lists.answered(now_s)
    return None


@pytest.mark.parametrize("count", [0, 1, 20, 500])
@pytest.mark.parametrize(("limit", "every"), [(400, 2), (500, 1), (560, 1), (2400, 1), (20_000, 1)])
def test_looks_of_an_hour_cost_less_than_a_tenth_of_the_limit_and_see_every_order(
    count: int, limit: int, every: int
) -> None:
    lists, live = OpenOrderLists(), [f"symbol {number}" for number in range(count)]
    draws = random.Random(limit + count)
    times_s = [0.0]
    while len(times_s) < 60:
        times_s.append(times_s[-1] + EVERY_S * draws.uniform(0.9, 1.1))
    looks = [look(lists, live, limit, now_s) for now_s in times_s]
    assert sum(map(weight_of, looks)) / len(looks) <= 0.1 * limit - 2, "the bill, keys and clocks want some as well"
    assert [number for number, chosen in enumerate(looks) if chosen is None] == list(range(0, 60, every))
    if count <= 20:
        assert all(chosen in (None, live) for chosen in looks)


@pytest.mark.parametrize("limit", [400, 440, 450, 480, 500])
def test_where_looks_are_as_close_as_they_may_be_the_list_of_all_costs_less_than_a_tenth(limit: int) -> None:
    lists, until_s = OpenOrderLists(), 3600.0
    looks = [look(lists, [], limit, 30.0 + second) for second in range(int(until_s))]
    assert looks.count(None) * venue.OPEN_ORDERS_ALL_WEIGHT / (until_s / 60) <= 0.1 * limit


def test_where_more_symbols_have_orders_than_may_be_asked_for_they_take_turns() -> None:
    lists, most = OpenOrderLists(), int(400 * SHARE)
    live = [f"symbol {number}" for number in range(3 * most)]
    turns = [lists.choose(live, [], 400) for _ in range(3)]
    assert [symbol for turn in turns for symbol in turn] == live
    assert lists.choose(live[1:], [], 400) == live[1 : most + 1], "the one that was asked last is the last"
    assert lists.choose([], [], 400) == []
    assert lists.choose([SYMBOL], [OTHER, SYMBOL], 400) == [SYMBOL, OTHER], "those that are held or traded, too"


def test_a_list_that_the_venue_refuses_is_left_out_for_an_hour() -> None:
    lists = OpenOrderLists()
    assert lists.is_all_due(2400, 0.0)
    lists.refused(0.0)
    assert not lists.is_all_due(2400, 1.0)
    assert not lists.is_all_due(2400, REFUSED_S - 1)
    assert lists.is_all_due(2400, REFUSED_S + 60)
    assert lists.choose(TWENTY, [], 2400) == TWENTY


def test_the_list_of_all_is_due_until_it_was_answered() -> None:
    lists = OpenOrderLists()
    assert lists.is_all_due(2400, 0.0)
    assert lists.is_all_due(2400, 1.0), "there was no room for it"
    lists.answered(1.0)
    assert not lists.is_all_due(2400, 2.0)


def test_an_order_that_lives_and_is_in_no_list_is_gone() -> None:
    known = known_of(order(1), order(1, symbol=OTHER), order(2))
    here = [order_row(1, "NEW", "0")]
    assert compare(here, None, known, 0, 5000).gone == [(OTHER, 1), (SYMBOL, 2)]
    assert compare(here, [SYMBOL], known, 0, 5000).gone == [(SYMBOL, 2)], "the other list was not answered"
    assert compare([], [], known, 0, 5000).gone == []


def test_a_row_that_says_more_than_was_delivered_is_news_once_it_is_old_enough() -> None:
    known = known_of(order(1), order(2, "CANCELED"))
    new, more = order_row(3, "NEW", "0", 4000), order_row(1, "PARTIALLY_FILLED", "1", 4000)
    stale, same, young = order_row(2, "NEW", "0", 500), order_row(1, "NEW", "0"), order_row(4, "NEW", "0", 5001)
    found = compare([new, more, stale, same, young], None, known, 1000, 5000)
    assert (found.news, found.gone, found.earlier) == ([new, more], [], [])


def test_an_order_from_before_the_stream_is_no_loss() -> None:
    old, moved = order_row(1, "NEW", "0", 999), order_row(2, "NEW", "1", 999)
    found = compare([old, moved], None, known_of(order(2, at_ms=500)), 1000, 5000)
    assert (found.earlier, found.news) == ([old], [moved])


def test_where_orders_were_let_go_one_that_nobody_knows_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_states, "ORDERS_MAX", 2)
    rows = [order_row(number, "NEW", "0", 2000) for number in (1, 2, 3)]
    found = compare(rows, None, known_of(order(1), order(2), order(3)), 1000, 5000)
    assert (found.news, found.earlier) == ([], [rows[0]])


def test_orders_that_a_look_before_found_alive_are_verified_last() -> None:
    gone = [(SYMBOL, number) for number in range(6)]
    assert to_verify(gone, [], 4) == gone[:4]
    assert to_verify(gone, gone[:4], 4) == gone[4:]
    assert to_verify(gone, gone, 4) == gone[:4]
    assert to_verify([], gone, 4) == []
