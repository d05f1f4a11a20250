from __future__ import annotations

import json
import random
from typing import Any

import pytest

from listenkey.sandbox.faults.registry import Faults
from listenkey.sandbox.listen_keys import ListenKeyRegistry
from listenkey.sandbox.rate_limits import Limits
from listenkey.sandbox.switches import Switches
from listenkey.sandbox.websocket.addresses import parse
from listenkey.sandbox.websocket.hub import Abort, Close, Freeze, Hub, Ping, Pong, Thaw

T0 = 1_795_330_000_000
EVENT = {"e": "ACCOUNT_UPDATE", "E": T0}
PAYLOAD = json.dumps(EVENT).encode()


class Scene:
    """A hub with one account, `alice`, that has a key."""

    def __init__(self, **switches: Any) -> None:
        self.switches = Switches(**switches)
        self.keys = ListenKeyRegistry(random.Random(1))
        self.limits = Limits(self.switches)
        self.faults = Faults(random.Random(1))
        self.hub = Hub(self.switches, self.keys, self.limits, self.faults)
        self.key, _ = self.keys.start("alice", T0)

    def open(self, path: str, query: str = "", now_ms: int = T0) -> int:
        address = parse(path, query)
        assert address is not None
        return self.hub.open(address, "127.0.0.1", now_ms)

    def say(self, session_id: int, now_ms: int = T0, **message: Any) -> Any:
        self.hub.receive_text(session_id, json.dumps({"id": 1, **message}), now_ms)
        return self.frames(session_id)

    def deliver(self) -> None:
        self.hub.deliver(self.key, "ACCOUNT_UPDATE", PAYLOAD)

    def actions(self, session_id: int) -> list[Any]:
        return [action for each, action in self.hub.take_actions() if each == session_id]

    def frames(self, session_id: int) -> list[Any]:
        return [json.loads(action) for action in self.actions(session_id) if isinstance(action, bytes)]


@pytest.mark.parametrize(
    ("path", "query", "enveloped"),
    [
        ("/private/ws/{key}", "", False),
        ("/private/ws", "listenKey={key}", False),
        ("/private/stream", "listenKey={key}", True),
        ("/private/stream", "streams={key}", True),
    ],
)
def test_each_form_attaches_in_its_own_shape(path: Any, query: Any, enveloped: Any) -> None:
    scene = Scene()
    sid = scene.open(path.format(key=scene.key), query.format(key=scene.key))
    scene.deliver()
    assert scene.frames(sid) == [{"stream": scene.key, "data": EVENT} if enveloped else EVENT]


def test_subscribe_list_unsubscribe() -> None:
    scene = Scene()
    sid = scene.open("/private/stream")
    scene.deliver()
    assert scene.frames(sid) == []
    assert scene.say(sid, method="SUBSCRIBE", params=[scene.key]) == [{"result": None, "id": 1}]
    assert scene.say(sid, method="LIST_SUBSCRIPTIONS") == [{"result": [scene.key], "id": 1}]
    scene.deliver()
    assert scene.frames(sid) == [{"stream": scene.key, "data": EVENT}]
    assert scene.say(sid, method="UNSUBSCRIBE", params=[scene.key]) == [{"result": None, "id": 1}]
    scene.deliver()
    assert scene.frames(sid) == []


def test_the_envelope_is_a_property() -> None:
    scene = Scene()
    sid = scene.open(f"/private/ws/{scene.key}")
    assert scene.say(sid, method="GET_PROPERTY", params=["combined"])[0]["result"] is False
    assert scene.say(sid, method="SET_PROPERTY", params=["combined", True]) == [{"result": None, "id": 1}]
    scene.deliver()
    assert scene.frames(sid)[0]["stream"] == scene.key
    wrapped = Scene(envelope_on_ws=True)
    sid = wrapped.open(f"/private/ws/{wrapped.key}")
    wrapped.deliver()
    assert wrapped.frames(sid)[0]["stream"] == wrapped.key


def test_events_is_an_allow_list() -> None:
    scene = Scene()
    some = scene.open("/private/ws", f"listenKey={scene.key}&events=GREEK_UPDATE/ACCOUNT_UPDATE")
    none = scene.open("/private/ws", f"listenKey={scene.key}&events=GREEK_UPDATE")
    scene.deliver()
    actions = scene.hub.take_actions()
    assert [sid for sid, _ in actions] == [some]
    assert none not in [sid for sid, _ in actions]


