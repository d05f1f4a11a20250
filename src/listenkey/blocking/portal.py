"""
Runs coroutines for callers that don't: one event loop on a background thread, shared by all blocking twins.

A notebook has a loop of its own running, so `asyncio.run` is refused there; and a loop per object would be a thread per
object. The thread starts at the first call, and ends when the last `Portal` is closed.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent import futures
from typing import Any, Final, ParamSpec, TypeVar

from listenkey.blocking.event_loop import new_event_loop
from listenkey.errors import UsageError

P = ParamSpec("P")
T = TypeVar("T")

ENDING_WITHIN_S: Final = 2.0
"""The time that running calls get to end when the last user leaves, before they are cancelled."""


class Portal:
    """
    A place on the shared loop. Close it when done; it opens again by itself at the next call.

        portal = Portal()
        answer = portal.call(api.options_create_listen_key_v1)
        portal.close()

    May be used from many threads. After a fork, the child's first call starts a loop of the child's own.
    """

    def __init__(self) -> None:
        self._runner: _Runner | None = None

    def call(self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """
        Run `await function(*args, **kwargs)` on the loop, and return or raise its result.

        A KeyboardInterrupt while waiting cancels the coroutine: nothing goes on behind the caller's back.

        Raises:
            UsageError: Called from a coroutine that runs on this very loop, which would wait for itself.
        """
        ticket = _Ticket()
        try:
            return self.submit(ticket.use, function, args, kwargs).result()
        finally:
            ticket.withdraw()

    def submit(
        self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> futures.Future[T]:
        """Start a call without waiting for its result."""
        with _state.lock:
            runner = self._runner
            if runner is None or runner is not _state.runner:
                runner = self._runner = _join()
            if threading.get_ident() == runner.thread.ident:
                raise UsageError("a blocking call inside the library's own event loop; use the async class there")
            return asyncio.run_coroutine_threadsafe(function(*args, **kwargs), runner.loop)

    def close(self, last: Callable[[], Coroutine[Any, Any, None]] | None = None, *, wait: bool = True) -> None:
        """
        Leave the loop; the last one to leave ends it. May be called twice. Nothing happens where nothing was called.

        Args:
            last: Run on the loop before leaving: what closes the caller's connections.
            wait: Whether to wait for `last`, and for the thread where it ends. False in finalizers: the collector may
                call them from any thread, the loop's own as well.
        """
        with _state.lock:
            runner = self._runner
            if runner is None or runner is not _state.runner:
                self._runner = None
                return
            closing = asyncio.run_coroutine_threadsafe(self._leave_after(last, runner), runner.loop)
        if not wait:
            return
        try:
            _result_in_spite_of_an_interrupt(closing)
        finally:
            if runner is not _state.runner:
                runner.join()

    async def _leave_after(self, last: Callable[[], Coroutine[Any, Any, None]] | None, runner: _Runner) -> None:
        """
        Do the last work, and leave.

        On the loop's own thread, where no KeyboardInterrupt comes between the two; one that comes before has changed
        nothing, so that the next `close` does it all.
        """
        try:
            if last is not None:
                await last()
        finally:
            with _state.lock:
                if self._runner is runner:
                    self._runner = None
                    _leave(runner)


def _result_in_spite_of_an_interrupt(closing: futures.Future[None]) -> None:
    """An interrupt is raised when the closing is done; a second one at once, and then it is the loop that ends it."""
    try:
        closing.result()
    except KeyboardInterrupt:
        futures.wait({closing})
        raise


class _Ticket:
    """
    One call, and the way to take it back.

    Not the future's own `cancel`: an interrupt can come when the work has been handed over and the future has not been
    given back yet.
    """

    def __init__(self) -> None:
        self.withdrawn = False
        self.task: asyncio.Task[Any] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    async def use(
        self, function: Callable[..., Coroutine[Any, Any, T]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> T:
        self.loop, self.task = asyncio.get_running_loop(), asyncio.current_task()
        if self.withdrawn:
            raise asyncio.CancelledError
        return await function(*args, **kwargs)

    def withdraw(self) -> None:
        # First the flag and then the look, as `use` does it the other way round: one of the two sees the other.
        self.withdrawn = True
        if self.task is not None and self.loop is not None and not self.task.done():
            self.loop.call_soon_threadsafe(self.task.cancel)


class _Runner:
    """The thread and its loop."""

    def __init__(self) -> None:
        self.users = 0
        self.loop = new_event_loop()
        self.ended = asyncio.Event()
        self.thread = threading.Thread(target=self._run, name="listenkey-portal", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.ended.set)

    def join(self) -> None:
        if threading.get_ident() != self.thread.ident:
            self.thread.join(2 * ENDING_WITHIN_S)

    def _run(self) -> None:
        # Not asyncio.run: it would wait for the threads that look up names, which can hang for long, and at the
        # interpreter's end it may not start the thread it wants for that.
        try:
            self.loop.run_until_complete(self._until_ended())
        finally:
            self.loop.close()

    async def _until_ended(self) -> None:
        await self.ended.wait()
        # What was submitted just before, such as closing a connection, gets its time.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            _, left = await asyncio.wait(left, timeout=ENDING_WITHIN_S)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=ENDING_WITHIN_S)
        await self.loop.shutdown_asyncgens()


class _State:
    """The process's one runner, and those before it whose threads are still ending."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.runner: _Runner | None = None
        self.ending: list[_Runner] = []


_state = _State()
_inherited: list[object] = []
"""
Objects that a child inherited from its parent by a fork, kept so that they are never collected: closing a connection
here would take it from the parent's loop as well, because both share one epoll.
"""


def keep_inherited(thing: object) -> None:
    """Never collect something that belongs to the loop of the process we were forked from."""
    _inherited.append(thing)


def _join() -> _Runner:
    """One more user of the runner, which is made where there is none. With the lock held."""
    if _state.runner is None or not _state.runner.thread.is_alive():
        _state.runner = _Runner()
    _state.runner.users += 1
    return _state.runner


def _leave(runner: _Runner) -> None:
    """One user less; without any, the runner ends."""
    with _state.lock:
        runner.users -= 1
        if runner.users > 0 or runner is not _state.runner:
            return
        _state.runner = None
        _state.ending = [other for other in _state.ending if other.thread.is_alive()] + [runner]
    runner.stop()


def _forget_after_fork() -> None:
    """Begin anew in a child process: its thread is gone, and the lock may be held by nobody."""
    global _state  # noqa: PLW0603 - the process's one runner, and this is another process
    keep_inherited(_state)
    _state = _State()


def _end_at_exit() -> None:
    """End the loop in order, so that a script that closed nothing still ends without a complaint."""
    with _state.lock:
        runner, _state.runner = _state.runner, None
    if runner is not None:
        runner.stop()
        runner.join()
    for other in _state.ending:
        other.join()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
atexit.register(_end_at_exit)
