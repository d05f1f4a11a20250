"""Gaps that nobody has read yet, told as one: a reader that is away for long finds a few, and not a hundred thousand."""

from __future__ import annotations

from typing import Final

from listenkey.items import GapClosed

REASONS_MAX: Final = 32
"""So many different reasons are told; a venue that sends nothing readable finds more words than anybody reads."""

MORE: Final = "and more of other kinds"


class Joined:
    """
    Several closed gaps as one: from the first one's beginning to the last one's end, with all that any of them lacks.

    It covers what lies between them as well, so it says more than is missing, and never less.
    """

    def __init__(self, first: GapClosed) -> None:
        self._from_ms = first.from_ms
        self._to_ms = first.from_ms
        self._recovered = 0
        self._count = 0
        self._lost: dict[str, None] = {}
        self.add(first)

    def begins(self, from_ms: int) -> bool:
        """A gap that is one with it begins then; True where that is earlier than was told."""
        is_earlier = from_ms < self._from_ms
        self._from_ms = min(from_ms, self._from_ms)
        return is_earlier

    def add(self, closed: GapClosed) -> None:
        """The end of one gap more."""
        self._to_ms = max(self._to_ms, closed.to_ms)
        self._recovered += closed.recovered
        self._count += 1
        for reason in closed.unrecoverable:
            self._lost[reason if len(self._lost) < REASONS_MAX or reason in self._lost else MORE] = None

    def closed(self) -> GapClosed:
        """Its end."""
        lost = (*self._lost, f"{self._count} gaps are told as one, because nobody had read them")
        return GapClosed(0, "", self._from_ms, self._to_ms, self._recovered, lost)
