"""Count what REST brought back in each gap: exactly the items that a reader finds between its two ends."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

import msgspec

from listenkey.events import Event, RecoveredFill, RecoveredOrder
from listenkey.items import GapClosed, GapOpened, Live

_FIRST_OPENED: Final = (
    "SELECT min(seq) FROM items WHERE kind = 'gap_opened' AND seq > "
    "(SELECT coalesce(max(seq), 0) FROM items WHERE kind = 'gap_closed')"
)
_INSIDE: Final = (
    "SELECT count(*), count(trade_id), coalesce(sum(trade_id IS NULL AND order_id IS NOT NULL), 0) "
    "FROM items WHERE seq > ? AND provenance = 'rest'"
)


@dataclass(slots=True)
class RecoveredCount:
    """
    The recovered updates since the open gap was first reported.

    A journal keeps one, because only it knows which updates the reader gets: the socket may have brought one as well, the
    journal may have had it, or there was no room for it.

    Attributes:
        updates: All of them.
        fills: Fills among them.
        orders: States of orders among them.
        is_open: Whether a gap is open. One that is reported again, with an earlier beginning, stays the same gap.
    """

    updates: int = 0
    fills: int = 0
    orders: int = 0
    is_open: bool = False

    def copied(self) -> RecoveredCount:
        """Return a count of its own that begins with this one."""
        return RecoveredCount(self.updates, self.fills, self.orders, self.is_open)

    def add(self, event: Event) -> None:
        """Count one more."""
        self.updates += 1
        self.fills += isinstance(event, RecoveredFill)
        self.orders += isinstance(event, RecoveredOrder)

    def noted(self, item: Live | GapOpened | GapClosed) -> Live | GapOpened | GapClosed:
        """Begin to count at the beginning of a gap, and return its end with the counts."""
        match item:
            case GapOpened() if not self.is_open:
                self._begin(is_open=True)
            case GapClosed():
                item = msgspec.structs.replace(
                    item, recovered=self.updates, recovered_fills=self.fills, recovered_orders=self.orders
                )
                self._begin(is_open=False)
        return item

    def reopened(self, closed: GapClosed) -> None:
        """Go on counting in a gap whose end is taken back."""
        self.updates, self.is_open = closed.recovered, True
        self.fills, self.orders = closed.recovered_fills, closed.recovered_orders

    def _begin(self, *, is_open: bool) -> None:
        self.updates = self.fills = self.orders = 0
        self.is_open = is_open


def recovered_so_far(connection: sqlite3.Connection) -> RecoveredCount:
    """Return the count for the gap that an earlier process left open in a journal."""
    (first_seq,) = connection.execute(_FIRST_OPENED).fetchone()
    if first_seq is None:
        return RecoveredCount()
    updates, fills, orders = connection.execute(_INSIDE, (first_seq,)).fetchone()
    return RecoveredCount(updates, fills, orders, is_open=True)
