from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from listenkey.sandbox.api import ApiRequest, ApiResponse
from listenkey.sandbox.identities import SandboxAccount
from listenkey.sandbox.switches import Switches
from listenkey.sandbox.world import World
from tests.sandbox.visitor import ask, ask_signed, signed

FIXTURES = Path(__file__).parents[1] / "fixtures"
T0 = 1_795_330_020_000
KEY = "listenKey"


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


def value(response: ApiResponse) -> Any:
    return json.loads(response.body)


def refusal(response: ApiResponse) -> tuple[int, int]:
    return response.status, value(response)["code"]


@pytest.fixture
def world() -> World:
    return World(T0, secrets=random.Random(7), market=False, switches=Switches())


@pytest.fixture
def alice(world: World) -> SandboxAccount:
    return world.add_account("alice", T0)


def order(world: World, **changes: Any) -> dict[str, Any]:
    """A buy far below the market, so that it rests."""
    symbol = world.exchange.symbols()[0]
    asked = {"symbol": symbol, "side": "BUY", "type": "LIMIT", "quantity": "0.1", "price": "1", "timeInForce": "GTC"}
    return asked | changes


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


# --- Who asks ---


def test_api_keys(world: World, alice: SandboxAccount) -> None:
    assert refusal(ask(world, None, "POST", KEY, T0)) == (401, -2014)
    headers = {"x-mbx-apikey": "z" * 64}
    assert refusal(world.handle(ApiRequest("POST", "/eapi/v1/listenKey", headers=headers), T0)) == (401, -2015)
    headers = {"x-mbx-apikey": "short!"}
    assert refusal(world.handle(ApiRequest("POST", "/eapi/v1/listenKey", headers=headers), T0)) == (401, -2014)
    world.set_switches({"status_bad_api_key": 400}, T0)
    assert refusal(ask(world, None, "POST", KEY, T0)) == (400, -2014)


def test_signatures_in_query_body_or_both(world: World, alice: SandboxAccount) -> None:
    path = "countdownCancelAll"
    whole = signed(alice, T0, underlying="BTCUSDT", countdownTime=0)
    assert ask(world, alice, "POST", path, T0, query=whole).status == 200
    assert ask(world, alice, "POST", path, T0, body=whole).status == 200
    assert refusal(ask(world, alice, "POST", path, T0, query=whole + "0")) == (400, -1022)
    assert refusal(ask(world, alice, "POST", path, T0, query=whole[:-1])) == (400, -1022)
    unsigned = f"underlying=BTCUSDT&countdownTime=0&timestamp={T0}"
    assert refusal(ask(world, alice, "POST", path, T0, query=unsigned)) == (400, -1102)
    bob = world.add_account("bob", T0)
    assert refusal(ask(world, bob, "POST", path, T0, query=whole)) == (400, -1022)
    assert refusal(ask(world, alice, "POST", path, T0 + 5_001, query=whole)) == (400, -1021)


def test_a_get_is_signed_in_its_query_only(world: World, alice: SandboxAccount) -> None:
    query = signed(alice, T0)
    assert ask(world, alice, "GET", "marginAccount", T0, query=query, body="ignored=1").status == 200
    assert refusal(ask(world, alice, "GET", "marginAccount", T0, body=query)) == (400, -1102)


def test_requests_show_no_secret(world: World, alice: SandboxAccount) -> None:
    request = ApiRequest("GET", "/eapi/v1/time", signed(alice, T0), "", {"x-mbx-apikey": alice.api_key})
    assert alice.api_key not in repr(request)
    assert "signature" not in repr(request)
    assert alice.api_key not in repr(alice)
    assert alice.api_secret not in repr(alice)


# --- Limits ---


def test_weights_add_up_and_are_told(world: World, alice: SandboxAccount) -> None:
    costs = [
        ("GET", "time", {}, 1),
        ("GET", "exchangeInfo", {}, 1),
        ("GET", "marginAccount", {}, 3),
        ("GET", "position", {}, 5),
        ("GET", "openOrders", {}, 40),
        ("GET", "openOrders", {"symbol": world.exchange.symbols()[0]}, 1),
        ("GET", "nothing", {}, 1),
    ]
    used = 0
    for method, path, params, cost in costs:
        used += cost
        response = ask_signed(world, alice, method, path, T0, **params)
        assert response.headers["X-MBX-USED-WEIGHT-1M"] == str(used), path
    assert ask(world, None, "GET", "time", T0, ip="127.0.0.2").headers["X-MBX-USED-WEIGHT-1M"] == "1"


