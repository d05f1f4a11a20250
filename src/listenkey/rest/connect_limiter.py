"""
Limit the attempts to open a socket: the venue counts them per IP, as it does the weight of requests.

A process full of streams loses its sockets in one instant when the venue restarts. All of them at once would be refused
and the address banned; so they come back in turn, those first for which most is at stake.
"""

from __future__ import annotations

from typing import Final

from listenkey.core.budget import Budget, Priority
from listenkey.errors import RateLimited
from listenkey.rest.request_queue import RequestQueue
from listenkey.transport.clock import Clock
from listenkey.venue import CONNECTIONS_PER_5_MIN

CONNECT_WINDOW_S: Final = 300.0
"""The venue's five minutes."""


class ConnectLimiter:
    """
    Lets sockets be opened, one venue's.

    Args:
        clock: For the window.
        time_scale: The venue's seconds per second of ours.

    Attributes:
        window_s: The window of the limit, seconds of ours.
    """

    __slots__ = ("_budget", "_clock", "_queue", "window_s")

    def __init__(self, clock: Clock, time_scale: float = 1.0) -> None:
        self.window_s = CONNECT_WINDOW_S / time_scale
        self._clock = clock
        self._budget = Budget(CONNECTIONS_PER_5_MIN, self.window_s)
        self._queue = RequestQueue(self._budget, clock)

    async def admit(self, risk: tuple[int, ...]) -> None:
        """
        Wait until a socket may be opened, and count it.

        Args:
            risk: What is at stake; the larger goes first.

        Raises:
            RateLimited: The venue has refused the address meanwhile.
        """
        await self._queue.admit(1, Priority.KEYS, risk)

    def opened_earlier(self, count: int, at_s: float) -> None:
        """Count sockets that an earlier process opened."""
        self._budget.spent_earlier(count, at_s)

    def block(self, wait_s: float, error: RateLimited) -> None:
        """Open nothing for so long: the venue said so. Who waits is told."""
        self._budget.block(self._clock.now_s() + wait_s)
        self._queue.refuse(error)

    def wait_s(self) -> float:
        """Return how long the first that waits will wait, seconds; 0 where none does."""
        return self._queue.wait_s(Priority.KEYS)

    def stop(self) -> None:
        """Let nothing go by itself any more."""
        self._queue.stop()
