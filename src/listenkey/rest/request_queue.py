"""The requests that wait for weight: in order of rank, and let go as soon as there is room."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import Final, NamedTuple

from listenkey.core.budget import Budget, Priority
from listenkey.errors import RateLimited
from listenkey.transport.clock import Clock

_RANKS: Final = {Priority.KEYS: 0, Priority.RECOVERY: 1, Priority.STEADY: 2, Priority.LISTS: 3}


class _Waiter(NamedTuple):
    rank: tuple[int, ...]
    order: int
    weight: int
    priority: Priority
    admitted: asyncio.Future[None]


class RequestQueue:
    """
    Requests of one venue that wait for room.

    Args:
        budget: Says what room there is; what is let go is counted there.
        clock: For its window.
    """

    __slots__ = ("_budget", "_clock", "_count", "_timer", "_waiters")

    def __init__(self, budget: Budget, clock: Clock) -> None:
        self._budget = budget
        self._clock = clock
        self._waiters: list[_Waiter] = []
        self._count = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def __bool__(self) -> bool:
        """True while a request waits."""
        return bool(self._waiters)

    async def admit(self, weight: int, priority: Priority, risk: tuple[int, ...]) -> None:
        """Wait for room. Raises the error that `refuse` was given meanwhile."""
        rank = (_RANKS[priority], *(-each for each in risk))
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, _Waiter(rank, next(self._count), weight, priority, admitted))
        self.let_go()
        await admitted

    def let_go(self) -> None:
        """Admit requests in order of rank as soon as there is room; a lighter one never overtakes the first."""
        now_s = self._clock.now_s()
        self.stop()
        while self._waiters:
            first = self._waiters[0]
            if not first.admitted.done():
                wait_s = self._budget.wait_s(first.weight, first.priority, now_s)
                if wait_s > 0:
                    self._timer = asyncio.get_running_loop().call_later(wait_s + 0.001, self.let_go)
                    return
                self._budget.spend(first.weight, now_s)
                first.admitted.set_result(None)
            heapq.heappop(self._waiters)

    def refuse(self, error: RateLimited) -> None:
        """Raise this error in all that wait."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.admitted.done():
                waiter.admitted.set_exception(error)

    def wait_s(self, priority: Priority) -> float:
        """Return how long the first request of a kind waits for weight, seconds; 0 where none waits."""
        first = min(
            (one for one in self._waiters if one.priority is priority and not one.admitted.done()), default=None
        )
        return 0.0 if first is None else self._budget.wait_s(first.weight, priority, self._clock.now_s())

    def stop(self) -> None:
        """Let nothing go by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
