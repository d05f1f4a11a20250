from __future__ import annotations

import random
from typing import Any

import pytest

from listenkey.sandbox.faults.registry import KINDS, Faults

T0 = 1_795_330_000_000


def make() -> Faults:
    return Faults(random.Random(1))


def test_a_count_is_used_up() -> None:
    faults = make()
    faults.put("drop_event", {"count": 2}, T0)
    strikes = [faults.strike("drop_event", T0, "alice", event="ACCOUNT_UPDATE") is not None for _ in range(3)]
    assert strikes == [True, True, False]
    assert faults.listing() == []


def test_events_default_to_one_and_requests_to_until_taken_out() -> None:
    faults = make()
    faults.put("duplicate_event", {}, T0)
    faults.put("http_status", {"status": 503}, T0)
    assert faults.strike("duplicate_event", T0, "alice") is not None
    assert faults.strike("duplicate_event", T0, "alice") is None
    for _ in range(100):
        assert faults.strike("http_status", T0 + 10**9, path="/eapi/v1/time", method="GET") is not None
    assert faults.take_out(kind="http_status") == 1
    assert faults.strike("http_status", T0, path="/eapi/v1/time", method="GET") is None


def test_it_starts_later_and_ends_by_itself() -> None:
    faults = make()
    faults.put("mute", {"after_ms": 100, "duration_ms": 50}, T0)
    assert faults.due_ms() == T0 + 100
    assert [faults.peek("mute", T0 + ms) is not None for ms in (0, 99, 100, 149, 150)] == [0, 0, 1, 1, 0]
    assert [fault.kind for fault in faults.take_started(T0 + 100)] == ["mute"]
    assert faults.take_started(T0 + 101) == []
    assert faults.due_ms() == T0 + 150
    assert [fault.kind for fault in faults.take_ended(T0 + 150)] == ["mute"]
    assert faults.due_ms() is None


def test_one_account_only() -> None:
    faults = make()
    faults.put("mute", {"account": "alice"}, T0)
    assert faults.peek("mute", T0, "alice")
    assert not faults.peek("mute", T0, "bob")
    assert not faults.peek("mute", T0, None)
    faults.put("drop_event", {"account": "alice"}, T0)
    assert not faults.strike("drop_event", T0, "bob")
    assert faults.strike("drop_event", T0, "alice")


def test_facts_narrow_it() -> None:
    faults = make()
    faults.put("drop_event", {"event": "ORDER_TRADE_UPDATE", "execution_type": "TRADE", "count": 9}, T0)
    assert not faults.strike("drop_event", T0, "a", event="ACCOUNT_UPDATE", execution_type="")
    assert not faults.strike("drop_event", T0, "a", event="ORDER_TRADE_UPDATE", execution_type="NEW")
    assert faults.strike("drop_event", T0, "a", event="ORDER_TRADE_UPDATE", execution_type="TRADE")
    faults.put("http_status", {"status": 503, "method": "put", "path": "/eapi/v1/listenKey", "executed": True}, T0)
    put = {"method": "PUT", "path": "/eapi/v1/listenKey"}
    assert not faults.strike("http_status", T0, **put, executed=False)
    assert not faults.strike("http_status", T0, method="POST", path="/eapi/v1/listenKey", executed=True)
    assert not faults.strike("http_status", T0, method="PUT", path="/eapi/v1/order", executed=True)
    assert faults.strike("http_status", T0, **put, executed=True)


def test_an_orders_step_and_one_contract_narrow_it() -> None:
    faults = make()
    faults.put("drop_event", {"status": "canceled", "symbol": "A", "count": 9}, T0)
    facts = {"event": "ORDER_TRADE_UPDATE", "execution_type": "CANCELED"}
    assert not faults.strike("drop_event", T0, "a", **facts, status="EXPIRED", symbol="A")
    assert not faults.strike("drop_event", T0, "a", **facts, status="CANCELED", symbol="B")
    assert faults.strike("drop_event", T0, "a", **facts, status="CANCELED", symbol="A")


