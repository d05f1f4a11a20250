"""
One fill, whatever brought it: the socket or REST.

    async for item in stream:
        for fill in item.fills:
            book(fill.key, fill.side, fill.quantity, fill.price)
"""

from __future__ import annotations

from typing import ClassVar

from listenkey.events.base import Amount, Id, Message, Millis, SureAmount
from listenkey.events.current import Order, OrderTradeUpdate
from listenkey.events.recovered import RecoveredFill


class Fill(Message, frozen=True, gc=False):
    """
    Part of an order that was traded. Its amounts are `Decimal`, and as text under the same name with `_text`.

    Attributes:
        symbol: Option symbol.
        trade_id: Id of the trade within its symbol. Two orders of one account can meet in one trade.
        order_id: The venue's id of the order within its symbol.
        side: BUY or SELL, see `Side`.
        quantity: Traded quantity, positive for SELL too.
        price: Price of this fill.
        commission: Negative where it was charged, positive for a rebate; None where the venue did not say.
        commission_asset: Asset of the commission; empty where the venue did not say.
        realized_profit: Realised profit of this fill; None where the venue did not say.
        maker: True where the account was the maker; None where the venue did not say.
        trade_time_ms: Time of the trade by the venue's clock, epoch ms.
        client_order_id: The client's own id of the order; None where the fill came over REST, which does not tell it.
    """

    symbol: str
    trade_id: Id
    order_id: Id
    side: str
    quantity_text: str
    price_text: str
    commission_text: str
    commission_asset: str
    realized_profit_text: str
    maker: bool | None
    trade_time_ms: Millis
    client_order_id: str | None

    quantity: ClassVar[SureAmount] = SureAmount()
    price: ClassVar[SureAmount] = SureAmount()
    commission: ClassVar[Amount] = Amount()
    realized_profit: ClassVar[Amount] = Amount()

    @property
    def key(self) -> tuple[str, int, int]:
        """Symbol, trade id and order id: equal for two fills only if they are the same fill."""
        return (self.symbol, self.trade_id, self.order_id)


def fills_of(event: Message) -> tuple[Fill, ...]:
    """Return the fills that an event reports, in its order; empty for an event that reports none."""
    match event:
        case OrderTradeUpdate(order=order):
            return (_from_socket(order),) if order.is_fill else ()
        case RecoveredFill():
            return (_from_rest(event),)
        case _:
            return ()


def _from_socket(order: Order) -> Fill:
    return Fill(
        order.symbol,
        order.trade_id,
        order.order_id,
        order.side,
        _unsigned(order.last_quantity_text),
        order.last_price_text,
        order.commission_text,
        order.commission_asset,
        order.realized_profit_text,
        order.maker,
        order.trade_time_ms,
        order.client_order_id,
    )


def _from_rest(row: RecoveredFill) -> Fill:
    return Fill(
        row.symbol,
        row.trade_id,
        row.order_id,
        row.side,
        _unsigned(row.last_quantity_text),
        row.last_price_text,
        row.commission_text,
        row.commission_asset,
        row.realized_profit_text,
        row.maker,
        row.trade_time_ms,
        None,
    )


def _unsigned(text: str) -> str:
    """Return a quantity without its sign: the side says which way it went, whatever the message does."""
    return text.removeprefix("-")
