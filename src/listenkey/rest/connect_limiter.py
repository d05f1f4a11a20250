"""
Limit the attempts to open a socket: the venue counts them per IP, as it does the weight of requests.

A process full of streams loses its sockets in one instant when the venue restarts. All of them at once would be refused
and the address banned; so they come back in turn, those first for which most is at stake. While none comes up, a few
attempts find out for all.
"""

from __future__ import annotations

from listenkey.core.budget import Priority
from listenkey.core.connect_budget import ConnectBudget
from listenkey.errors import RateLimited
from listenkey.rest.request_queue import RequestQueue
from listenkey.transport.clock import Clock


class ConnectLimiter:
    """
    Lets sockets be opened, one venue's.

    Args:
        clock: For the window.
        time_scale: The venue's seconds per second of ours.

    Attributes:
        budget: The attempts that were made.
        window_s: The window of the limit, seconds of ours.
    """

    __slots__ = ("_clock", "_queue", "budget", "window_s")

    def __init__(self, clock: Clock, time_scale: float = 1.0) -> None:
        self._clock = clock
        self.budget = ConnectBudget(time_scale)
        self.window_s = self.budget.window_s
        self._queue = RequestQueue(self.budget, clock)

    async def admit(self, risk: tuple[int, ...]) -> None:
        """
        Wait until a socket may be opened, and count it.

        Args:
            risk: What is at stake; the larger goes first.

        Raises:
            RateLimited: The venue has refused the address meanwhile.
        """
        await self._queue.admit(1, Priority.KEYS if any(risk[:1]) else Priority.RECOVERY, risk)

    def opened(self) -> None:
        """Note that a socket has come up: the venue is there, and who waits may try."""
        self.budget.opened(self._clock.now_s())
        self._queue.let_go()

    def opened_earlier(self, count: int, at_s: float) -> None:
        """Count sockets that an earlier process opened."""
        self.budget.spent_earlier(count, at_s)

    def block(self, wait_s: float, error: RateLimited) -> None:
        """Open nothing for so long: the venue said so. Who waits is told."""
        self.budget.block(self._clock.now_s() + wait_s)
        self._queue.refuse(error)

    def wait_s(self) -> float:
        """Return how long the first that waits will wait, seconds; 0 where none does."""
        waits_s = (self._queue.wait_s(priority) for priority in (Priority.KEYS, Priority.RECOVERY))
        return next((wait_s for wait_s in waits_s if wait_s > 0), 0.0)

    def stop(self) -> None:
        """Let nothing go by itself any more."""
        self._queue.stop()
