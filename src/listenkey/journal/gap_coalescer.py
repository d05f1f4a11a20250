"""Join gaps that were not read yet: a reader that is away for long finds a few, and not a hundred thousand."""

from __future__ import annotations

from typing import Final

from listenkey.items import GapClosed, GapOpened, Live
from listenkey.outcomes import Loss

REASONS_MAX: Final = 32
"""The most different reasons that are reported; a venue that sends nothing readable finds more than anybody reads."""

MORE: Final = "and more of other kinds"


class Joined:
    """
    Several closed gaps as one: from the first one's beginning to the last one's end, with all that any of them lacks.

    It covers what lies between them as well, so it says more than is missing, and never less.
    """

    def __init__(self, first: GapClosed) -> None:
        self._from_ms = first.from_ms
        self._to_ms = first.from_ms
        self._count = 0
        self._fills_complete = True
        self._texts: dict[str, None] = {}
        self._lost = frozenset[Loss]()
        self.add(first)

    def begins(self, from_ms: int) -> bool:
        """Join a gap that begins then; return True where that is earlier than was reported."""
        is_earlier = from_ms < self._from_ms
        self._from_ms = min(from_ms, self._from_ms)
        return is_earlier

    def add(self, closed: GapClosed) -> None:
        """The end of one gap more."""
        self._to_ms = max(self._to_ms, closed.to_ms)
        self._count += 1
        self._fills_complete = self._fills_complete and closed.fills_complete
        self._lost |= closed.lost
        for text in closed.unrecoverable:
            self._texts[text if len(self._texts) < REASONS_MAX or text in self._texts else MORE] = None

    def closed(self) -> GapClosed:
        """Return the joined gap's end; the journal counts what was recovered in it."""
        texts = (*self._texts, f"{self._count} gaps are reported as one, because nobody had read them")
        return GapClosed(
            0, "", self._from_ms, self._to_ms, 0, texts, fills_complete=self._fills_complete, lost=self._lost
        )


class HeldBack:
    """
    Items to report that are held back, because too many wait before them already.

    A gap that begins right behind a held one is joined to it, so this holds no more than there is to say.
    """

    __slots__ = ("_items", "_joined", "_rejoining")

    def __init__(self) -> None:
        self._items: list[Live | GapOpened | GapClosed] = []
        self._joined: Joined | None = None  # in the last end that is held
        self._rejoining: Joined | None = None  # and began again since

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Live | GapOpened | GapClosed) -> None:
        """One more."""
        if isinstance(item, GapOpened) and self._reopens(item):
            return
        if isinstance(item, GapClosed):
            joined, self._rejoining = self._rejoining, None
            if joined is not None:
                joined.add(item)
                item = joined.closed()
            self._joined = joined
        self._items.append(item)

    def release(self) -> list[Live | GapOpened | GapClosed]:
        """Take all held items, to be reported now; a gap that is open among them stays the one it is."""
        items, self._items = self._items, []
        self._joined = None
        return items

    def _reopens(self, opened: GapOpened) -> bool:
        """Return True where a gap continues the one before: that one's end is taken back, and nothing is reported."""
        if self._rejoining is not None:
            return not self._rejoining.begins(opened.from_ms)
        last = [item for item in self._items[-2:] if not isinstance(item, Live)][-1:]
        if not last or not isinstance(last[0], GapClosed) or opened.from_ms < last[0].from_ms:
            return False
        closed = last[0]
        del self._items[self._items.index(closed, -2) :]
        self._rejoining = self._joined or Joined(closed)
        return True
