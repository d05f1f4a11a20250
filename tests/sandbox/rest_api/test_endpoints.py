from __future__ import annotations

import json
import random
from typing import Any

import pytest

from listenkey.sandbox.rest_api.api import ApiRequest
from listenkey.sandbox.rest_api.api_keys import SandboxAccount
from listenkey.sandbox.switches import Switches
from listenkey.sandbox.world import Opening, World
from tests.sandbox.visitor import ask, ask_signed, fixture, refusal, resting_order, signed, value

T0 = 1_795_330_020_000
KEY = "listenKey"


@pytest.fixture
def world() -> World:
    return World(T0, secrets=random.Random(7), market=False, switches=Switches())


@pytest.fixture
def alice(world: World) -> SandboxAccount:
    return world.add_account("alice", T0)


# --- Listen key ---


def test_the_three_calls_have_the_documented_shapes(world: World, alice: SandboxAccount) -> None:
    made = value(ask(world, alice, "POST", KEY, T0))
    assert set(made) == set(fixture("listen_key_post"))
    assert made["expiration"] == T0 + 3_600_000
    assert value(ask(world, alice, "PUT", KEY, T0 + 1)) == fixture("listen_key_put")
    assert value(ask(world, alice, "POST", KEY, T0 + 2))["listenKey"] == made["listenKey"]
    assert value(ask(world, alice, "DELETE", KEY, T0 + 3)) == fixture("listen_key_delete")
    gone = ask(world, alice, "PUT", KEY, T0 + 4)
    assert (gone.status, value(gone)) == (400, fixture("error_1125"))
    assert refusal(ask(world, alice, "DELETE", KEY, T0 + 4)) == (400, -1125)
    assert value(ask(world, alice, "POST", KEY, T0 + 5))["listenKey"] != made["listenKey"]


def test_the_listen_key_tolerates_what_third_parties_send(world: World, alice: SandboxAccount) -> None:
    query = signed(alice, T0, subType="None", listenKey="x")
    made = ask(world, alice, "POST", KEY, T0, query=query, body="a=b")
    assert made.status == 200
    assert ask(world, alice, "PUT", KEY, T0, query="listenKey=another&timestamp=old").status == 200
    usdm = world.handle(ApiRequest("POST", "/fapi/v1/listenKey", headers={"x-mbx-apikey": alice.api_key}), T0)
    assert value(usdm) == value(made)


def test_switches_of_the_listen_key(world: World, alice: SandboxAccount) -> None:
    world.set_switches({"post_answers_expiration": False, "put_answers_key": True, "closed_key_lenient": True}, T0)
    made = value(ask(world, alice, "POST", KEY, T0))
    assert set(made) == {"listenKey"}
    assert value(ask(world, alice, "PUT", KEY, T0)) == made
    assert value(ask(world, alice, "DELETE", KEY, T0)) == {}
    assert value(ask(world, alice, "DELETE", KEY, T0)) == {}
    assert value(ask(world, alice, "PUT", KEY, T0)) == {}
    world.set_switches({"closed_key_lenient": False, "status_key_unknown": 404}, T0)
    assert refusal(ask(world, alice, "PUT", KEY, T0)) == (404, -1125)
    world.set_switches({"generation": "legacy", "post_answers_expiration": True}, T0)
    assert set(value(ask(world, alice, "POST", KEY, T0))) == set(fixture("legacy_listen_key_post"))


# --- Endpoints ---


def test_market_maker_protection_over_rest(world: World, alice: SandboxAccount) -> None:
    rule = {"underlying": "BTCUSDT", "windowTimeInMilliseconds": 3000, "frozenTimeInMilliseconds": 0}
    limits = {"qtyLimit": "2", "deltaLimit": "2.3"}
    assert refusal(ask_signed(world, alice, "POST", "mmpSet", T0, **rule, **limits)) == (400, -6005)
    maker = world.add_account("mm", T0, opening=Opening(market_maker=True))
    for name in {**rule, **limits}:
        missing = {each: text for each, text in {**rule, **limits}.items() if each != name}
        assert refusal(ask_signed(world, maker, "POST", "mmpSet", T0, **missing)) == (400, -1102)
    made = value(ask_signed(world, maker, "POST", "mmpSet", T0, **rule, **limits))
    assert made == {"underlyingId": 2, **rule, **limits, "lastTriggerTime": 0}
    assert value(ask_signed(world, maker, "GET", "mmp", T0, underlying="BTCUSDT")) == made
    assert value(ask_signed(world, maker, "POST", "mmpReset", T0, underlying="BTCUSDT")) == made


