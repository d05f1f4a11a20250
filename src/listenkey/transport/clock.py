"""Two clocks: one that measures how long (and runs on while the machine sleeps), one that says when."""

from __future__ import annotations

import contextlib
import time
from functools import cache
from pathlib import Path
from typing import Final, Protocol


class Clock(Protocol):
    """The clocks a stream uses."""

    def now_s(self) -> float:
        """Seconds from some beginning, never going back."""

    def wall_ms(self) -> int:
        """Epoch milliseconds, as the machine believes; may jump."""

    def boot(self) -> str:
        """Name the start that `now_s` counts from, equal for all processes that share it; empty where it is unknown."""


BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
"""Linux makes it anew with each boot. Containers of one machine share it, and its clock."""

BOOT_BYTES_MAX: Final = 64


@cache
def _boot() -> str:
    with contextlib.suppress(OSError), BOOT_ID.open("rb") as file:
        return file.read(BOOT_BYTES_MAX).decode("ascii", "replace").strip()
    return ""


class SystemClock:
    """The machine's clocks."""

    # CLOCK_MONOTONIC stands still while a laptop sleeps, and a listen key does not; so boot time where it exists.
    _clock_id = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def boot(self) -> str:
        """Return the kernel's name for this boot of the machine."""
        return _boot()

    def now_s(self) -> float:
        """Seconds since the machine started, sleep included."""
        return time.clock_gettime(self._clock_id)

    def wall_ms(self) -> int:
        """
        Epoch milliseconds; never negative.

        A clock before 1970 was never set, and no item could be written at such a time. It is then taken for one that began
        with the machine's start, as it does where a machine has no clock of its own: it goes on, and is set later.
        """
        wall_ms = time.time_ns() // 1_000_000
        return wall_ms if wall_ms >= 0 else int(self.now_s() * 1000)
