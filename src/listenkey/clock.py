"""Two clocks: one that measures how long (and runs on while the machine sleeps), one that says when."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What a stream needs of time."""

    def now_s(self) -> float:
        """Seconds from some beginning, never going back."""

    def wall_ms(self) -> int:
        """Epoch milliseconds, as the machine believes; may jump."""


class SystemClock:
    """The machine's clocks."""

    # CLOCK_MONOTONIC stands still while a laptop sleeps, and a listen key does not; so boot time where it exists.
    _clock_id = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def now_s(self) -> float:
        """Seconds since the machine started, sleep included."""
        return time.clock_gettime(self._clock_id)

    def wall_ms(self) -> int:
        """Epoch milliseconds."""
        return time.time_ns() // 1_000_000
