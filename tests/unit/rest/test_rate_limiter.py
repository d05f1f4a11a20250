"""Test the order and the pace of requests, with a venue of ten lines and the machine's own clock."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from listenkey.core import connect_budget
from listenkey.core.budget import Priority
from listenkey.core.rate_limit_state import CREATES_MAX
from listenkey.core.retry_policy import classify
from listenkey.credentials import Credentials
from listenkey.errors import Banned, RateLimited
from listenkey.rest import rate_limit_store as stores
from listenkey.rest import rate_limiter
from listenkey.rest.rate_limiter import RateLimiter, weight_of
from listenkey.transport.base import Request, Response
from listenkey.transport.clock import SystemClock
from listenkey.venue import CONNECTIONS_PER_5_MIN, WEIGHT_PER_MINUTE_ASSUMED, Venue
from listenkey.wire import requests

PLACE = Venue("http://127.0.0.1:1", "ws://127.0.0.1:1")
CREDENTIALS = Credentials.of("key", "secret")
TIME = requests.server_time()


@dataclass
class FakeHttp:
    answers: list[Response] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    async def send(self, request: Request, base_url: str) -> Response:
        self.sent.append(f"{request.path}?{request.query.partition('&recvWindow')[0]}")
        return self.answers.pop(0) if self.answers else Response(200, (), b"{}")

    async def aclose(self) -> None:
        pass


def signed(path: str, **params: str) -> Request:
    return requests.signed_get(path, params, CREDENTIALS, 1)


async def send(limiter: RateLimiter, priority: Priority, *risk: int, request: Request = TIME) -> None:
    await limiter.lane(priority, lambda: risk).send(request, PLACE.rest_url)


def test_every_request_has_its_weight() -> None:
    assert weight_of(TIME) == 1
    assert weight_of(signed("/eapi/v1/userTrades", symbol="x")) == 5
    assert weight_of(signed("/eapi/v1/openOrders", symbol="x")) == 1
    assert weight_of(signed("/eapi/v1/openOrders")) == 40


@pytest.mark.parametrize(
    ("status", "headers", "wait_s"),
    [(429, (("Retry-After", "7"),), 7.0), (429, (), 60.0), (418, (("Retry-After", "600"),), 600.0), (418, (), 120.0),
     (403, (), 60.0)],
)  # fmt: skip
async def test_after_a_refusal_nothing_leaves_and_everybody_is_told_until_when(
    status: int, headers: tuple[tuple[str, str], ...], wait_s: float
) -> None:
    http = FakeHttp([Response(status, headers, b'{"code":-1008,"msg":"too much"}' if status != 403 else b"<html>")])
    limiter = RateLimiter(SystemClock(), PLACE, http)
    await send(limiter, Priority.RECOVERY)
    for priority in Priority:
        with pytest.raises(Banned if status == 418 else RateLimited) as caught:
            await send(limiter, priority)
        assert classify(caught.value, 0).wait_s == pytest.approx(wait_s, abs=0.5)
    assert len(http.sent) == 1


async def test_a_ban_ends_by_the_venues_clock() -> None:
    http = FakeHttp([Response(418, (), b'{"code":-1003,"msg":"IP banned until 1700000030000."}')])
    limiter = RateLimiter(SystemClock(), PLACE, http)
    now_s = SystemClock().now_s()
    limiter.time.note(1_700_000_000_000, now_s, now_s)
    await send(limiter, Priority.KEYS)
    with pytest.raises(Banned) as caught:
        await send(limiter, Priority.KEYS)
    assert caught.value.retry_after_s == pytest.approx(30, abs=0.5)


@pytest.mark.parametrize("time_known", [False, True])
@pytest.mark.parametrize(
    ("status", "body", "headers", "wait_s"),
    [
        (418, b'{"code":-1003,"msg":"IP banned until 9999999999999."}', (), 120.0),
        (418, b'{"code":-1003,"msg":"IP banned until 9999999999999999."}', (), 120.0),
        (418, b"", (("Retry-After", "999999999"),), 120.0),
        (418, b"", (("Retry-After", "-3"),), 120.0),
        (429, b"", (("Retry-After", "99999999"),), 60.0),
        (429, b"", (("Retry-After", "172800"),), 60.0),
        (429, b"", (("Retry-After", "nan"),), 60.0),
    ],
)
async def test_no_wait_is_longer_than_the_venue_can_mean(
    status: int, body: bytes, headers: tuple[tuple[str, str], ...], wait_s: float, time_known: bool
) -> None:
    limiter = RateLimiter(SystemClock(), PLACE, FakeHttp([Response(status, headers, body)]))
    assert limiter.silence() is None
    if time_known:
        limiter.time.note(SystemClock().wall_ms(), SystemClock().now_s(), SystemClock().now_s())
    await send(limiter, Priority.KEYS)
    with pytest.raises(RateLimited) as caught:
        await send(limiter, Priority.KEYS)
    assert caught.value.retry_after_s == pytest.approx(wait_s, abs=0.5)
    assert f"no requests for another {wait_s:.0f} s" in str(limiter.silence())


def is_stale(limiter: RateLimiter) -> bool:
    return limiter.limit_reading.is_stale(SystemClock().now_s())


async def test_a_recovery_that_waits_for_weight_says_for_how_long() -> None:
    limiter = RateLimiter(SystemClock(), PLACE, FakeHttp())
    limiter.note_limit(100)
    now_s = SystemClock().now_s()
    limiter.budget.spend(40, now_s - 50.0)
    limiter.budget.spend(35, now_s - 20.0)
    assert limiter.waiting(Priority.RECOVERY) is None
    list_of_all = signed("/eapi/v1/openOrders")
    tasks = [
        asyncio.create_task(send(limiter, priority, request=list_of_all))
        for priority in (Priority.STEADY, Priority.RECOVERY)
    ]
    await asyncio.sleep(0)
    text = limiter.waiting(Priority.RECOVERY)
    assert text is not None
    assert text.startswith(
        "waiting for request weight (limit 100 per minute): the recovery sends no request for another 10 s"
    )
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert limiter.waiting(Priority.RECOVERY) is None
    await limiter.aclose()


async def test_a_ban_that_a_socket_was_told_holds_for_every_request() -> None:
    http = FakeHttp()
    limiter = RateLimiter(SystemClock(), PLACE, http)
    limiter.refused(Banned(418, None, "the WebSocket handshake was refused", 300.0))
    with pytest.raises(Banned) as caught:
        await send(limiter, Priority.RECOVERY)
    assert caught.value.retry_after_s == pytest.approx(300, abs=0.5)
    assert not http.sent


async def test_those_who_wait_go_by_rank_and_risk_and_a_ban_ends_their_waiting() -> None:
    http = FakeHttp()
    limiter = RateLimiter(SystemClock(), Venue(PLACE.rest_url, PLACE.ws_url, time_scale=200.0), http)  # 0.3 s a minute
    limiter.budget.limit = 10
    await send(limiter, Priority.KEYS, request=signed("/eapi/v1/userTrades", symbol="first"))
    works = [
        send(limiter, Priority.STEADY, request=signed("/eapi/v1/bill", currency="audit")),
        send(limiter, Priority.RECOVERY, 1, request=signed("/eapi/v1/userTrades", symbol="flat")),
        send(limiter, Priority.RECOVERY, 2, request=signed("/eapi/v1/userTrades", symbol="risky")),
        send(limiter, Priority.KEYS, request=requests.create_listen_key(CREDENTIALS)),
    ]
    await asyncio.wait_for(asyncio.gather(*works), 10)
    assert [line.partition("=")[2] for line in http.sent] == ["first", "", "risky", "flat", "audit"]

    http.answers = [Response(429)]
    await send(limiter, Priority.KEYS)
    with pytest.raises(RateLimited):
        await send(limiter, Priority.STEADY)
    await limiter.aclose()


async def test_those_who_wait_when_the_ban_comes_are_told_at_once() -> None:
    http = FakeHttp()
    limiter = RateLimiter(SystemClock(), PLACE, http)
    limiter.budget.limit = 2
    await send(limiter, Priority.KEYS)
    waiting = asyncio.create_task(send(limiter, Priority.STEADY))
    await asyncio.sleep(0)
    http.answers = [Response(418)]
    limiter.budget.limit = 4
    await send(limiter, Priority.KEYS)
    with pytest.raises(Banned):
        await asyncio.wait_for(waiting, 2)
    assert len(http.sent) == 2
    await limiter.aclose()


async def test_those_who_wait_go_when_the_limit_turns_out_to_be_higher() -> None:
    http = FakeHttp()
    limiter = RateLimiter(SystemClock(), PLACE, http)
    limiter.budget.limit = 2
    await send(limiter, Priority.KEYS)
    waiting = asyncio.create_task(send(limiter, Priority.RECOVERY))
    await asyncio.sleep(0)
    assert len(http.sent) == 1
    limiter.note_limit(2400)
    await asyncio.wait_for(waiting, 2)
    await limiter.aclose()


async def test_who_gives_up_waiting_keeps_nobody_else_from_going() -> None:
    http = FakeHttp()
    limiter = RateLimiter(SystemClock(), Venue(PLACE.rest_url, PLACE.ws_url, time_scale=300.0), http)
    limiter.budget.limit = 2
    await send(limiter, Priority.KEYS)
    gone = asyncio.create_task(send(limiter, Priority.RECOVERY, 9))
    other = asyncio.create_task(send(limiter, Priority.RECOVERY, 1))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait_for(other, 5)
    assert len(http.sent) == 2
    await limiter.aclose()


async def test_used_weight_of_an_answer_is_taken_in() -> None:
    http = FakeHttp([Response(200, (("x-mbx-used-weight-1m", "390"),), b"{}")])
    limiter = RateLimiter(SystemClock(), PLACE, http)
    await send(limiter, Priority.KEYS)
    assert limiter.budget.wait_s(5, Priority.RECOVERY, SystemClock().now_s()) > 0


def kept_in(path: Path, http: FakeHttp, **place: float) -> RateLimiter:
    """Make the limiter of a process that finds the file of the one before it."""
    limiter = RateLimiter(SystemClock(), Venue(PLACE.rest_url, PLACE.ws_url, **place), http)  # type: ignore[arg-type]
    limiter.store.keep_in(path)
    return limiter


async def test_the_next_process_goes_on_with_what_was_spent_and_what_the_limit_is(tmp_path: Path) -> None:
    one = kept_in(tmp_path / "w", FakeHttp())
    one.note_limit(1000)
    for _ in range(3):
        await send(one, Priority.STEADY, request=signed("/eapi/v1/openOrders"))
    await one.store.leave(tmp_path / "w")
    other = kept_in(tmp_path / "w", FakeHttp())
    await send(other, Priority.KEYS)
    now_s = SystemClock().now_s()
    assert other.budget.limit == 1000
    assert not is_stale(other)
    assert other.budget.wait_s(500 - 121, Priority.STEADY, now_s) == 0
    assert 50 < other.budget.wait_s(500 - 120, Priority.STEADY, now_s) <= 60


@pytest.mark.parametrize(("status", "is_doubted"), [(200, False), (403, False), (418, False), (429, True)])
async def test_a_429_puts_the_limit_in_doubt_until_it_is_read_again(status: int, is_doubted: bool) -> None:
    limiter = RateLimiter(SystemClock(), PLACE, FakeHttp([Response(status, (), b"{}")]))
    limiter.note_limit(1000)
    await send(limiter, Priority.STEADY)
    assert (limiter.limit_reading.is_doubted, is_stale(limiter)) == (is_doubted, is_doubted)
    limiter.note_limit(60)
    assert (limiter.limit_reading.is_doubted, is_stale(limiter), limiter.budget.limit) == (False, False, 60)


async def test_the_next_process_does_not_believe_a_limit_that_was_in_doubt(tmp_path: Path) -> None:
    one = kept_in(tmp_path / "w", FakeHttp([Response(200, (), b"{}"), Response(429, (), b"{}")]))
    one.note_limit(1000)
    for _ in range(2):
        await send(one, Priority.STEADY)
    await one.store.leave(tmp_path / "w")
    other = kept_in(tmp_path / "w", FakeHttp())
    with pytest.raises(RateLimited):
        await send(other, Priority.KEYS)
    assert (is_stale(other), other.budget.limit) == (True, WEIGHT_PER_MINUTE_ASSUMED)


async def test_a_request_for_a_key_leaves_when_it_is_written_down_and_any_other_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write = threading.Event()
    monkeypatch.setattr(stores, "_replace", lambda *_: may_write.wait(20))
    monkeypatch.setattr(stores, "SAVE_WITHIN_S", 20.0)
    http = FakeHttp()
    limiter = kept_in(tmp_path / "w", http)
    await asyncio.wait_for(send(limiter, Priority.STEADY, request=signed("/eapi/v1/openOrders")), 5)
    asking = asyncio.ensure_future(send(limiter, Priority.KEYS, request=requests.create_listen_key(CREDENTIALS)))
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(http.sent) == 1
    may_write.set()
    await asyncio.wait_for(asking, 5)
    assert len(http.sent) == 2


async def test_the_next_process_keeps_a_ban(tmp_path: Path) -> None:
    await send(kept_in(tmp_path / "w", FakeHttp([Response(418, (("Retry-After", "600"),), b"{}")])), Priority.KEYS)
    http = FakeHttp()
    other = kept_in(tmp_path / "w", http)
    for priority in Priority:
        with pytest.raises(Banned) as caught:
            await send(other, priority)
        assert caught.value.retry_after_s == pytest.approx(600, abs=1)
    assert http.sent == []
    await send(kept_in(tmp_path / "other", FakeHttp([Response(429)])), Priority.KEYS)
    with pytest.raises(RateLimited):
        await send(kept_in(tmp_path / "other", http), Priority.KEYS)


@pytest.mark.parametrize("same_boot", [True, False])
@pytest.mark.parametrize("wrong_ms", [3_600_000, 86_400_000])
async def test_a_ban_of_a_process_whose_clock_was_ahead_lasts_as_long_as_the_venue_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong_ms: int, same_boot: bool
) -> None:
    wall_ms = SystemClock.wall_ms
    with monkeypatch.context() as wrong:
        wrong.setattr(SystemClock, "wall_ms", lambda clock: wall_ms(clock) + wrong_ms)
        answer = Response(429, (("Retry-After", "2"),), b"{}")
        await send(kept_in(tmp_path / "w", FakeHttp([answer])), Priority.KEYS)
    if not same_boot:
        monkeypatch.setattr(SystemClock, "boot", lambda _: "another")
    for _ in range(3):  # and whoever is started again and again does not wait anew each time
        http = FakeHttp()
        other = kept_in(tmp_path / "w", http)
        with pytest.raises(RateLimited) as caught:
            await send(other, Priority.KEYS)
        assert caught.value.retry_after_s is not None
        assert caught.value.retry_after_s <= 2.1
        assert http.sent == []
    until_s = other.budget.blocked_until_s
    while SystemClock().now_s() < until_s:  # noqa: ASYNC110 - the machine's own clock is what is waited for
        await asyncio.sleep(0.01)
    await send(kept_in(tmp_path / "w", http), Priority.KEYS)
    assert len(http.sent) == 1


@pytest.mark.parametrize("wrong_ms", [-3_600_000, -86_400_000])
async def test_a_ban_of_a_process_whose_clock_was_behind_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong_ms: int
) -> None:
    wall_ms = SystemClock.wall_ms
    with monkeypatch.context() as wrong:
        wrong.setattr(SystemClock, "wall_ms", lambda clock: wall_ms(clock) + wrong_ms)
        wrong.setattr(SystemClock, "boot", lambda _: "one")
        answer = Response(418, (("Retry-After", "600"),), b"{}")
        await send(kept_in(tmp_path / "w", FakeHttp([answer])), Priority.KEYS)
    monkeypatch.setattr(SystemClock, "boot", lambda _: "one")
    with pytest.raises(Banned) as caught:
        await send(kept_in(tmp_path / "w", FakeHttp()), Priority.KEYS)
    assert caught.value.retry_after_s == pytest.approx(600, abs=2)


async def test_a_key_is_asked_for_twenty_times_a_minute_by_all_processes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    began_s, http = SystemClock().now_s(), FakeHttp()
    minute_s = 1.0
    while len(http.sent) < CREATES_MAX + 2:
        limiter = kept_in(tmp_path / "w", http, time_scale=60 / minute_s)  # each is a process of its own
        await send(limiter, Priority.KEYS, request=requests.create_listen_key(CREDENTIALS))
        assert len(http.sent) <= CREATES_MAX or SystemClock().now_s() - began_s >= minute_s * 0.99
    assert "started too often" in caplog.text


async def test_one_for_all_of_a_venue_and_closed_with_the_last() -> None:
    one = rate_limiter.share(PLACE, SystemClock())
    assert rate_limiter.share(PLACE, SystemClock()) is one
    other = rate_limiter.share(Venue("http://127.0.0.1:2", "ws://127.0.0.1:2"), SystemClock())
    assert other is not one
    await rate_limiter.release(one)
    assert rate_limiter.share(PLACE, SystemClock()) is one
    for limiter in (one, one, other):
        await rate_limiter.release(limiter)
    again = rate_limiter.share(PLACE, SystemClock())
    assert again is not one
    await rate_limiter.release(again)
    assert not rate_limiter._shared.of(asyncio.get_running_loop()), "nothing is left behind"


async def test_what_is_signed_is_made_when_it_may_leave() -> None:
    http = FakeHttp()
    limiter = RateLimiter(SystemClock(), PLACE, http)
    limiter.budget.spend(300, limiter._clock.now_s() - 59.9)
    made = []

    def make() -> Request:
        made.append(limiter._clock.now_s())
        return TIME

    asked_s = limiter._clock.now_s()
    assert not limiter.has_room(5, Priority.RECOVERY)
    await limiter.lane(Priority.RECOVERY).send_made(5, make, PLACE.rest_url)
    assert made[0] - asked_s >= 0.09
    assert limiter.has_room(5, Priority.RECOVERY)


async def test_the_next_process_goes_on_with_the_sockets_that_were_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect_budget, "APART_S", 0.0)
    first = kept_in(tmp_path / "w", FakeHttp())
    for _ in range(CONNECTIONS_PER_5_MIN * 4 // 5):
        await first.may_connect(())
        first.connects.opened()
    await send(first, Priority.KEYS)  # what asks for a key follows each socket, and writes it down
    await first.store.saved()
    second = kept_in(tmp_path / "w", FakeHttp())
    waiting = asyncio.create_task(second.may_connect(()))
    while not second.connects.wait_s():  # noqa: ASYNC110 - a request that waits tells nobody
        await asyncio.sleep(0.001)
    assert second.connects.wait_s() > 200, "a process that is started again and again is one process to the venue"
    second.refused(Banned(418, None, "the WebSocket handshake was refused", 300.0))
    with pytest.raises(Banned):
        await waiting
    with pytest.raises(Banned):
        await second.may_connect(())
    for limiter in (first, second):
        await limiter.aclose()
