from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from listenkey.sandbox.switches import Switches
from listenkey.sandbox.websocket.addresses import Address
from listenkey.sandbox.websocket.hub import Close
from listenkey.sandbox.world import World
from tests.sandbox.visitor import ask, ask_signed

T0 = 1_795_330_020_000
HOUR_MS = 3_600_000
KEY = "listenKey"


class Stage:
    """A world with alice, her key and a raw socket on it."""

    def __init__(self, **switches: Any) -> None:
        self.world = World(T0, secrets=random.Random(7), market=False, switches=Switches(**switches))
        self.alice = self.world.add_account("alice", T0)
        self.key = json.loads(ask(self.world, self.alice, "POST", KEY, T0).body)["listenKey"]
        self.sid = self.connect(f"/private/ws/{self.key}")
        self.world.take_actions()

    def connect(self, path: str, now_ms: int = T0) -> int:
        address = self.world.admit(path, "", "127.0.0.1", now_ms)
        assert isinstance(address, Address)
        return self.world.open_socket(address, "127.0.0.1", now_ms)

    def events(self) -> list[dict[str, Any]]:
        actions = self.world.take_actions()
        return [json.loads(action) for sid, action in actions if sid == self.sid and isinstance(action, bytes)]

    def names(self) -> list[str]:
        return [event["e"] for event in self.events()]


def test_a_request_makes_its_events_at_once() -> None:
    stage = Stage()
    symbol = stage.world.exchange.symbols()[0]
    asked = {"symbol": symbol, "side": "BUY", "type": "LIMIT", "quantity": "0.1", "price": "1"}
    made = json.loads(ask_signed(stage.world, stage.alice, "POST", "order", T0, **asked).body)
    [event] = stage.events()
    assert (event["o"]["i"], event["o"]["x"], event["o"]["X"]) == (made["orderId"], "NEW", "NEW")


def test_a_burst_is_in_the_ledger_as_it_was_on_the_socket() -> None:
    stage = Stage()
    assert stage.world.burst("alice", 200, T0 + 1) == 200
    orders = [event["o"] for event in stage.events() if event["e"] == "ORDER_TRADE_UPDATE"]
    heard = [(order["s"], order["t"]) for order in orders if order["x"] == "TRADE"]
    told = [(fill["symbol"], fill["trade_id"]) for fill in stage.world.ledger("alice")["fills"]]
    assert len(heard) == 200
    assert heard == told


def test_without_a_key_events_are_lost_and_counted() -> None:
    stage = Stage()
    ask(stage.world, stage.alice, "DELETE", KEY, T0)
    stage.events()
    stage.world.transfer("alice", Decimal(5), T0)
    assert stage.events() == []
    assert stage.world.metrics(T0)["events_without_key"] > 0


def test_time_ends_the_key_tells_it_and_then_says_nothing() -> None:
    stage = Stage()
    stage.world.transfer("alice", Decimal(5), T0 + HOUR_MS - 1)
    assert stage.names()
    stage.world.advance(T0 + HOUR_MS)
    assert stage.events() == [{"e": "listenKeyExpired", "E": str(T0 + HOUR_MS), "listenKey": stage.key}]
    stage.world.transfer("alice", Decimal(5), T0 + HOUR_MS)
    assert stage.events() == []


def test_a_jump_ends_things_at_their_own_times() -> None:
    stage = Stage()
    stage.world.burst("alice", 1, T0)
    stage.events()
    stage.world.put_fault("mute", {"account": "alice", "after_ms": HOUR_MS - 60_000, "duration_ms": 30_000}, T0)
    stage.world.jump(T0 + 2 * HOUR_MS, 2 * HOUR_MS)
    events = stage.events()
    assert events[-1]["e"] == "listenKeyExpired"
    assert events[-1]["E"] == str(T0 + HOUR_MS)
    beats = sorted({event["E"] for event in events[:-1] if event["e"] == "ACCOUNT_UPDATE"})
    assert len(beats) > 300
    assert beats[-1] <= T0 + HOUR_MS
    silence = (T0 + HOUR_MS - 60_000, T0 + HOUR_MS - 30_000)
    assert not [beat for beat in beats if silence[0] <= beat < silence[1]]


def test_delete_pushes_the_event_or_not() -> None:
    stage = Stage()
    ask(stage.world, stage.alice, "DELETE", KEY, T0)
    assert stage.names() == ["listenKeyExpired"]
    for quiet in (Stage(delete_pushes_expired=False), Stage(generation="legacy")):
        ask(quiet.world, quiet.alice, "DELETE", KEY, T0)
        assert quiet.names() == []


