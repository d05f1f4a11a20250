"""Read the weight limit of a venue in time: decide when it is read again, for the venue may lower it, and raise it again."""

from __future__ import annotations

from typing import Final

from listenkey import venue
from listenkey.core.budget import Budget

FRESH_S: Final = 6 * 3600.0
"""The age at which the limit read from `exchangeInfo` is read again."""

LOWERED_FRESH_S: Final = 600.0
"""The same where it was higher before: it may be raised again."""

LOWERED_WAITS_S: Final = 60.0
"""The same while a recovery waits for room under it."""


class LimitReading:
    """
    The latest reading of the weight limit, and its age. The limit itself is `Budget.limit`.

    Args:
        budget: The owner of the limit.

    Attributes:
        is_doubted: A 429 came since it was read, although we kept to it: it may be lower now.
    """

    __slots__ = ("_budget", "_most", "_read_at_s", "is_doubted")

    def __init__(self, budget: Budget) -> None:
        self.is_doubted = False
        self._budget = budget
        self._read_at_s: float | None = None
        self._most = 0

    def was_read(self, limit: int | None, now_s: float) -> None:
        """Take the limit that `exchangeInfo` stated, or None where it stated none."""
        self._read_at_s, self.is_doubted = now_s, False
        if limit is not None:
            self._budget.limit = limit
            self._most = max(self._most, limit)

    def take_over(self, limit: int, read_at_s: float, now_s: float) -> None:
        """Take the limit that an earlier process has read, where that was not too long ago."""
        if now_s - read_at_s < FRESH_S:
            self._budget.limit, self._read_at_s = limit, read_at_s

    def doubt(self) -> None:
        """Have the limit read again: by what we know of it, a request was allowed that was refused."""
        self._read_at_s, self.is_doubted = None, True

    def was_used(self, used: int) -> None:
        """Note a weight that was not refused: other programs of this address may use more than we took for the limit."""
        if self._read_at_s is None and used > self._budget.limit:
            self._budget.limit = max(self._budget.limit, venue.WEIGHT_PER_MINUTE_DOCUMENTED)

    def is_stale(self, now_s: float) -> bool:
        """Return True where the limit was never read, or too long ago."""
        return self._is_older_than(LOWERED_FRESH_S if self._is_lowered else FRESH_S, now_s)

    def may_be_raised(self, now_s: float) -> bool:
        """Return True where the limit was higher before, and a request that waits under it is reason to read it again."""
        return self._is_lowered and self._is_older_than(LOWERED_WAITS_S, now_s)

    @property
    def _is_lowered(self) -> bool:
        return self._budget.limit < self._most

    def _is_older_than(self, fresh_s: float, now_s: float) -> bool:
        return self._read_at_s is None or now_s - self._read_at_s > fresh_s
