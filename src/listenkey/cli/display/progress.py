"""Show the progress of a long command, on stderr in a terminal."""

from __future__ import annotations

import sys
import time
from typing import Final

EVERY_S: Final = 0.2
"""A person reads no faster."""


class Progress:
    """
    Called with how much is done and how much there is.

    Args:
        what: A word for what is done: "copied", "looked at".
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._shows = sys.stderr.isatty()
        self._next_s = 0.0
        self._is_shown = False

    def __call__(self, done: int, total: int) -> None:
        """Show it, if there is a terminal and the last time was a moment ago."""
        now_s = time.monotonic()
        if self._shows and now_s >= self._next_s:
            self._next_s, self._is_shown = now_s + EVERY_S, True
            sys.stderr.write(f"\r{self._what} {100 * done // max(total, 1)} % ")
            sys.stderr.flush()

    def end(self) -> None:
        """Take the line away."""
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
