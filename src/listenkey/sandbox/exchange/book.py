"""The order book of one symbol: resting orders by price, then by time. Knows nothing of accounts or money."""

from __future__ import annotations

from bisect import bisect_left, insort
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from listenkey.sandbox.exchange.contracts import Contract
    from listenkey.sandbox.exchange.orders import ExchangeOrder


class _Side:
    """One side of a book. `sign` is 1 for asks and -1 for bids, so that the best price is always the smallest key."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.levels: dict[int, dict[int, ExchangeOrder]] = {}

    def add(self, order: ExchangeOrder) -> None:
        key = order.ticks * self.sign
        level = self.levels.get(key)
        if level is None:
            level = self.levels[key] = {}
            insort(self.keys, key)
        level[order.id] = order

    def remove(self, order: ExchangeOrder) -> None:
        key = order.ticks * self.sign
        level = self.levels[key]
        del level[order.id]
        if not level:
            del self.levels[key]
            del self.keys[bisect_left(self.keys, key)]

    def best(self) -> ExchangeOrder | None:
        return next(iter(self.levels[self.keys[0]].values())) if self.keys else None

    def best_ticks(self) -> int | None:
        return self.keys[0] * self.sign if self.keys else None

    def orders(self) -> Iterator[ExchangeOrder]:
        """Yield all orders, in the order in which they would be filled."""
        for key in self.keys:
            yield from self.levels[key].values()


class Book:
    """Resting orders of one contract, and the counters of its trades and of its changes."""

    __slots__ = ("asks", "bids", "contract", "last_trade_id", "update_id")

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.bids = _Side(-1)
        self.asks = _Side(1)
        self.last_trade_id = 0
        self.update_id = 0
        """Grows with every change of what rests: what `depth` calls lastUpdateId."""

    def add(self, order: ExchangeOrder) -> None:
        """Lets an order rest, behind all others of its price."""
        (self.bids if order.is_buy else self.asks).add(order)
        order.resting = True
        self.update_id += 1

    def remove(self, order: ExchangeOrder) -> None:
        """Takes an order out; nothing happens when it does not rest here."""
        if order.resting:
            (self.bids if order.is_buy else self.asks).remove(order)
            order.resting = False
            self.update_id += 1

    def reduced(self) -> None:
        """An order that rests has been filled in part."""
        self.update_id += 1

    def best_bid_ticks(self) -> int | None:
        return self.bids.best_ticks()

    def best_ask_ticks(self) -> int | None:
        return self.asks.best_ticks()

    def match_for(self, is_buy: bool, ticks: int) -> ExchangeOrder | None:
        """The order that one at this price meets first; None when it meets none."""
        maker = (self.asks if is_buy else self.bids).best()
        if maker is None or (maker.ticks > ticks if is_buy else maker.ticks < ticks):
            return None
        return maker

    def fillable(self, is_buy: bool, ticks: int) -> Decimal:
        """Return the quantity that an order at this price could trade at once."""
        total = Decimal(0)
        for maker in (self.asks if is_buy else self.bids).orders():
            if maker.ticks > ticks if is_buy else maker.ticks < ticks:
                break
            total += maker.remaining
        return total

    def ahead_of(self, order: ExchangeOrder) -> Decimal:
        """Return the quantity that would be filled before this resting order is."""
        total = Decimal(0)
        for other in (self.bids if order.is_buy else self.asks).orders():
            if other is order:
                break
            total += other.remaining
        return total

    def resting(self) -> list[ExchangeOrder]:
        """Return all resting orders, bids first, best first."""
        return [*self.bids.orders(), *self.asks.orders()]

    def depth(self, limit: int) -> tuple[list[list[str]], list[list[str]]]:
        """Bids and asks, best first, each a price and the quantity at it."""
        return self._levels(self.bids, limit), self._levels(self.asks, limit)

    def _levels(self, side: _Side, limit: int) -> list[list[str]]:
        levels = []
        for key in side.keys[:limit]:
            orders = list(side.levels[key].values())
            quantity = sum((order.remaining for order in orders), Decimal(0))
            levels.append([orders[0].price_text, format(quantity, self.contract.quantity_format)])
        return levels
