"""Keep the tasks that time alone brings: a queue in order of time and then of arrival."""

from __future__ import annotations

import heapq
from typing import TypeAlias

Due: TypeAlias = tuple[int, int, str, tuple[str | int, ...]]
"""A task: its time, its number, its kind, and its subject."""


class Scheduler:
    """
    Things to be done at a time, epoch milliseconds.

    Nothing is ever taken out before it is due: whoever handles an entry asks whether it still holds. That keeps a
    kill switch that is refreshed every second as cheap as one that is not.
    """

    def __init__(self) -> None:
        self._heap: list[Due] = []
        self._count = 0

    def put(self, due_ms: int, kind: str, *key: str | int) -> None:
        """Adds a thing to be done."""
        self._count += 1
        heapq.heappush(self._heap, (due_ms, self._count, kind, key))

    def due_ms(self) -> int | None:
        """Return when the next task is due; None when there is none."""
        return self._heap[0][0] if self._heap else None

    def take(self, now_ms: int) -> Due | None:
        """The next thing that is due by now, taken out; None when nothing is."""
        if self._heap and self._heap[0][0] <= now_ms:
            return heapq.heappop(self._heap)
        return None
