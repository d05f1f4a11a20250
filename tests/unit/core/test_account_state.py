"""Test that an account's state is made of delivered events, and that a stale one never moves it back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from listenkey.core import account_state as account_states
from listenkey.core.account_state import AccountState, FillIndex, OrderFacts, amount
from listenkey.core.gaps import OrderLeft
from listenkey.core.lateness import NewestFill
from listenkey.credentials import Secret
from listenkey.events import ListenKeyExpired, UnknownEvent
from tests.unit.core.making import (
    OTHER,
    SYMBOL,
    beat,
    fill,
    order,
    order_row,
    position,
    trade_row,
)


def known_of(*events: object) -> AccountState:
    known = AccountState(FillIndex())
    for event in events:
        known.note(event)  # type: ignore[arg-type]
        known.fills.lateness.note_event(event)  # type: ignore[arg-type]
    return known


def test_a_fill_is_remembered_once_and_for_as_long_as_is_told() -> None:
    fills = FillIndex(size_max=4)
    assert fills.add("a", 1, 7, 10)
    assert not fills.add("a", 1, 7, 10)
    assert fills.add("b", 1, 7, 11)
    assert fills.since_ms == 0
    for number in range(2, 6):
        fills.add("a", number, 7, 10 + number)
    assert fills.since_ms == 14, "those up to 13 may be forgotten"
    assert all(("a", number, 7) in fills for number in (4, 5))


def test_an_account_that_meets_itself_has_two_fills_of_one_trade() -> None:
    fills = FillIndex()
    assert fills.add("a", 1, 7, 10)
    assert fills.add("a", 1, 8, 10)
    assert fills.times(10, 10) == {"a": [10, 10]}


def test_a_fill_behind_newer_ones_is_remembered_as_well() -> None:
    fills = FillIndex(size_max=6)
    assert [fills.add("a", trade_id, 7, trade_id) for trade_id in (5, 3, 3, 4, 5)] == [True, True, False, True, False]
    assert ("a", 3, 7) in fills
    assert ("a", 3, 8) not in fills
    assert ("a", 2, 7) not in fills
    assert ("b", 3, 7) not in fills
    assert fills.times(3, 4) == {"a": [3, 4]}
    assert not fills.add("a", 3, 7, 3), "also when it is among the older ones"
    assert [fills.add("b", trade_id, 7, 9) for trade_id in (1, 2, 3)] == [True] * 3
    assert fills.since_ms == 6


def test_what_an_earlier_process_delivered_is_known() -> None:
    known = known_of()
    known.fills.resume([(SYMBOL, 5, 1, 2000), (OTHER, 1, 2, 1000)])
    assert known.active(2000) == [SYMBOL]
    assert (SYMBOL, 5, 1) in known.fills
    assert known.newest == NewestFill(SYMBOL, 5, 1, 2000)


def test_orders_live_until_their_end_and_never_again() -> None:
    known = known_of(order(1, "NEW"), fill(5, "1"))
    assert known.orders[SYMBOL, 1].filled == 1
    known.note(order(1, "CANCELED", "1", 2000))
    assert (known.orders, known.has_ended((SYMBOL, 1))) == ({}, True)
    known.note(order_row(1, "NEW", "1").order)
    assert known.orders == {}


def test_orders_that_an_earlier_process_left_live_on_unless_rest_has_forgotten_them() -> None:
    known, day_ms = known_of(), 24 * 3600 * 1000
    expired_ms = 1_798_185_600_000  # 2026-12-25 08:00 UTC
    left = [OrderLeft(SYMBOL, 1, "NEW", "0", 1000), OrderLeft("anything", 2, "PARTIALLY_FILLED", "1", 2000)]
    known.resume(left, expired_ms)
    assert list(known.orders) == [("anything", 2)]
    known.resume(left, expired_ms - day_ms)
    assert known.orders.keys() == {(SYMBOL, 1), ("anything", 2)}
    assert known.orders["anything", 2] == OrderFacts("anything", "PARTIALLY_FILLED", "1", 2000)
    known.note(order(1, "CANCELED", at_ms=3000))
    assert known.has_ended((SYMBOL, 1))


def test_an_order_is_let_go_only_where_it_has_not_changed_for_long() -> None:
    known = known_of(order(1, "NEW", at_ms=1000))
    known.let_go((SYMBOL, 2), 5000)
    known.let_go((SYMBOL, 1), 1000)
    assert known.orders.keys() == {(SYMBOL, 1)}
    known.let_go((SYMBOL, 1), 1001)
    assert (known.orders, known.has_ended((SYMBOL, 1))) == ({}, False)


def test_a_row_with_less_filled_moves_nothing_back() -> None:
    known = known_of(fill(5, "3"))
    known.note(order_row(1, "NEW", "1").order)
    assert known.orders[SYMBOL, 1].filled == 3


def test_of_contracts_that_are_over_nothing_is_held() -> None:
    known = known_of(position("1", 1000), position("2", 1000, symbol=OTHER))
    known.settle([SYMBOL])
    assert known.positions == {OTHER: Decimal(2)}


def test_positions_risk_and_activity() -> None:
    known = known_of()
    assert known.risk == (0, 0)
    known.note(position("-0.5", 1000))
    known.note(fill(5, "1", at_ms=2000))
    known.fills.lateness.note_event(fill(5, "1", at_ms=2000))
    assert known.positions == {SYMBOL: Decimal("-0.5")}
    assert known.risk == (2, 2000)
    assert known.newest == NewestFill(SYMBOL, 5, 1, 2000)
    known.note(position("0", 3000))
    assert known.positions == {}


def test_what_rest_told_is_no_sign_of_life_of_a_socket() -> None:
    known = known_of(trade_row(1, at_ms=5000).fill, UnknownEvent("x", 9_000, b"{}"))
    assert known.last_event_ms == 0
    assert (SYMBOL, 1, 1) in known.fills
    known.note(ListenKeyExpired(7, Secret("k")))
    assert known.last_event_ms == 7


def test_what_is_no_amount_is_nothing() -> None:
    assert amount("NaN") == amount("1e999999") == amount("") == 0
    assert amount("-1.50") == Decimal("-1.5")
    assert amount("1e5") == 100_000


def test_a_fill_that_rest_brought_is_known() -> None:
    known = known_of(trade_row(7).fill)
    assert (SYMBOL, 7, 1) in known.fills
    assert known.last_event_ms == 0, "only a socket's events say when the venue made one"


def test_what_is_remembered_of_symbols_and_orders_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_states, "ENDED_MAX", 4)
    monkeypatch.setattr(account_states, "ORDERS_MAX", 2)
    known = known_of()
    for number in range(6):
        known.note(fill(number, "1", 1000 + number, 10 + number, symbol=f"symbol {number}"))
        known.note(fill(number, "1", 1000 + number, 10 + number, symbol="busy"))
        known.note(order(number, "CANCELED", symbol="busy"))
    assert [known.has_ended(("busy", number)) for number in range(6)] == [False, False, False, False, True, True]
    assert list(known.orders) == [("symbol 5", 15), ("busy", 15)]


def test_the_older_words_for_a_status_are_todays() -> None:
    known = known_of(order_row(2, "ACCEPTED", "0").order)
    assert known.orders[SYMBOL, 2].status == "NEW", "ACCEPTED, it said"


def test_one_order_id_in_two_symbols_is_two_orders() -> None:
    known = known_of(order(1, "NEW"), order(1, "NEW", symbol=OTHER), order(1, "CANCELED"))
    assert list(known.orders) == [(OTHER, 1)]
    assert (known.has_ended((SYMBOL, 1)), known.has_ended((OTHER, 1))) == (True, False)
    known.note(order_row(1, "CANCELLED", "0", symbol=OTHER).order)
    assert known.orders == {}
    known.note(order_row(2, "NEW", "0").order)
    known.note(order_row(2, "NEW", "0", symbol=OTHER).order)
    assert list(known.orders) == [(SYMBOL, 2), (OTHER, 2)]


def test_positions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_states, "POSITIONS_MAX", 2)
    known = known_of(*(position("1", 1000, symbol=f"S{number}") for number in range(3)))
    assert list(known.positions) == ["S1", "S2"]


def test_fills_tell_when_they_happened_by_symbol() -> None:
    fills = FillIndex()
    for trade_id, at_ms in ((1, 10), (2, 20), (3, 30)):
        fills.add("a", trade_id, 7, at_ms)
    fills.add("b", 1, 7, 40)
    assert fills.times(10, 20) == {"a": [10, 20]}
    assert fills.times(30, 40) == {"a": [30], "b": [40]}
    assert fills.times(41, 50) == {}


def test_fills_of_both_halves_tell_when_they_happened() -> None:
    fills = FillIndex(size_max=4)
    for number in range(1, 6):
        fills.add("ab"[number % 2], number, 7, number)
    assert fills.times(0, 9) == {"a": [4], "b": [3, 5]}, "the first two are forgotten"
    assert fills.since_ms == 3


def test_what_tells_of_no_order_and_no_fill_changes_neither() -> None:
    known = known_of(beat(5))
    assert (known.orders, known.positions, known.newest, known.last_event_ms) == ({}, {}, None, 5)
