"""The open sockets of one stream, over sockets that only note what is asked of them."""

from __future__ import annotations

from typing import Any

import pytest

from listenkey.core.actions import OpenSocket
from listenkey.core.deduplicator import Deduplicator
from listenkey.credentials import Secret
from listenkey.errors import Disconnected, Unreachable
from listenkey.stream.sockets import Sockets
from listenkey.transport.base import Connect
from listenkey.transport.clock import SystemClock
from tests.unit.core.making import admit, order
from tests.unit.stream.test_connection import BY_URL, FakeSocket, Owner

KEY = Secret("k" * 64)


class World:
    """Sockets, and the ends of those that are open."""

    def __init__(self, connect: Connect | None = None) -> None:
        self.deduplicator = Deduplicator()
        self.sockets = Sockets(self.deduplicator, SystemClock(), connect or self.connect)
        self.owner = Owner()
        self.ends: list[FakeSocket] = []

    async def connect(self, *arguments: Any, **named: Any) -> FakeSocket:
        end = FakeSocket()
        self.ends.append(end)
        return await end.connect(*arguments, **named)

    async def open(self, number: int) -> FakeSocket:
        await self.sockets.open(OpenSocket(number, KEY), BY_URL, 5.0, self.owner)
        return self.ends[-1]


async def test_each_socket_is_reached_by_its_number_until_it_is_dropped() -> None:
    world = World()
    first, second, third = [await world.open(number) for number in (1, 2, 3)]
    world.sockets.ping(2, 77)
    world.sockets.drop(1, politely=False)
    world.sockets.drop(2, politely=True)
    world.sockets.drop(2, politely=True)
    world.sockets.ping(2, 78)
    world.sockets.read_less(2)
    world.sockets.abort()
    assert (first.did, second.did, third.did) == (["abort"], [77, "close"], ["abort"])


async def test_one_that_has_ended_is_not_reached_any_more() -> None:
    world = World()
    end = await world.open(1)
    end.on_lost(Disconnected(1006, ""))
    assert world.owner.names() == ["lost"]
    world.sockets.lost(1)
    world.sockets.abort()
    assert end.did == []


async def test_what_is_held_of_a_dropped_socket_is_forgotten() -> None:
    world = World()
    await world.open(2)
    world.deduplicator.follow(1)
    assert not admit(world.deduplicator, 2, order(1, "NEW", "0", 1), b"{}", 1)
    assert world.deduplicator.held(2)
    world.sockets.drop(2, politely=False)
    assert not world.deduplicator.held(2)


async def test_one_that_does_not_come_up_says_why() -> None:
    async def refuse(*_: Any, **__: Any) -> FakeSocket:
        raise Unreachable("127.0.0.1", "refused")

    world = World(refuse)
    with pytest.raises(Unreachable):
        await world.open(1)
    world.sockets.drop(1, politely=False)


async def test_one_may_be_opened_in_another_way() -> None:
    world, other = World(), FakeSocket()
    await world.sockets.open(OpenSocket(1, KEY), BY_URL, 5.0, world.owner, other.connect)
    assert not world.ends
    world.sockets.ping(1, 7)
    assert other.did == [7]
