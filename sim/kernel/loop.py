"""
The event loop of one simulated process: asyncio's interface, virtual time, no I/O.

The client's own driver runs on it, unchanged, so that what is simulated is what ships. Nothing here waits: the
simulation says what time it is, and the loop runs what is due. Two loops never run at once.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from sim.kernel.scheduler import NEVER_US

HANDLES_AT_ONCE_MAX: Final = 200_000
"""Callbacks in one instant. A burst of thousands of events stays far below; a timer that is due for ever does not."""


class Spinning(Exception):
    """Callbacks that call each other without time passing."""


class _Handle:
    """The loop's `asyncio.Handle` and `asyncio.TimerHandle`, without the debugging that each of theirs asks for."""

    __slots__ = ("args", "callback", "context", "is_cancelled")

    def __init__(
        self, callback: Callable[..., Any], args: tuple[Any, ...], context: contextvars.Context | None
    ) -> None:
        self.callback, self.args = callback, args
        self.context = contextvars.copy_context() if context is None else context
        self.is_cancelled = False

    def cancel(self) -> None:
        """Pass it over when its time comes; let go of what it would have run."""
        self.is_cancelled = True
        self.callback, self.args = _nothing, ()

    def cancelled(self) -> bool:
        """Return True where it was cancelled."""
        return self.is_cancelled


def _nothing() -> None:
    """Stands where a cancelled callback was."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """
    The part of a loop that asyncio's tasks, futures, locks and timeouts need, and no more.

    Attributes:
        now_us: The simulation's time, microseconds.
        slept_us: How long this process's machine was asleep so far: asyncio's clock stands still then.
        handles: Callbacks run so far.
        failure: What a callback or a task died of, if one did.
        dial: Makes connections, where they are simulated down to their bytes.
        has_changed: Something was done since `due_us` was asked last, so that the answer may be another.
    """

    def __init__(self) -> None:
        self.now_us = 0
        self.slept_us = 0
        self.handles = 0
        self.failure: BaseException | None = None
        self.dial: Callable[[Callable[[], Any]], tuple[asyncio.Transport, Any]] | None = None
        self.has_changed = True
        self._is_buried = False
        self._ready: deque[_Handle] = deque()
        self._timers: list[tuple[int, int, _Handle]] = []
        self._inbox: list[tuple[int, int, Callable[[], None]]] = []
        self._count = itertools.count()

    # --- For the simulation --------------------------------------------------------------------------------------

    def deliver(self, at_us: int, arrival: Callable[[], None]) -> None:
        """Schedule an arrival from outside; arrivals are read before timers."""
        heapq.heappush(self._inbox, (at_us, next(self._count), arrival))
        self.has_changed = True

    def due_us(self) -> int:
        """Return when something is to be run next."""
        self.has_changed = False
        if self._ready:
            return self.now_us
        timers = self._timers
        while timers and timers[0][2].is_cancelled:
            heapq.heappop(timers)
        due_us = timers[0][0] + self.slept_us if timers else NEVER_US
        return self._inbox[0][0] if self._inbox and self._inbox[0][0] < due_us else due_us

    def sleep(self, for_us: int) -> None:
        """The machine goes to sleep for so long."""
        self.slept_us += for_us
        self.has_changed = True

    def run(self, now_us: int) -> None:
        """Run all that is due."""
        self.now_us = now_us
        self.has_changed = True
        before, inbox, timers = self.handles, self._inbox, self._timers
        events._set_running_loop(self)  # asyncio's word for whoever writes a loop
        try:
            while inbox and inbox[0][0] <= now_us:
                heapq.heappop(inbox)[2]()
                if self._ready:
                    self._run_ready(before)
            while timers and timers[0][0] + self.slept_us <= now_us:
                self._ready.append(heapq.heappop(timers)[2])
            if self._ready:
                self._run_ready(before)
        finally:
            events._set_running_loop(None)

    def call(self, function: Callable[[], None]) -> None:
        """Run something inside, now, and what it brings about."""
        self.deliver(self.now_us, function)
        self.run(self.now_us)

    def _run_ready(self, before: int) -> None:
        ready = self._ready
        while ready:
            handle = ready.popleft()
            if handle.is_cancelled:
                continue
            self.handles += 1
            self._run_handle(handle)
            if self.handles - before > HANDLES_AT_ONCE_MAX:
                raise Spinning(f"{HANDLES_AT_ONCE_MAX} callbacks in one instant")

    def _run_handle(self, handle: _Handle) -> None:
        try:
            handle.context.run(handle.callback, *handle.args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - the top of every callback; the world looks at it
            self.failure = self.failure or error

    def bury(self) -> None:
        """End what never will: the process is dead, and what its tasks still do is seen by nobody."""
        self._inbox.clear()
        self._timers.clear()
        for _ in range(10):
            left = asyncio.all_tasks(self)
            for task in left:
                task.cancel()
            self.call(lambda: None)
            if not left:
                break
        self.failure = None
        self._is_buried = True

    # --- For asyncio ---------------------------------------------------------------------------------------------

    def time(self) -> float:
        """Seconds; a machine asleep does not count them."""
        return (self.now_us - self.slept_us) / 1e6

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> _Handle:
        handle = _Handle(callback, args, context)
        self._ready.append(handle)
        self.has_changed = True
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> _Handle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> _Handle:
        handle = _Handle(callback, args, context)
        # A microsecond later than asked: rounded down, it would be due and not due for ever.
        heapq.heappush(self._timers, (int(when * 1e6) + 1, next(self._count), handle))
        self.has_changed = True
        return handle

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> _Handle:
        handle = _Handle(callback, args, context)
        self.deliver(self.now_us, partial(handle.context.run, callback, *args))
        return handle

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run the function at once: what is asked of a pool here is short, and slow disks belong to threads."""
        assert executor is None
        future = self.create_future()
        try:
            result = func(*args)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
            self.call_soon(_settle, future, None, error)
        else:
            self.call_soon(_settle, future, result, None)
        return future

    async def create_connection(
        self, protocol_factory: Callable[[], Any], *_: Any, **__: Any
    ) -> tuple[asyncio.Transport, Any]:
        assert self.dial is not None
        return self.dial(protocol_factory)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Coroutine[Any, Any, Any], **settings: Any) -> asyncio.Task[Any]:  # type: ignore[override]
        return asyncio.Task(coro, loop=self, **settings)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.failure = self.failure or context.get("exception") or RuntimeError(context.get("message"))

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return self._is_buried


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
