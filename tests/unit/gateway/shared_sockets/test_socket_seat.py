"""A seat is a connection like any other to its stream, and what its stream does not take holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from listenkey.errors import Disconnected, Unreachable
from listenkey.gateway.shared_sockets import socket_seat as module
from listenkey.gateway.shared_sockets.socket_seat import SocketSeat
from tests.unit.gateway.gateway_of import until
from tests.unit.stream.test_connection import FakeSocket


class Host:
    """Notes what a seat asks of its socket."""

    def __init__(self, *, is_of_one: bool = False) -> None:
        self.is_of_one = is_of_one
        self.age_s = 5.0
        self.socket: FakeSocket | None = FakeSocket()
        self.did: list[tuple[Any, ...]] = []
        self.error: Exception | None = None

    async def opened(self) -> None:
        if self.error is not None:
            raise self.error

    @property
    def ask_ping(self) -> Callable[[SocketSeat, int], None]:
        return lambda _, number: self.did.append(("ping", number))

    def subscribe(self, seat: SocketSeat, request_id: int) -> None:
        del seat
        self.did.append(("subscribe", request_id))

    def left(self, seat: SocketSeat) -> None:
        del seat
        self.did.append(("left",))

    def overflowed(self, seat: SocketSeat) -> None:
        self.did.append(("overflowed",))
        seat.end(Disconnected(None, "too much"))


class Stream:
    """A stream's side of a connection."""

    def __init__(self, host: Host) -> None:
        self.seat = SocketSeat(b"key", host)
        self.got: list[Any] = []

    async def connect(self) -> Stream:
        connected = await self.seat.connect(
            "wss://nowhere",
            self.got.append,
            lambda: self.got.append("heard"),
            self.got.append,
            self.got.append,
            timeout_s=5.0,
        )
        assert connected is self.seat
        return self


async def test_what_comes_is_brought_at_once_and_in_order() -> None:
    host = Host()
    stream = await Stream(host).connect()
    assert stream.seat.age_s == 5.0
    stream.seat.send_text(b'{"method":"SUBSCRIBE","params":["key"],"id":7}')
    stream.seat.ping(3)
    assert host.did == [("subscribe", 7), ("ping", 3)]
    stream.seat.answer(7, None)
    stream.seat.take(b"one")
    stream.seat.heard()
    stream.seat.pong(3)
    assert stream.got == [b'{"result":null,"id":7}', "heard", b"one", "heard", 3]
    stream.seat.answer(8, 2)
    assert stream.got[-2] == b'{"error":{"code":2,"msg":""},"id":8}'


async def test_a_stream_that_reads_no_more_gets_it_later_and_in_order() -> None:
    stream = await Stream(Host()).connect()
    stream.seat.pause()
    stream.seat.take(b"one")
    stream.seat.pong(3)
    stream.seat.heard()
    assert stream.got == []
    stream.seat.resume()
    stream.seat.take(b"two")
    stream.seat.resume()
    assert stream.got == [], "the stream is in the middle of something"
    await until(lambda: "heard" in stream.got)
    assert stream.got == [b"one", 3, b"two", "heard"]
    stream.seat.take(b"three")
    assert stream.got[-1] == b"three"


async def test_one_that_stops_again_gets_the_rest_later() -> None:
    stream = await Stream(Host()).connect()

    def pong(number: int) -> None:
        stream.got.append(number)
        stream.seat.pause()

    stream.seat.pause()
    stream.seat._on_pong = pong
    for one in (b"one", b"two"):
        stream.seat.take(one)
        stream.seat.pong(len(one))
    stream.seat.resume()
    await until(lambda: stream.got == [b"one", 3])
    stream.seat.resume()
    await until(lambda: stream.got == [b"one", 3, b"two", 3])
    stream.seat.resume()
    stream.seat.take(b"three")
    assert stream.got[-1] == b"three"


async def test_more_than_is_kept_ends_this_connection_alone_behind_what_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEAT_BYTES_MAX", 2 * module.FRAME_COSTS + 6)
    host = Host()
    stream = await Stream(host).connect()
    stream.seat.pause()
    stream.seat.take(b"one")
    stream.seat.take(b"two")
    assert not host.did
    stream.seat.pong(1)
    stream.seat.take(b"3")
    assert host.did == [("overflowed",), ("left",)]
    assert stream.got[:3] == [b"one", b"two", b"3"]
    assert isinstance(stream.got[3], Disconnected)
    stream.seat.end(Disconnected(None, "again"))
    stream.seat.send_text(b'{"id":1}')
    stream.seat.ping(9)
    assert len(stream.got) == 4
    assert len(host.did) == 2


async def test_alone_on_its_socket_it_stops_the_socket_and_nothing_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEAT_BYTES_MAX", 1)
    host = Host(is_of_one=True)
    assert host.socket is not None
    stream = await Stream(host).connect()
    stream.seat.pause()
    stream.seat.take(b"what was read before")
    stream.seat.resume()
    stream.seat.read_less()
    assert host.socket.did == ["pause", "resume"]
    assert host.socket.reads_less
    await until(lambda: b"what was read before" in stream.got)
    assert not host.did


async def test_one_that_leaves_is_told_so_once_and_in_its_own_time() -> None:
    host = Host()
    stream = await Stream(host).connect()
    stream.seat.pause()
    stream.seat.take(b"not taken")
    stream.seat.resume()
    stream.seat.close()
    stream.seat.abort()
    assert stream.got == []
    await until(lambda: stream.got)
    assert [type(got) for got in stream.got] == [Disconnected]
    assert host.did == [("left",)]


async def test_a_socket_that_does_not_come_up_leaves_nothing_behind() -> None:
    host = Host()
    host.socket = None
    host.error = Unreachable("host", "no")
    stream = Stream(host)
    with pytest.raises(Unreachable):
        await stream.connect()
    assert host.did == [("left",)]
    stream.seat.take(b"x")
    stream.seat.heard()
    stream.seat.pong(1)
    stream.seat.read_less()
    await asyncio.sleep(0)
    assert stream.got == []