def test_orders_in_all_forms(world: World, alice: SandboxAccount) -> None:
    made = value(ask_signed(world, alice, "POST", "order", T0, **resting_order(world), clientOrderId="mine"))
    assert set(made) >= set(fixture("new_order"))
    assert made["status"] == "NEW"
    symbol = made["symbol"]
    found = value(ask_signed(world, alice, "GET", "order", T0, symbol=symbol, clientOrderId="mine"))
    assert found["orderId"] == made["orderId"]
    assert refusal(ask_signed(world, alice, "GET", "order", T0, symbol=symbol)) == (400, -1102)
    gone = value(ask_signed(world, alice, "DELETE", "order", T0, symbol=symbol, orderId=made["orderId"]))
    assert set(gone) == set(fixture("cancel_order"))
    orders = [
        resting_order(world),
        resting_order(world, price=-1),
        resting_order(world, isMmp=True, reduceOnly=False),
        {"symbol": symbol},
    ]
    answers = value(ask_signed(world, alice, "POST", "batchOrders", T0, orders=json.dumps(orders)))
    assert ["code" in answer for answer in answers] == [False, True, False, True]
    ids = [answers[0]["orderId"], str(answers[2]["orderId"]), 5]
    gone = value(ask_signed(world, alice, "DELETE", "batchOrders", T0, symbol=symbol, orderIds=json.dumps(ids)))
    assert ["code" in answer for answer in gone] == [False, False, True]
    assert set(gone[0]) == set(fixture("batch_orders_delete")[0])
    eleven = json.dumps([resting_order(world)] * 11)
    assert refusal(ask_signed(world, alice, "POST", "batchOrders", T0, orders=eleven)) == (400, -6011)
    assert refusal(ask_signed(world, alice, "POST", "batchOrders", T0, orders="{}")) == (400, -1130)


@pytest.mark.parametrize(
    ("number", "code"), [("0.1", None), ("1E-1", None), ("1e9999999999", -1130), ("1e-99999", -1130)]
)
def test_numbers_of_a_batch_may_have_exponents_but_not_fill_the_memory(
    world: World, alice: SandboxAccount, number: str, code: int | None
) -> None:
    orders = json.dumps([resting_order(world, quantity="*")]).replace('"*"', number)
    (answer,) = value(ask_signed(world, alice, "POST", "batchOrders", T0, orders=orders))
    assert answer.get("code") == code


def test_cancel_all(world: World, alice: SandboxAccount) -> None:
    symbol = world.exchange.symbols()[0]
    ask_signed(world, alice, "POST", "order", T0, **resting_order(world))
    done = value(ask_signed(world, alice, "DELETE", "allOpenOrders", T0, symbol=symbol))
    assert done == fixture("all_open_orders_delete")
    assert value(ask_signed(world, alice, "GET", "openOrders", T0)) == []
    ask_signed(world, alice, "POST", "order", T0, **resting_order(world))
    path = "allOpenOrdersByUnderlying"
    underlying = "ETHUSDT" if symbol.startswith("ETH") else "BTCUSDT"
    done = value(ask_signed(world, alice, "DELETE", path, T0, underlying=underlying))
    assert done == fixture("all_open_orders_by_underlying_delete")
    assert value(ask_signed(world, alice, "GET", "openOrders", T0)) == []
    world.set_switches({"generation": "legacy"}, T0)
    done = value(ask_signed(world, alice, "DELETE", "allOpenOrders", T0, symbol=symbol))
    assert done == fixture("legacy_all_open_orders_delete")
    done = value(ask_signed(world, alice, "DELETE", path, T0, underlying=underlying))
    assert done == fixture("legacy_all_open_orders_by_underlying_delete")


