"""Keep the simulation's time, what is appointed in it, and the trace of what happened."""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections.abc import Callable
from typing import Final

NEVER_US: Final = 1 << 62


class Scheduler:
    """
    The agenda of a run, and its trace.

    Attributes:
        now_us: Microseconds since the beginning.
        lines: Everything that was noted, where that is kept.
    """

    def __init__(self, *, keep_trace: bool = False) -> None:
        self.now_us = 0
        self.lines: list[str] | None = [] if keep_trace else None
        self._digest = hashlib.sha256()
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._count = itertools.count()

    def at(self, at_us: int, what: Callable[[], None]) -> None:
        """Do something then; of what is to be done at the same time, what was appointed first is done first."""
        heapq.heappush(self._agenda, (at_us, next(self._count), what))

    def due_us(self) -> int:
        """Return when something is to be done next."""
        return self._agenda[0][0] if self._agenda else NEVER_US

    def step(self) -> None:
        """Do the first thing of the agenda."""
        heapq.heappop(self._agenda)[2]()

    def note(self, what: str, shown: Callable[[], str] | None = None) -> None:
        """Add one line to the trace; to be shown in other words, where `shown` has them."""
        line = f"{self.now_us} {what}"
        self._digest.update(line.encode())
        if self.lines is not None:
            self.lines.append(line if shown is None else f"{self.now_us} {shown()}")

    def digest(self) -> str:
        """Return the SHA-256 of the trace so far."""
        return self._digest.hexdigest()
