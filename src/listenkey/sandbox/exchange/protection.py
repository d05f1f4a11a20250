"""
Market maker protection: too much traded too fast cancels a market maker's orders of an underlying.

Only fills of orders sent with `isMmp` count. When the quantity, or the net delta, of those in the window reaches its
limit, every open `isMmp` order of the underlying is cancelled and new ones are refused with -6058 until the frozen time
is over; one of 0 waits for a reset. Sources: [O market-maker-endpoints/Set-Market-Maker-Protection-Config] and its
sister pages. That fills as taker count too, and that reaching a limit is enough, is assumed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from listenkey.sandbox.exchange.orders import ZERO


@dataclass(slots=True)
class Protection:
    """One account's market maker protection on one underlying, as asked for, and its state."""

    underlying: str
    window_ms: int
    frozen_ms: int
    """0: until it is reset."""
    quantity_limit: Decimal
    delta_limit: Decimal
    triggered_ms: int = 0
    """The last time, epoch milliseconds; 0 = never."""
    waits: bool = False
    """True where it was triggered and not reset since."""
    fills: deque[tuple[int, Decimal, Decimal]] = field(default_factory=deque)
    """Time, quantity and signed delta of what counts."""

    def is_frozen(self, now_ms: int) -> bool:
        """Return True where new orders are refused."""
        return self.waits and (self.frozen_ms == 0 or now_ms < self.triggered_ms + self.frozen_ms)

    def reset(self) -> None:
        """Begins anew."""
        self.waits = False
        self.fills.clear()

    def count(self, quantity: Decimal, delta: Decimal, now_ms: int) -> bool:
        """Counts a fill; whether it was one too many."""
        if self.is_frozen(now_ms):
            return False
        self.waits = False
        fills = self.fills
        fills.append((now_ms, quantity, delta))
        while fills[0][0] <= now_ms - self.window_ms:
            fills.popleft()
        traded, net = sum((each[1] for each in fills), ZERO), sum((each[2] for each in fills), ZERO)
        if traded < self.quantity_limit and abs(net) < self.delta_limit:
            return False
        self.triggered_ms, self.waits = now_ms, True
        fills.clear()
        return True