def test_several_sockets_share_a_key_and_one_socket_holds_several() -> None:
    scene = Scene()
    other, _ = scene.keys.start("bob", T0)
    first = scene.open("/private/stream", f"streams={scene.key}/{other}")
    second = scene.open(f"/private/ws/{scene.key}")
    scene.deliver()
    scene.hub.deliver(other, "ACCOUNT_UPDATE", PAYLOAD)
    actions = scene.hub.take_actions()
    assert [sid for sid, _ in actions] == [first, second, first]
    scene.hub.closed(second)
    scene.deliver()
    assert [sid for sid, _ in scene.hub.take_actions()] == [first]


@pytest.mark.parametrize("path", ["/public/stream", "/market/stream", "/public/ws", "/market/ws"])
def test_other_rooms_answer_and_stay_silent(path: Any) -> None:
    scene = Scene()
    sid = scene.open(path)
    assert scene.say(sid, method="SUBSCRIBE", params=[scene.key]) == [{"result": None, "id": 1}]
    scene.deliver()
    assert scene.frames(sid) == []


def test_addresses_without_a_room_are_of_the_legacy_generation() -> None:
    scene = Scene()
    sids = [scene.open(f"/ws/{scene.key}"), scene.open(f"/eoptions/ws/{scene.key}")]
    scene.deliver()
    assert scene.hub.take_actions() == []
    scene.switches.generation = "legacy"
    scene.deliver()
    assert scene.hub.take_actions() == [(sid, PAYLOAD) for sid in sids]


def test_a_form_that_is_switched_off_is_acknowledged_and_silent() -> None:
    scene = Scene(address_forms=("path",))
    subscribed = scene.open("/private/stream")
    assert scene.say(subscribed, method="SUBSCRIBE", params=[scene.key]) == [{"result": None, "id": 1}]
    scene.open("/private/ws", f"listenKey={scene.key}")
    by_path = scene.open(f"/private/ws/{scene.key}")
    scene.deliver()
    assert [sid for sid, _ in scene.hub.take_actions()] == [by_path]


def test_a_bad_key_is_silent_refused_or_closed() -> None:
    silent = Scene()
    sid = silent.open("/private/stream")
    assert silent.say(sid, method="SUBSCRIBE", params=["wrong"]) == [{"result": None, "id": 1}]
    refuse = Scene(bad_key="refuse")
    sid = refuse.open("/private/stream")
    assert refuse.say(sid, method="SUBSCRIBE", params=["wrong"])[0]["error"] == {
        "code": 2,
        "msg": "Invalid request: invalid stream",
    }
    assert refuse.say(sid, method="SUBSCRIBE", params=[refuse.key]) == [{"result": None, "id": 1}]
    wrong, right = parse("/private/ws/wrong", ""), parse(f"/private/ws/{refuse.key}", "")
    assert wrong is not None
    assert right is not None
    assert not refuse.hub.admits(wrong)
    assert refuse.hub.admits(right)
    close = Scene(bad_key="close")
    sid = close.open("/private/stream")
    close.hub.receive_text(sid, '{"method":"SUBSCRIBE","params":["wrong"],"id":1}', T0)
    assert close.actions(sid) == [Close(1008, "invalid listen key")]
    sid = close.open("/private/ws/wrong")
    assert close.actions(sid) == [Close(1008, "invalid listen key")]


def test_listing_may_hide_keys() -> None:
    scene = Scene(list_shows_keys=False)
    sid = scene.open("/private/stream")
    scene.say(sid, method="SUBSCRIBE", params=[scene.key, "btc@ticker"])
    assert scene.say(sid, method="LIST_SUBSCRIPTIONS")[0]["result"] == ["btc@ticker"]


def test_at_most_two_hundred_streams() -> None:
    scene = Scene()
    sid = scene.open("/private/stream")
    many = [f"s{number}@ticker" for number in range(200)]
    assert "result" in scene.say(sid, method="SUBSCRIBE", params=many)[0]
    assert scene.say(sid, method="SUBSCRIBE", params=["one@more"])[0]["error"]["code"] == 2
    assert "result" in scene.say(sid, method="SUBSCRIBE", params=many[:1])[0]


