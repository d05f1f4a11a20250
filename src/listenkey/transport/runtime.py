"""
The outside of a stream: time, chance, sockets, threads and files. The simulation passes its own.

HTTP has a door of its own, because all streams of a process share it: `rest.rate_limiter.lend`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from listenkey.core.inputs import Moment
from listenkey.transport.base import Connect, Seats
from listenkey.transport.clock import Clock, SystemClock
from listenkey.transport.threads import SYSTEM, Threads
from listenkey.transport.websocket import connect
from listenkey.venue import RestLimits

if TYPE_CHECKING:
    from listenkey.journal.sqlite.store import Store

_RANDOM: Final = random.Random()
"""One for all streams: each of its own would weigh a tenth of an idle stream."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """
    All that a stream takes from outside but HTTP: given the same, it does the same again.

    Attributes:
        clock: For all times.
        random: For jitter.
        connect: Opens WebSockets.
        threads: For the journal.
        store: Makes a journal's file; None for the one that ships.
        rest_limits: The limits of REST's lists, as the client knows them.
        seats: Gives connections on sockets that listen keys share; None where each has a socket of its own.
    """

    clock: Clock = field(default_factory=SystemClock)
    random: random.Random = _RANDOM
    connect: Connect = connect
    threads: Threads = SYSTEM
    store: Callable[[Path, str, bool], Store] | None = None
    rest_limits: RestLimits = field(default_factory=RestLimits)
    seats: Seats | None = None

    def moment(self) -> Moment:
        """Return the present moment as an input has it: both clocks, and a number drawn for it."""
        return Moment(self.clock.now_s(), self.clock.wall_ms(), self.random.random())
