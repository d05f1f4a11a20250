"""
Lateness of fills: a fill is late where it is delivered after a newer one of the account.

Newer is by the time of the trade, and within one millisecond and symbol by trade id. Ids of different milliseconds are
never compared: one id of another range would else make every later fill of its symbol late.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from listenkey.events import Event, Order, OrderTradeUpdate, RecoveredFill

SYMBOLS_MAX: Final = 4_096
"""Symbols whose last fill of one millisecond is kept; an account trades a few dozen."""

NEAR: Final = 1_000_000
"""Trade ids of one symbol and millisecond lie no farther apart; one that does is of another range and says nothing."""

NEVER_MS: Final = -(2**63) - 1
"""A time before any other: times have 64 bits, sign included."""


class NewestFill(NamedTuple):
    """The newest fill by its time."""

    symbol: str
    trade_id: int
    order_id: int
    time_ms: int


class Lateness:
    """
    Marks fills that are late; sees every fill in the order of delivery.

    Attributes:
        newest_ms: When the newest fill was, by the venue's clock.
    """

    __slots__ = ("_ids", "_newest", "newest_ms")

    def __init__(self) -> None:
        self.newest_ms = NEVER_MS
        self._newest: tuple[str, int, int, int] | None = None
        self._ids: dict[str, int] = {}  # the last trade id of each symbol in the newest millisecond

    @property
    def newest(self) -> NewestFill | None:
        """The newest fill, or None where there was none."""
        return None if self._newest is None else NewestFill(*self._newest)

    def note(self, symbol: str, trade_id: int, order_id: int, time_ms: int) -> bool:
        """A fill is being delivered; True where it is late."""
        if time_ms != self.newest_ms:
            if time_ms < self.newest_ms:
                return True
            self.newest_ms, self._ids = time_ms, {}
        last = self._ids.get(symbol)
        if last is None:
            if len(self._ids) >= SYMBOLS_MAX:
                del self._ids[next(iter(self._ids))]
        elif 0 < last - trade_id <= NEAR:
            return True
        self._ids[symbol] = trade_id
        self._newest = (symbol, trade_id, order_id, time_ms)
        return False

    def reach(self, order: Order | None) -> None:
        """Note a fill that is newer than all before; of several of which each is newer, the last alone."""
        if order is not None:
            self.note(order.symbol, order.trade_id, order.order_id, order.trade_time_ms)

    def note_event(self, event: Event) -> bool:
        """An event is being delivered; True where it is a late fill."""
        if isinstance(event, OrderTradeUpdate | RecoveredFill) and event.is_fill:
            return self.note(event.symbol, event.trade_id, event.order_id, event.trade_time_ms)
        return False

    def resume(self, fills: Iterable[tuple[str, int, int, int]]) -> None:
        """Note the fills of an earlier process, in any order: symbol, trade id, order id, time."""
        for fill in sorted(fills, key=lambda fill: (fill[3], fill[1])):
            self.note(*fill)