def test_more_than_ten_messages_a_second_end_the_connection() -> None:
    scene = Scene()
    sid = scene.open("/private/stream")
    for now_ms in (T0, T0 + 1_000):
        for _ in range(10):
            assert scene.say(sid, now_ms, method="LIST_SUBSCRIPTIONS")
    scene.hub.receive_pong(sid, T0 + 1_999)
    assert scene.actions(sid) == [Close(1008, "Too many requests")]
    assert scene.hub.sockets() == []
    for _ in range(2):
        assert scene.limits.connect("127.0.0.1", T0 + 2_000).http_status == 200
        again = scene.open("/private/stream")
        for _ in range(11):
            scene.hub.receive_pong(again, T0 + 2_000)
    assert scene.limits.connect("127.0.0.1", T0 + 2_000).http_status == 418


@pytest.mark.parametrize("most", [2, 10])
def test_how_many_messages_a_second_is_a_switch(most: int) -> None:
    scene = Scene(messages_per_s=most)
    socket = scene.open("/private/stream")
    for _ in range(most):
        assert scene.say(socket, method="LIST_SUBSCRIPTIONS")
    assert not scene.say(socket, method="LIST_SUBSCRIPTIONS")
    assert scene.hub.sockets() == []


@pytest.mark.parametrize("within_s", [600, 900])
def test_how_long_a_pong_is_waited_for_is_a_switch(within_s: int) -> None:
    scene = Scene(pong_within_s=within_s, ping_every_s=300)
    socket = scene.open("/private/stream")
    scene.hub.advance(T0 + 300_000)
    scene.hub.advance(T0 + 300_000 + within_s * 1000 - 1)
    assert Abort() not in scene.actions(socket)
    scene.hub.advance(T0 + 300_000 + within_s * 1000)
    assert scene.actions(socket)[-1] == Abort()


def test_answering_the_pings_of_hours_at_once_is_no_flood() -> None:
    scene = Scene()
    socket = scene.open("/private/stream")
    for passed in range(1, 13):
        scene.hub.forgive(180_000)
        scene.hub.advance(T0 + passed * 180_000)
    now_ms = T0 + 12 * 180_000
    assert [type(action) for action in scene.actions(socket)] == [Ping] * 12
    for _ in range(12 + 10):
        scene.hub.receive_pong(socket, now_ms)
    assert scene.actions(socket) == []
    scene.hub.receive_pong(socket, now_ms)
    assert scene.actions(socket) == [Close(1008, "Too many requests")]


def test_pings_and_the_pong_that_must_come() -> None:
    scene = Scene()
    sid = scene.open("/private/stream")
    assert scene.hub.due_ms() == T0 + 180_000
    scene.hub.advance(T0 + 180_000)
    assert scene.actions(sid) == [Ping(str(T0 + 180_000).encode())]
    scene.hub.receive_pong(sid, T0 + 180_050)
    for number in range(2, 5):
        scene.hub.advance(T0 + number * 180_000)
    assert [type(action) for action in scene.actions(sid)] == [Ping] * 3
    scene.hub.advance(T0 + 360_000 + 599_999)
    assert Abort() not in scene.actions(sid)
    scene.hub.advance(T0 + 360_000 + 600_000)
    assert scene.actions(sid)[-1] == Abort()


def test_a_jump_of_the_clock_pings_once_and_is_nobodys_missing_pong() -> None:
    scene = Scene()
    sid = scene.open("/private/stream")
    scene.hub.advance(T0 + 180_000)
    scene.actions(sid)
    scene.hub.forgive(7_200_000)
    scene.hub.advance(T0 + 180_000 + 7_200_000)
    assert [type(action) for action in scene.actions(sid)] == [Ping]


def test_new_ping_times_hold_for_open_sockets() -> None:
    scene = Scene()
    scene.open("/private/stream")
    scene.switches.ping_every_s = 10
    scene.hub.retime(T0 + 5)
    assert scene.hub.due_ms() == T0 + 10_005


