"""Order events as rows of text."""

from __future__ import annotations

from listenkey.cli.display.order_rows import rows_of
from tests.unit.cli.samples import account_event, order_event, resting_event
from tests.unit.core.making import order_row, trade_row


def test_a_fill_shows_what_was_traded_and_what_it_cost() -> None:
    (row,) = rows_of(order_event(z="0.1", X="PARTIALLY_FILLED", rp="1.50", m=True))
    assert (row.is_fill, row.last, row.filled, row.status) == (True, "0.1 @ 1,234.5", "0.1/0.3", "PARTIAL")
    assert (row.commission, row.realized, row.role) == ("-0.0287", "1.5", "maker")


def test_a_commission_has_the_sign_of_the_venue() -> None:
    assert rows_of(order_event(n="0.01"))[0].commission == "0.01"


def test_an_order_that_rests_shows_what_was_ordered() -> None:
    (row,) = rows_of(resting_event())
    assert (row.is_fill, row.last, row.commission, row.role) == (False, "0.3 @ 1,200", "", "")


def test_a_symbol_can_not_move_the_cursor() -> None:
    assert rows_of(order_event(s="BTC\x1b[2J\r\n"))[0].symbol == "BTC[2J "


def test_what_rest_brought_back_is_a_row_like_any_other() -> None:
    fill, order = trade_row(5, 1000).fill, order_row(1, "CANCELED", "1", 2000).order
    (row,) = rows_of(fill)
    assert (row.is_fill, row.last, row.filled, row.commission, row.role) == (True, "1 @ 5", "", "-0.1", "maker")
    (row,) = rows_of(order)
    assert (row.is_fill, row.status, row.filled) == (False, "CANCELED", "1/10")


def test_what_a_fill_does_not_say_is_shown_empty() -> None:
    row = rows_of(order_event(n="", rp="", m=None))[0]
    assert (row.is_fill, row.commission, row.realized, row.role) == (True, "", "", "")
    assert rows_of(order_event(x="CALCULATED"))[0].is_fill


def test_other_events_have_no_row() -> None:
    assert rows_of(account_event()) == []
