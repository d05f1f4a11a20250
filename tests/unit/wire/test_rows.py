"""Rows of REST answers: exact, normalised where documents disagree, refused where they are none."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from listenkey.errors import ProtocolError
from listenkey.wire import rows
from listenkey.wire.rows import BillRow

FIXTURES = Path(__file__).parents[2] / "fixtures"


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


def test_a_trade() -> None:
    row = rows.trade(fixture("user_trades")[0], b"{}")
    assert (row.id, row.fill.trade_id, row.fill.order_id) == (4611875134427365377, 239, 4611875134427365377)
    assert (row.fill.last_quantity_text, row.fill.last_price_text, row.fill.maker) == ("1", "100", False)
    assert (row.fill.commission_asset, row.fill.event_ms) == ("USDT", 1592465880683)
    assert (row.fill.execution_type, row.fill.is_fill, row.fill.filled_quantity) == ("TRADE", True, None)


def test_a_sell_is_positive_in_quantity_and_negative_in_position() -> None:
    row = rows.order(fixture("history_orders")[0], b"{}").order
    assert (row.side, row.quantity_text, row.filled_quantity_text) == ("SELL", "0.50000000", "0.50000000")
    assert (row.client_order_id, row.self_trade_prevention) == ("", None)
    assert rows.position(fixture("position")[0]) == ("BTC-200730-9000-C", "-0.1")
    assert rows.position({"symbol": "s", "side": "SHORT", "quantity": "0.1"}).quantity == "-0.1"


@pytest.mark.parametrize("name", ["open_orders", "history_orders", "legacy_open_orders", "legacy_history_orders"])
def test_every_published_order_is_read(name: str) -> None:
    for row in fixture(name):
        assert rows.order(row, b"{}").order.order_id == row["orderId"]


def test_old_words_for_a_status_are_todays() -> None:
    row = fixture("open_orders")[0]
    assert rows.order(row | {"status": "ACCEPTED"}, b"").order.status == "NEW"
    assert rows.order(row | {"status": "CANCELLED"}, b"").order.status == "CANCELED"


def test_a_bill_row_may_have_no_symbol() -> None:
    assert rows.bill(fixture("bill")[0]).symbol == ""
    assert rows.bill({"id": 1, "type": "CONTRACT", "createDate": 2, "symbol": "s"}) == BillRow(1, "CONTRACT", 2, "s")


def test_rows_are_split_to_the_byte() -> None:
    assert rows.split(b'[{"a": 1 },\n {"b":4611875134427365377}]') == [b'{"a": 1 }', b'{"b":4611875134427365377}']
    for body in (b"{}", b"[", b"null", b"\xff"):
        with pytest.raises(ProtocolError):
            rows.split(body)


@pytest.mark.parametrize(
    ("name", "value"),
    [("tradeId", None), ("tradeId", 1.5), ("tradeId", 2**63), ("price", "1e999999"), ("price", None), ("symbol", ""),
     ("time", True), ("quantity", "NaN"), ("side", "HOLD"), ("symbol", "x" * 65),
     ("tradeId", 0), ("tradeId", -1), ("tradeId", "0"), ("tradeId", -(2**63))],
)  # fmt: skip
def test_a_row_that_lacks_what_makes_it_is_refused(name: str, value: object) -> None:
    with pytest.raises(ProtocolError, match=name):
        rows.trade(fixture("user_trades")[0] | {name: value}, b"{}")


def test_the_weight_limit_is_the_lowest_a_minute() -> None:
    recorded = {"rateLimits": fixture("exchange_info_rate_limits_recorded")}
    assert rows.weight_limit(recorded) == 400
    two = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 5, "limit": 500}]
    assert rows.weight_limit({"rateLimits": [*recorded["rateLimits"], *two]}) == 100
    silent: list[Any] = [{}, {"rateLimits": None}, {"rateLimits": [{"limit": "400"}, 3]}]
    for info in silent:
        assert rows.weight_limit(info) is None
    small = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 600, "limit": "5"}
    assert rows.weight_limit({"rateLimits": [small]}) == 1


LIMIT = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 400}


@pytest.mark.parametrize(
    "info",
    [None, [], 5, "text", {"rateLimits": 5}, {"rateLimits": {}}, {"rateLimits": [LIMIT | {"intervalNum": None}]},
     {"rateLimits": [LIMIT | {"limit": None}]}, {"rateLimits": [LIMIT | {"limit": 1.5}]},
     {"rateLimits": [LIMIT | {"intervalNum": "x"}]}],
)  # fmt: skip
def test_a_weight_limit_of_another_shape_is_our_error(info: Any) -> None:
    with pytest.raises(ProtocolError):
        rows.weight_limit(info)


def test_a_row_needs_what_says_which_it_is_and_nothing_else() -> None:
    whole = fixture("user_trades")[0]
    needed = {"symbol", "tradeId", "orderId", "side", "quantity", "price", "time"}
    for name in whole.keys() - needed:
        for row in (whole | {name: None}, whole | {name: []}, {key: whole[key] for key in whole.keys() - {name}}):
            fill = rows.trade(row, b"{}").fill
            assert (fill.symbol, fill.trade_id, fill.order_id) == ("BTC-200730-9000-C", 239, 4611875134427365377)
            assert (fill.side, fill.last_quantity_text, fill.last_price_text) == ("BUY", "1", "100")
    bare = rows.trade({name: whole[name] for name in needed}, b"{}")
    fill = bare.fill
    assert (bare.id, fill.commission, fill.commission_asset, fill.maker, fill.realized_profit) == (
        0,
        None,
        "",
        None,
        None,
    )
    spelled = rows.trade(whole | {"price": Decimal("1E+2"), "fee": "0E-8", "side": "buy"}, b"{}").fill
    assert (spelled.last_price, spelled.commission, spelled.side) == (Decimal(100), Decimal(0), "BUY")
    order = fixture("open_orders")[0]
    needed = {"symbol", "orderId", "status", "executedQty", "updateTime"}
    step = rows.order({name: order[name] for name in needed}, b"{}").order
    assert (step.side, step.price, step.reduce_only, step.created_ms) == ("", None, None, order["updateTime"])
    cancelled = {name: order[name] for name in needed - {"updateTime"}} | {"createTime": 5}
    assert rows.order(cancelled, b"{}").order.updated_ms == 5
    for name in needed:
        with pytest.raises(ProtocolError, match=name):
            rows.order({key: order[key] for key in needed - {name}}, b"{}")


@pytest.mark.parametrize("answer", [[], None, 5, "text", True])
def test_an_order_that_is_no_object_is_our_error(answer: Any) -> None:
    with pytest.raises(ProtocolError):
        rows.order(answer, b"[]")


def test_a_position_without_a_side_has_the_sign_of_its_quantity() -> None:
    assert rows.position({"symbol": "s", "quantity": "-0.1"}).quantity == "-0.1"
    assert rows.position({"symbol": "s", "side": "LONG", "quantity": "-0.1"}).quantity == "0.1"


def test_what_is_no_trade_keeps_its_amount_and_its_row() -> None:
    row = rows.bill({"id": 7, "type": "TRANSFER", "createDate": 2, "amount": "-5.5", "asset": "USDT"}, b"{}")
    assert (row.amount, row.asset, row.raw) == ("-5.5", "USDT", b"{}")
    cash = rows.cash(row)
    assert (cash.kind, cash.amount, cash.event_ms, cash.identity) == ("TRANSFER", Decimal("-5.5"), 2, ("bill", 7))


def test_an_exercise_says_what_it_paid() -> None:
    documented = fixture("exercise_record")[0]
    read = rows.exercise(documented, b"x")
    assert read.raw == b"x"
    assert read.record.to_dict()["amount"] == documented["amount"]
    assert read.record.symbol == documented["symbol"]
    assert rows.exercise(documented | {"id": 12}, b"").record.record_id == "12"
    wrongs: tuple[Any, ...] = (None, "", [], "1" * 65)
    for wrong in wrongs:
        with pytest.raises(ProtocolError):
            rows.exercise(documented | {"id": wrong}, b"")


def test_rows_that_cant_be_read_keep_no_other_back() -> None:
    whole = fixture("open_orders")[0]
    values: list[Any] = [whole, whole | {"orderId": []}, 5, whole | {"symbol": None}]
    page = rows.page_of(values, [b"{}"] * 4, rows.order)
    assert [row.order.order_id for row in page] == [whole["orderId"]]
    assert page.size == 4
    assert [row.symbol for row in page.unreadable] == [whole["symbol"], "", ""]
    assert [row.why.partition(" is ")[0] for row in page.unreadable] == ["a row's orderId", "a row", "a row's symbol"]
    assert rows.RowPage([1, 2], unreadable=page.unreadable).size == 5


def test_a_row_of_the_bill_that_cant_be_read_may_be_a_trades() -> None:
    trade = {"id": 7, "type": "CONTRACT", "createDate": 2000, "symbol": "s"}
    values: list[Any] = [
        trade | {"createDate": "x"},
        trade,
        trade | {"id": None, "createDate": 2500},
        trade | {"id": None, "createDate": None, "type": None},
        trade | {"id": [], "type": "TRANSFER"},
        None,
    ]
    page = rows.bill_page_of(values, [b"{}"] * 6, 1000)
    assert page.size == 6
    assert page.last_id == 7
    assert len(page.unreadable) == 1
    assert len(page.tail.unreadable) == 4
    assert [(row.id, row.type, row.time_ms, row.symbol) for row in [*page, *page.tail]] == [
        (7, "CONTRACT", 1000, "s"),
        (7, "CONTRACT", 2000, "s"),
        (0, "CONTRACT", 2500, "s"),
        (0, "CONTRACT", 2500, "s"),
        (0, "CONTRACT", 2500, ""),
    ]
