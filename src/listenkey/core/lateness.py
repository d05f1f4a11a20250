"""
Lateness of fills: a fill is late where it is delivered after a newer one of the account.

Newer is by the time of the trade, and within one millisecond and symbol by trade id. Ids of different milliseconds are
never compared: one id of another range would else make every later fill of its symbol late.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from listenkey.events import Event, LegacyOrderTradeUpdate, Order, OrderTradeUpdate, RecoveredFill

SYMBOLS_MAX: Final = 4_096
"""Symbols whose last fill is kept; an account trades a few dozen."""

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


class LastFill:
    """The last fill of one symbol that was not late."""

    __slots__ = ("time_ms", "trade_id")

    def __init__(self) -> None:
        self.time_ms = NEVER_MS
        self.trade_id = 0

    def is_ahead_of(self, trade_id: int, time_ms: int) -> bool:
        """Return True where this is the later of two fills of one millisecond."""
        return self.time_ms == time_ms and 0 < self.trade_id - trade_id <= NEAR


class Lateness:
    """
    Marks fills that are late; sees every fill in the order of delivery.

    Attributes:
        newest: The newest fill, or None where there was none.
        newest_ms: When that was, by the venue's clock.
    """

    __slots__ = ("_symbols", "newest", "newest_ms")

    def __init__(self) -> None:
        self.newest: NewestFill | None = None
        self.newest_ms = NEVER_MS
        self._symbols: dict[str, LastFill] = {}

    def of_symbol(self, symbol: str) -> LastFill:
        """Return the last fill of a symbol, to be written by callers that go through many fills."""
        last = self._symbols.get(symbol)
        if last is None:
            if len(self._symbols) >= SYMBOLS_MAX:
                del self._symbols[next(iter(self._symbols))]
            last = self._symbols[symbol] = LastFill()
        return last

    def note(self, symbol: str, trade_id: int, order_id: int, time_ms: int) -> bool:
        """A fill is being delivered; True where it is late."""
        last = self.of_symbol(symbol)
        if time_ms < self.newest_ms or last.is_ahead_of(trade_id, time_ms):
            return True
        last.trade_id, last.time_ms, self.newest_ms = trade_id, time_ms, time_ms
        self.newest = NewestFill(symbol, trade_id, order_id, time_ms)
        return False

    def reach(self, order: Order | None) -> None:
        """Note the newest fill of many; the last of each symbol is written already."""
        if order is not None:
            self.newest = NewestFill(order.symbol, order.trade_id, order.order_id, order.trade_time_ms)
            self.newest_ms = order.trade_time_ms

    def note_event(self, event: Event) -> bool:
        """An event is being delivered; True where a fill in it is late."""
        if isinstance(event, LegacyOrderTradeUpdate):
            late = [
                self.note(order.symbol, fill.trade_id, order.order_id, fill.trade_time_ms)
                for order in event.orders
                for fill in order.fills
            ]
            return any(late)
        if isinstance(event, OrderTradeUpdate | RecoveredFill) and event.is_fill:
            return self.note(event.symbol, event.trade_id, event.order_id, event.trade_time_ms)
        return False

    def resume(self, fills: Iterable[tuple[str, int, int, int]]) -> None:
        """Note the fills of an earlier process, in any order: symbol, trade id, order id, time."""
        for fill in sorted(fills, key=lambda fill: (fill[3], fill[1])):
            self.note(*fill)
