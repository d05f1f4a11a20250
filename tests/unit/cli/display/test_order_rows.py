"""Order events as rows of text."""

from __future__ import annotations

from listenkey.cli.display.order_rows import fills_of, rows_of
from tests.unit.cli.samples import account_event, legacy_order, order_event, resting_event
from tests.unit.core.making import order_row, trade_row


def test_a_fill_shows_what_was_traded_and_what_it_cost() -> None:
    (row,) = rows_of(order_event(z="0.1", X="PARTIALLY_FILLED", rp="1.50", m=True))
    assert (row.is_fill, row.last, row.filled, row.status) == (True, "0.1 @ 1,234.5", "0.1/0.3", "PARTIAL")
    assert (row.fee, row.realized, row.role) == ("0.0287", "1.5", "maker")


def test_a_rebate_is_a_negative_fee() -> None:
    assert rows_of(order_event(n="0.01"))[0].fee == "-0.01"


def test_an_order_that_rests_shows_what_was_ordered() -> None:
    (row,) = rows_of(resting_event())
    assert (row.is_fill, row.last, row.fee, row.role) == (False, "0.3 @ 1,200", "", "")


def test_a_symbol_can_not_move_the_cursor() -> None:
    assert rows_of(order_event(s="BTC\x1b[2J\r\n"))[0].symbol == "BTC[2J "


def test_legacy_orders_have_a_row_a_fill() -> None:
    (row,) = rows_of(legacy_order(q="-1"))
    assert (row.side, row.last, row.filled, row.fee, row.role) == ("SELL", "0.1 @ 1,993", "0.1/1", "0.0002", "taker")
    (bare,) = rows_of(legacy_order(fi=[]))
    assert (bare.side, bare.is_fill, bare.last) == ("BUY", False, "1 @ 1,993")


def test_fills_are_told_by_symbol_trade_id_and_order_id() -> None:
    assert fills_of(order_event()) == [("BTC-261225-90000-C", 41, 4611869636869226548)]
    assert fills_of(legacy_order()) == [("BTC-220930-18000-C", 20, 4611869636869226548)]
    assert fills_of(resting_event()) == fills_of(account_event()) == []
    assert rows_of(account_event()) == []


def test_what_rest_brought_back_is_a_row_like_any_other() -> None:
    fill, order = trade_row(5, 1000).fill, order_row(1, "CANCELED", "1", 2000).order
    assert fills_of(fill) == [(fill.symbol, 5, fill.order_id)]
    assert fills_of(order) == []
    (row,) = rows_of(fill)
    assert (row.is_fill, row.last, row.filled, row.fee, row.role) == (True, "1 @ 5", "", "0.1", "maker")
    (row,) = rows_of(order)
    assert (row.is_fill, row.status, row.filled) == (False, "CANCELED", "1/10")


def test_what_a_fill_does_not_say_is_shown_empty() -> None:
    row = rows_of(order_event(n="", rp="", m=None))[0]
    assert (row.is_fill, row.fee, row.realized, row.role) == (True, "", "", "")
    assert rows_of(order_event(x="CALCULATED"))[0].is_fill
