"""Every answer has the keys of its published sample, in their order and with their types, in both generations."""

from __future__ import annotations

import pytest

from tests.sandbox.exchange.exchange_kit import Pit, fixture
from tests.sandbox.exchange.test_payloads import shape, traded

GENERATIONS = pytest.mark.parametrize(("generation", "prefix"), [("current", ""), ("legacy", "legacy_")])


@GENERATIONS
def test_snapshots(generation: str, prefix: str) -> None:
    pit, _ = traded(generation)
    exchange, now_ms = pit.exchange, pit.now_ms
    assert shape(exchange.margin_account("bob", now_ms)) == shape(fixture(f"{prefix}margin_account"))
    assert shape(exchange.position("bob", now_ms=now_ms)) == shape(fixture(f"{prefix}position"))
    assert shape(exchange.legacy_account("bob", now_ms)) == shape(fixture("legacy_account"))
    assert shape(exchange.commission("bob")) == shape(fixture("commission"))


@GENERATIONS
def test_orders(generation: str, prefix: str) -> None:
    pit, _ = traded(generation)
    new = "new_order" if generation == "current" else "legacy_new_order_result"
    placed = pit.buy("alice", "1", "1")
    assert shape(placed) == shape(fixture(new))
    assert shape(pit.exchange.open_orders("alice")) == shape(fixture(f"{prefix}open_orders"))
    found = pit.exchange.order("alice", pit.symbol, order_id=placed["orderId"], now_ms=pit.now_ms)
    assert shape(found) == shape(fixture(f"{prefix}order"))
    assert shape(pit.cancel("alice", placed["orderId"])) == shape(fixture(f"{prefix}cancel_order"))
    placed = pit.buy("alice", "1", "1", answer="BATCH")
    assert shape([placed]) == shape(fixture(f"{prefix}batch_orders_post"))
    assert shape([pit.cancel("alice", placed["orderId"], batch=True)]) == shape(fixture(f"{prefix}batch_orders_delete"))
    history = pit.exchange.history_orders("alice", pit.symbol, now_ms=pit.now_ms)
    assert shape(history) == shape(fixture(f"{prefix}history_orders"))
    acknowledged = pit.buy("alice", "1", "1", answer="ACK")
    ack = "new_order" if generation == "current" else "legacy_new_order_ack"
    assert shape(acknowledged) == shape(fixture(ack))


def test_a_new_order_lacks_only_what_the_connector_adds() -> None:
    assert set(fixture("new_order_sdk")) - set(Pit().buy("alice", "1", "1")) == {"fee", "postOnly"}


@GENERATIONS
def test_records(generation: str, prefix: str) -> None:
    pit, _ = traded(generation)
    exchange = pit.exchange
    expiry_ms = exchange.state.contract(pit.btc).expiry_ms
    exchange.advance(expiry_ms)
    trades = exchange.user_trades("bob", pit.btc, now_ms=expiry_ms)
    assert shape(trades) == shape(fixture(f"{prefix}user_trades"))
    assert shape(exchange.exercise_record("bob")) == shape(fixture(f"{prefix}exercise_record"))
    rows = exchange.bill("bob", now_ms=expiry_ms)
    assert [each["type"] for each in rows] == ["TRANSFER", "CONTRACT", "FEE", "EXERCISE_PNL", "EXERCISE_FEE"]
    plain = [{key: value for key, value in row.items() if key != "symbol"} for row in rows]
    assert all(shape(each) == shape(fixture(f"{prefix}bill")[0]) for each in plain)
    with_symbol = [] if generation == "legacy" else rows[1:]
    assert [row for row in rows if "symbol" in row] == with_symbol


@pytest.mark.parametrize(("negative", "quantity"), [(True, "-1.00"), (False, "1.00")])
def test_the_sign_of_a_sell_in_the_history_is_a_switch(negative: bool, quantity: str) -> None:
    pit = Pit(sell_quantity_negative_in_history=negative)
    pit.buy("bob", "1", "100")
    pit.sell("alice", "1", "100")
    (row,) = pit.exchange.history_orders("alice", pit.symbol, now_ms=pit.now_ms)
    assert (row["quantity"], row["executedQty"]) == (quantity, quantity)
    (row,) = pit.exchange.history_orders("bob", pit.symbol, now_ms=pit.now_ms)
    assert row["quantity"] == "1.00"


def test_fills_read_the_same_in_the_stream_in_the_answers_and_in_the_ledger() -> None:
    pit = Pit()
    pit.sell("bob", "1.5", "100")
    pit.events()
    pit.buy("alice", "0.7", "100")
    (fill,) = [each["o"] for each in pit.events("alice") if each["e"] == "ORDER_TRADE_UPDATE" and each["o"]["t"]]
    (trade,) = pit.exchange.user_trades("alice", pit.symbol, now_ms=pit.now_ms)
    (entry,) = pit.exchange.ledger("alice")["fills"]
    for letter, rest, word in (
        ("s", "symbol", "symbol"),
        ("t", "tradeId", "trade_id"),
        ("i", "orderId", "order_id"),
        ("S", "side", "side"),
        ("l", "quantity", "quantity"),
        ("L", "price", "price"),
        ("n", "fee", "commission"),
        ("rp", "realizedProfit", "realized_profit"),
        ("T", "time", "time_ms"),
    ):
        assert fill[letter] == trade[rest] == entry[word]
    assert (fill["N"], fill["m"], fill["z"]) == (entry["commission_asset"], entry["maker"], entry["filled_quantity"])
    assert trade["id"] == entry["id"]
