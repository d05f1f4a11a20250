"""The tasks of one stream: none is lost, and a bug in one is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from listenkey.transport.closing import outlast


class TaskSet:
    """
    Runs coroutines until they end or are cancelled together.

    Args:
        on_bug: Called with what a task has raised; whoever starts one catches the errors that are to be expected.
    """

    __slots__ = ("_on_bug", "_tasks")

    def __init__(self, on_bug: Callable[[BaseException], None]) -> None:
        self._on_bug = on_bug
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    async def cancel(self, within_s: float) -> None:
        """Cancel all tasks, and wait for their end, at most so long."""
        for task in self._tasks:
            task.cancel()
        await outlast(asyncio.gather(*self._tasks, return_exceptions=True), within_s)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_bug(error)
