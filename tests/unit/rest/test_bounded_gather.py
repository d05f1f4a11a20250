"""Several at the same time: how many, in which order they are answered, and what a failure does to the others."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.rest.bounded_gather import AT_ONCE, both, together


async def test_no_more_than_a_few_run_at_once_and_answers_keep_their_order() -> None:
    running = most = 0
    turn = asyncio.Event()

    async def work(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == AT_ONCE:
            turn.set()
        await turn.wait()
        running -= 1
        return number

    assert await together([work(number) for number in range(3 * AT_ONCE)]) == list(range(3 * AT_ONCE))
    assert most == AT_ONCE


async def test_two_of_different_kinds() -> None:
    async def word() -> str:
        return "a"

    async def number() -> int:
        return 1

    assert await both(word(), number()) == ("a", 1)


async def test_a_first_failure_ends_the_others() -> None:
    ended = []

    async def fails() -> None:
        raise ValueError("this one")

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waits")

    with pytest.raises(ValueError, match="this one"):
        await together([waits(), fails(), *(waits() for _ in range(AT_ONCE))])
    assert ended
