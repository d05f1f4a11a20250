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
from typing import Any, Final

HANDLES_AT_ONCE_MAX: Final = 200_000
"""Callbacks in one instant. A burst of thousands of events stays far below; a timer that is due for ever does not."""


class Spinning(Exception):
    """Callbacks that call each other without time passing."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """
    The part of a loop that asyncio's tasks, futures, locks and timeouts need, and no more.

    Attributes:
        now_us: The simulation's time, microseconds.
        slept_us: How long this process's machine was asleep so far: asyncio's clock stands still then.
        handles: Callbacks run so far.
        failure: What a callback or a task died of, if one did.
        dial: Makes connections, where they are simulated down to their bytes.
    """

    def __init__(self) -> None:
        self.now_us = 0
        self.slept_us = 0
        self.handles = 0
        self.failure: BaseException | None = None
        self.dial: Callable[[Callable[[], Any]], tuple[asyncio.Transport, Any]] | None = None
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[int, int, asyncio.TimerHandle]] = []
        self._inbox: list[tuple[int, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._due_us: int | None = None
        self._due_known = False

    # --- For the simulation --------------------------------------------------------------------------------------

    def deliver(self, at_us: int, arrival: Callable[[], None]) -> None:
        """Schedule an arrival from outside; arrivals are read before timers."""
        heapq.heappush(self._inbox, (at_us, next(self._count), arrival))
        self._due_known = False

    def due_us(self) -> int | None:
        """Return when something is to be run next; None for never."""
        if not self._due_known:
            self._due_us = self._find_due_us()
            self._due_known = True
        return self._due_us

    def sleep(self, for_us: int) -> None:
        """The machine goes to sleep for so long."""
        self.slept_us += for_us
        self._due_known = False

    def _find_due_us(self) -> int | None:
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        inbox_us = self._inbox[0][0] if self._inbox else None
        timer_us = self._timers[0][0] + self.slept_us if self._timers else None
        if self._ready:
            return self.now_us
        if inbox_us is None or timer_us is None:
            return timer_us if inbox_us is None else inbox_us
        return min(inbox_us, timer_us)

    def run(self, now_us: int) -> None:
        """Run all that is due."""
        self.now_us = now_us
        before = self.handles
        events._set_running_loop(self)
        try:
            while self._inbox and self._inbox[0][0] <= now_us:
                heapq.heappop(self._inbox)[2]()
                self._run_ready(before)
            while self._timers and self._timers[0][0] + self.slept_us <= now_us:
                self._ready.append(heapq.heappop(self._timers)[2])
            self._run_ready(before)
        finally:
            events._set_running_loop(None)
            self._due_known = False

    def call(self, function: Callable[[], None]) -> None:
        """Run something inside, now, and what it brings about."""
        self.deliver(self.now_us, function)
        self.run(self.now_us)

    def _run_ready(self, before: int) -> None:
        ready = self._ready
        while ready:
            handle = ready.popleft()
            if not handle.cancelled():
                self.handles += 1
                handle._run()
            if self.handles - before > HANDLES_AT_ONCE_MAX:
                raise Spinning(f"{HANDLES_AT_ONCE_MAX} callbacks in one instant")

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

    # --- For asyncio ---------------------------------------------------------------------------------------------

    def time(self) -> float:
        """Seconds; a machine asleep does not count them."""
        return (self.now_us - self.slept_us) / 1e6

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        self._due_known = False
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        # A microsecond later than asked: rounded down, it would be due and not due for ever.
        heapq.heappush(self._timers, (int(when * 1e6) + 1, next(self._count), handle))
        self._due_known = False
        return handle

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self.deliver(self.now_us, handle._run)
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
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Left where it is; it is passed over when its time comes."""


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
