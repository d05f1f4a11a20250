"""Track coverage gaps: when each began, why, and what closed it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, NamedTuple, TypeAlias

import msgspec

from listenkey.items import GapClosed, GapOpened, Live
from listenkey.outcomes import GapCause, Loss, Lost, Reason, have_all_fills

NOT_RECOVERED = Lost(Loss.NOT_ASKED, "events in this span were not received, and REST was not asked for them")
MISSING_BEFORE = Reason(
    GapCause.BEGAN_EARLIER, "REST returned an event from before the gap that had not been delivered"
)
NOT_RUNNING = Reason(GapCause.NOT_RUNNING, "the process was not running")


Epoch: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]
"""Milliseconds up to the end of the year 9999; no later time is ours."""


class Watermark(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    One moment up to which the stream is whole.

    Attributes:
        wall_ms: By the wall clock.
        boot: Which boot of the machine `up_ms` counts from; empty where that is not known.
        up_ms: By the clock that is never set.
        venue_ms: By the venue's clock, at the earliest; None where it was not asked.
        began_ms: Since when the stream is to be whole, by the wall clock of then; 0 where that is not known.
        began_venue_ms: The same by the venue's clock, at the earliest.
    """

    wall_ms: Epoch
    boot: str = ""
    up_ms: Epoch = 0
    venue_ms: Epoch | None = None
    began_ms: Epoch = 0
    began_venue_ms: Epoch | None = None


class OrderLeft(NamedTuple):
    """An order that lived when an earlier process ended: its last known status and filled quantity, and their time."""

    symbol: str
    order_id: int
    status: str
    filled_text: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """
    The state that an earlier process left.

    Attributes:
        covered_until_ms: Until when the stream is known to be whole, or None where it has never been live.
        open_from_ms: The start of a gap that was reported and not closed, the earliest if there are several, or None.
        reason: The reason for the gap between then and now.
        fills: The newest fills it has delivered, each as symbol, trade id, order id and time, in any order.
        records: The newest records it has delivered beside trades and orders, each as its type and its id.
        orders: The orders that lived, as far as it delivered their steps, the oldest first.
        covered_until_s: `covered_until_ms` by the clock that is never set, where the machine was not booted since.
        covered_venue_ms: The same by the venue's clock, at the earliest, or None.
        open_since_ms: `open_from_ms`, or earlier where the clock that stamped it was ahead.
        open_from_s: `open_from_ms` by the clock that is never set, or None.
        began_ms: Since when the stream is to be whole, by the wall clock; 0 where that is not known.
        began_venue_ms: The same by the venue's clock, at the earliest, or None.
        watermark: The watermark as it was written down, or None where an older release wrote it.
        lead_ms: The most by which the earlier wall clock was ahead of the venue's, by the events received, or None.
    """

    covered_until_ms: int | None = None
    open_from_ms: int | None = None
    reason: Reason = NOT_RUNNING
    fills: tuple[tuple[str, int, int, int], ...] = field(default=(), compare=False)
    records: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    orders: tuple[OrderLeft, ...] = field(default=(), compare=False)
    covered_until_s: float | None = None
    covered_venue_ms: int | None = None
    open_since_ms: int | None = None
    open_from_s: float | None = None
    began_ms: int = field(default=0, compare=False)
    began_venue_ms: int | None = None
    watermark: Watermark | None = field(default=None, compare=False)
    lead_ms: int | None = field(default=None, compare=False)


def closed_gap(from_ms: int, to_ms: int, *lost: Lost) -> GapClosed:
    """Return the end of a gap with these losses; the journal numbers it and counts what was recovered."""
    return GapClosed(
        0,
        "",
        from_ms,
        to_ms,
        0,
        tuple(one.text for one in lost),
        fills_complete=have_all_fills(lost),
        lost=frozenset(one.loss for one in lost),
    )


