"""An order: what was asked for, and what has become of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from listenkey.sandbox.exchange.contracts import Contract
    from listenkey.sandbox.exchange.timeline import Timeline

ZERO: Final = Decimal(0)
OPEN_STATUSES: Final = ("NEW", "PARTIALLY_FILLED")

OrderKey: TypeAlias = tuple[str, int]
"""Symbol and id: an id alone may be that of two orders, by the switch `order_ids`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """
    A client's order. Names and values are those of `POST /eapi/v1/order`. [O trade]

    Args:
        side: `BUY` or `SELL`.
        time_in_force: `GTC`, `IOC`, `FOK` or `GTX`.
        post_only: The same as `GTX`.
        mmp: Belongs to market maker protection; without effect where none is configured.
        stp: Self-trade prevention: `EXPIRE_TAKER`, `EXPIRE_MAKER`, `EXPIRE_BOTH` or `NONE`.
    """

    symbol: str
    side: str
    quantity: Decimal
    price: Decimal | None
    type: str = "LIMIT"
    time_in_force: str = "GTC"
    reduce_only: bool = False
    post_only: bool = False
    client_order_id: str | None = None
    mmp: bool = False
    stp: str = "EXPIRE_MAKER"


class OrderState(NamedTuple):
    """The part of an order that changes."""

    status: str
    executed: Decimal
    amount: Decimal
    """The sum of price times quantity over its fills, USDT."""
    fee: Decimal
    """The sum of its fees, positive = charged."""
    updated_ms: int

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES


@dataclass(slots=True, eq=False, kw_only=True)
class ExchangeOrder:
    """An order that was accepted. Compared by identity."""

    id: int
    account: str
    contract: Contract
    client_id: str
    is_buy: bool
    price: Decimal
    ticks: int
    """The price in ticks: what the book sorts by."""
    quantity: Decimal
    time_in_force: str
    reduce_only: bool
    post_only: bool
    mmp: bool
    stp: str
    stp_key: str
    """Orders with the same key are one person's."""
    created_ms: int

    side: str = field(init=False)
    price_text: str = field(init=False)
    quantity_text: str = field(init=False)
    status: str = "NEW"
    executed: Decimal = ZERO
    amount: Decimal = ZERO
    fee: Decimal = ZERO
    updated_ms: int = field(init=False)
    remaining: Decimal = field(init=False)
    resting: bool = False
    """True while the book holds it."""
    forced: bool = False
    """True where the venue placed it in the account's name: a liquidation."""
    past: Timeline[OrderState] | None = None

    def __post_init__(self) -> None:
        self.side = "BUY" if self.is_buy else "SELL"
        self.price_text = format(self.price, self.contract.price_format)
        self.quantity_text = format(self.quantity, self.contract.quantity_format)
        self.updated_ms = self.created_ms
        self.remaining = self.quantity

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def key(self) -> OrderKey:
        """The symbol and id by which an account knows it."""
        return self.contract.symbol, self.id

    def state(self, as_of_ms: int | None = None) -> OrderState | None:
        """
        Return its state, now or as of a time.

        None when it did not exist then. Without a kept past every time is answered with the present.
        """
        if as_of_ms is not None:
            if self.created_ms > as_of_ms:
                return None
            if self.past is not None:
                return self.past.at(as_of_ms)
        return OrderState(self.status, self.executed, self.amount, self.fee, self.updated_ms)


def average_price(executed: Decimal, amount: Decimal) -> str:
    """The average price of an order's fills, eight decimals; `"0"` before the first, as the venue prints it."""
    return f"{amount / executed:.8f}" if executed else "0"
