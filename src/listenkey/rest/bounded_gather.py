"""Several requests at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar

A = TypeVar("A")
B = TypeVar("B")
R = TypeVar("R")

AT_ONCE: Final = 4
"""Requests under way at the same time: enough to hide the way to the venue, few enough when it says stop."""


async def together(works: Sequence[Coroutine[Any, Any, R]]) -> list[R]:
    """A few at a time; the first failure ends the others."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def in_turn(work: Coroutine[Any, Any, R]) -> R:
        async with turns:
            return await work

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(in_turn(work)) for work in works]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    finally:
        for work in works:
            work.close()  # What had not begun when another failed would complain about it.
    return [task.result() for task in tasks]


async def both(one: Coroutine[Any, Any, A], other: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Two of different kinds; the first failure ends the other."""
    works: list[Coroutine[Any, Any, Any]] = [one, other]
    first, second = await together(works)
    return first, second
