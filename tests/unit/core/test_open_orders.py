"""Test that looks at open orders cost little, and that orders they show as lost are lost."""

from __future__ import annotations

import pytest

from listenkey import venue
from listenkey.core import known as knowing
from listenkey.core.known import Fills, Known
from listenkey.core.open_orders import REFUSED_S, SHARE, Lists, compare, to_verify
from tests.unit.core.making import OTHER, SYMBOL, order, order_row

EVERY_S = 60.0
TWENTY = [f"symbol {number}" for number in range(20)]


def weight_of(chosen: list[str] | None) -> int:
    return venue.OPEN_ORDERS_ALL_WEIGHT if chosen is None else len(chosen)


def known_of(*events: object) -> Known:
    known = Known(Fills())
    for event in events:
        known.note(event)  # type: ignore[arg-type]
    return known


@pytest.mark.parametrize("count", [0, 1, 20, 500])
@pytest.mark.parametrize(("limit", "every"), [(400, 2), (2400, 1), (20_000, 1)])
def test_looks_of_an_hour_cost_less_than_a_tenth_of_the_limit_and_see_every_order(
    count: int, limit: int, every: int
) -> None:
    lists, live = Lists(), [f"symbol {number}" for number in range(count)]
    looks = [lists.choose(live, [], limit, EVERY_S * number) for number in range(60)]
    assert sum(map(weight_of, looks)) / len(looks) <= 0.1 * limit - 2, "the bill, keys and clocks want some as well"
    assert [number for number, chosen in enumerate(looks) if chosen is None] == list(range(0, 60, every))
    if count <= 20:
        assert all(chosen in (None, live) for chosen in looks)


def test_where_more_symbols_have_orders_than_may_be_asked_for_they_take_turns() -> None:
    lists, most = Lists(), int(400 * SHARE)
    live = [f"symbol {number}" for number in range(3 * most)]
    lists.choose([], [], 400, 0.0)
    turns = [lists.choose(live, [], 400, 1.0) for _ in range(3)]
    assert [symbol for turn in turns for symbol in turn or ()] == live
    assert lists.choose(live[1:], [], 400, 1.0) == live[1 : most + 1], "the one that was asked last is the last"
    assert lists.choose([], [], 400, 1.0) == []
    assert lists.choose([SYMBOL], [OTHER, SYMBOL], 400, 1.0) == [SYMBOL, OTHER], "those that are held or traded, too"


def test_a_list_that_the_venue_refuses_is_left_out_for_an_hour() -> None:
    lists = Lists()
    assert lists.choose(TWENTY, [], 2400, 0.0) is None
    lists.refused(0.0)
    assert lists.choose(TWENTY, [], 2400, 1.0) == TWENTY
    assert lists.choose(TWENTY, [], 2400, REFUSED_S - 1) == TWENTY
    assert lists.choose(TWENTY, [], 2400, REFUSED_S + 60) is None


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
    monkeypatch.setattr(knowing, "ORDERS_MAX", 2)
    rows = [order_row(number, "NEW", "0", 2000) for number in (1, 2, 3)]
    found = compare(rows, None, known_of(order(1), order(2), order(3)), 1000, 5000)
    assert (found.news, found.earlier) == ([], [rows[0]])


def test_orders_that_a_look_before_found_alive_are_verified_last() -> None:
    gone = [(SYMBOL, number) for number in range(6)]
    assert to_verify(gone, [], 4) == gone[:4]
    assert to_verify(gone, gone[:4], 4) == gone[4:]
    assert to_verify(gone, gone, 4) == gone[:4]
    assert to_verify([], gone, 4) == []
