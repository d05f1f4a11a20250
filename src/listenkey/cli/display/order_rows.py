"""Order events as rows: what the table of the view and the lines of the demo show of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from listenkey.cli.display.number_format import amount, commission
from listenkey.cli.redaction import printable
from listenkey.events import (
    Event,
    OrderTradeUpdate,
    RecoveredFill,
    RecoveredOrder,
)

SHORT_STATUS: Final = {"PARTIALLY_FILLED": "PARTIAL", "EXPIRED_IN_MATCH": "EXP-MATCH"}


@dataclass(frozen=True, slots=True)
class OrderTableRow:
    """
    One change of an order, as text fit for a terminal.

    Attributes:
        is_fill: Whether something was traded; `last` is then what, else what was ordered.
        kind: `fill` or `order`, for people.
        commission: As the venue sends it: negative where it was charged, positive for a rebate.
    """

    at_ms: int | None
    symbol: str
    side: str
    status: str
    is_fill: bool
    last: str
    filled: str
    commission: str
    realized: str
    role: str

    @property
    def kind(self) -> str:
        """`fill` or `order`."""
        return "fill" if self.is_fill else "order"


def rows_of(event: Event) -> list[OrderTableRow]:
    """The row of an order event; none for other events."""
    if isinstance(event, OrderTradeUpdate):
        return [current_row(event)]
    if isinstance(event, RecoveredFill | RecoveredOrder):
        return [recovered_row(event)]
    return []


def recovered_row(event: RecoveredFill | RecoveredOrder) -> OrderTableRow:
    """Make the row of an event that only REST reported; the status of a fill's order is not in it."""
    if isinstance(event, RecoveredFill):
        return OrderTableRow(
            at_ms=event.event_ms,
            symbol=printable(event.symbol, 32),
            side=printable(event.side, 5),
            status="REST",
            is_fill=True,
            last=f"{amount(event.last_quantity_text)} @ {amount(event.last_price_text)}",
            filled="" if event.filled_quantity_text is None else amount(event.filled_quantity_text),
            commission=commission(event.commission_text),
            realized=amount(event.realized_profit_text, 4),
            role=role(event.maker),
        )
    return OrderTableRow(
        at_ms=event.event_ms,
        symbol=printable(event.symbol, 32),
        side=printable(event.side, 5),
        status=short_status(event.status),
        is_fill=False,
        last=f"{amount(event.quantity_text)} @ {amount(event.price_text)}",
        filled=f"{amount(event.filled_quantity_text)}/{amount(event.quantity_text)}",
        commission="",
        realized="",
        role="",
    )


def current_row(event: OrderTradeUpdate) -> OrderTableRow:
    """Make the row of an ORDER_TRADE_UPDATE."""
    order, is_fill = event.order, event.is_fill
    quantity, price = (
        (order.last_quantity_text, order.last_price_text) if is_fill else (order.quantity_text, order.price_text)
    )
    return OrderTableRow(
        at_ms=event.event_ms,
        symbol=printable(order.symbol, 32),
        side=printable(order.side, 5),
        status=short_status(order.status),
        is_fill=is_fill,
        last=f"{amount(quantity)} @ {amount(price)}",
        filled=f"{amount(order.filled_quantity_text)}/{amount(order.quantity_text)}",
        commission=commission(order.commission_text) if is_fill else "",
        realized=amount(order.realized_profit_text, 4) if is_fill else "",
        role=role(order.maker) if is_fill else "",
    )


def short_status(status: object) -> str:
    """The status in at most ten letters."""
    text = printable(str(status or ""), 24)
    return SHORT_STATUS.get(text, text)


def role(maker: bool | None) -> str:
    """Return the account's side of a trade, maker or taker; empty where the venue does not say."""
    return "" if maker is None else "maker" if maker else "taker"