def test_what_finds_nothing_to_strike_is_not_used_up() -> None:
    faults = make()
    faults.put("wrong_shape", {"value": 1, "field": "/a", "count": 1}, T0)
    assert faults.strike_where("wrong_shape", T0, "a", {"path": "/x"}, lambda _: False) is None
    assert faults.strike_where("wrong_shape", T0, "a", {"path": "/x"}, lambda _: True) is not None
    assert not faults.are_in()


def test_probability() -> None:
    faults = make()
    faults.put("drop_event", {"probability": 0.25}, T0)
    hits = sum(faults.strike("drop_event", T0, "a", event="X") is not None for _ in range(4000))
    assert 800 < hits < 1200


def test_once_kinds_happen_once_or_again_and_again() -> None:
    faults = make()
    faults.put("drop_sockets", {}, T0)
    assert len(faults.take_started(T0)) == 1
    assert faults.take_started(T0) == []
    faults.put("drop_sockets", {"count": 3, "every_ms": 10}, T0)
    times = []
    while (due_ms := faults.due_ms()) is not None:
        times.append(due_ms - T0)
        assert len(faults.take_started(due_ms)) == 1
    assert times == [0, 10, 20]


def test_sockets_are_struck_by_a_path_only_when_it_is_named() -> None:
    faults = make()
    faults.put("http_status", {"status": 500}, T0)
    assert not faults.strike("http_status", T0, path="/private/stream", method="GET")
    faults.put("http_status", {"status": 500, "path": "/private"}, T0)
    assert faults.strike("http_status", T0, path="/private/stream", method="GET")
    faults.put("refuse_connections", {"scope": "ws"}, T0)
    assert not faults.strike("refuse_connections", T0, scope="http")
    assert faults.strike("refuse_connections", T0, scope="ws")


@pytest.mark.parametrize(
    ("kind", "params", "says"),
    [
        ("dropsockets", {}, "drop_sockets"),
        ("mute", {"ms": 5}, "takes no 'ms'"),
        ("delay", {}, "needs 'ms'"),
        ("http_status", {"status": "503"}, "whole number"),
        ("http_status", {"status": True}, "whole number"),
        ("drop_event", {"count": -1}, "not negative"),
        ("drop_event", {"probability": 2}, "0 to 1"),
        ("drop_event", {"probability": "x"}, "0 to 1"),
        ("generation", {"generation": "next"}, "current, legacy"),
        ("refuse_connections", {"scope": "half"}, "all, http, ws"),
        ("malformed_frame", {"frames": "array"}, "list of texts"),
        ("hang_http", {"executed": 1}, "true or false"),
        ("mute", {"account": 7}, "is a text"),
        *(("http_status", {"status": status}, "200 to 599") for status in (0, 99, 100, 199, 600, 1000)),
        ("retire_endpoint", {"status": 99}, "200 to 599"),
        ("drop_event", {"status": 503}, "of an order"),
        ("drop_sockets", {"close_code": 0}, "1000 to 4999"),
        ("delay", {"ms": 10**400}, "at most"),
        ("wrong_shape", {"value": 1, "field": 5}, "is a text"),
    ],
)
def test_a_wrong_fault_is_told_what_would_be_right(kind: Any, params: Any, says: Any) -> None:
    faults = make()
    with pytest.raises(ValueError, match=says):
        faults.put(kind, params, T0)
    assert faults.listing() == []


def test_every_kind_of_the_contract_is_there() -> None:
    wanted = """drop_sockets mute drop_event duplicate_event reorder delay expire_key expire_key_silently ack_dead
    malformed_frame http_status rate_limit ban rest_lag stale_snapshot clock_skew refuse_connections retire_endpoint
    generation wrong_shape half_open slow_http hang_http server_shutdown"""
    assert set(wanted.split()) == set(KINDS)
