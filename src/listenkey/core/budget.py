"""
Limit the request weight: how much may be sent now, and when the rest. One for all streams of an IP.

The venue counts weight per IP and minute, and bans an IP that goes on after it was told to stop: first for two minutes,
in the end for three days. [O general-info] So we count ourselves, over every 60 seconds and not only its minutes, take
the answers' header for what other programs of this IP use, and keep far enough below the limit.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

from listenkey import venue

WINDOW_S: Final = 60.0
"""Longer than any of the venue's minutes can be: whichever way they lie, no 60 seconds hold more than our share."""


class Priority(Enum):
    """The part of the limit that one kind of request may fill, all other kinds included."""

    LISTS = 0.25
    """The list of all open orders, which costs as much as forty others; the rest is left to other looks."""

    STEADY = 0.5
    """Requests that can wait: audits, clocks."""

    RECOVERY = 0.75
    """Requests that close a gap. The rest is left to keys, so that a recovery never costs the stream."""

    KEYS = 0.8
    """POST, PUT, DELETE of the listen key: weight 1 each, and a stream's life."""


class Budget:
    """
    Counts weight; no clock of its own.

    Attributes:
        limit: Weight a minute, as `exchangeInfo` says; before that the lowest that was seen.
        blocked_until_s: Nothing at all is sent before: the venue said 429 or 418.
    """

    def __init__(self, limit: int = venue.WEIGHT_PER_MINUTE_ASSUMED, window_s: float = WINDOW_S) -> None:
        self.limit = limit
        self.blocked_until_s = float("-inf")
        self._window_s = window_s
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0
        self._others = 0
        self._others_until_s = float("-inf")

    def wait_s(self, weight: int, priority: Priority, now_s: float) -> float:
        """
        Return the seconds until this weight may be sent; 0 is now.

        A weight beyond the whole share waits for a window with nothing else in it, for else it would wait for ever.
        """
        self._forget(now_s)
        blocked_s = self.blocked_until_s - now_s
        if blocked_s > 0:
            return blocked_s
        room = int(self.limit * priority.value)
        # Other programs of this IP are their owner's business; keys step back only where the venue itself would refuse.
        others_s = self._others_until_s - now_s if self._others and now_s < self._others_until_s else 0.0
        room_beside_others = (self.limit if priority is Priority.KEYS else room) - self._others
        if others_s > 0 and self._sum + weight > room_beside_others:
            return max(others_s, self._own_wait_s(weight, room, now_s))
        return self._own_wait_s(weight, room, now_s)

    def _own_wait_s(self, weight: int, room: int, now_s: float) -> float:
        left, wait_s = self._sum, 0.0
        for sent_s, spent in self._spent:
            if left + weight <= room:
                break
            left -= spent
            wait_s = sent_s + self._window_s - now_s
        return wait_s

    def spend(self, weight: int, now_s: float) -> None:
        """Count a request that is being sent now."""
        self._spent.append((now_s, weight))
        self._sum += weight

    def spent_earlier(self, weight: int, at_s: float) -> None:
        """Count a request that an earlier process sent."""
        self._spent.append((at_s, weight))
        self._spent = deque(sorted(self._spent))
        self._sum += weight

    def note_used(self, used: int, now_s: float, minute_left_s: float) -> None:
        """
        Take the weight that the venue has counted in its running minute, for this IP.

        Args:
            used: The header's number.
            now_s: When the answer came.
            minute_left_s: How long its minute still runs; what others used is forgotten then.
        """
        self._forget(now_s)
        began_s = now_s - (self._window_s - minute_left_s)
        own = 0
        for sent_s, weight in reversed(self._spent):
            if sent_s < began_s:
                break
            own += weight
        self._others = max(0, used - own)
        self._others_until_s = now_s + minute_left_s

    def block(self, until_s: float) -> None:
        """Send nothing before this time; a block that lasts longer stays."""
        self.blocked_until_s = max(self.blocked_until_s, until_s)

    def _forget(self, now_s: float) -> None:
        while self._spent and self._spent[0][0] <= now_s - self._window_s:
            self._sum -= self._spent.popleft()[1]
