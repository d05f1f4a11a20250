"""Test the order in which waiting requests are let go; with an answering venue it is shown in test_rate_limiter.py."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.core.budget import Budget, Priority
from listenkey.errors import RateLimited
from listenkey.rest.request_queue import RequestQueue, rank_of
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
            ("small", Priority.RECOVERY, (0, 1)),
            ("large", Priority.RECOVERY, (0, 5)),
            ("key", Priority.KEYS, ()),
            ("key of one who holds something", Priority.KEYS, (1, 3)),
            ("recovery of one who holds something", Priority.RECOVERY, (1, 9)),
        )
    ]
    await asyncio.sleep(0)
    assert queue
    assert queue.wait_s(Priority.RECOVERY) > 0
    assert queue.wait_s(Priority.LISTS) == 0
    budget.limit = 1000
    queue.let_go()
    await asyncio.gather(*asked)
    assert order == [
        "key of one who holds something",
        "recovery of one who holds something",
        "key",
        "large",
        "small",
        "audit",
    ], "an account that holds something is finished before the others"
    assert not queue


async def test_a_part_of_the_limit_is_left_to_keys_whoever_waits_before_them() -> None:
    budget = Budget(limit=100)
    budget.spend(76, SystemClock().now_s())
    queue = RequestQueue(budget, SystemClock())
    recovery = asyncio.create_task(queue.admit(5, Priority.RECOVERY, (2, 1)))
    keys = [asyncio.create_task(queue.admit(1, Priority.KEYS, ())) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [key.done() for key in keys] == [True, True, True, True, False], "up to 80 of 100"
    assert not recovery.done(), "up to 75 of 100"
    queue.refuse(RateLimited(429, -1003))
    await asyncio.gather(recovery, *keys, return_exceptions=True)
    assert not queue


async def test_a_thousand_keys_take_no_room_of_a_recovery_that_ranks_before_them() -> None:
    clock = SystemClock()
    budget = Budget(limit=100, window_s=0.5)
    queue = RequestQueue(budget, clock)
    for _ in range(15):
        budget.spend(5, clock.now_s())
    order = list[str]()

    async def ask(name: str, weight: int, priority: Priority, *risk: int) -> None:
        await queue.admit(weight, priority, risk)
        order.append(name)

    recovery = asyncio.create_task(ask("recovery", 70, Priority.RECOVERY, 2, 1))
    keys = [asyncio.create_task(ask("key", 1, Priority.KEYS)) for _ in range(1000)]
    await recovery
    assert len(order) <= 11, "five of a hundred in each window"
    queue.stop()
    queue.refuse(RateLimited(429, -1003))
    await asyncio.gather(*keys, return_exceptions=True)


async def test_what_is_open_goes_before_what_settles_where_as_much_is_at_stake() -> None:
    assert rank_of(Priority.RECOVERY, (0, 1)) < rank_of(Priority.SETTLE, (0, 9)) < rank_of(Priority.STEADY, (2, 1))
    assert rank_of(Priority.SETTLE, (1, 1)) < rank_of(Priority.KEYS, (0, 9))


async def test_what_others_leave_free_is_not_given_past_a_key_that_waits() -> None:
    budget = Budget(limit=100)
    budget.spend(80, SystemClock().now_s())
    queue = RequestQueue(budget, SystemClock())
    asked = [asyncio.create_task(queue.admit(1, share, ())) for share in (Priority.KEYS, Priority.STEADY)]
    await asyncio.sleep(0)
    assert not any(one.done() for one in asked)
    queue.stop()
    queue.refuse(RateLimited(429, -1003))
    await asyncio.gather(*asked, return_exceptions=True)


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
