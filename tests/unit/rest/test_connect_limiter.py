"""Sockets are opened in turn, those first for which most is at stake, and never more than the venue allows."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.errors import RateLimited
from listenkey.rest.connect_limiter import ConnectLimiter
from listenkey.transport.clock import SystemClock
from listenkey.venue import CONNECTIONS_PER_5_MIN

SHARE = CONNECTIONS_PER_5_MIN * 4 // 5


async def test_no_more_are_opened_than_the_venue_allows_and_the_next_ones_by_risk() -> None:
    limiter, order = ConnectLimiter(SystemClock(), 3000.0), list[str]()
    assert limiter.window_s == pytest.approx(0.1)

    async def connect(name: str, *risk: int) -> None:
        await limiter.admit(risk)
        order.append(name)

    for number in range(SHARE):
        await connect(str(number))
    began_s = SystemClock().now_s()
    waiting = [asyncio.create_task(connect(*one)) for one in (("idle", 0, 9), ("holds", 2, 1), ("new",))]
    await asyncio.sleep(0)
    assert len(order) == SHARE
    assert 0 < limiter.wait_s() <= limiter.window_s
    await asyncio.gather(*waiting)
    assert order[SHARE:] == ["holds", "idle", "new"]
    assert SystemClock().now_s() - began_s > 0.05
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
