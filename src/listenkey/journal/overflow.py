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

    At most one gap is open at a time. Events that are dropped within another gap are told by the end of that one; the
    next one that is dropped behind it begins a gap of ours. A gap of ours ends where another one begins.

    Once full, room is given again at half the limit: else a reader at its limit would get a gap for every other event.

    Args:
        bytes_max: Above this, events are dropped.
        reason: What the gap's beginning says.
        what: What its end says after "N events".

    Attributes:
        bytes_max: How much may wait.
        dropped: Events that found no room.
        is_open: True while events are being dropped, in a gap of its own or within another one.
        from_ms: Since when, wall clock, or None. Moves on where a gap of its own begins behind another one.
        on_change: Called when that has changed.
    """

    __slots__ = (
        "_dropped_to_ms", "_dropped_told", "_is_told", "_live_withheld", "_other_is_open", "_reason", "_what", "bytes_max",
        "dropped", "from_ms", "is_open", "on_change",
    )  # fmt: skip

    def __init__(self, bytes_max: int, reason: Reason, what: str) -> None:
        self.dropped = 0
        self.is_open = False
        self.bytes_max = bytes_max
        self._reason = reason
        self._what = what
        self.on_change: Callable[[], None] | None = None
        self.from_ms: int | None = None
        self._is_told = False
        self._other_is_open = False
        self._live_withheld = False
        self._dropped_told = 0
        self._dropped_to_ms = 0

    @property
    def losing(self) -> str | None:
        """The reason why events are being dropped, or None while none are."""
        return self._reason.text if self.is_open else None

    def resume(self, *, gap_is_open: bool) -> None:
        """Go on from an earlier process, which may have left a gap open."""
        self._other_is_open = gap_is_open

    def passes(self, items: Iterable[Live | GapOpened | GapClosed]) -> Iterator[Live | GapOpened | GapClosed]:
        """
        Yield the items to report now: while events are dropped, `Live` would be untrue, and is kept back.

        The end of another gap says where events were dropped within it: what REST brought back may be among them.
        """
        for item in items:
            if self.is_open and isinstance(item, Live):
                self._live_withheld = True
                continue
            if isinstance(item, GapOpened) and item.cause is not self._reason.cause:
                yield from self._give_way(item)
            if isinstance(item, GapClosed) and Loss.DROPPED not in item.lost:  # Else it is the end of a gap of ours.
                yield self._with_dropped(item)
            else:
                yield item

    def _give_way(self, other: GapOpened) -> Iterator[GapClosed]:
        """Yield the end of our own gap, if one is open, as another one begins."""
        self._live_withheld = False
        self._other_is_open = True
        if self._is_told:
            assert self.from_ms is not None, "events are being dropped"
            yield self._ended(self.from_ms, max(self.from_ms, other.from_ms))

    def _with_dropped(self, closed: GapClosed) -> GapClosed:
        """Return the end of another gap with what was dropped within it; it lasts until the last of that."""
        self._other_is_open = False
        count = self._take_count()
        if not count:
            return closed
        return msgspec.structs.replace(
            closed,
            to_ms=max(closed.to_ms, self._dropped_to_ms),
            unrecoverable=(*closed.unrecoverable, f"{count} events {self._what}"),
            fills_complete=False,
            lost=closed.lost | {Loss.DROPPED},
        )

    def _ended(self, from_ms: int, to_ms: int) -> GapClosed:
        self._is_told = False
        return closed_gap(from_ms, to_ms, Lost(Loss.DROPPED, f"{self._take_count()} events {self._what}"))

    def _take_count(self) -> int:
        """Return how many events were dropped that no end of a gap has told of yet."""
        count, self._dropped_told = self.dropped - self._dropped_told, self.dropped
        return count

    def has_room(self, bytes_after: int) -> bool:
        """Return True where that much may wait and nothing is being dropped: then `admit` need not be called."""
        return self.from_ms is None and bytes_after <= self.bytes_max

    def admit(self, waiting_bytes: int, now_ms: int) -> tuple[bool, list[Live | GapOpened | GapClosed]]:
        """Decide whether the next event may be kept; return that, and the items to report before it."""
        if self.from_ms is None:
            if waiting_bytes <= self.bytes_max:
                return True, []
            self.from_ms, self.is_open = now_ms, True
            self._changed()
            return False, self._drop(now_ms)
        if waiting_bytes > self.bytes_max // 2:
            return False, self._drop(now_ms)
        return True, self.settle(waiting_bytes, now_ms)

    def settle(self, waiting_bytes: int, now_ms: int) -> list[Live | GapOpened | GapClosed]:
        """The end of the gap, if there is room again. Asked when room is made, as the next event may be long in coming."""
        if self.from_ms is None or waiting_bytes > self.bytes_max // 2:
            return []
        since_ms = max(self.from_ms, now_ms)
        lives, self._live_withheld = self._live_withheld, False
        return [*self.close(now_ms), *([Live(0, "", since_ms)] if lives else [])]

    def close(self, now_ms: int) -> list[Live | GapOpened | GapClosed]:
        """The end of our gap, if one is open: room is made, or the stream ends."""
        if self.from_ms is None:
            return []
        from_ms, self.from_ms, self.is_open = self.from_ms, None, False
        self._changed()
        return [self._ended(from_ms, max(from_ms, now_ms))] if self._is_told else []

    def _drop(self, now_ms: int) -> list[Live | GapOpened | GapClosed]:
        """Count an event that is dropped; return the beginning of our gap where no gap is open that will tell of it."""
        self.dropped += 1
        self._dropped_to_ms = max(self._dropped_to_ms, now_ms)
        if self._is_told or self._other_is_open:
            return []
        self.from_ms, self._is_told = now_ms, True
        return [GapOpened(0, "", now_ms, self._reason.text, self._reason.cause)]

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()