def test_expiry_by_fault_with_and_without_a_word() -> None:
    told = Stage()
    told.world.put_fault("expire_key", {"account": "alice"}, T0)
    assert told.names() == ["listenKeyExpired"]
    silent = Stage(after_key_end="close")
    silent.world.put_fault("expire_key_silently", {}, T0)
    assert silent.world.take_actions() == []
    assert ask(silent.world, silent.alice, "PUT", KEY, T0).status == 400
    new = json.loads(ask(silent.world, silent.alice, "POST", KEY, T0).body)["listenKey"]
    assert new != silent.key
    silent.world.transfer("alice", Decimal(5), T0)
    assert silent.events() == []


def test_sockets_may_close_when_their_key_ends() -> None:
    stage = Stage(after_key_end="close")
    ask(stage.world, stage.alice, "DELETE", KEY, T0)
    [(_, event), (_, action)] = stage.world.take_actions()
    assert isinstance(event, bytes)
    assert action == Close(1001, "listen key ended")


def test_generation_for_a_while() -> None:
    stage = Stage()
    stage.world.put_fault("generation", {"generation": "legacy", "duration_ms": 1_000}, T0)
    stage.world.transfer("alice", Decimal(5), T0)
    assert next(event for event in stage.events() if event["e"] == "ACCOUNT_UPDATE")["B"]
    stage.world.advance(T0 + 1_000)
    stage.world.transfer("alice", Decimal(5), T0 + 1_000)
    assert "eq" in next(event for event in stage.events() if event["e"] == "ACCOUNT_UPDATE")


def test_rest_lags_and_snapshots_are_stale() -> None:
    stage = Stage()
    world, alice = stage.world, stage.alice
    world.put_fault("rest_lag", {"ms": 2_000}, T0)

    def trades(now_ms: int) -> int:
        symbol = world.ledger("alice")["fills"][0]["symbol"]
        return len(json.loads(ask_signed(world, alice, "GET", "userTrades", now_ms, symbol=symbol).body))

    world.burst("alice", 1, T0 + 1_000)
    assert trades(T0 + 2_999) == 0
    assert trades(T0 + 3_000) == 1
    world.take_out_faults(T0 + 3_000)

    def positions(now_ms: int) -> str:
        rows = json.loads(ask_signed(world, alice, "GET", "position", now_ms).body)
        return json.dumps([(row["symbol"], row["quantity"]) for row in rows])

    before = positions(T0 + 4_000)
    world.put_fault("stale_snapshot", {"duration_ms": 10_000}, T0 + 4_000)
    world.burst("alice", 3, T0 + 5_000)
    assert positions(T0 + 6_000) == before
    assert trades(T0 + 6_000) >= 1
    assert positions(T0 + 14_000) != before


def test_clock_skew_moves_the_servers_time_and_its_judgement() -> None:
    stage = Stage()
    stage.world.put_fault("clock_skew", {"ms": -5_000}, T0)
    assert json.loads(ask(stage.world, None, "GET", "time", T0).body) == {"serverTime": T0 - 5_000}
    assert json.loads(ask_signed(stage.world, stage.alice, "GET", "marginAccount", T0).body)["code"] == -1021


def test_request_faults() -> None:
    stage = Stage()
    world, alice = stage.world, stage.alice

    def put() -> Any:
        return ask(world, alice, "PUT", KEY, T0)

    world.put_fault("http_status", {"status": 503, "path": "/eapi/v1/listenKey", "method": "PUT", "count": 1}, T0)
    assert ask(world, alice, "POST", KEY, T0).status == 200
    answer = put()
    assert (answer.status, json.loads(answer.body)) == (
        503,
        {"msg": "Unknown error, please check your request or try again later."},
    )
    assert put().status == 200
    world.put_fault("http_status", {"status": 403, "html": True, "count": 1}, T0)
    answer = put()
    assert (answer.status, answer.content_type) == (403, "text/html")
    world.put_fault("http_status", {"status": 200, "body": "<html>portal</html>", "html": True, "count": 1}, T0)
    assert put().body == b"<html>portal</html>"
    world.put_fault("rate_limit", {"count": 1, "retry_after": 7}, T0)
    answer = put()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    world.put_fault("ban", {"seconds": 120}, T0)
    answer = put()
    assert (answer.status, answer.headers["Retry-After"]) == (418, "120")
    assert ask(world, alice, "PUT", KEY, T0 + 120_000).status == 200
    world.put_fault("retire_endpoint", {"status": 404, "count": 1}, T0 + 120_000)
    assert ask(world, alice, "GET", "time", T0 + 120_000).status == 200
    assert ask(world, alice, "PUT", KEY, T0 + 120_000).status == 404


