"""
Limit the attempts to open a socket: how soon the next one may go. One for all streams of an IP.

The venue allows so many in five minutes. When it restarts, all sockets of a process are lost in one instant, and for a
while none can be opened: whoever tries with all of them has none left to try when it is back.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from listenkey import venue
from listenkey.core.budget import Budget, Priority

CONNECT_WINDOW_S: Final = 300.0
"""The venue's five minutes."""

AT_ONCE: Final = 4
"""Attempts that may be made in the same instant."""

APART_S: Final = 0.2
"""Between so many and the next: those for which most is at stake ask for their fills before the others come."""

UNPROVEN_MAX: Final = 30
"""Attempts that may be made although none since the last success has come up."""

PROBE_EVERY_S: Final = 2.5
"""Between further ones: 120 in five minutes, so that half of them are left for when the venue is back."""

BACK_S: Final = 30.0
"""The time after that in which a part is left to accounts with something at stake: they may wait to try again so long."""


class ConnectBudget(Budget):
    """
    Counts attempts; no clock of its own.

    Args:
        time_scale: The venue's seconds per second of ours.

    Attributes:
        window_s: The window of the limit, seconds of ours.
    """

    def __init__(self, time_scale: float = 1.0) -> None:
        self.window_s = CONNECT_WINDOW_S / time_scale
        super().__init__(venue.CONNECTIONS_PER_5_MIN, self.window_s)
        self._time_scale = time_scale
        self._unproven = 0
        self._latest_s: deque[float] = deque(maxlen=AT_ONCE)
        self._back_s = float("-inf")

    def wait_s(self, weight: int, priority: Priority, now_s: float, *, passing: bool = False) -> float:
        """
        Return the seconds until the next attempt may be made; 0 is now.

        `priority`: KEYS for an account with something at stake, RECOVERY for another.
        """
        is_back = now_s < self._back_s + BACK_S / self._time_scale
        counted_s = super().wait_s(weight, priority if is_back else Priority.KEYS, now_s, passing=passing)
        return max(counted_s, self._paced_s(now_s))

    def _paced_s(self, now_s: float) -> float:
        if self._unproven >= UNPROVEN_MAX:
            return self._latest_s[-1] + PROBE_EVERY_S / self._time_scale - now_s
        if len(self._latest_s) == AT_ONCE:
            return self._latest_s[0] + APART_S / self._time_scale - now_s
        return 0.0

    def spend(self, weight: int, now_s: float, *, passing: bool = False) -> None:
        """Count an attempt that is being made now."""
        super().spend(weight, now_s, passing=passing)
        self._latest_s.append(now_s)
        self._unproven += 1

    def opened(self, now_s: float) -> None:
        """Note that an attempt has succeeded: the venue is there."""
        if self._unproven >= UNPROVEN_MAX:
            self._back_s = now_s
        self._unproven = 0
