"""Market data over REST: weights, parameters, refusals."""

from __future__ import annotations

import random
from typing import Any

import pytest

from listenkey.sandbox.rest_api.api_keys import SandboxAccount
from listenkey.sandbox.rest_api.market_endpoints import MARKET_ENDPOINTS
from listenkey.sandbox.world import World
from tests.sandbox.visitor import ask, ask_signed, refusal, value

T0 = 1_795_330_020_000


@pytest.fixture
def world() -> World:
    return World(T0, secrets=random.Random(7), market=False)


@pytest.fixture
def alice(world: World) -> SandboxAccount:
    return world.add_account("alice", T0)


@pytest.mark.parametrize(
    ("query", "weight"),
    [
        ("limit=5", 1),
        ("limit=50", 1),
        ("limit=51", 5),
        ("", 5),
        ("limit=100", 5),
        ("limit=500", 10),
        ("limit=1000", 20),
        ("limit=5000", 20),
        ("limit=0", 1),
        ("limit=x", 1),
    ],
)
def test_depth_costs_by_its_levels(world: World, query: str, weight: int) -> None:
    symbol = world.exchange.symbols()[0]
    answer = ask(world, None, "GET", "depth", T0, query=f"symbol={symbol}&{query}")
    assert answer.headers["X-MBX-USED-WEIGHT-1M"] == str(weight)


def test_a_books_update_id_moves_when_it_does_and_only_then(world: World, alice: SandboxAccount) -> None:
    symbol = world.exchange.symbols()[0]

    def seen() -> tuple[int, Any]:
        answer = value(ask(world, None, "GET", "depth", T0, query=f"symbol={symbol}"))
        return answer["lastUpdateId"], (answer["bids"], answer["asks"])

    before = seen()
    assert seen() == before
    asked = {"symbol": symbol, "type": "LIMIT", "timeInForce": "GTC"}
    steps = [
        ("POST", {"side": "BUY", "quantity": "1", "price": "1.0", "clientOrderId": "a"}),
        ("POST", {"side": "SELL", "quantity": "0.4", "price": "1.0", "selfTradePreventionMode": "NONE"}),
        ("DELETE", {"clientOrderId": "a"}),
    ]
    for method, more in steps:
        assert ask_signed(world, alice, method, "order", T0, **asked, **more).status == 200
        now = seen()
        assert now[0] > before[0]
        assert now[1] != before[1]
        before = now


@pytest.mark.parametrize(
    ("path", "query", "weight", "count"),
    [
        ("ticker", "", 40, 60),
        ("ticker", "symbol=*", 1, 1),
        ("mark", "", 5, 60),
        ("mark", "symbol=*", 5, 1),
        ("klines", "symbol=*&interval=5m", 1, 1),
        ("trades", "symbol=*&limit=2", 5, 2),
        ("openInterest", "underlyingAsset=BTC&expiration=@", 0, 10),
        ("exerciseHistory", "", 3, 0),
        ("blockTrades", "", 5, 0),
        ("blockTrades", "symbol=*", 5, 0),
    ],
)
def test_every_public_list_answers_without_a_key(
    world: World, alice: SandboxAccount, path: str, query: str, weight: int, count: int
) -> None:
    world.burst("alice", 200, T0)
    symbol = max(
        (fill["symbol"] for fill in world.ledger("alice")["fills"] if fill["symbol"][:3] == "BTC"),
        key=[fill["symbol"] for fill in world.ledger("alice")["fills"]].count,
    )
    query = query.replace("*", symbol).replace("@", symbol.split("-")[1])
    answer = ask(world, None, "GET", path, T0, query=query)
    assert (answer.status, answer.headers["X-MBX-USED-WEIGHT-1M"]) == (200, str(weight))
    assert len(value(answer)) == count


def test_older_trades_want_an_api_key_and_start_where_they_are_told(world: World, alice: SandboxAccount) -> None:
    world.burst("alice", 200, T0)
    symbol = world.ledger("alice")["fills"][0]["symbol"]
    newest = value(ask(world, None, "GET", "trades", T0, query=f"symbol={symbol}"))
    assert refusal(ask(world, None, "GET", "historicalTrades", T0, query=f"symbol={symbol}")) == (401, -2014)
    query = f"symbol={symbol}&fromId={newest[1]['id']}&limit=1"
    answer = ask(world, alice, "GET", "historicalTrades", T0, query=query)
    assert value(answer) == [newest[1]]
    assert [row["tradeId"] for row in newest] == sorted(row["tradeId"] for row in newest)


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("ticker", "symbol=X", -1121),
        ("mark", "symbol=X", -1121),
        ("depth", "", -1102),
        ("trades", "", -1102),
        ("trades", "symbol=X", -1121),
        ("klines", "symbol=*", -1102),
        ("klines", "symbol=*&interval=2m", -1120),
        ("klines", "symbol=*&interval=1m&limit=0", -6008),
        ("openInterest", "underlyingAsset=BTC", -1102),
        ("openInterest", "underlyingAsset=DOGE&expiration=261225", -1128),
        ("exerciseHistory", "underlying=DOGEUSDT", -1128),
        ("exerciseHistory", "startTime=5&endTime=4", -6031),
        ("blockTrades", "symbol=X", -1121),
        ("blockTrades", "limit=0", -6008),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_documented_code(
    world: World, path: str, query: str, code: int
) -> None:
    query = query.replace("*", world.exchange.symbols()[0])
    assert refusal(ask(world, None, "GET", path, T0, query=query)) == (400, code)


def test_block_trades_are_none_and_can_not_be_made(world: World, alice: SandboxAccount) -> None:
    for path in ("block/order/orders", "block/user-trades"):
        assert value(ask_signed(world, alice, "GET", path, T0)) == []
    refused = {
        (method, path)
        for method, path in MARKET_ENDPOINTS
        if "/block/order/" in path and (method, path) != ("GET", "/eapi/v1/block/order/orders")
    }
    refused |= {("POST", "/eapi/v1/stock/contract"), ("GET", "/eapi/v1/income/asyn")}
    for method, path in refused:
        answer = ask_signed(world, alice, method, path.removeprefix("/eapi/v1/"), T0)
        assert refusal(answer) == (400, -1020)
        assert value(answer)["msg"] == "This operation is not supported."


def test_the_account_of_before_2026_answers_unless_it_is_gone(world: World, alice: SandboxAccount) -> None:
    assert value(ask_signed(world, alice, "GET", "account", T0))["asset"][0]["asset"] == "USDT"
    world.set_switches({"account_path": "gone"}, T0)
    assert refusal(ask_signed(world, alice, "GET", "account", T0)) == (404, -1020)
    world.set_switches({"generation": "legacy"}, T0)
    assert ask_signed(world, alice, "GET", "account", T0).status == 200
