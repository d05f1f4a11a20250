"""
Hold one account's part in one contract: a position with its average entry, and the totals of its open orders.

The average entry is rounded to six decimals when it changes and is the truth from then on. Quantities have two, so
quantity times entry has eight, and every total that the venue prints adds up to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from listenkey.sandbox.exchange.orders import ZERO

if TYPE_CHECKING:
    from listenkey.sandbox.exchange.contracts import Contract
    from listenkey.sandbox.exchange.orders import ExchangeOrder
    from listenkey.sandbox.exchange.timeline import Timeline

ENTRY_STEP: Final = Decimal("0.000001")


class PositionState(NamedTuple):
    """The part of a position that changes."""

    quantity: Decimal
    entry: Decimal
    updated_ms: int


@dataclass(slots=True, eq=False)
class AccountPosition:
    """One account's position and open orders in one contract."""

    contract: Contract
    quantity: Decimal = ZERO
    """Signed: negative = short."""
    entry: Decimal = ZERO
    updated_ms: int = 0
    bid_quantity: Decimal = ZERO
    """The unfilled quantity of its open buy orders, together."""
    ask_quantity: Decimal = ZERO
    bid_cost: Decimal = ZERO
    """The cost of its open buy orders if all were filled, USDT."""
    open_count: int = 0
    reduce_only: dict[int, ExchangeOrder] = field(default_factory=dict)
    """Its open reduce-only orders, oldest first."""
    past: Timeline[PositionState] | None = None

    def state(self, as_of_ms: int | None = None) -> PositionState:
        """The position now, or as of a time when its past is kept."""
        if as_of_ms is not None and self.past is not None:
            return self.past.at(as_of_ms) or PositionState(ZERO, ZERO, as_of_ms)
        return PositionState(self.quantity, self.entry, self.updated_ms)

    def reserve(self, order: ExchangeOrder) -> None:
        """Counts an order that was accepted."""
        self.open_count += 1
        if order.is_buy:
            self.bid_quantity += order.remaining
            self.bid_cost += order.remaining * order.price
        else:
            self.ask_quantity += order.remaining
        if order.reduce_only:
            self.reduce_only[order.id] = order

    def release(self, order: ExchangeOrder, quantity: Decimal) -> None:
        """Counts so much of an order no more: it was filled, or will never be."""
        order.remaining -= quantity
        if order.is_buy:
            self.bid_quantity -= quantity
            self.bid_cost -= quantity * order.price
        else:
            self.ask_quantity -= quantity

    def forget(self, order: ExchangeOrder) -> None:
        """Counts an order no more at all: it is final."""
        self.open_count -= 1
        self.reduce_only.pop(order.id, None)

    def trade(self, change: Decimal, price: Decimal, now_ms: int) -> Decimal:
        """
        Changes the position by a fill.

        Args:
            change: Signed: positive = bought.
            price: Of the fill, USDT a contract.
            now_ms: Of the fill, epoch milliseconds.

        Returns:
            The profit that the fill realised, fees not counted, USDT. It is exact.
        """
        before, entry = self.quantity, self.entry
        after = before + change
        profit = ZERO
        if before * change >= 0:
            total = abs(before) * entry + abs(change) * price
            self.entry = (total / abs(after)).quantize(ENTRY_STEP)
        else:
            closed = min(abs(change), abs(before))
            profit = closed * (price - entry if before > 0 else entry - price)
            if after == 0:
                self.entry = ZERO
            elif abs(change) > abs(before):
                self.entry = price
        self.quantity = after
        self.updated_ms = now_ms
        return profit
