"""Keep a bounded list of a value's versions, to return the one of a past time. For answers that lag."""

from __future__ import annotations

from collections import deque
from typing import Final, Generic, TypeVar

T = TypeVar("T")

VERSIONS_MAX: Final = 4_096
"""The versions kept of one value. Ten thousand fills over several symbols fit in the lag assumed of REST."""


class Timeline(Generic[T]):
    """Versions of one value, each with the time it came to be, epoch milliseconds."""

    __slots__ = ("_versions",)

    def __init__(self) -> None:
        self._versions: deque[tuple[int, T]] = deque(maxlen=VERSIONS_MAX)

    def note(self, at_ms: int, version: T) -> None:
        """Adds a version. Times never go back."""
        self._versions.append((at_ms, version))

    def at(self, ms: int) -> T | None:
        """The version of that time; the oldest kept when it is older than all, None when it had not begun."""
        # From the newest: lags are short, and the list is long.
        for since_ms, version in reversed(self._versions):
            if since_ms <= ms:
                return version
        return self._versions[0][1] if len(self._versions) == VERSIONS_MAX else None
