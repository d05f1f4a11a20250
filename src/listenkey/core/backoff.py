"""Compute the delay before the next attempt."""

from __future__ import annotations

from typing import Final

from listenkey.core.timing import Timing

_DOUBLINGS_MAX: Final = 16  # 2 ** 16 × 0.25 s is past every limit, and the power stays small


def backoff_s(attempt: int, timing: Timing, draw: float) -> float:
    """
    Full jitter: anything from nothing to a limit that doubles with each attempt.

    Args:
        attempt: 0 for the first attempt after something that worked.
        timing: `backoff_first_s` and `backoff_max_s`.
        draw: From 0 to 1, drawn by the caller.

    Returns:
        Seconds, at most `backoff_max_s`.

    Why full jitter: when a load balancer restarts, thousands of streams lose their sockets in one instant, and an
    equal wait would bring them all back in one instant, too.
    """
    limit_s = timing.backoff_first_s * (1 << min(attempt, _DOUBLINGS_MAX))
    return draw * min(limit_s, timing.backoff_max_s)


class Repeats:
    """
    Counts recent repetitions, so that a failure that repeats is not chased for ever at full speed.

    A single loss must be answered at once; a loss every two seconds for ten minutes must not. The count leaks: only
    what happened within the window matters.
    """

    __slots__ = ("_quick", "_times_s", "_window_s")

    def __init__(self, quick: int, window_s: float) -> None:
        self._quick = quick
        self._window_s = window_s
        self._times_s: list[float] = []  # a deque takes a page's sixth for what mostly is empty

    def happened(self, now_s: float) -> None:
        """Count one more occurrence."""
        self._times_s.append(now_s)
        # Bounded: beyond the quick ones a few more already mean the longest wait.
        del self._times_s[: -self._quick - _DOUBLINGS_MAX]

    def extra_attempts(self, now_s: float) -> int:
        """Return the attempts to add to the next delay: 0 while it happens no more than `quick` times a window."""
        while self._times_s and now_s - self._times_s[0] > self._window_s:
            del self._times_s[0]
        return max(0, len(self._times_s) - self._quick)
