"""The switches `empty_fields` and `amount_format`: what leaves the sandbox looks otherwise, and says the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from listenkey import venue
from listenkey.sandbox import rendering
from listenkey.sandbox.switches import Switches
from tests.sandbox.exchange.exchange_kit import Pit
from tests.sandbox.test_world import T0, Stage
from tests.sandbox.visitor import ask_signed, value

NOT_APPLYING = {"l", "L", "t", "n", "N", "rp", "ap"}
GONE: Any = {"absent": "gone", "null": None, "empty": ""}


def shown(row: dict[str, Any], name: str) -> Any:
    return row.get(name, "gone")


@pytest.mark.parametrize("manner", ["absent", "null", "empty"])
def test_what_does_not_apply_to_an_order_that_rests_is_hidden_and_nothing_else(manner: Any) -> None:
    pit = Pit()
    pit.buy("alice", "1", "1")
    [event] = pit.events("alice")
    plain = dict(event["o"])
    rendering.event(event, Switches(empty_fields=manner))
    assert {name for name in plain if shown(event["o"], name) == GONE[manner]} == NOT_APPLYING
    assert {name: event["o"][name] for name in plain.keys() - NOT_APPLYING} == {
        name: plain[name] for name in plain.keys() - NOT_APPLYING
    }


@pytest.mark.parametrize("manner", ["absent", "null", "empty"])
@pytest.mark.parametrize("stp", ["NONE", "EXPIRE_TAKER"])
def test_a_fill_without_commission_and_profit_keeps_what_says_which_fill_it_is(manner: Any, stp: str) -> None:
    pit = Pit(maker_fee=False)
    pit.buy("alice", "1", "100", stp=stp)
    pit.sell("bob", "1", "100")
    events = pit.events("alice")
    fill = next(each for each in events if each["e"] == "ORDER_TRADE_UPDATE" and each["o"]["x"] == "TRADE")
    plain = dict(fill["o"])
    assert plain["n"] == "0.00000000"
    assert pit.exchange.commission("alice")["commissions"][0]["makerFee"] == "0.000000"
    rendering.event(fill, Switches(empty_fields=manner))
    hidden = {name for name in plain if shown(fill["o"], name) == GONE[manner]}
    assert hidden == {"n", "N", "rp"} | ({"V"} if stp == "NONE" else set())
    position = next(each for each in events if each["e"] == "BALANCE_POSITION_UPDATE")
    rendering.event(position, Switches(empty_fields=manner))
    assert shown(position["B"][0], "bc") == GONE[manner]
    assert len(position["P"]) == 1


def test_an_empty_array_is_absent_or_null() -> None:
    for manner, becomes in (("absent", "gone"), ("null", None), ("empty", [])):
        pit = Pit()
        pit.exchange.transfer("alice", Decimal(5), pit.now_ms)
        event = pit.events("alice")[0]
        rendering.event(event, Switches(empty_fields=manner))  # type: ignore[arg-type]
        assert shown(event, "P") == becomes
        assert event["B"][0]["bc"] == "5.00000000"


def test_a_legacy_order_without_fills_hides_them() -> None:
    pit = Pit(generation="legacy")
    pit.buy("alice", "1", "1")
    [event] = pit.events("alice")
    rendering.event(event, Switches(empty_fields="absent"))
    assert "fi" not in event["o"][0]
    assert event["o"][0]["oid"]


@pytest.mark.parametrize("manner", ["absent", "null", "empty"])
def test_rest_rows_hide_what_does_not_apply(manner: Any) -> None:
    stage = Stage(empty_fields=manner, maker_fee=False)
    world, alice, gone = stage.world, stage.alice, GONE[manner]
    world.burst("alice", 30, T0 + 1)
    world.transfer("alice", Decimal(5), T0 + 2)
    bills = value(ask_signed(world, alice, "GET", "bill", T0 + 3, currency="USDT"))
    assert {shown(row, "symbol") == gone for row in bills if row["type"] == "TRANSFER"} == {True}
    assert {shown(row, "symbol") == gone for row in bills if row["type"] != "TRANSFER"} == {False}
    symbols = {fill["symbol"] for fill in world.ledger("alice")["fills"]}
    trades = [
        row for symbol in symbols for row in value(ask_signed(world, alice, "GET", "userTrades", T0 + 3, symbol=symbol))
    ]
    assert {shown(row, "fee") == gone for row in trades if row["liquidity"] == "MAKER"} == {True}
    assert {shown(row, "fee") == gone for row in trades if row["liquidity"] == "TAKER"} == {False}
    asked = {"side": "BUY", "type": "LIMIT", "quantity": "0.1", "price": "1", "symbol": next(iter(symbols))}
    placed = value(ask_signed(world, alice, "POST", "order", T0 + 3, selfTradePreventionMode="NONE", **asked))
    assert (shown(placed, "avgPrice"), shown(placed, "selfTradePreventionMode")) == (gone, gone)
    [resting] = value(ask_signed(world, alice, "GET", "openOrders", T0 + 3, symbol=asked["symbol"]))
    assert shown(resting, "avgPrice") == gone
    assert resting["executedQty"] == "0.00"


@pytest.mark.parametrize(
    ("plain", "printed"),
    [
        ("0.00000000", "0E-8"),
        ("0", "0"),
        ("0.00", "0.00"),
        ("100.00", "1E+2"),
        ("-95000.0", "-9.5E+4"),
        ("0.05000000", "0.05"),
        ("0.00000012", "1.2E-7"),
        ("4611875134427365377", "4611875134427365377"),
        ("BTC-261225-90000-C", "BTC-261225-90000-C"),
        ("", ""),
    ],
)
def test_amounts_print_as_a_bigdecimal_does(plain: str, printed: str) -> None:
    value = {"p": plain, "deep": [{"q": plain}, plain], "n": 7}
    rendering.with_exponents(value)
    assert value == {"p": printed, "deep": [{"q": printed}, printed], "n": 7}
    assert plain in ("", printed) or Decimal(plain) == Decimal(printed)


def test_ids_and_names_are_no_amounts() -> None:
    value = {"c": "1000", "oid": "1000", "id": "1000", "clientOrderId": "1000", "code": "0", "E": "1000"}
    rendering.with_exponents(value)
    assert set(value.values()) == {"1000", "0"}


def test_both_ways_out_print_exponents() -> None:
    stage = Stage(amount_format="exponent")
    stage.world.transfer("alice", Decimal(100), T0)
    told = stage.events()[0]["B"][0]
    assert told["bc"] == "1E+2"
    bills = value(ask_signed(stage.world, stage.alice, "GET", "bill", T0, currency="USDT"))
    assert [row["amount"] for row in bills] == ["1E+6", "1E+2"]
    assert stage.world.ledger("alice")["transfers"][-1]["amount"] == "100.00000000"


def test_by_default_nothing_is_touched() -> None:
    payload = {"e": venue.ACCOUNT_UPDATE, "b": "0.00000000"}
    assert rendering.event(payload, Switches()) is payload
    assert payload["b"] == "0.00000000"
    rows = [{"fee": "0.00000000"}]
    assert rendering.answer(venue.USER_TRADES_PATH, rows, Switches()) == [{"fee": "0.00000000"}]
