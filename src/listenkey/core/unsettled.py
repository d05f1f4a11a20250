"""Remember contracts that expired with an open position of which nothing was heard since. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from listenkey.core.expiry import has_expired

UNSETTLED_MAX: Final = 4_096
"""Contracts remembered at most; the one that was noted first is let go first."""


@dataclass(slots=True)
class Unsettled:
    """The contracts that are over and of which neither a message nor REST has told the end, as far as was delivered."""

    _symbols: dict[str, None] = field(default_factory=dict)

    def note(self, symbols: Iterable[str], now_ms: int) -> None:
        """Note those of these contracts that have expired by now, by the venue's clock."""
        for symbol in symbols:
            if has_expired(symbol, now_ms):
                self._symbols[symbol] = None
                if len(self._symbols) > UNSETTLED_MAX:
                    del self._symbols[next(iter(self._symbols))]

    def drop(self, symbol: str) -> None:
        """Forget a contract: its end was told, or reported as a loss."""
        self._symbols.pop(symbol, None)

    def expired_by(self, at_ms: int) -> list[str]:
        """Return those that had expired by then, by the venue's clock."""
        return [symbol for symbol in self._symbols if has_expired(symbol, at_ms)]
