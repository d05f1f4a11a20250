"""The requests that wait for weight: in order of rank, and let go as soon as there is room."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import Final, NamedTuple

from listenkey.core.budget import Budget, Priority
from listenkey.errors import RateLimited
from listenkey.transport.clock import Clock

_URGENCY: Final = {Priority.KEYS: 0, Priority.RECOVERY: 0, Priority.SETTLE: 0, Priority.STEADY: 1, Priority.LISTS: 2}
_KINDS: Final = {Priority.KEYS: 0, Priority.RECOVERY: 1, Priority.SETTLE: 2, Priority.STEADY: 3, Priority.LISTS: 4}

NOTHING_AT_STAKE: Final = (0, 0)
"""The risk of a request whose account is not known to hold anything."""


def rank_of(priority: Priority, risk: tuple[int, ...]) -> tuple[int, ...]:
    """
    Return the rank of a request, the smaller goes first: what can't wait, then what is at stake, then its kind.

    An account is finished before the next one begins: it is of no use that all have a key, and none its fills.
    """
    at_stake, *newer = risk or NOTHING_AT_STAKE
    return (_URGENCY[priority], -at_stake, _KINDS[priority], *(-each for each in newer))


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

    __slots__ = ("_budget", "_clock", "_count", "_keys", "_others", "_timer")

    def __init__(self, budget: Budget, clock: Clock) -> None:
        self._budget = budget
        self._clock = clock
        self._keys: list[_Waiter] = []  # apart, because a part of the limit is theirs alone
        self._others: list[_Waiter] = []
        self._count = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def __bool__(self) -> bool:
        """True while a request waits."""
        return bool(self._keys or self._others)

    async def admit(self, weight: int, priority: Priority, risk: tuple[int, ...]) -> None:
        """Wait for room. Raises the error that `refuse` was given meanwhile."""
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heap = self._keys if priority is Priority.KEYS else self._others
        heapq.heappush(heap, _Waiter(rank_of(priority, risk), next(self._count), weight, priority, admitted))
        self.let_go()
        await admitted

    def let_go(self) -> None:
        """
        Admit requests in order of rank as soon as there is room; a lighter one never overtakes the first.

        Only what asks for a listen key does: while another kind waits for its part of the limit, the rest is left to keys,
        and no more than that.
        """
        now_s = self._clock.now_s()
        self.stop()
        while heaps := sorted((heap for heap in (self._keys, self._others) if heap), key=_first):
            wait_s = self._let_first_go(heaps[0], now_s)
            if wait_s > 0 and len(heaps) > 1 and heaps[1] is self._keys:
                wait_s = min(wait_s, self._let_first_go(self._keys, now_s, passing=True))
            if wait_s > 0:
                self._timer = asyncio.get_running_loop().call_later(wait_s + 0.001, self.let_go)
                return

    def _let_first_go(self, heap: list[_Waiter], now_s: float, *, passing: bool = False) -> float:
        """Admit the first of a heap, and return 0; or return how long it waits, seconds."""
        first = heap[0]
        if not first.admitted.done():
            wait_s = self._budget.wait_s(first.weight, first.priority, now_s, passing=passing)
            if wait_s > 0:
                return wait_s
            self._budget.spend(first.weight, now_s, passing=passing)
            first.admitted.set_result(None)
        heapq.heappop(heap)
        return 0.0

    def refuse(self, error: RateLimited) -> None:
        """Raise this error in all that wait."""
        waiters = [*self._keys, *self._others]
        self._keys.clear()
        self._others.clear()
        for waiter in waiters:
            if not waiter.admitted.done():
                waiter.admitted.set_exception(error)

    def wait_s(self, priority: Priority) -> float:
        """Return how long the first request of a kind waits for weight, seconds; 0 where none waits."""
        heap = self._keys if priority is Priority.KEYS else self._others
        first = min((one for one in heap if one.priority is priority and not one.admitted.done()), default=None)
        return 0.0 if first is None else self._budget.wait_s(first.weight, priority, self._clock.now_s())

    def stop(self) -> None:
        """Let nothing go by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _first(heap: list[_Waiter]) -> tuple[tuple[int, ...], int]:
    return heap[0][:2]