def test_a_ping_is_answered_with_its_payload() -> None:
    scene = Scene()
    sid = scene.open("/private/stream")
    scene.hub.receive_ping(sid, b"hello", T0)
    assert scene.actions(sid) == [Pong(b"hello")]


def test_after_24_hours_the_server_disconnects() -> None:
    scene = Scene(ping_every_s=80_000)
    sid = scene.open("/private/stream")
    scene.hub.advance(T0 + 86_399_999)
    assert [type(action) for action in scene.actions(sid)] == [Ping]
    scene.hub.receive_pong(sid, T0 + 86_399_999)
    scene.hub.advance(T0 + 86_400_000)
    assert scene.actions(sid) == [Close(1001, "24 hours")]


def test_the_end_of_a_key_keeps_or_closes_its_sockets() -> None:
    for mode, closed in (("open", []), ("close", [Close(1001, "listen key ended")])):
        scene = Scene(after_key_end=mode)
        sid = scene.open(f"/private/ws/{scene.key}")
        scene.keys.close("alice", T0)
        [ended] = scene.keys.take_ended()
        scene.hub.key_ended(ended)
        assert scene.actions(sid) == closed


def test_the_expiry_event_has_its_time_as_a_text_or_a_number() -> None:
    for mode, at in (("string", str(T0)), ("number", T0)):
        scene = Scene(expired_event_time=mode)
        scene.keys.close("alice", T0)
        [ended] = scene.keys.take_ended()
        expected = {"e": "listenKeyExpired", "E": at, "listenKey": scene.key}
        assert scene.hub.expired_payload(ended) == expected


def test_dropping_chooses_by_account_and_room() -> None:
    scene = Scene()
    other, _ = scene.keys.start("bob", T0)
    alice = scene.open(f"/private/ws/{scene.key}")
    bob = scene.open(f"/private/ws/{other}")
    market = scene.open("/market/stream")
    scene.hub.drop("alice", None, None)
    assert scene.hub.take_actions() == [(alice, Abort())]
    scene.hub.drop(None, "market", 1012)
    assert scene.hub.take_actions() == [(market, Close(1012, "sandbox"))]
    scene.hub.drop(None, None, None)
    assert scene.hub.take_actions() == [(bob, Abort())]


def test_frozen_sockets_neither_hear_nor_speak_until_thawed() -> None:
    scene = Scene()
    sid = scene.open(f"/private/ws/{scene.key}")
    frozen = scene.hub.freeze("alice")
    assert scene.actions(sid) == [Freeze()]
    scene.deliver()
    scene.hub.receive_ping(sid, b"x", T0)
    scene.hub.receive_text(sid, '{"method":"LIST_SUBSCRIPTIONS","id":1}', T0)
    scene.hub.advance(T0 + 1_000_000)
    scene.hub.announce_shutdown(None, T0)
    assert scene.actions(sid) == []
    scene.hub.thaw(frozen)
    scene.deliver()
    assert scene.actions(sid) == [Thaw(), PAYLOAD]


def test_a_frozen_socket_whose_pong_is_overdue_is_not_due_every_millisecond() -> None:
    scene = Scene()
    scene.open(f"/private/ws/{scene.key}")
    scene.hub.advance(T0 + 180_000)  # a ping
    scene.hub.freeze("alice")
    now_ms = T0 + 900_000  # its pong would have been due after 600 s
    scene.hub.advance(now_ms)
    due_ms = scene.hub.due_ms()
    assert due_ms is not None
    assert due_ms - now_ms > 1_000


def test_ack_dead_is_acknowledged_and_dead_for_good() -> None:
    scene = Scene()
    scene.faults.put("ack_dead", {}, T0)
    dead = scene.open("/private/stream")
    assert scene.say(dead, method="SUBSCRIBE", params=[scene.key]) == [{"result": None, "id": 1}]
    alive = scene.open(f"/private/ws/{scene.key}")
    scene.deliver()
    assert [sid for sid, _ in scene.hub.take_actions()] == [alive]


def test_shutdown_is_announced_in_the_sockets_shape() -> None:
    scene = Scene()
    raw, wrapped = scene.open(f"/private/ws/{scene.key}"), scene.open("/private/stream", f"streams={scene.key}")
    scene.hub.announce_shutdown("alice", T0)
    event = {"e": "serverShutdown", "E": T0}
    sent = {sid: json.loads(frame) for sid, frame in scene.hub.take_actions() if isinstance(frame, bytes)}
    assert sent == {raw: event, wrapped: {"stream": scene.key, "data": event}}


