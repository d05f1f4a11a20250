"""Runs a command's coroutine until it is done or asked to stop, and sees to it that a stop is quick."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal, TypeAlias

from listenkey.blocking.event_loop import new_event_loop

STOP_WITHIN_S: Final = 1.8
"""The time from Ctrl-C or SIGTERM to the end of the process, whatever hangs: name look-ups can't be interrupted."""

Why: TypeAlias = Literal["signal", "time", "closed"]


class Stop:
    """
    The wish to end: Ctrl-C, SIGTERM, the end of `--seconds`, or a reader of our output that has left.

    Args:
        exit_code: See below.
        within_s: The time from the wish to the end of the process.

    Attributes:
        asked: Set when somebody wants the end.
        why: The first reason.
        exit_code: What the process ends with where it must be ended by force; 0 for commands that run until stopped.
        last_words: Called before an end by force, for example to give the terminal back as it was.
    """

    def __init__(self, exit_code: int = 0, within_s: float = STOP_WITHIN_S) -> None:
        self.asked = asyncio.Event()
        self.why: Why | None = None
        self.exit_code = exit_code
        self.last_words: list[Callable[[], None]] = []
        self._within_s = within_s

    def ask(self, why: Why) -> None:
        """Note the wish; the first reason stays."""
        if self.why is None:
            self.why = why
        self.asked.set()

    def on_signal(self) -> None:
        """First time: ask, and start the clock. A second Ctrl-C does not wait."""
        if self.why == "signal":
            self.end_by_force()
        self.ask("signal")
        self.why = "signal"
        watchdog = threading.Timer(self._within_s, self.end_by_force)
        watchdog.daemon = True
        watchdog.start()

    def end_by_force(self) -> None:
        """End the process now."""
        for say in self.last_words:
            say()
        os._exit(self.exit_code)


def run(
    main: Callable[[Stop], Coroutine[Any, Any, int]],
    *,
    seconds: float | None = None,
    stop_within_s: float = STOP_WITHIN_S,
) -> int:
    """
    Run `main` in an event loop of its own; it gets a `Stop` to watch and answers the exit code.

    Args:
        main: The command.
        seconds: Ask to stop after so long; None is never.
        stop_within_s: The time that an end may take before it is forced.
    """
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(watched(main, seconds, stop_within_s))


async def watched(
    main: Callable[[Stop], Coroutine[Any, Any, int]], seconds: float | None, stop_within_s: float = STOP_WITHIN_S
) -> int:
    """`main` with signals and the time limit connected to its `Stop`."""
    stop = Stop(within_s=stop_within_s)
    loop = asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.on_signal)
    if seconds is not None:
        loop.call_later(seconds, stop.ask, "time")
    return await main(stop)


async def first_of(stop: Stop, work: asyncio.Task[None]) -> None:
    """Wait until `work` has ended or somebody asks to stop; raises what `work` raised."""
    asked = asyncio.ensure_future(stop.asked.wait())
    try:
        await asyncio.wait({asked, work}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
    if work.done():
        work.result()


async def cancel_and_wait(work: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it has ended; raises what it raised before that."""
    work.cancel()
    try:
        await work
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
