"""Sum up a stream from what was shown, in one sentence or one JSON object."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from listenkey.items import GapOpened, Item, Live, Update

if TYPE_CHECKING:
    from listenkey.health import Health


@dataclass(slots=True)
class Tally:
    """
    Counts what a reader was given.

    Attributes:
        events, fills, gaps: How many.
        went_live: Set at the first `Live`.
    """

    events: int = 0
    fills: int = 0
    gaps: int = 0
    went_live: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, item: Item) -> None:
        """Count one item."""
        match item:
            case Update():
                self.events += 1
                self.fills += len(item.fills)
            case Live():
                self.went_live.set()
            case GapOpened():
                self.gaps += 1


def sentence(tally: Tally, health: Health) -> str:
    """Sum up in words: `1,203 events, 401 fills, no gap, 2 duplicates removed`."""
    return ", ".join(
        (
            count(tally.events, "event"),
            count(tally.fills, "fill"),
            count(tally.gaps, "gap"),
            count(health.duplicates_removed, "duplicate") + " removed",
        )
    )


def count(number: int, word: str) -> str:
    """`no gap`, `1 gap`, `1,203 gaps`."""
    return f"no {word}s" if number == 0 else f"{number:,} {word}{'' if number == 1 else 's'}"
