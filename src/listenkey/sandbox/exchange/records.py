"""
Records written down once and never changed: fills, money that moved, exercises, transitions of orders.

Amounts of a fill are kept as the texts that the stream, the REST answers and the ledger all print, so that the three
can't differ by a digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from decimal import Decimal

    from listenkey.sandbox.exchange.contracts import Contract
    from listenkey.sandbox.exchange.orders import ExchangeOrder


class Trade(NamedTuple):
    """One side of a fill."""

    id: int
    """Unique on the exchange, ascending."""
    trade_id: int
    """The trade's id in the symbol, shared by both sides."""
    order: ExchangeOrder
    quantity: str
    price: str
    fee: str
    """Negative = charged. [O trade/Account-Trade-List]"""
    realized_profit: str
    maker: bool
    time_ms: int
    filled_quantity: str
    """The quantity of the order filled so far, this fill included."""


@dataclass(slots=True)
class CashMovement:
    """A row of `GET /eapi/v1/bill`. Its amount grows only when rows are kept by order and not by fill."""

    id: int
    amount: Decimal
    type: str
    """`TRANSFER`, `CONTRACT`, `FEE`, `EXERCISE_PNL` or `EXERCISE_FEE`."""
    time_ms: int
    symbol: str | None = None


class Exercise(NamedTuple):
    """A position that ended with its contract."""

    id: int
    contract: Contract
    quantity: Decimal
    """Signed."""
    amount: Decimal
    fee: Decimal
    """Negative = charged."""
    index_price: Decimal
    time_ms: int


class Settlement(NamedTuple):
    """A contract that is over, and where the index was then."""

    contract: Contract
    index_price: Decimal
    time_ms: int


class Transition(NamedTuple):
    """A change of an order's status, fills included."""

    order: ExchangeOrder
    status: str
    execution_type: str
    filled_quantity: str
    time_ms: int
    trade_id: int
    """The id of the fill that it is; 0 when it is none."""


class Transfer(NamedTuple):
    """Money put in (positive) or taken out (negative)."""

    amount: Decimal
    balance: Decimal
    time_ms: int
