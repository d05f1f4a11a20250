"""Test that a message from before January 2026 comes out as messages of today that say the same."""

from __future__ import annotations

import json
from decimal import Context, Decimal, Inexact, localcontext
from pathlib import Path
from typing import Any

import pytest

from listenkey.credentials import Secret
from listenkey.events import AccountUpdate, BalancePositionUpdate, Event, GreekUpdate, OrderTradeUpdate, fills_of
from listenkey.wire.frames import (
    PARTS_MAX,
    OddRaw,
    Received,
    Several,
    UnreadableFrame,
    Unwrapper,
    read,
    read_payload,
    received_in,
)

FIXTURES = Path(__file__).parents[2] / "fixtures"
KEY = "k" * 64


def tree(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FIXTURES / f"legacy_{name}.json").read_text())
    return loaded


def order(**letters: Any) -> dict[str, Any]:
    whole = tree("order_trade_update")
    whole["o"][0] |= letters
    return whole


def fill(trade_id: int, quantity: str = "0.1", **letters: Any) -> dict[str, Any]:
    return {"t": str(trade_id), "p": "1993", "q": quantity, "T": 1657613774336, "m": "TAKER", "f": "0.0002"} | letters


def parts(message: Any) -> tuple[Received | UnreadableFrame, ...]:
    found = read(message if isinstance(message, bytes) else json.dumps(message).encode())
    assert isinstance(found, Several)
    return found.parts


def events(message: Any) -> list[Event]:
    return [one.event for one in parts(message) if isinstance(one, Received)]


def steps(message: Any) -> list[OrderTradeUpdate]:
    return [event for event in events(message) if isinstance(event, OrderTradeUpdate)]


def test_a_fill_is_one_as_today() -> None:
    [event] = steps(order(q="-1"))
    [one] = fills_of(event)
    assert one.key == ("BTC-220930-18000-C", 20, 4611869636869226548)
    assert (one.side, one.quantity, one.price, one.trade_time_ms) == (
        "SELL",
        Decimal("0.1"),
        Decimal(1993),
        1657613774336,
    )
    assert (one.commission, one.commission_asset, one.realized_profit) == (Decimal("-0.0002"), "", None)
    assert (one.maker, one.client_order_id) == (False, "")
    assert (event.event_ms, event.transaction_ms) == (1657613775883, 1657613342918)
    assert (event.order.quantity, event.order.filled_quantity) == (Decimal(1), Decimal("0.1"))
    assert event.order.status == "PARTIALLY_FILLED"


@pytest.mark.parametrize(
    ("fee", "commission"), [("", None), ("x", None), ("0", 0), ("-2E-8", "0.00000002"), (None, None)]
)
def test_a_fee_that_is_missing_or_a_rebate(fee: str | None, commission: str | None) -> None:
    [event] = steps(order(fi=[fill(20, f=fee)]))
    assert event.order.commission == (None if commission is None else Decimal(commission))


def test_no_context_of_the_program_rounds_a_fee_or_raises() -> None:
    with localcontext(Context(prec=4, traps=[Inexact])):
        [event] = steps(order(fi=[fill(20, f="0.00123456")]))
        assert event.order.commission_text == "-0.00123456"


def test_several_orders_with_several_fills_are_a_message_each() -> None:
    whole = order(S="FILLED", e="-0.6", q="-0.6", fi=[fill(1), fill(2, "0.2"), fill(3, "0.3", m="MAKER")])
    whole["o"].append(whole["o"][0] | {"oid": "7", "S": "CANCELLED", "fi": []})
    found = steps(whole)
    assert [(one.order.order_id % 100, one.order.trade_id) for one in found] == [(48, 1), (48, 2), (48, 3), (7, 0)]
    assert [one.order.filled_quantity_text for one in found] == ["0.1", "0.3", "0.6", "0.6"]
    assert [one.order.status for one in found] == ["PARTIALLY_FILLED", "PARTIALLY_FILLED", "FILLED", "CANCELED"]
    assert [one.order.maker for one in found] == [False, False, True, None]
    assert (found[3].order.execution_type, found[3].is_fill, found[3].order.side) == ("CANCELED", False, "SELL")


def test_how_much_was_filled_before_is_unknown_where_a_quantity_is() -> None:
    found = steps(order(S="FILLED", e="", fi=[fill(1), fill(2)]))
    assert [one.order.filled_quantity for one in found] == [None, None]


def test_words_of_before_are_todays_and_a_step_without_a_name_has_none() -> None:
    assert [(one.order.status, one.order.execution_type) for one in steps(order(S="ACCEPTED", fi=[]))] == [
        ("NEW", "NEW")
    ]
    assert [(one.order.status, one.order.execution_type) for one in steps(order(S="FILLED", fi=None))] == [
        ("FILLED", "")
    ]
    assert [one.order.status for one in steps(order(S=5, fi=None))] == [""]


