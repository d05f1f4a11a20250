from __future__ import annotations

import hmac
import random
from typing import Any

import pytest

from listenkey.sandbox.rest_api.api import ApiRequest
from listenkey.sandbox.rest_api.api_keys import SandboxAccount
from listenkey.sandbox.switches import Switches
from listenkey.sandbox.world import World
from tests.sandbox.visitor import ask, ask_signed, fixture, refusal, resting_order, signed, value

T0 = 1_795_330_020_000
KEY = "listenKey"


@pytest.fixture
def world() -> World:
    return World(T0, secrets=random.Random(7), market=False, switches=Switches())


@pytest.fixture
def alice(world: World) -> SandboxAccount:
    return world.add_account("alice", T0)


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
    answer = ask(world, alice, "GET", "marginAccount", T0, body=query)
    assert refusal(answer) == (400, -1102)
    assert "'timestamp'" in value(answer)["msg"]


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
    assert world.metrics(T0)["bans"][0]["until_ms"] == T0 + 130_000
    world.set_switches({"retry_after": False, "rate_limit_code": -1003}, T0 + 10_000)
    banned = ask(world, alice, "GET", "time", T0 + 129_999)
    assert refusal(banned) == (418, -1003)
    assert "Retry-After" not in banned.headers
    assert ask(world, alice, "GET", "time", T0 + 130_000).status == 200


@pytest.mark.parametrize(
    ("kind", "params", "status"),
    [("rate_limit", {}, 429), ("ban", {"seconds": 5}, 418), ("http_status", {"status": 503}, 503)],
)
def test_a_failure_tells_the_used_weight_too(
    world: World, alice: SandboxAccount, kind: str, params: dict[str, Any], status: int
) -> None:
    ask(world, alice, "POST", KEY, T0)
    world.put_fault(kind, {"count": 1, **params}, T0)
    failed = ask(world, alice, "PUT", KEY, T0)
    assert (failed.status, failed.headers["X-MBX-USED-WEIGHT-1M"]) == (status, "1")


@pytest.mark.parametrize(("status", "code"), [(401, -1002), (408, -1007), (418, -1008), (429, -1008), (500, -1000)])
def test_a_status_put_in_has_the_code_that_goes_with_it(
    world: World, alice: SandboxAccount, status: int, code: int
) -> None:
    world.put_fault("http_status", {"status": status}, T0)
    assert refusal(ask(world, alice, "PUT", KEY, T0)) == (status, code)


def test_the_firewall_answers_with_a_page_unless_told_otherwise(world: World, alice: SandboxAccount) -> None:
    world.put_fault("http_status", {"status": 403, "count": 1}, T0)
    assert ask(world, alice, "PUT", KEY, T0).content_type == "text/html"
    world.put_fault("http_status", {"status": 403, "count": 1, "body": {"code": -2015}}, T0)
    assert refusal(ask(world, alice, "PUT", KEY, T0)) == (403, -2015)


@pytest.mark.parametrize(("limited", "banned"), [(429, 418), (403, 403)])
def test_statuses_of_too_many_requests_are_switches(
    world: World, alice: SandboxAccount, limited: int, banned: int
) -> None:
    switches = {"weight_per_minute": 0, "status_rate_limited": limited, "status_banned": banned}
    world.set_switches(switches, T0)
    for _ in range(10):
        assert refusal(ask(world, alice, "PUT", KEY, T0)) == (limited, -1008)
    assert refusal(ask(world, alice, "PUT", KEY, T0)) == (banned, -1008)


@pytest.mark.parametrize("lower", [True, False])
def test_header_names_come_in_either_case(world: World, alice: SandboxAccount, lower: bool) -> None:
    world.set_switches({"lower_case_headers": lower}, T0)
    names = set(ask_signed(world, alice, "POST", "order", T0, **resting_order(world)).headers)
    upper = {"X-MBX-USED-WEIGHT-1M", "X-MBX-ORDER-COUNT-10S", "X-MBX-ORDER-COUNT-1M"}
    assert names == ({name.lower() for name in upper} if lower else upper)


def test_timestamps_are_judged_unless_a_switch_says_otherwise(world: World, alice: SandboxAccount) -> None:
    old = signed(alice, T0 - 3_600_000)
    assert refusal(ask(world, alice, "GET", "marginAccount", T0, query=old)) == (400, -1021)
    world.set_switches({"lenient_timestamps": True}, T0)
    assert ask(world, alice, "GET", "marginAccount", T0, query=old).status == 200


def test_orders_are_counted_an_account(world: World, alice: SandboxAccount) -> None:
    world.set_switches({"orders_per_10_s": 2}, T0)
    first = ask_signed(world, alice, "POST", "order", T0, **resting_order(world))
    assert first.status == 200, value(first)
    assert first.headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert first.headers["X-MBX-ORDER-COUNT-1M"] == "1"
    ask_signed(world, alice, "POST", "order", T0, **resting_order(world))
    limited = ask_signed(world, alice, "POST", "order", T0 + 3_000, **resting_order(world))
    assert refusal(limited) == (429, -1015)
    assert limited.headers["Retry-After"] == "7"
    world.set_switches({"orders_per_minute": 3}, T0)
    limited = ask_signed(world, alice, "POST", "order", T0 + 11_000, **resting_order(world))
    assert (refusal(limited), limited.headers["Retry-After"]) == ((429, -1015), "49")
    assert "X-MBX-ORDER-COUNT-10S" not in ask(world, alice, "POST", KEY, T0).headers


