"""When there is no room: events are dropped, and the hole is told as a gap in its place."""

from __future__ import annotations

from listenkey.items import GapClosed, GapOpened


class Overflow:
    """
    Decides which event finds room, and tells of those that don't.

    Once full, room is given again at half the limit: else a reader at its limit would get a gap for every other event.

    Args:
        bytes_max: How much may wait.
        why: What the gap's beginning says.
        what: What its end says after "N events".

    Attributes:
        dropped: Events that found no room.
    """

    def __init__(self, bytes_max: int, why: str, what: str) -> None:
        self.dropped = 0
        self._bytes_max = bytes_max
        self._why = why
        self._what = what
        self._from_ms: int | None = None
        self._dropped_before = 0

    @property
    def is_open(self) -> bool:
        """Whether a gap is open: events are being dropped."""
        return self._from_ms is not None

    def admit(self, waiting_bytes: int, now_ms: int) -> tuple[bool, list[GapOpened | GapClosed]]:
        """Whether the next event may be kept, and what is to be told before it."""
        if self._from_ms is None:
            if waiting_bytes <= self._bytes_max:
                return True, []
            self._from_ms = now_ms
            self.dropped += 1
            return False, [GapOpened(0, "", now_ms, self._why)]
        if waiting_bytes > self._bytes_max // 2:
            self.dropped += 1
            return False, []
        return True, self.close(now_ms)

    def settle(self, waiting_bytes: int, now_ms: int) -> list[GapOpened | GapClosed]:
        """The end of the gap, if there is room again. Asked when room is made, as the next event may be long in coming."""
        return self.close(now_ms) if waiting_bytes <= self._bytes_max // 2 else []

    def close(self, now_ms: int) -> list[GapOpened | GapClosed]:
        """The end of the gap, if one is open."""
        if self._from_ms is None:
            return []
        from_ms, self._from_ms = self._from_ms, None
        count, self._dropped_before = self.dropped - self._dropped_before, self.dropped
        return [GapClosed(0, "", from_ms, max(from_ms, now_ms), 0, (f"{count} events {self._what}",))]
