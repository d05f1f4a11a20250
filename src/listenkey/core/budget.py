"""
Limit the request weight: how much may be sent now, and when the rest. One for all streams of an IP.

The venue counts weight per IP and minute, and bans an IP that goes on after it was told to stop: first for two minutes,
in the end for three days. [O general-info] So we count ourselves, over every 60 seconds and not only its minutes, take
the answers' header for what other programs of this IP use, and keep far enough below the limit.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final, NamedTuple

from listenkey import venue

WINDOW_S: Final = 60.0
"""Longer than any of the venue's minutes can be: whichever way they lie, no 60 seconds hold more than our share."""


class Priority(Enum):
    """The part of the limit that one kind of request may fill, all other kinds included."""

    LISTS = 0.25
    """The list of all open orders, which costs as much as forty others; the rest is left to other looks."""

    STEADY = 0.5
    """Requests that can wait: audits, clocks."""

    SETTLE = 0.7
    """Looks at a gap that was closed, in case REST lags: what is still open goes first."""

    RECOVERY = 0.75
    """Requests that close a gap. The rest is left to keys, so that a recovery never costs the stream."""

    KEYS = 0.8
    """POST, PUT, DELETE of the listen key: weight 1 each, and a stream's life."""


class _Sent(NamedTuple):
    at_s: float
    weight: int
    passed: int = 0  # its weight once more, where it went before a request of a higher rank that waited


class Budget:
    """
    Counts weight; no clock of its own.

    While a recovery waits for its part of the limit, keys of other accounts may pass it, for what is left to them alone;
    what has passed so is not counted against recoveries. Else the keys of hundreds of accounts, which need less room,
    would take each unit of weight as it becomes free, and no recovery would find its five.

    Attributes:
        limit: Weight a minute, as `exchangeInfo` says; before that the lowest that was seen.
        blocked_until_s: Nothing at all is sent before: the venue said 429 or 418.
    """

    def __init__(self, limit: int = venue.WEIGHT_PER_MINUTE_ASSUMED, window_s: float = WINDOW_S) -> None:
        self.limit = limit
        self.blocked_until_s = float("-inf")
        self._window_s = window_s
        self._spent: deque[_Sent] = deque()
        self._sum = 0
        self._passed = 0
        self._others = 0
        self._others_until_s = float("-inf")

    def wait_s(self, weight: int, priority: Priority, now_s: float, *, passing: bool = False) -> float:
        """
        Return the seconds until this weight may be sent; 0 is now.

        A weight beyond the whole share waits for a window with nothing else in it, for else it would wait for ever.
        `passing`: it would go before a recovery that waits.
        """
        self._forget(now_s)
        blocked_s = self.blocked_until_s - now_s
        if blocked_s > 0:
            return blocked_s
        room = int(self.limit * priority.value)
        own_s = self._own_wait_s(weight, room, now_s, beside_passed=priority is not Priority.KEYS)
        if passing:
            own_s = max(own_s, self._passing_wait_s(weight, now_s))
        # Other programs of this IP are their owner's business; keys step back only where the venue itself would refuse.
        others_s = self._others_until_s - now_s if self._others and now_s < self._others_until_s else 0.0
        room_beside_others = (self.limit if priority is Priority.KEYS else room) - self._others
        if others_s > 0 and self._sum + weight > room_beside_others:
            return max(others_s, own_s)
        return own_s

    def _own_wait_s(self, weight: int, room: int, now_s: float, *, beside_passed: bool) -> float:
        left, wait_s = self._sum - (self._passed if beside_passed else 0), 0.0
        for sent in self._spent:
            if left + weight <= room:
                break
            left -= sent.weight - (sent.passed if beside_passed else 0)
            wait_s = sent.at_s + self._window_s - now_s
        return wait_s

    def _passing_wait_s(self, weight: int, now_s: float) -> float:
        room = int(self.limit * Priority.KEYS.value) - int(self.limit * Priority.RECOVERY.value)
        left, wait_s = self._passed, 0.0
        for sent in self._spent:
            if left + weight <= room:
                break
            left -= sent.passed
            wait_s = sent.at_s + self._window_s - now_s
        return wait_s

    def spend(self, weight: int, now_s: float, *, passing: bool = False) -> None:
        """Count a request that is being sent now."""
        passed = weight if passing else 0
        self._spent.append(_Sent(now_s, weight, passed))
        self._sum += weight
        self._passed += passed

    def spent_earlier(self, weight: int, at_s: float) -> None:
        """Count a request that an earlier process sent."""
        self._spent.append(_Sent(at_s, weight))
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
        for sent in reversed(self._spent):
            if sent.at_s < began_s:
                break
            own += sent.weight
        self._others = max(0, used - own)
        self._others_until_s = now_s + minute_left_s

    def block(self, until_s: float) -> None:
        """Send nothing before this time; a block that lasts longer stays."""
        self.blocked_until_s = max(self.blocked_until_s, until_s)

    def _forget(self, now_s: float) -> None:
        while self._spent and self._spent[0].at_s <= now_s - self._window_s:
            gone = self._spent.popleft()
            self._sum -= gone.weight
            self._passed -= gone.passed