class Gaps:
    """
    The gaps of one stream, at most one open at a time.

    Attributes:
        ever_live: Whether the stream has been live; before that there is nothing to miss.
        count: Gaps so far.
        incomplete: Gaps among them that closed without all of their fills.
        seconds: What the closed ones add up to.
        began_ms: Since when the stream is to be whole, wall clock; what lies before is nobody's loss.
    """

    def __init__(self) -> None:
        self.ever_live = False
        self.count = 0
        self.incomplete = 0
        self.seconds = 0.0
        self.began_ms = 0
        self.open_from_ms: int | None = None
        self._open_from_s: float | None = None
        self._resumed_reason: Reason | None = None
        self._left_reason: Reason | None = None  # while the gap is open that an earlier process left
        self._notes: list[Lost] = []
        self._items: list[Live | GapOpened | GapClosed] = []

    def resume(self, left: Resumed) -> None:
        """
        Go on from an earlier process: events since the last moment it knew to be covered were missed.

        A gap that it had told stays that gap; it is not told again.
        """
        self.began_ms = left.began_ms
        self._left_reason = left.reason
        if left.open_from_ms is not None:
            self.open_from_ms, self._open_from_s = left.open_from_ms, left.open_from_s
            self._resumed_reason = left.reason
            if left.open_since_ms is not None and left.open_since_ms < left.open_from_ms:
                self.open_from_ms = left.open_since_ms
                self._opened(left.open_since_ms, left.reason)
        elif left.covered_until_ms is not None:
            self.open_from_ms, self._open_from_s = left.covered_until_ms, left.covered_until_s
            self._opened(left.covered_until_ms, left.reason)
        self.count += self.open_from_ms is not None

    def began_earlier(self, from_ms: int) -> None:
        """Report that the gap of an earlier process began earlier than it knew."""
        if self._left_reason is None or self.open_from_ms is None or from_ms >= self.open_from_ms:
            return
        self.open_from_ms, self._open_from_s = from_ms, None
        self._opened(from_ms, self._left_reason)

    def open(self, from_ms: int, reason: Reason, from_s: float | None = None) -> None:
        """
        Open a gap: from `from_ms` on, events may be missing.

        Within an open gap this changes nothing, unless the gap turns out to have begun earlier: then that is told. A
        socket was lost, and only afterwards it is found that the key on it had been dead for a while.

        `from_s` is the same moment on a clock that is never set: by it the gap's length is told.
        """
        if not self.ever_live or not self._is_earlier(from_ms, from_s):
            return
        self.count += self.open_from_ms is None
        self.open_from_ms = from_ms
        self._open_from_s = from_s
        self._opened(from_ms, reason)

    def _opened(self, from_ms: int, reason: Reason) -> None:
        self._items.append(GapOpened(0, "", from_ms, reason.text, reason.cause))

    def _is_earlier(self, from_ms: int, from_s: float | None) -> bool:
        if self.open_from_ms is None:
            return True
        if from_ms == self.open_from_ms:
            return False  # Earlier within the millisecond that was told is no news.
        if self._open_from_s is None or from_s is None:
            return from_ms < self.open_from_ms
        return from_s < self._open_from_s

    def reach_back(self, from_ms: int) -> None:
        """The open gap began earlier than was reported: something of that time was missing, though it seemed covered."""
        if self.open_from_ms is not None and from_ms < self.open_from_ms:
            if self._open_from_s is not None:
                self._open_from_s -= (self.open_from_ms - from_ms) / 1000
            self.open_from_ms = from_ms
            self._opened(from_ms, MISSING_BEFORE)

    def note(self, what: Lost) -> None:
        """One thing more that the open gap can't bring back; once, or a flood would make the note as long as itself."""
        if self.open_from_ms is not None and what not in self._notes:
            self._notes.append(what)

    def live(
        self,
        covered_from_ms: int,
        now_ms: int,
        covered_from_s: float | None = None,
        lost: tuple[Lost, ...] = (NOT_RECOVERED,),
    ) -> None:
        """Every event since `covered_from_ms` is in the stream, or will be; before it all but `lost`."""
        if self.open_from_ms is not None:
            from_ms, self.open_from_ms = self.open_from_ms, None
            # The wall clock may have been set back meanwhile; the span must be as long as it took, all the same.
            took_s = 0.0
            if covered_from_s is not None and self._open_from_s is not None:
                took_s = max(0.0, covered_from_s - self._open_from_s)
            to_ms = max(from_ms + round(took_s * 1000), covered_from_ms)
            self.seconds += (to_ms - from_ms) / 1000
            if self._resumed_reason is not None and NOT_RECOVERED in lost:
                lost = (*lost, Lost(Loss.NOT_ASKED, self._resumed_reason.text))
            self._resumed_reason = self._left_reason = None
            self._closed(closed_gap(from_ms, to_ms, *lost, *self._notes))
            self._notes.clear()
        elif not self.ever_live:
            self.began_ms = covered_from_ms
        self.ever_live = True
        self._items.append(Live(0, "", min(covered_from_ms, now_ms)))

    def moment(self, at_ms: int, reason: Reason, to_ms: int | None = None) -> None:
        """Report a loss at one moment, or between two, of which REST is not asked; the stream goes on."""
        if self.open_from_ms is not None:
            self.note(Lost(Loss.UNREADABLE, reason.text))  # Its end says whether REST was asked.
            return
        self.count += 1
        self._opened(at_ms, reason)
        to_ms = at_ms if to_ms is None else max(at_ms, to_ms)
        self.seconds += (to_ms - at_ms) / 1000
        self._closed(closed_gap(at_ms, to_ms, Lost(Loss.NOT_ASKED, reason.text)))

    def _closed(self, closed: GapClosed) -> None:
        self.incomplete += not closed.fills_complete
        self._items.append(closed)

    def take(self) -> list[Live | GapOpened | GapClosed]:
        """Take the items to deliver, in this order; the journal numbers them and counts what was recovered in a gap."""
        taken, self._items = self._items, []
        return taken
