"""The tasks of one stream."""

from __future__ import annotations

import asyncio

from listenkey.stream.task_set import TaskSet


async def test_a_bug_in_a_task_is_told_and_its_end_or_cancellation_is_not() -> None:
    bugs: list[BaseException] = []
    tasks = TaskSet(bugs.append)

    async def works() -> None:
        await asyncio.sleep(0)

    async def breaks() -> None:
        await asyncio.sleep(0)
        raise RuntimeError("a bug")

    given_up = tasks.spawn(asyncio.Event().wait())  # type: ignore[arg-type]
    await asyncio.wait({tasks.spawn(works()), tasks.spawn(breaks())})
    await tasks.cancel(5.0)
    assert [str(bug) for bug in bugs] == ["a bug"]
    assert given_up.cancelled()


async def test_a_task_that_does_not_end_holds_nobody_up() -> None:
    tasks, may_end = TaskSet(lambda _: None), asyncio.Event()

    async def stubborn() -> None:
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                continue

    task = tasks.spawn(stubborn())
    await asyncio.sleep(0)
    await tasks.cancel(0.01)
    assert not task.done()
    may_end.set()
    await task
