"""The exchange's time: real time, run faster and moved forward at will. The only file here that reads a clock."""

from __future__ import annotations

import time


class SandboxClock:
    """
    Epoch milliseconds that never go back.

    Args:
        time_scale: How many of the exchange's seconds pass in a real one.
        start_ms: Where to start; the machine's own time when left out.
    """

    def __init__(self, time_scale: float = 1.0, start_ms: int | None = None) -> None:
        if not time_scale > 0:
            raise ValueError("time_scale must be more than 0")
        self.time_scale = time_scale
        self._start_ms = int(time.time() * 1000) if start_ms is None else start_ms
        self._start_s = time.monotonic()
        self._advanced_ms = 0

    def now_ms(self) -> int:
        """The exchange's time, epoch milliseconds."""
        elapsed_ms = (time.monotonic() - self._start_s) * 1000 * self.time_scale
        return self._start_ms + int(elapsed_ms) + self._advanced_ms

    def advance(self, ms: int) -> int:
        """Jumps forward; the new time. Raises ValueError for a jump back."""
        if ms < 0:
            raise ValueError("time goes forward: advance_ms must not be negative")
        self._advanced_ms += ms
        return self.now_ms()

    def real_s_until(self, due_ms: int) -> float:
        """Real seconds until the exchange's time is `due_ms`; 0 when it has passed."""
        return max(0.0, (due_ms - self.now_ms()) / 1000 / self.time_scale)
