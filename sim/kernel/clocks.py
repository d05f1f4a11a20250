"""The two clocks of a simulated process."""

from __future__ import annotations

from sim.kernel.scheduler import Scheduler


class SimClock:
    """The process's two clocks, as `clock.Clock` has them."""

    def __init__(self, scheduler: Scheduler, start_ms: int) -> None:
        self._scheduler = scheduler
        self._start_ms = start_ms
        self.offset_ms = 0
        self.up_s = 1000.0  # for so long its machine had been running when the simulation began

    def now_s(self) -> float:
        return self.up_s + self._scheduler.now_us / 1e6

    def boot(self) -> str:
        return f"{self.up_s}"

    def wall_ms(self) -> int:
        return self._start_ms + self._scheduler.now_us // 1000 + self.offset_ms
