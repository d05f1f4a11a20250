"""A recovery keeps the earliest that fits at once, and knows what comes after it to be left."""

from __future__ import annotations

import pytest

from listenkey.core import undelivered as backlogs
from listenkey.core.account_state import AFTER_ALL, AccountState, FillIndex
from listenkey.core.undelivered import UndeliveredFills, UndeliveredOrders, size_of
from tests.unit.core.making import OTHER, SYMBOL, fill, order, order_row, trade_row


def known_of(*events: object) -> AccountState:
    known = AccountState(FillIndex())
    for event in events:
        known.fills.add(event.order.symbol, event.order.trade_id, event.order.order_id, event.event_ms)  # type: ignore[attr-defined]
        known.note(event)  # type: ignore[arg-type]
    return known


def times(backlog: UndeliveredFills) -> list[int]:
    return sorted(row.fill.trade_time_ms for row in backlog.rows)


def room_for(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(backlogs, "BACKLOG_BYTES_MAX", rows * size_of(trade_row(1)))


def test_what_was_delivered_or_was_before_the_stream_is_not_kept() -> None:
    backlog = UndeliveredFills(known_of(fill(2, "1", 200)), began_ms=100, noted_from_ms=200)
    assert backlog.add([trade_row(1, 50), trade_row(2, 200), trade_row(3, 300), trade_row(3, 300)])
    assert (times(backlog), backlog.is_cut, backlog.cut_ms) == ([300], False, AFTER_ALL)
    assert backlog.listed == {(SYMBOL, 2, 1), (SYMBOL, 3, 1)}
    assert backlog.newest[SYMBOL].fill.trade_time_ms == 300
    assert backlog.left_of([SYMBOL, ""]) == []
    backlog.add([trade_row(4, 250)])
    assert backlog.newest[SYMBOL].fill.trade_time_ms == 300, "a page that goes back"


def test_the_later_ones_are_left_for_the_next_part(monkeypatch: pytest.MonkeyPatch) -> None:
    room_for(monkeypatch, 8)
    backlog = UndeliveredFills(known_of(), 0)
    assert not backlog.add([trade_row(number, number * 10) for number in range(1, 13)])
    kept = times(backlog)
    assert kept == list(range(10, backlog.cut_ms + 1, 10))
    assert 4 <= len(kept) <= 8
    assert not backlog.add([trade_row(number, number * 10, symbol=OTHER) for number in (1, 20)])
    assert backlog.add([trade_row(1, 5, symbol="third")])
    assert set(backlog.left_of([SYMBOL, OTHER, "third", ""])) == {SYMBOL, OTHER, ""}
    from_ms = backlog.empty()
    assert (from_ms, backlog.rows, backlog.is_cut) == (kept[-1] + 10, [], False)


def test_fills_of_one_moment_stay_together_however_many_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    room_for(monkeypatch, 4)
    backlog = UndeliveredFills(known_of(), 0)
    assert backlog.add([trade_row(number, 10) for number in range(1, 20)])
    assert (len(backlog.rows), backlog.cut_ms) == (19, 10)


def test_only_so_many_are_noted_as_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlogs, "LISTED_MAX", 2)
    backlog = UndeliveredFills(known_of(), 0)
    backlog.add([trade_row(number, 10) for number in range(1, 20)])
    assert len(backlog.listed) == 2


def test_orders_are_kept_where_they_are_news_or_prove_something() -> None:
    backlog = UndeliveredOrders(known_of(order(1), order(2)), 500, 2000, [(SYMBOL, 2)])
    backlog.add([order_row(1, "NEW", "0")])
    assert (backlog.take(), backlog.was_news) == ({}, False)
    backlog.add([order_row(2, "NEW", "0")])
    assert (list(backlog.take()), backlog.was_news) == ([(SYMBOL, 2)], False)
    backlog.add([order_row(3, "NEW", "0", 400), order_row(3, "NEW", "0", 2001)])
    assert backlog.take() == {}, "before the stream, and on its way over the socket"
    backlog.add([order_row(3, "FILLED", "10"), order_row(3, "NEW", "0")])
    assert backlog.was_news
    assert [row.order.status for row in backlog.take().values()] == ["FILLED"]


def test_orders_that_fill_the_room_are_to_be_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlogs, "BACKLOG_BYTES_MAX", 2 * size_of(order_row(1, "NEW", "0")))
    backlog = UndeliveredOrders(known_of(), 0, 2000)
    full = []
    for number in (1, 2, 3):
        backlog.add([order_row(number, "FILLED", "10")])
        full.append(backlog.is_full)
    backlog.take()
    assert [*full, backlog.is_full] == [False, False, True, False]