def test_an_executed_failure_did_what_it_was_asked() -> None:
    stage = Stage()
    stage.world.put_fault("http_status", {"status": 503, "executed": True, "count": 1}, T0)
    assert ask(stage.world, stage.alice, "DELETE", KEY, T0).status == 503
    assert stage.names() == ["listenKeyExpired"]


def test_handshakes_may_be_refused() -> None:
    stage = Stage()
    world = stage.world
    for kind, params, status in (
        ("retire_endpoint", {}, 410),
        ("http_status", {"status": 502, "path": "/private"}, 502),
        ("refuse_connections", {"scope": "ws"}, 503),
    ):
        fault = world.put_fault(kind, params, T0)
        refused = world.admit("/private/stream", "", "127.0.0.1", T0)
        assert not isinstance(refused, Address)
        assert refused.status == status
        world.take_out_faults(T0, fault.id)
    unknown = world.admit("/private/stream/", "", "127.0.0.1", T0)
    assert not isinstance(unknown, Address)
    assert unknown.status == 404
    world.set_switches({"connections_per_5_min": 0}, T0)
    limited = world.admit("/private/stream", "", "127.0.0.1", T0)
    assert not isinstance(limited, Address)
    assert limited.status == 429


def test_wrong_accounts_and_frames_are_told() -> None:
    stage = Stage()
    with pytest.raises(ValueError, match="there are alice"):
        stage.world.put_fault("mute", {"account": "nobody"}, T0)
    with pytest.raises(ValueError, match="truncated"):
        stage.world.put_fault("malformed_frame", {"frames": ["nope"]}, T0)
    with pytest.raises(ValueError, match="name"):
        stage.world.add_account("a b", T0)
    with pytest.raises(ValueError, match="name"):
        stage.world.add_account("_maker", T0)


def test_one_account_may_have_several_api_keys() -> None:
    stage = Stage()
    second = stage.world.add_account("alice", T0)
    assert second.api_key != stage.alice.api_key
    assert json.loads(ask(stage.world, second, "POST", KEY, T0).body)["listenKey"] == stage.key


def test_time_never_goes_back() -> None:
    stage = Stage()
    stage.world.advance(T0 + 1_000)
    assert stage.world.advance(T0) == T0 + 1_000


def test_the_same_seed_makes_the_same_world() -> None:
    def run() -> list[Any]:
        world = World(T0, seed=5, market=True)
        alice = world.add_account("alice", T0)
        key = json.loads(ask(world, alice, "POST", KEY, T0).body)["listenKey"]
        assert world.market is not None
        world.market.keep_busy("alice")
        address = world.admit(f"/private/ws/{key}", "", "127.0.0.1", T0)
        assert isinstance(address, Address)
        world.open_socket(address, "127.0.0.1", T0)
        now_ms = T0
        for _ in range(200):
            due_ms = world.due_ms()
            assert due_ms is not None
            now_ms = max(due_ms, now_ms)
            world.advance(now_ms)
        return world.take_actions()

    first, second = run(), run()
    assert len(first) > 20
    assert first == second


def test_what_expires_while_nobody_listens_is_kept_by_rest() -> None:
    stage = Stage()
    world, alice = stage.world, stage.alice
    world.burst("alice", 100, T0 + 1)
    ask(world, alice, "DELETE", KEY, T0 + 2)
    positions = json.loads(ask_signed(world, alice, "GET", "position", T0 + 2).body)
    expiry_ms = min(each["expiryDate"] for each in positions)
    ended = {each["symbol"]: each["quantity"] for each in positions if each["expiryDate"] == expiry_ms}
    now_ms = world.advance(expiry_ms + HOUR_MS)
    records = json.loads(ask_signed(world, alice, "GET", "exerciseRecord", now_ms).body)
    assert {each["symbol"] for each in records} == set(ended)
    told = {each["symbol"]: each["quantity"] for each in world.ledger("alice")["exercises"]}
    assert told == ended
    bills = json.loads(ask_signed(world, alice, "GET", "bill", now_ms, currency="USDT", limit=1000).body)
    paid = {each["symbol"] for each in bills if each["type"].startswith("EXERCISE")}
    assert paid == {each["symbol"] for each in records if Decimal(each["amount"])}
