"""Keys get room on sockets, by what is at stake; and where the venue does not deliver to keys that share, each gets its own."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from listenkey.core.timing import Timing
from listenkey.credentials import Secret
from listenkey.errors import Banned, Disconnected, ListenKeyError, RateLimited
from listenkey.gateway.shared_sockets.sharing_evidence import ENDED, ENDS_MAX, REFUSED, UNPROVEN
from listenkey.gateway.shared_sockets.socket_pool import SocketPool
from listenkey.gateway.shared_sockets.socket_seat import SocketSeat
from listenkey.rest import rate_limiter
from listenkey.venue import Venue
from tests.unit.gateway.gateway_of import until
from tests.unit.gateway.shared_sockets.test_shared_socket import Clock
from tests.unit.stream.test_connection import FakeSocket

VENUE = Venue("https://venue", "wss://venue")


def key(number: int) -> Secret:
    return Secret(f"k{number}")


class Limiter:
    """Lets sockets be opened as it is told to."""

    def __init__(self) -> None:
        self.room = 100
        self.asked: list[tuple[int, ...]] = []
        self.waiting: list[tuple[tuple[int, ...], asyncio.Future[None]]] = []
        self.blocked: list[Any] = []
        self.came_up = 0
        self.connects = SimpleNamespace(opened=self._opened, block=lambda *what: self.blocked.append(what))

    def _opened(self) -> None:
        self.came_up += 1

    async def may_connect(self, risk: tuple[int, ...]) -> None:
        self.asked.append(risk)
        if self.room:
            self.room -= 1
            return
        waiter = (risk, asyncio.get_running_loop().create_future())
        self.waiting.append(waiter)
        try:
            await waiter[1]
        finally:
            self.waiting.remove(waiter)

    def refused(self, error: RateLimited) -> None:
        self.blocked.append(error)

    def let_go(self) -> None:
        """Let the one go for which most is at stake."""
        max(self.waiting, key=lambda waiter: waiter[0])[1].set_result(None)

    def refuse(self, error: ListenKeyError) -> None:
        for _, waiter in self.waiting:
            waiter.set_exception(error)


class Scene:
    """A pool over sockets that acknowledge all keys, or as many as `takes`."""

    def __init__(self, keys_per_socket: int = 3, takes: int = 1000) -> None:
        self.clock, self.limiter, self.ends, self.takes = Clock(), Limiter(), list[FakeSocket](), takes
        self.error: ListenKeyError | None = None
        self.pool = SocketPool(VENUE, self.clock, Timing(), self.connect, keys_per_socket)
        self.pool._limiter = self.limiter  # type: ignore[assignment]
        self.got: dict[Secret, list[Any]] = {}

    async def connect(self, url: str, *arguments: Any, **named: Any) -> FakeSocket:
        assert url == "wss://venue/private/stream"
        if self.error is not None:
            raise self.error
        end = FakeSocket(answer=None)
        end.on = []  # type: ignore[attr-defined]

        def send_text(text: bytes) -> None:
            request = json.loads(text)
            asked = request["params"] if request["method"] == "SUBSCRIBE" else []
            end.did.append((request["method"], request["params"]))
            is_refused = len(end.on) + len(asked) > self.takes  # type: ignore[attr-defined]
            if not is_refused:
                end.on += asked  # type: ignore[attr-defined]
            answer = {"error": {"code": 2, "msg": ""}} if is_refused else {"result": None}
            asyncio.get_running_loop().call_soon(end.bring, json.dumps(answer | {"id": request["id"]}).encode())

        end.send_text = send_text  # type: ignore[method-assign]
        self.ends.append(end)
        return await end.connect(url, *arguments, **named)

    async def sit(self, number: int, risk: tuple[int, ...] = ()) -> SocketSeat:
        """Get a seat and put the key on its socket; returns when the venue has answered."""
        return await self.join(await self.pool.seat(key(number), risk), key(number))

    async def join(self, seat: SocketSeat, its: Secret) -> SocketSeat:
        got = self.got[its] = []
        await seat.connect("", got.append, lambda: None, got.append, got.append, timeout_s=5.0)
        seat.send_text(b'{"method":"SUBSCRIBE","params":["x"],"id":7}')
        await until(lambda: got)
        return seat

    def event(self, number: int, end: int = 0) -> None:
        self.ends[end].bring(b'{"stream":"k%d","data":{}}' % number)

    def why_not(self) -> str:
        return self.pool.why_not

    def ended(self) -> list[int]:
        return [int(its.reveal()[1:]) for its, got in self.got.items() if isinstance(got[-1], Disconnected)]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    from listenkey.gateway.shared_sockets import socket_requests

    monkeypatch.setattr(socket_requests, "APART_S", -1000.0)


async def test_keys_share_a_socket_until_it_is_full_and_one_attempt_is_counted_for_it() -> None:
    scene = Scene()
    for number in range(7):
        await scene.sit(number)
    assert [len(end.on) for end in scene.ends] == [3, 3, 1]  # type: ignore[attr-defined]
    assert len(scene.limiter.asked) == scene.limiter.came_up == 3
    assert [scene.pool.keys_beside(key(number)) for number in (0, 6, 7)] == [3, 1, 0]
    assert scene.pool.keys_beside(None) == 0


async def test_many_at_once_ask_for_as_few_sockets_as_they_need() -> None:
    scene = Scene()
    scene.limiter.room = 0
    seats = [asyncio.create_task(scene.pool.seat(key(number), (0, number))) for number in range(5)]
    await until(lambda: len(scene.limiter.waiting) == 2)
    await until(lambda: max(risk for risk, _ in scene.limiter.waiting) == (0, 4))
    scene.limiter.let_go()
    await until(lambda: sum(seat.done() for seat in seats) == 3)
    assert [seat.done() for seat in seats] == [False, False, True, True, True], "those with most at stake"
    scene.limiter.let_go()
    await asyncio.gather(*seats)
    assert len({id(seat.result()._host) for seat in seats}) == 2


async def test_one_with_more_at_stake_goes_before_those_who_wait() -> None:
    scene = Scene()
    scene.limiter.room = 0
    first = asyncio.create_task(scene.pool.seat(key(0), (0, 0)))
    await until(lambda: scene.limiter.waiting)
    second = asyncio.create_task(scene.pool.seat(key(1), (2, 0)))
    await until(lambda: [risk for risk, _ in scene.limiter.waiting] == [(2, 0)])
    scene.limiter.let_go()
    assert (await second)._host is (await first)._host


async def test_who_gives_up_waiting_is_forgotten_and_so_is_the_socket() -> None:
    scene = Scene()
    scene.limiter.room = 0
    seat = asyncio.create_task(scene.pool.seat(key(0), ()))
    await until(lambda: scene.limiter.waiting)
    seat.cancel()
    await until(lambda: not scene.limiter.waiting)
    assert seat.cancelled()
    late = asyncio.create_task(scene.pool.seat(key(1), ()))
    await until(lambda: scene.limiter.waiting)
    scene.limiter.let_go()
    await until(lambda: scene.pool._waiting == [])
    late.cancel()
    await asyncio.wait({late})
    if late.cancelled():
        await until(lambda: not scene.pool._sockets)


async def test_the_refusal_of_all_sockets_is_told_to_all_who_wait() -> None:
    scene = Scene()
    scene.limiter.room = 0
    seats = [asyncio.create_task(scene.pool.seat(key(number), ())) for number in range(4)]
    await until(lambda: len(scene.limiter.waiting) == 2)
    scene.limiter.refuse(RateLimited(429, None, "no"))
    for seat in seats:
        with pytest.raises(RateLimited):
            await seat


@pytest.mark.parametrize("error", [RateLimited(429, None, "no", 7.0), Banned(418, None, "no", 7.0)])
async def test_a_handshake_that_is_refused_is_told_to_the_limiter_once(error: RateLimited) -> None:
    scene = Scene()
    scene.error = error
    seats = await asyncio.gather(*(scene.pool.seat(key(number), ()) for number in (0, 1)))
    for number, seat in enumerate(seats):
        with pytest.raises(RateLimited):
            await scene.join(seat, key(number))
    assert scene.limiter.blocked == [error if isinstance(error, Banned) else (7.0, error)]
    assert not scene.pool._sockets


async def test_no_key_joins_a_socket_that_is_old_or_silent_or_had_it_before() -> None:
    scene = Scene(keys_per_socket=10)
    first = await scene.sit(0)
    second = await scene.pool.seat(key(0), ())
    assert second._host is not first._host, "a successor of a rotation is on another socket"
    second.leave()
    scene.clock.s += 3 * Timing().ping_after_s + 0.1
    silent = await scene.sit(1)
    assert silent._host is not first._host
    scene.clock.s += Timing().rotate_after_s
    scene.event(1, 2)
    old = await scene.sit(2)
    assert old._host is not silent._host


async def test_a_venue_that_takes_one_key_a_socket_is_found_out() -> None:
    scene = Scene(takes=1)
    await scene.sit(0)
    await scene.sit(1)
    assert scene.got[key(1)] == [b'{"error":{"code":2,"msg":""},"id":7}']
    assert scene.why_not() == "", "the key may be dead"
    await scene.sit(1)
    assert scene.why_not() == REFUSED
    await scene.sit(2)
    await scene.sit(3)
    assert [len(end.on) for end in scene.ends] == [1] * 4  # type: ignore[attr-defined]


async def test_a_loss_before_two_keys_deliver_ends_the_sharing(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    for number in range(4):
        await scene.sit(number)
    scene.event(0)
    scene.event(0)
    scene.pool.doubt(key(3))
    assert scene.why_not() == "", "it had a socket of its own"
    scene.pool.doubt(key(1))
    assert scene.why_not() == UNPROVEN
    assert scene.ended() == [0, 1, 2]
    assert "keys_per_socket = 1" in caplog.text
    assert "k1" not in caplog.text
    await scene.sit(0)
    await scene.sit(1)
    assert [scene.pool.keys_beside(key(number)) for number in range(4)] == [1, 1, 0, 1]
    scene.pool.doubt(key(0))
    scene.pool.stop_sharing("again")
    assert scene.why_not() == UNPROVEN


async def test_a_loss_counts_also_when_the_account_has_left_the_socket() -> None:
    scene = Scene()
    await scene.sit(0)
    (await scene.sit(1)).abort()
    scene.pool.doubt(key(1))
    assert scene.why_not() == UNPROVEN


async def test_a_loss_after_that_gives_one_account_its_own_socket() -> None:
    scene = Scene()
    for number in range(3):
        await scene.sit(number)
    scene.event(0)
    scene.event(1)
    scene.pool.doubt(key(2))
    assert not scene.why_not()
    assert scene.ended() == [2]
    await scene.sit(2)
    assert [scene.pool.keys_beside(key(number)) for number in range(3)] == [2, 2, 1]


async def test_more_than_a_stream_takes_gives_it_its_own_socket(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    await scene.sit(0)
    seat = await scene.sit(1)
    scene.pool.overflowed(key(1))
    assert "gets more than it takes" in caplog.text
    seat.end(Disconnected(None, "too much"))
    await scene.sit(1)
    assert scene.pool.keys_beside(key(1)) == 1


async def test_sockets_that_end_when_a_key_joins_end_the_sharing() -> None:
    scene = Scene()
    for attempt in range(ENDS_MAX):
        await scene.sit(2 * attempt)
        seat = await scene.pool.seat(key(2 * attempt + 1), ())
        scene.ends[-1].send_text = scene.ends[-1].did.append  # type: ignore[method-assign, assignment]
        nothing: Any = lambda *_: None  # noqa: E731 - four times
        await seat.connect("", nothing, nothing, nothing, nothing, timeout_s=5.0)
        before = len(scene.ends[-1].did)
        seat.send_text(b'{"method":"SUBSCRIBE","params":["x"],"id":7}')
        await until(lambda before=before: len(scene.ends[-1].did) > before)  # type: ignore[misc]
        assert not scene.why_not()
        scene.ends[-1].on_lost(Disconnected(1008, "one is enough"))
    assert scene.why_not() == ENDED


async def test_an_event_without_a_name_ends_the_sharing() -> None:
    scene = Scene()
    await scene.sit(0)
    await scene.sit(1)
    scene.ends[0].bring(b'{"stream":"someone","data":{}}')
    assert "do not name their listen key" in scene.why_not()
    assert scene.ended() == [0, 1]


async def test_those_who_wait_when_sharing_ends_get_their_own() -> None:
    scene = Scene()
    scene.limiter.room = 0
    seats = [asyncio.create_task(scene.pool.seat(key(number), ())) for number in range(2)]
    await until(lambda: len(scene.limiter.waiting) == 1)
    scene.pool.stop_sharing("so")
    await until(lambda: len(scene.limiter.waiting) == 2)
    scene.limiter.let_go()
    await until(lambda: len(scene.limiter.waiting) == 1)
    scene.limiter.let_go()
    first, second = await asyncio.gather(*seats)
    assert first._host is not second._host


async def test_the_end_of_a_pool_ends_all_and_gives_the_limiter_back(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    given_back: list[Any] = []

    async def release(limiter: Any) -> None:
        given_back.append(limiter)

    monkeypatch.setattr(rate_limiter, "release", release)
    await scene.sit(0)
    scene.limiter.room = 0
    await scene.sit(1)
    await scene.sit(2)
    waiting = asyncio.create_task(scene.pool.seat(key(3), ()))
    await until(lambda: scene.limiter.waiting)
    await scene.pool.aclose()
    await scene.pool.aclose()
    assert scene.ended() == [0, 1, 2]
    assert given_back == [scene.limiter]
    await until(lambda: not scene.limiter.waiting)
    waiting.cancel()
