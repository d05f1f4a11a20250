"""
Totals of an account, and what its orders may cost it. Every number here is exact.

The api_keys of the venue's own samples hold in all of them: equity = balance + value, and unrealised profit =
value - cost. [O Event-Account-data] Premium moves between balance and value when a trade is made, so that trading at
the mark changes equity by the fee only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from listenkey.sandbox.exchange.orders import ZERO

if TYPE_CHECKING:
    from listenkey.sandbox.exchange.contracts import Contract
    from listenkey.sandbox.exchange.pricing import Quote

FEE_RATE: Final = Decimal("0.000240")
"""The fee as a share of the index, maker and taker alike. [O account/Option-Commission]"""

EXERCISE_FEE_RATE: Final = Decimal("0.000150")
"""The fee as a share of the index, on contracts that end in the money. Assumed."""

FEE_CAP: Final = Decimal("0.1")
"""No fee is more than this fraction of the option's own price. Assumed; the venue has had such a cap."""

_CENT: Final = Decimal("0.00000001")
_WITH_FEE: Final = 1 + FEE_CAP


@dataclass(slots=True)
class Totals:
    """The totals of an account's positions, at the present marks. USDT, but the greeks."""

    value: Decimal = ZERO
    """The value of its positions, signed: short options negative."""
    cost: Decimal = ZERO
    """Quantity times average entry, signed."""
    initial_margin: Decimal = ZERO
    maintenance_margin: Decimal = ZERO
    positions: int = 0
    longs: int = 0
    greeks: dict[str, list[Decimal]] = field(default_factory=dict)
    """Delta, gamma, theta and vega by underlying."""

    @property
    def unrealized_profit(self) -> Decimal:
        return self.value - self.cost

    def adjusted_equity(self, balance: Decimal) -> Decimal:
        """
        The balance of an account that is only short, the equity of any other.

        So it is in the sample; no formula is published.
        """
        return balance if self.longs == 0 else balance + self.value

    def add(self, contract: Contract, quantity: Decimal, entry: Decimal, quote: Quote, sign: int = 1) -> None:
        """Counts a position; with a sign of -1, counts it no more."""
        if not quantity:
            return
        name = contract.underlying.name
        amount = quantity * sign
        self.positions += sign
        self.value += amount * quote.mark
        self.cost += amount * entry
        if quantity > 0:
            self.longs += sign
        else:
            self.initial_margin -= amount * quote.initial_margin
            self.maintenance_margin -= amount * quote.maintenance_margin
        greeks = self.greeks.get(name)
        if greeks is None:
            greeks = self.greeks[name] = [ZERO] * 4
        greeks[0] += amount * quote.delta
        greeks[1] += amount * quote.gamma
        greeks[2] += amount * quote.theta
        greeks[3] += amount * quote.vega


def fee_of(quantity: Decimal, price: Decimal, index: Decimal, rate: Decimal = FEE_RATE) -> Decimal:
    """
    Return the fee of a fill or an exercise, positive, USDT.

    A fraction of the index, but no more than a tenth of the option's own price.
    """
    return (min(rate * index, FEE_CAP * price) * quantity).quantize(_CENT)


def order_lock(
    *, position: Decimal, bids: Decimal, bid_cost: Decimal, asks: Decimal, initial_margin: Decimal
) -> Decimal:
    """
    Return the USDT that one contract's open orders lock.

    Buying takes the premium and the highest fee, less the margin that closing a short sets free. Selling takes margin
    for what is sold beyond the position.

    Args:
        position: Signed quantity.
        bids: What open buy orders have left.
        bid_cost: What they would cost.
        asks: What open sell orders have left.
        initial_margin: Of one short contract.
    """
    closing = min(bids, max(-position, ZERO))
    opening = max(asks - max(position, ZERO), ZERO)
    return max(bid_cost * _WITH_FEE - closing * initial_margin, ZERO) + opening * initial_margin