def test_an_order_that_ends_beside_fills_that_came_before_is_told_to_end() -> None:
    found = steps(order(S="CANCELLED", e="0.2", fi=[fill(1), fill(2)]))
    assert [(one.order.trade_id, one.order.status) for one in found] == [
        (1, "PARTIALLY_FILLED"),
        (2, "PARTIALLY_FILLED"),
        (0, "CANCELED"),
    ]


def test_one_fill_that_can_t_be_read_takes_no_other_with_it() -> None:
    whole = order(fi=[fill(1), fill(0), fill(3), "x"])
    whole["o"].append(5)
    assert [one.order.trade_id for one in steps(whole)] == [1, 3]
    assert [type(one) for one in parts(whole)] == [
        Received,
        UnreadableFrame,
        Received,
        UnreadableFrame,
        UnreadableFrame,
    ]
    assert isinstance(read(json.dumps(order(fi={})).encode()), Several), "a loss that is reported, and no step"
    assert [type(one) for one in parts(order(fi={}))] == [UnreadableFrame]


def test_an_account_is_its_totals_balances_positions_and_greeks() -> None:
    exact = "-33.29339050000000000000012345"
    payload = (FIXTURES / "legacy_account_update.json").read_bytes().replace(b"-33.2933905", exact.encode())
    totals, moved, greeks = events(payload.replace(b"-0.1929375", b"-1.929375E-7"))
    assert isinstance(totals, AccountUpdate)
    assert (totals.wallet_balance_text, totals.unrealized_profit_text) == ("100007992.26053177", "458.782655111111")
    assert (totals.equity, totals.transaction_ms) == (None, 1591696384141)
    assert isinstance(moved, BalancePositionUpdate)
    assert [(one.asset, one.balance_change) for one in moved.balances] == [("USDT", None)]
    assert [(one.symbol, one.quantity) for one in moved.positions] == [("SOL-220912-35-C", Decimal(-50))]
    assert isinstance(greeks, GreekUpdate)
    assert greeks.greeks[0].delta_text == exact, "a JSON number, and no double touched it"
    assert greeks.greeks[0].vega == Decimal("-0.0000001929375")


def test_the_totals_are_those_of_usdt() -> None:
    whole = tree("account_update")
    whole["B"].insert(0, whole["B"][0] | {"a": "BNB", "b": "1"})
    totals, moved = (event for event in events(whole | {"G": []}))
    assert isinstance(totals, AccountUpdate)
    assert isinstance(moved, BalancePositionUpdate)
    assert (totals.wallet_balance_text, len(moved.balances)) == ("100007992.26053177", 2)
    assert [type(event) for event in events(whole | {"G": [], "B": []})] == [BalancePositionUpdate]


@pytest.mark.parametrize("name", ["order_trade_update", "account_update"])
def test_the_json_of_each_gives_its_event_again_and_holds_no_key(name: str) -> None:
    payload = json.dumps(tree(name) | {"listenKey": KEY, "x": KEY}).encode()
    frame = b'{"stream":"%b","data":%b}' % (KEY.encode(), payload)
    found = Unwrapper(Secret(KEY)).read(frame)
    assert isinstance(found, Several)
    for one in found.parts:
        assert isinstance(one, Received)
        assert type(one.raw) is OddRaw
        assert read_payload(bytes(one.raw)) == one.event
        assert one.raw.find(KEY.encode()) < 0
    assert isinstance(read_payload(payload), UnreadableFrame), "alone it is no message of today"
    assert [one.event for one in received_in(payload) if isinstance(one, Received)] == events(payload)


@pytest.mark.parametrize("count", [0, PARTS_MAX + 1])
def test_a_message_without_a_step_or_with_absurdly_many_is_unreadable(count: int) -> None:
    found = read(json.dumps(order() | {"o": [{}] * count}).encode())
    assert isinstance(found, UnreadableFrame)


@pytest.mark.parametrize("name", ["c", "S", "tif", "oty", "p"])
@pytest.mark.parametrize("huge", ["x" * 100_000, ["x" * 100_000], {"x": "x" * 100_000}], ids=["text", "list", "object"])
def test_what_is_too_long_for_a_message_is_not_copied_for_each_of_its_fills(name: str, huge: Any) -> None:
    found = parts(order(**{name: huge}, fi=[fill(number) for number in range(1, 51)]))
    assert sum(len(one.raw) for one in found if isinstance(one, Received)) < 50 * 1024
    assert [one.event.order.trade_id for one in found if isinstance(one, Received)] == list(range(1, 51))  # type: ignore[union-attr]