def test_exchange_info_tells_the_limits_of_the_switches(world: World) -> None:
    world.set_switches({"weight_per_minute": 400, "orders_per_minute": 100, "orders_per_10_s": 30}, T0)
    info = value(ask(world, None, "GET", "exchangeInfo", T0))
    assert info["rateLimits"] == fixture("exchange_info_rate_limits_recorded")


@pytest.mark.parametrize("over", ["sent", "decoded", "either"])
def test_a_signature_is_over_the_text_as_sent_or_before_it_was_encoded(
    world: World, alice: SandboxAccount, over: str
) -> None:
    world.set_switches({"signature_over": over}, T0)
    plain = f"clientOrderId=a/b&symbol=X&timestamp={T0}"
    encoded = plain.replace("/", "%2F")
    codes = {}
    for what, text in (("sent", encoded), ("decoded", plain)):
        signature = hmac.new(alice.api_secret.encode(), text.encode(), "sha256").hexdigest()
        codes[what] = refusal(ask(world, alice, "GET", "order", T0, query=f"{encoded}&signature={signature}"))[1]
    assert codes == {what: -1121 if over in (what, "either") else -1022 for what in codes}


def test_rest_may_refuse_one_contract_and_no_other(world: World, alice: SandboxAccount) -> None:
    bad, good = world.exchange.symbols()[:2]
    world.put_fault("http_status", {"status": 400, "symbol": bad}, T0)
    for path in ("userTrades", "historyOrders", "openOrders"):
        assert refusal(ask_signed(world, alice, "GET", path, T0, symbol=bad)) == (400, -1121)
        assert ask_signed(world, alice, "GET", path, T0, symbol=good).status == 200
    assert ask_signed(world, alice, "GET", "openOrders", T0).status == 200
    body = signed(alice, T0, **resting_order(world, symbol=bad))
    assert refusal(ask(world, alice, "POST", "order", T0, body=body)) == (400, -1121)
    assert world.exchange.open_orders("alice") == []


@pytest.mark.parametrize("lag_ms", [0, 1, 30_000, 60_000])
def test_each_list_may_lag_by_a_time_of_its_own(world: World, alice: SandboxAccount, lag_ms: int) -> None:
    world.put_fault("rest_lag", {"ms": lag_ms, "path": "/eapi/v1/bill"}, T0)
    world.put_fault("rest_lag", {"ms": 60_000 - lag_ms, "path": "/eapi/v1/userTrades"}, T0)
    world.burst("alice", 5, T0 + 1)
    symbols = sorted({fill["symbol"] for fill in world.ledger("alice")["fills"]})

    def seen(now_ms: int) -> tuple[bool, bool]:
        bills = value(ask_signed(world, alice, "GET", "bill", now_ms, currency="USDT"))
        trades = [value(ask_signed(world, alice, "GET", "userTrades", now_ms, symbol=symbol)) for symbol in symbols]
        return any(row["type"] == "CONTRACT" for row in bills), sum(map(len, trades)) == 5

    for after_ms in sorted((lag_ms - 1, lag_ms, 60_000 - lag_ms - 1, 60_000 - lag_ms)):
        if after_ms >= 0:
            assert seen(T0 + 1 + after_ms) == (after_ms >= lag_ms, after_ms >= 60_000 - lag_ms)


def test_any_answer_may_have_a_wrong_shape(world: World, alice: SandboxAccount) -> None:
    fault = world.put_fault(
        "wrong_shape",
        {"path": "/eapi/v1/exchangeInfo", "field": "/rateLimits/0/intervalNum", "value": None, "count": 1},
        T0,
    )
    world.put_fault("wrong_shape", {"path": "/eapi/v1/openOrders", "value": {"rows": []}, "account": "alice"}, T0)
    struck = value(ask(world, None, "GET", "exchangeInfo", T0))["rateLimits"]
    assert [each["intervalNum"] for each in struck] == [None, 1, 10]
    world.put_fault("wrong_shape", {"event": "ACCOUNT_UPDATE", "field": "/b", "remove": True}, T0)
    limits = value(ask(world, None, "GET", "exchangeInfo", T0))["rateLimits"]
    assert (fault.struck, limits[0]["intervalNum"]) == (1, 1), "one strike, and over"
    assert value(ask_signed(world, alice, "GET", "openOrders", T0)) == {"rows": []}
    assert refusal(ask_signed(world, alice, "GET", "openOrders", T0, symbol="?")) == (400, -1121), "no answer of 200"
    assert value(ask_signed(world, world.add_account("bob", T0), "GET", "openOrders", T0)) == []
