"""Sockets are opened in turn, those first for which most is at stake, and never more than the venue allows."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.core.connect_budget import PROBE_EVERY_S, UNPROVEN_MAX
from listenkey.errors import RateLimited
from listenkey.rest.connect_limiter import ConnectLimiter
from listenkey.transport.clock import SystemClock
from listenkey.venue import CONNECTIONS_PER_5_MIN

SHARE = CONNECTIONS_PER_5_MIN * 4 // 5


async def test_no_more_are_opened_than_the_venue_allows_and_the_next_ones_by_risk() -> None:
    limiter, order = ConnectLimiter(SystemClock(), 200.0), list[str]()
    assert limiter.window_s == pytest.approx(1.5)

    async def connect(name: str, *risk: int) -> None:
        await limiter.admit(risk)
        limiter.opened()
        order.append(name)

    began_s = SystemClock().now_s()
    for number in range(SHARE):
        await connect(str(number))
    waiting = [asyncio.create_task(connect(*one)) for one in (("idle", 0, 9), ("holds", 2, 1), ("new",))]
    await asyncio.sleep(0)
    assert len(order) == SHARE
    assert 0 < limiter.wait_s() <= limiter.window_s
    await asyncio.gather(*waiting)
    assert order[SHARE:] == ["holds", "idle", "new"]
    assert SystemClock().now_s() - began_s > limiter.window_s
    limiter.stop()


async def test_while_none_comes_up_a_few_attempts_find_out_for_all_and_then_the_others_go() -> None:
    limiter, tried = ConnectLimiter(SystemClock()), list[int]()
    limiter.opened_earlier(1, SystemClock().now_s() - 299)

    async def connect(number: int) -> None:
        await limiter.admit((0, -number))
        tried.append(number)

    waiting = [asyncio.create_task(connect(number)) for number in range(3)]
    for _ in range(UNPROVEN_MAX):
        limiter.budget.spend(1, SystemClock().now_s() - 1)
    await asyncio.sleep(0)
    assert not tried
    assert 1 < limiter.wait_s() <= PROBE_EVERY_S - 1, "the last attempt was a second ago"
    limiter.opened()
    await asyncio.gather(*waiting)
    assert tried == [0, 1, 2]
    limiter.stop()


async def test_sockets_of_an_earlier_process_count() -> None:
    limiter, clock = ConnectLimiter(SystemClock()), SystemClock()
    limiter.opened_earlier(SHARE, clock.now_s() - 100)
    waiting = asyncio.create_task(limiter.admit(()))
    await asyncio.sleep(0)
    assert 190 < limiter.wait_s() <= 200
    limiter.block(5.0, RateLimited(429, -1003, "later", 5.0))
    with pytest.raises(RateLimited):
        await waiting
    assert limiter.wait_s() == 0, "nobody waits"
    limiter.stop()
