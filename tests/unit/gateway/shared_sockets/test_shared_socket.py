"""One socket and its seats: what concerns the socket concerns all, what concerns a key its seat alone."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from listenkey.credentials import Secret
from listenkey.errors import Disconnected, Unreachable
from listenkey.gateway.shared_sockets import shared_pings, shared_socket, socket_requests
from listenkey.gateway.shared_sockets.shared_socket import SharedSocket
from listenkey.gateway.shared_sockets.socket_seat import SocketSeat
from tests.unit.gateway.gateway_of import until
from tests.unit.stream.test_connection import FakeSocket


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.s = 100.0

    def now_s(self) -> float:
        return self.s

    def wall_ms(self) -> int:
        return round(self.s * 1000)

    def boot(self) -> str:
        return ""


class Owner:
    """Notes what a socket tells."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def subscribed(self, socket: SharedSocket, key: Secret, code: int | None) -> None:
        self.told.append(("subscribed", len(socket.seats), key, code))

    def stop_sharing(self, why: str) -> None:
        self.told.append(("stop", why))

    def overflowed(self, key: Secret) -> None:
        self.told.append(("overflowed", key))

    def delivers(self) -> None:
        self.told.append(("delivers",))

    def ended(self, socket: SharedSocket, *, while_asked: bool) -> None:
        self.told.append(("ended", socket.is_over, while_asked))


class Scene:
    """A shared socket over one that is played by hand."""

    def __init__(self, room: int = 3) -> None:
        self.clock, self.owner, self.end = Clock(), Owner(), FakeSocket(answer=None)
        self.shared = SharedSocket(room, self.clock, 5.0, self.owner)
        self.got: dict[bytes, list[Any]] = {}

    async def sit(self, key: bytes) -> SocketSeat:
        """Give a key a seat, connect it, and have the venue acknowledge it."""
        seat = self.shared.seat_for(key)
        if self.shared._opening is None:
            self.shared.open(self.end.connect, "wss://venue/private/stream", 5.0)
        got: list[Any] = []
        self.got[key] = got
        await seat.connect("", got.append, lambda: got.append("heard"), got.append, got.append, timeout_s=5.0)
        before = len(self.end.did)
        seat.send_text(b'{"method":"SUBSCRIBE","params":["x"],"id":70}')
        await until(lambda: len(self.end.did) > before)
        self.end.bring(b'{"result":null,"id":%d}' % json.loads(self.end.did[-1])["id"])
        return seat

    def event(self, key: bytes) -> bytes:
        return b'{"stream":"%b","data":{}}' % key


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_requests, "APART_S", -1000.0)
    monkeypatch.setattr(shared_pings, "PINGS_APART_S", -1000.0)


async def test_each_key_gets_its_answer_and_its_events() -> None:
    scene = Scene()
    first, second = [await scene.sit(key) for key in (b"a", b"b")]
    assert scene.owner.told == [("subscribed", 1, Secret("a"), None), ("subscribed", 2, Secret("b"), None)]
    assert scene.got[b"b"][0] == b'{"result":null,"id":70}'
    for got in scene.got.values():
        got.clear()
    scene.end.bring(scene.event(b"a"), scene.event(b"a"), scene.event(b"b"))
    assert scene.got == {b"a": [scene.event(b"a")] * 2 + ["heard"], b"b": [scene.event(b"b"), "heard"]}
    assert scene.owner.told[-1] == ("delivers",)
    assert (first.age_s, second.age_s) == (0.0, 0.0)
    scene.clock.s += 7
    assert second.age_s == 7.0


async def test_what_one_brings_is_a_sign_of_life_for_the_others_now_and_then() -> None:
    scene = Scene()
    for key in (b"a", b"b"):
        await scene.sit(key)
    scene.got[b"b"].clear()
    scene.end.bring(scene.event(b"a"))
    assert scene.got[b"b"] == []
    scene.clock.s += shared_socket.ALL_HEAR_EVERY_S
    scene.end.bring(scene.event(b"a"))
    assert scene.got[b"b"] == ["heard"]


async def test_a_pong_answers_all_who_asked_and_the_others_hear_in_their_time() -> None:
    scene = Scene()
    seats = [await scene.sit(key) for key in (b"a", b"b", b"c")]
    for got in scene.got.values():
        got.clear()
    seats[0].ping(11)
    seats[1].ping(22)
    await until(lambda: 1 in scene.end.did)
    assert [did for did in scene.end.did if isinstance(did, int)] == [1], "one ping for both"
    scene.end.on_pong(1)
    scene.end.on_heard()
    assert scene.got == {b"a": [11, "heard"], b"b": [22, "heard"], b"c": []}
    assert ("delivers",) not in scene.owner.told, "a pong is no event"