def test_meters_and_reprs_show_no_key() -> None:
    scene = Scene()
    scene.open(f"/private/ws/{scene.key}")
    assert scene.key not in repr(scene.hub.sockets())
    assert scene.key not in repr(next(iter(scene.hub._sessions.values())))


@pytest.mark.parametrize(("manner", "heard"), [("all", [1, 2]), ("first", [1]), ("last", [2])])
@pytest.mark.parametrize("form", ["subscribe", "query"])
def test_of_several_keys_on_one_socket_all_or_one_deliver(manner: str, heard: list[int], form: str) -> None:
    scene = Scene(keys_per_socket=manner)
    bobs, _ = scene.keys.start("bob", T0)
    if form == "subscribe":
        sid = scene.open("/private/stream")
        for key in (scene.key, bobs):
            assert scene.say(sid, method="SUBSCRIBE", params=[key]) == [{"result": None, "id": 1}]
    else:
        sid = scene.open("/private/stream", f"listenKey={scene.key}&listenKey={bobs}")
    for number, key in ((1, scene.key), (2, bobs)):
        scene.hub.deliver(key, "X", json.dumps({"n": number}).encode())
    assert [frame["data"]["n"] for frame in scene.frames(sid)] == heard


def test_a_key_that_is_over_does_not_keep_the_next_one_out() -> None:
    scene = Scene(keys_per_socket="first")
    sid = scene.open("/private/stream", f"streams={scene.key}")
    scene.keys.expire("alice", T0)
    new, _ = scene.keys.start("alice", T0)
    scene.say(sid, method="SUBSCRIBE", params=[new, "btcusdt@index"])
    scene.hub.deliver(new, "X", b"{}")
    assert len(scene.frames(sid)) == 1


def test_a_further_key_may_be_refused_or_end_the_socket() -> None:
    scene = Scene(keys_per_socket="refused")
    bobs, _ = scene.keys.start("bob", T0)
    sid = scene.open("/private/stream")
    both = scene.say(sid, method="SUBSCRIBE", params=[scene.key, bobs])
    assert both == [{"error": {"code": 2, "msg": "Invalid request: one listen key a connection"}, "id": 1}]
    assert scene.say(sid, method="SUBSCRIBE", params=[scene.key, "btcusdt@index"]) == [{"result": None, "id": 1}]
    assert "error" in scene.say(sid, method="SUBSCRIBE", params=[bobs])[0]
    scene.hub.deliver(scene.key, "X", b"{}")
    assert len(scene.frames(sid)) == 1
    scene = Scene(keys_per_socket="closed")
    bobs, _ = scene.keys.start("bob", T0)
    sid = scene.open("/private/stream")
    scene.say(sid, method="SUBSCRIBE", params=[scene.key])
    scene.hub.receive_text(sid, json.dumps({"method": "SUBSCRIBE", "params": [bobs], "id": 1}), T0)
    assert scene.hub.take_actions() == [(sid, Close(1008, "one listen key a connection"))]


def test_the_envelope_may_name_the_event_in_place_of_the_key() -> None:
    scene = Scene(envelope_stream="event")
    sid = scene.open("/private/stream", f"streams={scene.key}")
    scene.hub.deliver(scene.key, "ORDER_TRADE_UPDATE", b"{}")
    assert scene.frames(sid) == [{"stream": "ORDER_TRADE_UPDATE", "data": {}}]


def test_a_socket_is_that_of_the_accounts_whose_keys_are_on_it() -> None:
    scene = Scene()
    bobs, _ = scene.keys.start("bob", T0)
    sid = scene.open("/private/stream")
    scene.say(sid, method="SUBSCRIBE", params=[scene.key, bobs])
    scene.keys.expire("alice", T0)
    assert scene.hub.sockets()[0]["accounts"] == ["alice", "bob"]
    scene.say(sid, method="UNSUBSCRIBE", params=[bobs])
    assert scene.hub.sockets()[0]["accounts"] == ["alice"], "also of one that is over"
