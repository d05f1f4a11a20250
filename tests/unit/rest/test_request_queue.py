"""Test the order in which waiting requests are let go; with an answering venue it is shown in test_rate_limiter.py."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.core.budget import Budget, Priority
from listenkey.errors import RateLimited
from listenkey.rest.request_queue import RequestQueue
from listenkey.transport.clock import SystemClock


async def test_who_waits_is_let_go_by_rank_and_then_by_risk() -> None:
    budget = Budget(limit=1000)
    queue, order = RequestQueue(budget, SystemClock()), list[str]()
    budget.limit = 0

    async def ask(name: str, priority: Priority, *risk: int) -> None:
        await queue.admit(1, priority, risk)
        order.append(name)

    now_s = SystemClock().now_s()
    budget.spend(100, now_s)
    asked = [
        asyncio.create_task(ask(name, priority, *risk))
        for name, priority, risk in (
            ("audit", Priority.STEADY, ()),
            ("small", Priority.RECOVERY, (1,)),
            ("large", Priority.RECOVERY, (5,)),
            ("key", Priority.KEYS, ()),
        )
    ]
    await asyncio.sleep(0)
    assert queue
    assert queue.wait_s(Priority.RECOVERY) > 0
    assert queue.wait_s(Priority.LISTS) == 0
    budget.limit = 1000
    queue.let_go()
    await asyncio.gather(*asked)
    assert order == ["key", "large", "small", "audit"]
    assert not queue


async def test_a_refusal_is_raised_in_all_that_wait() -> None:
    budget = Budget(limit=1)
    budget.spend(100, SystemClock().now_s())
    queue = RequestQueue(budget, SystemClock())
    asked = [asyncio.create_task(queue.admit(1, Priority.KEYS, ())) for _ in range(2)]
    await asyncio.sleep(0)
    asked[0].cancel()
    await asyncio.sleep(0)
    queue.refuse(RateLimited(429, -1003, retry_after_s=60.0))
    with pytest.raises(RateLimited):
        await asked[1]
    queue.stop()
    assert not queue
