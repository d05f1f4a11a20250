"""Record what the demo's reader saw: counts, fills as they came, and when each gap began and ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from listenkey.cli.demo.comparison import ReceivedFill, received_in
from listenkey.cli.display.summary import Tally
from listenkey.items import GapClosed, GapOpened, Item, Update


@dataclass(slots=True)
class RecordedGap:
    """
    A gap, by the reader's clock.

    Attributes:
        opened_s: When it was reported to the reader.
        closed_s: When its end was reported, or None.
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
class Recorder(Tally):
    """
    A tally that keeps the fills, too.

    Attributes:
        received: Every fill, in the order it came.
        recorded_gaps: Every gap.
    """

    received: list[ReceivedFill] = field(default_factory=list)
    recorded_gaps: list[RecordedGap] = field(default_factory=list)

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
                self.recorded_gaps.append(RecordedGap(asyncio.get_running_loop().time(), item.from_ms))
            case GapOpened() if gap is not None:
                gap.from_ms = min(gap.from_ms, item.from_ms)
            case GapClosed() if gap is not None:
                gap.to_ms, gap.closed_s = item.to_ms, asyncio.get_running_loop().time()

    @property
    def open_gap(self) -> RecordedGap | None:
        """The gap that is open, if one is."""
        last = self.recorded_gaps[-1] if self.recorded_gaps else None
        return last if last is not None and last.closed_s is None else None
