"""Test missing events and their place; every field of them comes from a row."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from listenkey.core import reconciliation
from listenkey.core.account_state import AccountState, FillIndex
from listenkey.core.reconciliation import Delivery, Findings, combined
from listenkey.events import OrderTradeUpdate, RecoveredFill, RecoveredOrder
from listenkey.outcomes import Loss, Lost
from listenkey.wire.rows import PositionRow, RowPage, UnreadableRow
from tests.unit.core.making import (
    OTHER,
    SYMBOL,
    contract,
    fill,
    held,
    order,
    order_row,
    position,
    trade_row,
)
from tests.unit.core.world import lost


def known_of(*events: object) -> AccountState:
    known = AccountState(FillIndex())
    for event in events:
        if isinstance(event, OrderTradeUpdate) and event.is_fill:
            known.fills.add(event.symbol, event.trade_id, event.order_id, event.trade_time_ms)
        known.note(event)  # type: ignore[arg-type]
    return known


def order_of(deliveries: list[Delivery]) -> list[object]:
    return [getattr(one.event, "trade_id", None) or type(one.event).__name__ for one in deliveries]


def test_the_bill_is_counted_by_symbol_within_a_span() -> None:
    bill = [contract(at_ms=5), contract(at_ms=6), contract(OTHER, 6), contract(at_ms=9)]
    fee = contract(at_ms=6)._replace(type="FEE")
    assert reconciliation.contracts([*bill, fee], 5, 6) == {SYMBOL: 2, OTHER: 1}


def test_symbols_moved_by_bill_by_position_and_without_trust_by_what_lives() -> None:
    known = known_of(position("1", 900, "held"), position("1", 900, "gone"), order(1, symbol="live"))
    known.fills.resume([("recent", 1, 1, 1000), ("old", 1, 2, 10)])
    now = [PositionRow("held", "1"), PositionRow("new", "-1")]
    trusted = reconciliation.moved(known, ["billed"], now, trusted=True, recent_ms=500)
    assert trusted == ["billed", "gone", "new"]
    assert reconciliation.moved(known, ["billed"], now, trusted=False, recent_ms=500) == [*trusted, "live", "recent"]
    assert "" in reconciliation.moved(known, [""], now, trusted=True, recent_ms=500), (
        "a symbol that the bill does not name"
    )


def test_what_may_be_held_is_what_rest_lists_or_what_cant_be_read() -> None:
    page = RowPage([PositionRow("a", "1"), PositionRow("b", "0.00")], unreadable=[UnreadableRow("why", "c")])
    assert reconciliation.held(page) == {"a", "c"}


def test_fills_may_be_missing_since_the_first_that_is_and_the_first_trade_of_what_nobody_asked_for() -> None:
    bill = [contract("A", 10, 1), contract("B", 30, 2), contract("A", 5, 3)]
    fills = [trade_row(7, 20)]
    assert reconciliation.first_of([], bill, fills, 8) == 19
    assert reconciliation.first_of(["A"], bill, fills, 8) == 9
    assert reconciliation.first_of(["A"], bill, fills, 0) == 4
    assert reconciliation.first_of(["B"], bill, fills, 8) == 19
    assert reconciliation.first_of(["B"], bill, [], 8) == 29
    assert reconciliation.first_of(["C"], bill, [], 8) == 7


def test_what_is_missing_is_what_was_not_delivered_once_each_in_order() -> None:
    known = known_of(fill(2, "1"))
    found = [trade_row(3, 2000), trade_row(2), trade_row(1, 500), trade_row(3, 2000), trade_row(4, 9000)]
    assert [row.fill.trade_id for row in reconciliation.missing(found, known, until_ms=8000)] == [1, 3]


def test_the_most_advanced_row_of_an_order_wins() -> None:
    ended, less, more = order_row(1, "CANCELED", "1", 5), order_row(1, "NEW", "1", 9), order_row(1, "NEW", "2", 1)
    assert reconciliation.newest_orders([less, ended, more])[SYMBOL, 1] is ended
    assert reconciliation.newest_orders([less, more])[SYMBOL, 1] is more


def test_a_stale_row_is_no_news() -> None:
    known = known_of(fill(1, "2", at_ms=1000), order(9, "FILLED", "1"))
    assert not reconciliation.is_news(order_row(9, "NEW", "0", 9999).order, known), "it has ended"
    assert not reconciliation.is_news(order_row(1, "NEW", "1", 2000).order, known), "less filled than known"
    assert not reconciliation.is_news(order_row(1, "PARTIALLY_FILLED", "2", 2000).order, known), "the same"
    assert not reconciliation.is_news(order_row(1, "NEW", "3", 500).order, known), "older than known"
    assert reconciliation.is_news(order_row(1, "PARTIALLY_FILLED", "3", 2000).order, known)
    assert reconciliation.is_news(order_row(1, "CANCELED", "2", 900).order, known), "an end, whatever the clocks say"
    assert reconciliation.is_news(order_row(5, "ACCEPTED", "0", 1).order, known), "never heard of"


def test_found_fills_take_their_place_between_what_the_socket_brought() -> None:
    waiting = held(fill(3, "3", 3000), position("3", 3000), fill(6, "6", 6000))
    findings = Findings(fills=[trade_row(2, 2000), trade_row(4, 3000), trade_row(5, 5000), trade_row(7, 7000)])
    out = combined(findings, waiting, known_of(), 77)
    assert order_of(out) == [2, 3, 4, "BalancePositionUpdate", 5, 6, 7]
    assert [one.provenance for one in out] == ["rest", "ws", "rest", "ws", "rest", "ws", "rest"]


def test_a_fill_in_both_is_the_streams_own_and_says_so() -> None:
    findings = Findings(fills=[trade_row(3, 3000)], over_rest={(SYMBOL, 3, 1)})
    (only,) = combined(findings, held(fill(3, "3", 3000)), known_of(), 77)
    assert isinstance(only.event, OrderTradeUpdate)
    assert only.provenance == "ws+rest"


def test_what_was_delivered_while_rest_was_asked_is_left_out() -> None:
    findings = Findings(fills=[trade_row(3, 3000)], orders={(SYMBOL, 1): order_row(1, "NEW", "1", 900)})
    assert combined(findings, [], known_of(fill(3, "1", 3000)), 77) == []


def test_an_order_comes_after_its_fills_and_not_where_the_socket_says_more() -> None:
    findings = Findings(fills=[trade_row(1, 2000)], orders={(SYMBOL, 1): order_row(1, "FILLED", "1", 2000)})
    out = combined(findings, [], known_of(), 77)
    assert [type(one.event) for one in out] == [RecoveredFill, RecoveredOrder]
    later = held(order(1, "CANCELED", "1", 3000))
    assert [type(one.event) for one in combined(findings, later, known_of(), 77)] == [RecoveredFill, OrderTradeUpdate]


def filled(deliveries: list[Delivery]) -> list[str | None]:
    return [one.event.filled_quantity_text for one in deliveries if isinstance(one.event, RecoveredFill)]


def test_filled_so_far_is_told_only_where_the_chain_has_no_hole() -> None:
    known = known_of(fill(1, "1.00", 1000))
    two = [trade_row(2, 2000, quantity="0.50"), trade_row(3, 3000, quantity="0.50")]
    assert filled(combined(Findings(fills=two), held(fill(4, "3.00", 4000)), known, 7)) == ["1.50", "2.00"]
    assert filled(combined(Findings(fills=two), held(fill(4, "4.00", 4000)), known, 7)) == [None, None]
    others = held(fill(9, "9.00", 3500, order_id=5), fill(4, "3.00", 4000))
    assert filled(combined(Findings(fills=two), others, known, 7)) == ["1.50", "2.00"], "another order says nothing"
    assert filled(combined(Findings(fills=two), [], known, 7)) == [None, None], "no end to prove it"
    proof = Findings(fills=two, orders={(SYMBOL, 1): order_row(1, "PARTIALLY_FILLED", "2.00", 3000)})
    assert filled(combined(proof, [], known, 7)) == ["1.50", "2.00"]
    assert filled(combined(proof, [], known_of(), 7)) == [None, None], "an order that began before we knew of it"


@given(st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)))
def test_each_fill_once_and_in_order_whatever_came_which_way(before: set[int], rest: set[int], ws: set[int]) -> None:
    known = known_of(*(fill(number, str(number), 1000 + number // 3) for number in sorted(before)))
    rows = [trade_row(number, 1000 + number // 3) for number in sorted(rest)]
    missing = reconciliation.missing(rows, known, until_ms=10**9)
    findings = Findings(fills=missing, over_rest={(SYMBOL, number, 1) for number in rest})
    waiting = held(*(fill(number, str(number), 1000 + number // 3) for number in sorted(ws - before)))
    out = [one.event.trade_id for one in combined(findings, waiting, known, 7)]  # type: ignore[union-attr]
    assert sorted(out) == sorted((rest | ws) - before)
    assert all(one < after for one, after in pairwise(out))


def test_what_rest_found_carries_its_own_row_when_it_was_read_and_where_it_is_from() -> None:
    row, became = trade_row(1, 2000), order_row(1, "FILLED", "1", 2500)
    fill_found, order_found = combined(Findings(fills=[row], orders={(SYMBOL, 1): became}), [], known_of(), 77)
    assert (fill_found.raw, fill_found.received_ms, fill_found.provenance) == (row.raw, 77, "rest")
    assert (order_found.raw, order_found.received_ms, order_found.provenance) == (became.raw, 77, "rest")


def test_orders_and_fills_that_were_found_are_told_by_time_and_of_one_moment_the_fill_first() -> None:
    orders = {(SYMBOL, 2): order_row(2, "CANCELED", "0", 1000), (SYMBOL, 3): order_row(3, "FILLED", "1", 3000)}
    findings = Findings(fills=[trade_row(1, 2000), trade_row(2, 3000, order_id=3)], orders=orders)
    out = combined(findings, [], known_of(), 77)
    assert [(type(one.event), one.event.event_ms) for one in out] == [
        (RecoveredOrder, 1000),
        (RecoveredFill, 2000),
        (RecoveredFill, 3000),
        (RecoveredOrder, 3000),
    ]


def test_what_can_not_come_back_is_said_once_each() -> None:
    told = reconciliation.unrecoverable(
        [lost("refused"), lost("refused"), reconciliation.TRADES_TOO_OLD],
        blind=True,
        found=False,
        orders_forgotten=True,
        trades_forgotten=True,
    )
    assert told == (
        lost("refused"),
        reconciliation.TRADES_TOO_OLD,
        *reconciliation.SNAPSHOTS_LOST,
        reconciliation.ORDERS_TOO_OLD,
    )
    nothing = {"orders_forgotten": False, "trades_forgotten": False}
    assert reconciliation.unrecoverable([], blind=False, found=False, **nothing) == (reconciliation.NOTHING_FOUND,)
    assert reconciliation.unrecoverable([], blind=False, found=True, **nothing) == ()


def test_one_order_id_in_two_symbols_is_two_orders() -> None:
    here, there = order_row(1, "CANCELED", "0", 2000), order_row(1, "NEW", "0", 3000, symbol=OTHER)
    both = reconciliation.newest_orders([here, there])
    assert both == {(SYMBOL, 1): here, (OTHER, 1): there}
    known = known_of(order(1, "NEW"))
    known.note(here.order)
    assert reconciliation.is_news(there.order, known), "only the other one has ended"
    told = combined(Findings(orders=both), held(order(1, "CANCELED", at_ms=4000, symbol=OTHER)), known_of(), 7)
    assert [(one.event.symbol, one.provenance) for one in told] == [(SYMBOL, "rest"), (OTHER, "ws")]  # type: ignore[union-attr]


def test_how_far_an_order_had_come_is_proven_by_its_own_events_alone() -> None:
    known = known_of(fill(1, "1.00", 1000), fill(1, "7.00", 1000, symbol=OTHER))
    rows = [trade_row(2, 2000), trade_row(2, 2000, symbol=OTHER, quantity="2")]
    after = held(fill(9, "9.50", 3000, symbol=OTHER, last_quantity_text="0.50"), fill(3, "3.00", 3000),
                 order(1, "PARTIALLY_FILLED", "99", 3000, symbol="another"))  # fmt: skip
    assert filled(combined(Findings(fills=rows), after, known, 7)) == ["2.00", "9.00"]


def test_what_rest_does_not_give_is_named_with_its_symbol() -> None:
    refused = reconciliation.refuses(Loss.FILLS_REFUSED, "fills", "BTC-1", -1121)
    assert refused == Lost(Loss.FILLS_REFUSED, "fills of BTC-1: REST refuses, code -1121")
    refused = reconciliation.refuses(Loss.FILLS_REFUSED, "fills", "", -1003)
    assert refused.text == "fills of all symbols: REST refuses, code -1003"
    unreadable = reconciliation.unreadable_row(Loss.FILLS_REFUSED, "fills", "BTC-1", "a row's time is none")
    assert unreadable.loss is Loss.FILLS_REFUSED
    assert unreadable.text == "fills of BTC-1: the list has a row that can't be read: a row's time is none"
    assert reconciliation.unreadable_row(Loss.FILLS_REFUSED, "fills", "", "").text.startswith("fills of all symbols: ")
    unknown = reconciliation.unknown(Loss.ORDERS, "order 7", "BTC-1")
    assert unknown == Lost(Loss.ORDERS, "the outcome of order 7 of BTC-1: REST does not know it")
    assert reconciliation.not_asked_for(3).text.startswith("the outcome of 3 more orders: ")


def test_ids_of_another_range_change_no_places() -> None:
    far = 2**62 + 1
    waiting = held(fill(far, "3", 3000), fill(66, "4", 4000))
    out = combined(
        Findings(fills=[trade_row(65, 2000), trade_row(64, 3500), trade_row(far + 1, 5000)]), waiting, known_of(), 77
    )
    assert order_of(out) == [65, far, 64, 66, far + 1]


def test_rows_that_cant_be_read_are_named_once_each_with_their_contract_where_they_have_one() -> None:
    bare, named = UnreadableRow("a row's id is none"), UnreadableRow("a row's id is none", OTHER)
    assert reconciliation.unreadable_rows(Loss.ORDERS, "orders", SYMBOL, [bare, bare, named]) == [
        Lost(Loss.ORDERS, f"orders of {SYMBOL}: the list has a row that can't be read: a row's id is none"),
        Lost(Loss.ORDERS, f"orders of {OTHER}: the list has a row that can't be read: a row's id is none"),
    ]
    assert reconciliation.unreadable_rows(Loss.ORDERS, "orders", "", []) == []
