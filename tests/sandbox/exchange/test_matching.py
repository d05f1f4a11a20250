"""Test the fate of orders, and its events in the stream."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from listenkey.sandbox.exchange.exchange import Rejected
from tests.sandbox.exchange.exchange_kit import Pit, fixture_code

FILL = ["BALANCE_POSITION_UPDATE", "ACCOUNT_UPDATE", "GREEK_UPDATE"]


def test_an_order_that_rests_is_one_event_and_a_cancel_another() -> None:
    pit = Pit()
    placed = pit.buy("alice", "1", "1")
    answer = pit.cancel("alice", placed["orderId"])
    assert (placed["status"], answer["status"]) == ("NEW", "CANCELED")
    assert pit.story("alice") == ["NEW/NEW", "CANCELED/CANCELED"]


def test_a_fill_is_told_to_both_sides_after_the_taker_was_new() -> None:
    pit = Pit()
    pit.sell("bob", "1", "100")
    pit.events()
    assert pit.buy("alice", "0.4", "101")["status"] == "FILLED"
    events = pit.exchange.take_events()
    told = {name: [each.payload for each in events if each.account == name] for name in ("alice", "bob")}
    assert [each["e"] for each in told["alice"]] == ["ORDER_TRADE_UPDATE", "ORDER_TRADE_UPDATE", *FILL]
    assert [each["e"] for each in told["bob"]] == ["ORDER_TRADE_UPDATE", *FILL]
    taken, made = told["alice"][1]["o"], told["bob"][0]["o"]
    assert (taken["m"], made["m"]) == (False, True)
    assert (taken["X"], made["X"]) == ("FILLED", "PARTIALLY_FILLED")
    assert taken["t"] == made["t"] == 1
    assert (taken["L"], taken["l"], taken["z"]) == (made["L"], made["l"], made["z"]) == ("100.0", "0.40", "0.40")
    assert (made["b"], made["a"], taken["b"], taken["a"]) == ("0.00", "0.60", "0.00", "0.00")
    assert {each["T"] for each in told["bob"]} == {taken["T"]}
    assert [each.trade_id for each in events if each.trade_id] == [1, 1]


def test_one_order_sweeps_prices_in_order_and_rests_with_what_is_left() -> None:
    pit = Pit()
    for price in ("102", "100", "101"):
        pit.sell("bob", "1", price)
    placed = pit.buy("alice", "2.5", "101.5")
    assert (placed["status"], placed["executedQty"], placed["avgPrice"]) == ("PARTIALLY_FILLED", "2.00", "100.50000000")
    fills = pit.exchange.ledger("alice")["fills"]
    assert [(each["price"], each["filled_quantity"]) for each in fills] == [("100.0", "1.00"), ("101.0", "2.00")]
    assert pit.exchange.depth(pit.symbol)["bids"] == [["101.5", "0.50"]]
    assert pit.exchange.depth(pit.symbol)["asks"] == [["102.0", "1.00"]]


@pytest.mark.parametrize("ending", ["EXPIRED", "CANCELED"])
def test_what_an_ioc_leaves_ends_as_the_switch_says(ending: str) -> None:
    pit = Pit(ioc_remainder=ending)
    pit.sell("bob", "1", "100")
    pit.events()
    assert pit.buy("alice", "3", "100", time_in_force="IOC")["status"] == ending
    assert pit.story("alice") == ["NEW/NEW", "TRADE/PARTIALLY_FILLED", *FILL, f"{ending}/{ending}"]
    assert pit.exchange.depth(pit.symbol)["bids"] == []


def test_fok_fills_whole_over_several_orders() -> None:
    pit = Pit()
    pit.sell("bob", "1", "100")
    pit.sell("bob", "1", "101")
    assert pit.buy("alice", "2", "101", time_in_force="FOK")["status"] == "FILLED"


def test_refused_cancels_have_their_codes() -> None:
    pit = Pit()
    placed = pit.buy("alice", "1", "1")
    for account, order_id, code in (
        ("alice", 7, fixture_code("error_2013")),
        ("bob", placed["orderId"], fixture_code("error_2013")),
    ):
        with pytest.raises(Rejected) as caught:
            pit.cancel(account, order_id)
        assert (caught.value.code, caught.value.message) == code
    pit.cancel("alice", placed["orderId"])
    with pytest.raises(Rejected) as caught:
        pit.cancel("alice", placed["orderId"])
    assert (caught.value.code, caught.value.message) == fixture_code("error_6028")
    with pytest.raises(Rejected) as caught:
        pit.exchange.cancel_order("alice", pit.symbol, pit.now_ms)
    assert caught.value.code == -1102


def test_all_orders_of_a_symbol_or_an_underlying_are_cancelled_and_no_others() -> None:
    pit = Pit()
    other = pit.exchange.symbols()[-2]
    for symbol in (pit.symbol, pit.symbol, other, pit.btc):
        pit.buy("alice", "1", "1", symbol=symbol)
    pit.buy("bob", "1", "1")
    assert pit.exchange.cancel_symbol("alice", pit.symbol, pit.now_ms) == 2
    assert [each["symbol"] for each in pit.exchange.open_orders("alice")] == [other, pit.btc]
    assert pit.exchange.cancel_underlying("alice", "ETHUSDT", pit.now_ms) == 1
    assert len(pit.exchange.open_orders("bob")) == 1
    with pytest.raises(Rejected):
        pit.exchange.cancel_underlying("alice", "DOGEUSDT", pit.now_ms)


@pytest.mark.parametrize(
    ("mode", "maker", "taker"),
    [
        ("EXPIRE_MAKER", "EXPIRED_IN_MATCH", "NEW"),
        ("EXPIRE_TAKER", "NEW", "EXPIRED_IN_MATCH"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"),
        ("NONE", "FILLED", "FILLED"),
    ],
)
def test_the_takers_mode_prevents_a_self_trade(mode: str, maker: str, taker: str) -> None:
    pit = Pit()
    # The maker's own mode is ignored.
    resting = pit.sell("alice", "1", "100", stp="EXPIRE_BOTH")
    taking = pit.buy("alice", "1", "100", stp=mode)
    assert taking["status"] == taker
    found = pit.exchange.order("alice", pit.symbol, order_id=resting["orderId"], now_ms=pit.now_ms)
    assert found["status"] == maker
    expired = [each["o"] for each in pit.events() if each["e"] == "ORDER_TRADE_UPDATE" and each["o"]["x"] == "EXPIRED"]
    assert [each["X"] for each in expired] == ["EXPIRED_IN_MATCH"] * (maker, taker).count("EXPIRED_IN_MATCH")


def test_prevention_covers_a_trade_group_but_no_fok() -> None:
    pit = Pit()
    for name in ("carol", "dave"):
        pit.exchange.add_account(name, pit.now_ms, trade_group_id=7)
    pit.sell("carol", "1", "100")
    assert pit.buy("dave", "1", "100", time_in_force="FOK")["status"] == "FILLED"
    pit.sell("carol", "1", "100")
    assert pit.buy("dave", "1", "100", time_in_force="IOC", stp="EXPIRE_TAKER")["status"] == "EXPIRED_IN_MATCH"
    assert pit.buy("bob", "1", "100")["status"] == "FILLED"


def test_after_its_own_order_expired_a_taker_goes_on_to_the_next() -> None:
    pit = Pit()
    pit.sell("alice", "1", "100")
    pit.sell("bob", "1", "101")
    assert pit.buy("alice", "1", "101", stp="EXPIRE_MAKER")["avgPrice"] == "101.00000000"


def test_a_reduce_only_order_ends_when_the_position_it_was_to_reduce_has_gone() -> None:
    pit = Pit()
    pit.sell("bob", "1", "100")
    pit.buy("alice", "1", "100")
    kept = pit.sell("alice", "0.3", "200", reduce_only=True)
    pit.sell("alice", "0.6", "200", reduce_only=True)
    pit.buy("bob", "0.7", "90")
    pit.sell("alice", "0.7", "90")
    assert [each["orderId"] for each in pit.exchange.open_orders("alice")] == [kept["orderId"]]
    pit.buy("bob", "0.5", "90")
    pit.sell("alice", "0.5", "90")
    assert pit.exchange.open_orders("alice") == []
    statuses = [each["status"] for each in pit.exchange.ledger("alice")["orders"][-3:]]
    assert statuses == ["NEW", "FILLED", "CANCELED"]


def position(event: dict[str, Any]) -> tuple[str, str, str]:
    row = event["P"][0]
    return row["c"], row["p"], row["a"]


def test_positions_are_opened_enlarged_closed_and_turned() -> None:
    pit = Pit()
    trades = [("BUY", "1", "100"), ("BUY", "2", "130"), ("SELL", "1", "150"), ("SELL", "3", "90"), ("BUY", "1", "80")]
    told, profits = [], []
    for side, quantity, price in trades:
        other = "SELL" if side == "BUY" else "BUY"
        pit.order("bob", other, quantity, price)
        pit.events()
        pit.order("alice", side, quantity, price)
        events = pit.events("alice")
        told.append(position(next(each for each in events if each["e"] == "BALANCE_POSITION_UPDATE")))
        profits.append(events[1]["o"]["rp"])
    assert told == [
        ("1.00", "100.00000000", "100.00000000"),
        ("3.00", "360.00000000", "120.00000000"),
        ("2.00", "240.00000000", "120.00000000"),
        ("-1.00", "-90.00000000", "90.00000000"),
        ("0.00", "0.00000000", "0.00000000"),
    ]
    assert profits == ["0.00000000", "0.00000000", "30.00000000", "-60.00000000", "10.00000000"]


def test_the_fee_is_a_part_of_the_index_and_at_most_a_tenth_of_the_price() -> None:
    pit = Pit()
    for price, fee in (("1", "-0.10000000"), ("100", "-0.72000000")):
        pit.sell("bob", "1", price)
        pit.buy("alice", "1", price)
        assert pit.exchange.ledger("alice")["fills"][-1]["commission"] == fee


def test_ids_are_beyond_a_double_and_trade_ids_are_small() -> None:
    pit = Pit()
    pit.sell("bob", "1", "100")
    placed = pit.buy("alice", "1", "100")
    fill = pit.exchange.ledger("alice")["fills"][0]
    for number in (placed["orderId"], fill["id"]):
        assert len(str(number)) == 19
        assert number > 2**53
        assert int(float(number)) != number or number % 1024 == 0
    assert fill["trade_id"] == 1


@pytest.mark.parametrize("per_fill", [True, False])
def test_bill_rows_by_fill_or_by_order(per_fill: bool) -> None:
    pit = Pit(bill_row_per_fill=per_fill)
    for price in ("100", "101"):
        pit.sell("bob", "1", price)
    pit.buy("alice", "2", "101")
    rows = pit.exchange.bill("alice", now_ms=pit.now_ms)[1:]
    kinds = ["CONTRACT", "FEE"] * (2 if per_fill else 1)
    assert [each["type"] for each in rows] == kinds
    assert sum(Decimal(each["amount"]) for each in rows if each["type"] == "CONTRACT") == -201
    assert {each["symbol"] for each in rows} == {pit.symbol}


def test_a_venue_that_rejects_cancels_leaves_the_order_open() -> None:
    pit = Pit(rejects_cancels=True)
    order = pit.buy("alice", "1", "1")
    with pytest.raises(Rejected) as caught:
        pit.cancel("alice", order["orderId"])
    assert caught.value.code == -6063
    assert pit.exchange.open_orders("alice")[0]["orderId"] == order["orderId"]
    pit.exchange.state.switches.rejects_cancels = False
    assert pit.cancel("alice", order["orderId"])["orderId"] == order["orderId"]


def test_two_orders_of_one_id_in_two_contracts_are_two_orders() -> None:
    pit = Pit(order_ids="contract", bill_row_per_fill=False)
    other = pit.exchange.symbols()[-2]
    first = pit.buy("alice", "1", "100")
    second = pit.buy("alice", "2", "50", symbol=other)
    assert first["orderId"] == second["orderId"]
    assert first["clientOrderId"] != second["clientOrderId"]
    pit.sell("bob", "0.5", "100")
    order_id = first["orderId"]
    now = {
        symbol: pit.exchange.order("alice", symbol, order_id=order_id, now_ms=pit.now_ms)["status"]
        for symbol in (pit.symbol, other)
    }
    assert now == {pit.symbol: "PARTIALLY_FILLED", other: "NEW"}
    assert len(pit.exchange.open_orders("alice")) == 2
    pit.cancel("alice", order_id)
    assert [each["symbol"] for each in pit.exchange.open_orders("alice")] == [other]
    pit.sell("bob", "2", "50", symbol=other)
    symbols = [each.get("symbol") for each in pit.exchange.bill("alice", now_ms=pit.now_ms) if each["type"] == "FEE"]
    assert symbols == [pit.symbol, other]


def test_makers_may_be_charged_nothing() -> None:
    pit = Pit(maker_fee=False)
    pit.sell("bob", "1", "100")
    pit.buy("alice", "1", "100")
    fees = {name: pit.exchange.ledger(name)["fills"][0]["commission"] for name in ("alice", "bob")}
    assert fees["bob"] == "0.00000000"
    assert Decimal(fees["alice"]) < 0
    total = sum(each.balance for each in pit.exchange.state.accounts.values())
    assert total + pit.exchange.state.fees_collected == 2_000_000


def test_every_step_of_an_order_is_in_the_ledger_as_it_was_told() -> None:
    pit = Pit()
    placed = pit.buy("alice", "2", "100")["orderId"]
    pit.sell("bob", "0.5", "100")
    pit.cancel("alice", placed)
    pit.buy("alice", "1", "100", time_in_force="IOC")
    pit.buy("alice", "1", "1", client_order_id="mine")
    pit.exchange.advance(pit.exchange.state.contract(pit.symbol).expiry_ms)
    orders = [each["o"] for each in pit.events("alice") if each["e"] == "ORDER_TRADE_UPDATE"]
    told = [
        (each["s"], each["i"], each["c"], each["x"], each["X"], each["T"], each["t"], each["q"], each["p"])
        for each in orders
    ]
    steps = [
        (
            each["symbol"],
            each["order_id"],
            each["client_order_id"],
            each["execution_type"],
            each["status"],
            each["time_ms"],
            each["trade_id"],
            each["quantity"],
            each["price"],
        )
        for each in pit.exchange.ledger("alice")["orders"]
    ]
    assert steps == told
    assert [each[4] for each in steps] == ["NEW", "PARTIALLY_FILLED", "CANCELED", "NEW", "EXPIRED", "NEW", "EXPIRED"]
    assert {each["order_id_text"] for each in pit.exchange.ledger("alice")["orders"]} == {
        str(each[1]) for each in steps
    }