async def test_one_that_leaves_is_taken_off_and_the_last_ends_the_socket() -> None:
    scene = Scene()
    first, second = [await scene.sit(key) for key in (b"a", b"b")]
    first.close()
    await until(lambda: json.loads(scene.end.did[-1])["method"] == "UNSUBSCRIBE")
    assert json.loads(scene.end.did[-1])["params"] == ["a"]
    assert scene.shared.has_room_for(b"c")
    assert not scene.shared.has_room_for(b"a")
    second.close()
    assert scene.end.did[-1] == "close"
    assert scene.owner.told[-1] == ("ended", True, False)
    assert not scene.shared.has_room_for(b"c")
    assert not [told for told in scene.owner.told if told[0] == "stop"]


async def test_its_end_is_the_end_for_all() -> None:
    scene = Scene()
    for key in (b"a", b"b"):
        await scene.sit(key)
    scene.end.on_lost(Disconnected(1001, "24 hours"))
    assert [got[-1].close_code for got in scene.got.values()] == [1001, 1001]
    assert scene.owner.told[-1] == ("ended", True, False)


async def test_an_end_while_a_further_key_is_asked_for_is_told_as_that() -> None:
    scene = Scene()
    await scene.sit(b"a")
    seat = scene.shared.seat_for(b"b")
    await seat.connect("", lambda _: None, lambda: None, lambda _: None, lambda _: None, timeout_s=5.0)
    before = len(scene.end.did)
    seat.send_text(b'{"method":"SUBSCRIBE","params":["b"],"id":1}')
    await until(lambda: len(scene.end.did) > before)
    scene.end.on_lost(Disconnected(1008, "one is enough"))
    assert scene.owner.told[-1] == ("ended", True, True)


async def test_silence_that_one_finds_ends_it_for_all() -> None:
    scene = Scene()
    first, _ = [await scene.sit(key) for key in (b"a", b"b")]
    scene.clock.s += 5.1
    assert not scene.shared.has_room_for(b"c")
    first.abort()
    assert isinstance(scene.got[b"b"][-1], Disconnected)
    assert "nothing came for 5.1 s" in str(scene.got[b"b"][-1])
    assert scene.end.did[-1] == "abort"


async def test_it_takes_no_more_than_it_has_room_for() -> None:
    scene = Scene(room=2)
    scene.shared.seat_for(b"a")
    assert not scene.shared.is_of_one
    assert scene.shared.has_room_for(b"b")
    scene.shared.seat_for(b"b")
    assert not scene.shared.has_room_for(b"c")
    assert Scene(room=1).shared.is_of_one


async def test_a_bug_in_one_stream_ends_that_one_alone(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    first, _ = [await scene.sit(key) for key in (b"a", b"b")]

    def bug() -> None:
        raise ZeroDivisionError

    first._on_heard = bug
    scene.end.bring(scene.event(b"a"), scene.event(b"b"))
    assert scene.got[b"b"][-2:] == [scene.event(b"b"), "heard"]
    await until(lambda: isinstance(scene.got[b"a"][-1], Disconnected))
    assert "a bug in the stream of one account" in caplog.text
    assert not scene.shared.is_over


async def test_what_does_not_come_up_is_told_to_all_who_wait() -> None:
    scene = Scene()
    seats = [scene.shared.seat_for(key) for key in (b"a", b"b")]

    async def connect(*_: Any, **__: Any) -> Any:
        await asyncio.sleep(0)
        raise Unreachable("venue", "no")

    scene.shared.open(connect, "wss://venue", 5.0)
    nothing: Any = lambda *_: None  # noqa: E731 - four times
    for seat in seats:
        with pytest.raises(Unreachable):
            await seat.connect("", nothing, nothing, nothing, nothing, timeout_s=5.0)
    assert scene.owner.told == [("ended", True, False)]


async def test_who_gives_up_while_it_opens_ends_it_and_a_late_one_is_told() -> None:
    scene = Scene()
    first = scene.shared.seat_for(b"a")
    opening = scene.shared.open(scene.end.connect, "wss://venue", 5.0)
    first.leave()
    first.leave()
    nothing: Any = lambda *_: None  # noqa: E731 - four times
    with pytest.raises(Disconnected, match="ended while this one joined"):
        await scene.shared.seat_for(b"b").connect("", nothing, nothing, nothing, nothing, timeout_s=5.0)
    assert opening.cancelled()


async def test_one_that_comes_up_after_its_end_is_dropped() -> None:
    scene = Scene()
    scene.shared.seat_for(b"a")

    async def connect(*arguments: Any, **named: Any) -> FakeSocket:
        scene.shared._over(while_asked=False)
        return await scene.end.connect(*arguments, **named)

    await scene.shared.open(connect, "wss://venue", 5.0)
    assert scene.end.did == ["abort"]


async def test_too_much_for_one_is_told_and_ends_that_one_alone() -> None:
    scene = Scene()
    first, second = [await scene.sit(key) for key in (b"a", b"b")]
    scene.shared.overflowed(first)
    assert scene.owner.told[-1] == ("overflowed", Secret("a"))
    assert isinstance(scene.got[b"a"][-1], Disconnected)
    assert second.is_connected
    assert not scene.shared.is_over
    scene.shared.end_all(Disconnected(None, "over"))
    scene.shared.end_all(Disconnected(None, "over"))
    assert [told[0] for told in scene.owner.told].count("ended") == 1