def test_429_then_418_with_and_without_retry_after(world: World, alice: SandboxAccount) -> None:
    world.set_switches({"weight_per_minute": 3}, T0)
    for _ in range(3):
        assert ask(world, alice, "POST", KEY, T0).status == 200
    limited = ask(world, alice, "POST", KEY, T0 + 10_000)
    assert refusal(limited) == (429, -1008)
    assert limited.headers["Retry-After"] == "50"
    for _ in range(9):
        assert ask(world, alice, "PUT", KEY, T0 + 10_000).status == 429
    banned = ask(world, alice, "PUT", KEY, T0 + 10_000)
    assert refusal(banned) == (418, -1008)
    assert banned.headers["Retry-After"] == "120"
    assert f"IP banned until {T0 + 130_000}." in value(banned)["msg"]
    assert world.meters(T0)["bans"][0]["until_ms"] == T0 + 130_000
    world.set_switches({"retry_after": False, "rate_limit_code": -1003}, T0 + 10_000)
    banned = ask(world, alice, "GET", "time", T0 + 129_999)
    assert refusal(banned) == (418, -1003)
    assert "Retry-After" not in banned.headers
    assert ask(world, alice, "GET", "time", T0 + 130_000).status == 200


def test_orders_are_counted_an_account(world: World, alice: SandboxAccount) -> None:
    world.set_switches({"orders_per_10_s": 2}, T0)
    first = ask_signed(world, alice, "POST", "order", T0, **order(world))
    assert first.status == 200, value(first)
    assert first.headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert first.headers["X-MBX-ORDER-COUNT-1M"] == "1"
    ask_signed(world, alice, "POST", "order", T0, **order(world))
    assert refusal(ask_signed(world, alice, "POST", "order", T0, **order(world))) == (429, -1015)
    assert "X-MBX-ORDER-COUNT-10S" not in ask(world, alice, "POST", KEY, T0).headers


def test_exchange_info_tells_the_limits_of_the_switches(world: World) -> None:
    world.set_switches({"weight_per_minute": 400, "orders_per_minute": 100, "orders_per_10_s": 30}, T0)
    info = value(ask(world, None, "GET", "exchangeInfo", T0))
    assert info["rateLimits"] == fixture("exchange_info_rate_limits_recorded")


# --- Endpoints ---


def test_orders_in_all_forms(world: World, alice: SandboxAccount) -> None:
    made = value(ask_signed(world, alice, "POST", "order", T0, **order(world), clientOrderId="mine"))
    assert set(made) >= set(fixture("new_order"))
    assert made["status"] == "NEW"
    symbol = made["symbol"]
    found = value(ask_signed(world, alice, "GET", "order", T0, symbol=symbol, clientOrderId="mine"))
    assert found["orderId"] == made["orderId"]
    assert refusal(ask_signed(world, alice, "GET", "order", T0, symbol=symbol)) == (400, -1102)
    gone = value(ask_signed(world, alice, "DELETE", "order", T0, symbol=symbol, orderId=made["orderId"]))
    assert set(gone) == set(fixture("cancel_order"))
    orders = [order(world), order(world, price=-1), order(world, isMmp=True, reduceOnly=False), {"symbol": symbol}]
    answers = value(ask_signed(world, alice, "POST", "batchOrders", T0, orders=json.dumps(orders)))
    assert ["code" in answer for answer in answers] == [False, True, False, True]
    ids = [answers[0]["orderId"], str(answers[2]["orderId"]), 5]
    gone = value(ask_signed(world, alice, "DELETE", "batchOrders", T0, symbol=symbol, orderIds=json.dumps(ids)))
    assert ["code" in answer for answer in gone] == [False, False, True]
    assert set(gone[0]) == set(fixture("batch_orders_delete")[0])
    eleven = json.dumps([order(world)] * 11)
    assert refusal(ask_signed(world, alice, "POST", "batchOrders", T0, orders=eleven)) == (400, -6011)
    assert refusal(ask_signed(world, alice, "POST", "batchOrders", T0, orders="{}")) == (400, -1130)


def test_cancel_all(world: World, alice: SandboxAccount) -> None:
    symbol = world.exchange.symbols()[0]
    ask_signed(world, alice, "POST", "order", T0, **order(world))
    done = value(ask_signed(world, alice, "DELETE", "allOpenOrders", T0, symbol=symbol))
    assert done == fixture("all_open_orders_delete")
    assert value(ask_signed(world, alice, "GET", "openOrders", T0)) == []
    ask_signed(world, alice, "POST", "order", T0, **order(world))
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
    assert refusal(ask_signed(world, alice, "GET", "account", T0)) == (404, -1020)
    world.set_switches({"generation": "legacy"}, T0)
    assert set(value(ask_signed(world, alice, "GET", "account", T0))) == set(fixture("legacy_account"))
    ack = value(ask_signed(world, alice, "POST", "order", T0, **order(world)))
    assert list(ack) == list(fixture("legacy_new_order_ack"))
    assert None not in ack.values()
    whole = value(ask_signed(world, alice, "POST", "order", T0, **order(world), newOrderRespType="RESULT"))
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
