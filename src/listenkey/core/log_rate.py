"""Limit how often one thing is logged: a flood of bad frames must not become a flood of lines."""

from __future__ import annotations

from typing import Final

EVERY_S: Final = 60.0
"""Between two lines of one kind."""

AT_ONCE_MAX: Final = 5
"""The first ones are logged as they come: a few odd frames should each be seen."""


class LogRate:
    """
    Says whether to log one more occurrence.

    Attributes:
        left_out: Occurrences since the last line that were not logged.
    """

    __slots__ = ("_count", "_since_s", "left_out")

    def __init__(self) -> None:
        self._count = 0
        self._since_s = 0.0
        self.left_out = 0

    def is_due(self, now_s: float) -> bool:
        """Return True where this occurrence is to be logged; `left_out` counts the others, until the next call."""
        if now_s - self._since_s >= EVERY_S:
            self._count, self._since_s = 0, now_s
        self._count += 1
        if self._count > AT_ONCE_MAX:
            self.left_out += 1
            return False
        return True

    def take_left_out(self) -> int:
        """Return the number of occurrences not logged since the last line, and reset it."""
        count, self.left_out = self.left_out, 0
        return count
