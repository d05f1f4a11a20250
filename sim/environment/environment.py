"""
The surroundings that every process, fault and account shares: time, the exchange, and where files lie.

Named as in SimPy, whose `Environment` is passed to each simulated process in the same way.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

from listenkey.sandbox import world
from listenkey.sandbox.websocket import hub
from listenkey.venue import RestLimits
from sim.environment.options import Options
from sim.kernel.scheduler import NEVER_US, Scheduler


class Environment:
    """
    The surroundings of one run.

    Attributes:
        scheduler: The run's time and its trace.
        exchange: The sandbox's world, without its doors.
        sockets: The exchange's sockets, and what each does with the exchange's actions.
        folder: Where the processes' files lie.
        rest_limits: The limits of REST's lists, as all clients know them.
    """

    def __init__(self, options: Options, folder: Path, *, keep_trace: bool = False) -> None:
        self.options = options
        self.folder = folder
        self.scheduler = Scheduler(keep_trace=keep_trace)
        self.exchange = world.World(
            options.start_ms, seed=options.seed, switches=options.venue_switches(), market=False
        )
        self.rest_limits = RestLimits()
        self.sockets: dict[int, Callable[[hub.Action], None]] = {}
        self.at, self.note = self.scheduler.at, self.scheduler.note
        self._streams = itertools.count()
        self._exchange_due_us: int | None = None

    @property
    def now_us(self) -> int:
        """Microseconds since the beginning."""
        return self.scheduler.now_us

    @property
    def now_ms(self) -> int:
        """The exchange's time."""
        return self.options.start_ms + self.scheduler.now_us // 1000

    def next_stream(self) -> int:
        """Numbers of streams."""
        return next(self._streams)

    # --- The exchange --------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Give what the exchange wants sent to the networks; to be called after everything that is done with it."""
        self._exchange_due_us = None
        for session, action in self.exchange.take_actions():
            if session in self.sockets:
                self.sockets[session](action)

    def exchange_due_us(self) -> int:
        """Return when the exchange has something to do by itself."""
        if self._exchange_due_us is None:
            due_ms = self.exchange.due_ms()
            self._exchange_due_us = NEVER_US if due_ms is None else (due_ms - self.options.start_ms) * 1000
        return self._exchange_due_us

    def step_exchange(self) -> None:
        """Let the exchange do what is due."""
        self.exchange.advance(self.now_ms)
        self.flush()
