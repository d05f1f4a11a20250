"""Listen keys are put on a socket with few requests, and a refusal of several is found out key by key."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from listenkey.gateway.shared_sockets import socket_requests as module
from listenkey.gateway.shared_sockets.socket_requests import KEYS_MAX, SocketRequests
from listenkey.gateway.shared_sockets.stream_names import RequestAnswer
from listenkey.transport.clock import SystemClock
from tests.unit.gateway.gateway_of import until


class Socket:
    """Notes requests, and the answers that keys get."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.requests = SocketRequests(lambda text: self.sent.append(json.loads(text)), SystemClock())
        self.got: list[tuple[bytes, int | None]] = []

    def put(self, *keys: bytes) -> None:
        for key in keys:
            self.requests.put(key, partial(self._note, key))

    def _note(self, key: bytes, code: int | None) -> None:
        self.got.append((key, code))

    def asked(self) -> list[tuple[str, list[str]]]:
        return [(request["method"], request["params"]) for request in self.sent]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "APART_S", 0.01)


async def test_what_is_asked_for_together_goes_together() -> None:
    socket = Socket()
    socket.put(b"a", b"b")
    assert not socket.sent, "the next one may still come"
    await until(lambda: socket.sent)
    assert socket.sent == [{"method": "SUBSCRIBE", "params": ["a", "b"], "id": 1}]
    assert socket.requests.is_waiting
    assert socket.requests.answered(RequestAnswer(1, None))
    assert not socket.requests.answered(RequestAnswer(1, None))
    assert not socket.requests.answered(RequestAnswer(None, 3))
    assert socket.got == [(b"a", None), (b"b", None)]
    assert not socket.requests.is_waiting


async def test_a_refusal_of_several_is_asked_again_for_each() -> None:
    socket = Socket()
    socket.put(b"a", b"b")
    await until(lambda: socket.sent)
    assert socket.requests.answered(RequestAnswer(1, 2))
    await until(lambda: len(socket.sent) == 3)
    assert socket.asked()[1:] == [("SUBSCRIBE", ["a"]), ("SUBSCRIBE", ["b"])]
    socket.requests.answered(RequestAnswer(2, None))
    socket.requests.answered(RequestAnswer(3, 2))
    assert socket.got == [(b"a", None), (b"b", 2)]


async def test_a_key_that_leaves_is_taken_off_behind_those_that_come() -> None:
    socket = Socket()
    socket.requests.take_off(b"old")
    socket.put(b"new", b"gone")
    socket.requests.take_off(b"gone")
    await until(lambda: len(socket.sent) == 2)
    assert socket.asked() == [("SUBSCRIBE", ["new"]), ("UNSUBSCRIBE", ["old"])], (
        "one that was not put on needs no request"
    )
    assert socket.requests.answered(RequestAnswer(2, None))


async def test_requests_are_of_a_bounded_length_and_at_a_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    socket, clock = Socket(), SystemClock()
    monkeypatch.setattr(module, "APART_S", 0.2)
    began_s = clock.now_s()
    socket.put(*(b"%d" % number for number in range(KEYS_MAX + 1)))
    for number in range(KEYS_MAX + 1):
        socket.requests.take_off(b"old %d" % number)
    await until(lambda: len(socket.sent) == 4)
    assert [len(keys) for _, keys in socket.asked()] == [KEYS_MAX, 1, KEYS_MAX, 1]
    assert clock.now_s() - began_s >= 0.6


async def test_nothing_is_sent_after_the_end() -> None:
    socket = Socket()
    socket.put(b"a")
    socket.requests.stop()
    socket.requests.stop()
    other = Socket()
    other.put(b"b")
    await until(lambda: other.sent)
    assert not socket.sent