def test_legacy_answers(world: World, alice: SandboxAccount) -> None:
    world.set_switches({"generation": "legacy"}, T0)
    assert set(value(ask_signed(world, alice, "GET", "account", T0))) == set(fixture("legacy_account"))
    ack = value(ask_signed(world, alice, "POST", "order", T0, **resting_order(world)))
    assert list(ack) == list(fixture("legacy_new_order_ack"))
    assert None not in ack.values()
    whole = value(ask_signed(world, alice, "POST", "order", T0, **resting_order(world), newOrderRespType="RESULT"))
    assert set(whole) == set(fixture("legacy_new_order_result"))


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("openOrders", {}),
        ("historyOrders", {"symbol": "*"}),
        ("userTrades", {"symbol": "*", "limit": 5}),
        ("bill", {"currency": "USDT"}),
        ("exerciseRecord", {}),
        ("commission", {}),
        ("position", {"symbol": "*"}),
        ("countdownCancelAll", {}),
    ],
)
def test_every_list_answers(world: World, alice: SandboxAccount, path: Any, params: Any) -> None:
    params = {name: world.exchange.symbols()[0] if text == "*" else text for name, text in params.items()}
    response = ask_signed(world, alice, "GET", path, T0, **params)
    assert response.status == 200, value(response)


def test_what_is_missing_is_named(world: World, alice: SandboxAccount) -> None:
    for path, name in (("historyOrders", "symbol"), ("userTrades", "symbol"), ("bill", "currency")):
        answer = ask_signed(world, alice, "GET", path, T0)
        assert refusal(answer) == (400, -1102)
        assert f"'{name}'" in value(answer)["msg"]
    world.set_switches({"generation": "legacy"}, T0)
    assert ask_signed(world, alice, "GET", "userTrades", T0).status == 200


@pytest.mark.parametrize("path", ["historyOrders", "userTrades", "bill", "exerciseRecord"])
def test_a_limit_is_at_least_one(world: World, alice: SandboxAccount, path: str) -> None:
    asked = {"symbol": world.exchange.symbols()[0], "currency": "USDT"}
    assert refusal(ask_signed(world, alice, "GET", path, T0, **asked, limit=0)) == (400, -6008)
    assert ask_signed(world, alice, "GET", path, T0, **asked, limit=1001).status == 200


def test_open_orders_had_a_limit_before_january_2026(world: World, alice: SandboxAccount) -> None:
    ids = [value(ask_signed(world, alice, "POST", "order", T0, **resting_order(world)))["orderId"] for _ in range(3)]

    def found(**asked: Any) -> list[int]:
        return [each["orderId"] for each in value(ask_signed(world, alice, "GET", "openOrders", T0, **asked))]

    assert found(limit=2) == ids
    world.set_switches({"generation": "legacy"}, T0)
    assert found() == ids
    assert found(limit=2) == ids[1:]
    assert found(limit=2, orderId=ids[0]) == ids[:2]


def test_what_may_be_sold_short_says_so(world: World) -> None:
    symbols = value(ask(world, None, "GET", "exchangeInfo", T0))["optionSymbols"]
    assert all(each["nakedSell"] is True for each in symbols)


def test_public_paths_need_no_key(world: World) -> None:
    assert value(ask(world, None, "GET", "time", T0)) == {"serverTime": T0}
    assert value(ask(world, None, "GET", "ping", T0)) == {}
    symbol = world.exchange.symbols()[0]
    assert set(value(ask(world, None, "GET", "depth", T0, query=f"symbol={symbol}"))) >= {"bids", "asks"}
    assert set(value(ask(world, None, "GET", "index", T0, query="underlying=BTCUSDT"))) == {"time", "indexPrice"}
    assert refusal(ask(world, None, "GET", "depth", T0, query="symbol=NOPE")) == (400, -1121)
    assert refusal(ask(world, None, "GET", "index", T0, query="underlying=NOPE"))[0] == 400


@pytest.mark.parametrize("query", ["&&&", "=", "symbol=%ff%fe", "a=1&" * 600, "limit=" + "9" * 30])
def test_odd_queries_are_refused_not_failed(world: World, alice: SandboxAccount, query: Any) -> None:
    response = ask(world, alice, "GET", "userTrades", T0, query=query)
    assert response.status == 400
    assert set(value(response)) == {"code", "msg"}
