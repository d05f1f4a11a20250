"""What was not seen: from, to, why, and what closes it."""

from __future__ import annotations

from listenkey.items import GapClosed, GapOpened, Live

NOT_RECOVERED = "events in this span were not seen and were not asked for"


class Gaps:
    """
    The gaps of one stream, at most one open at a time.

    Attributes:
        ever_live: Whether the stream has been live; before that there is nothing to miss.
        count: Gaps so far.
        seconds: What the closed ones add up to.
    """

    def __init__(self) -> None:
        self.ever_live = False
        self.count = 0
        self.seconds = 0.0
        self.open_from_ms: int | None = None
        self._notes: list[str] = []
        self._items: list[Live | GapOpened | GapClosed] = []

    def open(self, from_ms: int, why: str) -> None:
        """From `from_ms` on, events may be missing. Within an open gap this changes nothing."""
        if not self.ever_live or self.open_from_ms is not None:
            return
        self.count += 1
        self.open_from_ms = from_ms
        self._items.append(GapOpened(0, "", from_ms, why))

    def live(self, covered_from_ms: int, now_ms: int) -> None:
        """Every event since `covered_from_ms` is in the stream, or will be."""
        if self.open_from_ms is not None:
            from_ms, self.open_from_ms = self.open_from_ms, None
            # The wall clock may have been set back meanwhile; a span is never negative.
            to_ms = max(from_ms, covered_from_ms)
            self.seconds += (to_ms - from_ms) / 1000
            self._items.append(GapClosed(0, "", from_ms, to_ms, 0, (NOT_RECOVERED, *self._notes)))
            self._notes.clear()
        self.ever_live = True
        self._items.append(Live(0, "", min(covered_from_ms, now_ms)))

    def moment(self, at_ms: int, what: str) -> None:
        """Something was lost at one moment, and the stream goes on."""
        if self.open_from_ms is not None:
            if what not in self._notes:  # A flood of such frames must not make the note as long as itself.
                self._notes.append(what)
            return
        self.count += 1
        self._items.append(GapOpened(0, "", at_ms, what))
        self._items.append(GapClosed(0, "", at_ms, at_ms, 0, (what,)))

    def take(self) -> list[Live | GapOpened | GapClosed]:
        """What is to be told, in this order; the journal numbers them."""
        taken, self._items = self._items, []
        return taken
