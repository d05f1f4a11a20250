"""Record what the demo's reader saw: counts, fills as they came, and when each gap began and ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from listenkey.cli.demo_truth import Received, received_in
from listenkey.cli.summary import Tally
from listenkey.items import GapClosed, GapOpened, Item, Update


@dataclass(slots=True)
class SeenGap:
    """
    A gap, by the reader's clock.

    Attributes:
        opened_s: When the reader was told of it.
        closed_s: When it was told that the gap has ended, or None.
        from_ms: Where it begins, wall clock.
        to_ms: Where it ends, once it has.
        fills: How many fills REST brought for it.
    """

    opened_s: float
    from_ms: int
    to_ms: int = 0
    closed_s: float | None = None
    fills: int = 0


@dataclass(slots=True)
class Witness(Tally):
    """
    A tally that keeps the fills, too.

    Attributes:
        received: Every fill, in the order it came.
        seen_gaps: Every gap.
    """

    received: list[Received] = field(default_factory=list)
    seen_gaps: list[SeenGap] = field(default_factory=list)

    def add(self, item: Item) -> None:
        """Count one item, and keep what it says."""
        Tally.add(self, item)
        gap = self.open_gap
        match item:
            case Update():
                came = received_in([item])
                self.received += came
                if gap is not None and item.provenance == "rest":
                    gap.fills += len(came)
            case GapOpened() if gap is None:
                self.seen_gaps.append(SeenGap(asyncio.get_running_loop().time(), item.from_ms))
            case GapOpened() if gap is not None:
                gap.from_ms = min(gap.from_ms, item.from_ms)
            case GapClosed() if gap is not None:
                gap.to_ms, gap.closed_s = item.to_ms, asyncio.get_running_loop().time()

    @property
    def open_gap(self) -> SeenGap | None:
        """The gap that is open, if one is."""
        last = self.seen_gaps[-1] if self.seen_gaps else None
        return last if last is not None and last.closed_s is None else None
