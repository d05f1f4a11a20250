"""The newest fills of an account: one that comes a second time is not stored again. No index of the server's knows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from listenkey.core.account_state import FillKey
from listenkey.events import Event, OrderTradeUpdate

FILLS_KNOWN_MAX: Final = 4_096
"""About a mebibyte, and as many as a stream asks REST for again at most after a restart."""


class KnownFills:
    """A set of fills that forgets the oldest."""

    __slots__ = ("_at_ms", "_most")

    def __init__(self, most: int = FILLS_KNOWN_MAX) -> None:
        self._at_ms: dict[FillKey, int] = {}
        self._most = most

    def __contains__(self, key: FillKey) -> bool:
        return key in self._at_ms

    def add(self, key: FillKey, at_ms: int) -> None:
        """Remember a fill and its time."""
        self._at_ms[key] = at_ms
        if len(self._at_ms) > self._most:
            del self._at_ms[next(iter(self._at_ms))]

    def newest(self) -> Iterator[tuple[str, int, int, int]]:
        """Give the fills as a stream takes them up again: symbol, trade id, order id, time."""
        for (symbol, trade_id, order_id), at_ms in self._at_ms.items():
            yield symbol, trade_id, order_id, at_ms


def fill_time_ms(event: Event) -> int:
    """Return the time of the trade of an event that is a fill."""
    if isinstance(event, OrderTradeUpdate):
        return event.order.trade_time_ms
    at_ms: int = event.trade_time_ms  # type: ignore[union-attr]
    return at_ms
