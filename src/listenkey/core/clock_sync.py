"""The venue's clock, as far as it is known: signed requests carry its time, and gaps are asked for in it."""

from __future__ import annotations

import math
from typing import Final

FRESH_S: Final = 600.0
"""The life of one reading. A cheap clock drifts 500 ppm at worst: 0.3 s in ten minutes, of 5 s allowed."""


AHEAD_MAX_S: Final = 0.5
"""The most that a slow answer may put us ahead of the venue's clock; a timestamp 1 s ahead is refused."""


class ClockSync:
    """
    Reads `/time` against a clock that never goes back, so that a wall clock that is set changes nothing.

    Args:
        time_scale: How many of the venue's seconds pass in one of ours; 1 but on a scaled sandbox.
    """

    def __init__(self, time_scale: float = 1.0) -> None:
        self._time_scale = time_scale
        self._server_ms: float | None = None
        self._at_s = 0.0
        self._off_s = 0.0

    def note(self, server_ms: int, asked_s: float, answered_s: float) -> None:
        """
        One answer: the venue looked at its clock somewhere between asking and answering, so take the middle.

        But of a slow answer the end, nearly: it is refused to be a second ahead, and to be five behind is allowed.
        """
        self._server_ms = float(server_ms)
        self._at_s = max((asked_s + answered_s) / 2, answered_s - AHEAD_MAX_S)
        self._off_s = self._at_s - asked_s  # never less than to the other side

    def stale(self, now_s: float) -> bool:
        """Return True where the time must be read again."""
        return self._server_ms is None or now_s - self._at_s > FRESH_S

    @property
    def is_known(self) -> bool:
        """True where the venue's time was read."""
        return self._server_ms is not None

    def forget(self) -> None:
        """Forget the venue's time, as it has refused a timestamp of ours."""
        self._server_ms = None

    @property
    def uncertain_ms(self) -> int:
        """The error that our estimate of its time may have, in its milliseconds."""
        return math.ceil(self._off_s * 1000 * self._time_scale)

    def now_ms(self, now_s: float, wall_ms: int) -> int:
        """The venue's time, epoch ms; where it was never asked, the machine's own."""
        if self._server_ms is None:
            return wall_ms
        return round(self._server_ms + (now_s - self._at_s) * 1000 * self._time_scale)

    def of_wall(self, at_ms: int, now_s: float, wall_ms: int) -> int:
        """The venue's time at a moment of our wall clock, not long ago."""
        return self.now_ms(now_s, wall_ms) - round((wall_ms - at_ms) * self._time_scale)

    def to_wall(self, venue_ms: int, now_s: float, wall_ms: int) -> int:
        """The other way round."""
        return wall_ms - round((self.now_ms(now_s, wall_ms) - venue_ms) / self._time_scale)
