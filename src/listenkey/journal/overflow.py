"""Drop events when there is no room, and report them as a gap in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from listenkey.core.gaps import closed_gap
from listenkey.items import GapClosed, GapOpened, Live
from listenkey.outcomes import Loss, Lost, Reason


class Overflow:
    """
    Decides which event finds room, and tells of those that don't.

    Once full, room is given again at half the limit: else a reader at its limit would get a gap for every other event.

    Args:
        bytes_max: Above this, events are dropped.
        reason: What the gap's beginning says.
        what: What its end says after "N events".

    Attributes:
        bytes_max: How much may wait.
        dropped: Events that found no room.
        is_open: Whether a gap is open: events are being dropped.
        from_ms: Since when, wall clock, or None.
        on_change: Called when that has changed.
    """

    def __init__(self, bytes_max: int, reason: Reason, what: str) -> None:
        self.dropped = 0
        self.is_open = False
        self.bytes_max = bytes_max
        self._reason = reason
        self._what = what
        self.on_change: Callable[[], None] | None = None
        self.from_ms: int | None = None
        self._dropped_before = 0
        self._live_withheld = False
        self._gap_is_open = False
        self._dropped_at_gap = 0  # Where an earlier process left a gap open, all that was dropped may be of it.

    @property
    def losing(self) -> str | None:
        """The reason why events are being dropped, or None while none are."""
        return self._reason.text if self.is_open else None

    def passes(self, items: Iterable[Live | GapOpened | GapClosed]) -> Iterator[Live | GapOpened | GapClosed]:
        """
        Yield the items to report now: while events are dropped, `Live` would be untrue, and is kept back.

        The end of another gap says where events were dropped within it: what REST brought back may be among them.
        """
        for item in items:
            if self.is_open and isinstance(item, Live):
                self._live_withheld = True
                continue
            if isinstance(item, GapOpened):
                self._live_withheld = False
                if item.cause is not self._reason.cause and not self._gap_is_open:
                    self._gap_is_open, self._dropped_at_gap = True, self.dropped
            yield self._with_dropped(item) if isinstance(item, GapClosed) else item

    def _with_dropped(self, closed: GapClosed) -> GapClosed:
        if Loss.DROPPED in closed.lost:
            return closed  # It is the end of a gap of ours.
        count = self.dropped - self._dropped_at_gap
        self._gap_is_open, self._dropped_at_gap = False, self.dropped
        if not count:
            return closed
        text = f"{count} events {self._what}"
        return msgspec.structs.replace(
            closed,
            unrecoverable=(*closed.unrecoverable, text),
            fills_complete=False,
            lost=closed.lost | {Loss.DROPPED},
        )

    def has_room(self, bytes_after: int) -> bool:
        """Return True where that much may wait and nothing is being dropped: then `admit` need not be called."""
        return self.from_ms is None and bytes_after <= self.bytes_max

    def admit(self, waiting_bytes: int, now_ms: int) -> tuple[bool, list[Live | GapOpened | GapClosed]]:
        """Decide whether the next event may be kept; return that, and the items to report before it."""
        if self.from_ms is None:
            if waiting_bytes <= self.bytes_max:
                return True, []
            self.from_ms, self.is_open = now_ms, True
            self.dropped += 1
            self._changed()
            return False, [GapOpened(0, "", now_ms, self._reason.text, self._reason.cause)]
        if waiting_bytes > self.bytes_max // 2:
            self.dropped += 1
            return False, []
        return True, self.settle(waiting_bytes, now_ms)

    def settle(self, waiting_bytes: int, now_ms: int) -> list[Live | GapOpened | GapClosed]:
        """The end of the gap, if there is room again. Asked when room is made, as the next event may be long in coming."""
        if self.from_ms is None or waiting_bytes > self.bytes_max // 2:
            return []
        since_ms = max(self.from_ms, now_ms)
        lives, self._live_withheld = self._live_withheld, False
        return [*self.close(now_ms), *([Live(0, "", since_ms)] if lives else [])]

    def close(self, now_ms: int) -> list[Live | GapOpened | GapClosed]:
        """The end of the gap, if one is open: room is made, or the stream ends."""
        if self.from_ms is None:
            return []
        from_ms, self.from_ms, self.is_open = self.from_ms, None, False
        count, self._dropped_before = self.dropped - self._dropped_before, self.dropped
        self._changed()
        return [closed_gap(from_ms, max(from_ms, now_ms), Lost(Loss.DROPPED, f"{count} events {self._what}"))]

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()
