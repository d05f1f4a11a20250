"""
The messages until January 2026. They share the venue's type names with the current ones and differ in shape.

Three of their habits bite: the order's quantity is signed by its side, a fee is positive where it is charged, and the
greeks are JSON numbers (kept as their text all the same). [L Event-Account-data], [L Event-Order-update]
"""

from __future__ import annotations

from typing import ClassVar

from listenkey import venue
from listenkey.events.base import Amount, Generation, Id, Message, Millis, SureAmount


class LegacyBalance(
    Message,
    frozen=True,
    gc=False,
    rename={
        "asset": "a",
        "balance_text": "b",
        "position_value_text": "m",
        "unrealized_profit_text": "u",
        "positive_unrealized_profit_text": "U",
        "maintenance_margin_text": "M",
        "initial_margin_text": "i",
    },
):
    """
    One asset's balance.

    Attributes:
        asset: `a`, for example `USDT`.
        balance: `b`, account balance.
        position_value: `m`, value of the positions.
        unrealized_profit: `u`, unrealised profit and loss.
        positive_unrealized_profit: `U`, unrealised profit of long positions; a JSON number.
        maintenance_margin: `M`, maintenance margin.
        initial_margin: `i`, initial margin.
    """

    asset: str
    balance_text: str
    position_value_text: str
    unrealized_profit_text: str
    positive_unrealized_profit_text: str
    maintenance_margin_text: str
    initial_margin_text: str

    balance: ClassVar[Amount] = Amount()
    position_value: ClassVar[Amount] = Amount()
    unrealized_profit: ClassVar[Amount] = Amount()
    positive_unrealized_profit: ClassVar[Amount] = Amount()
    maintenance_margin: ClassVar[Amount] = Amount()
    initial_margin: ClassVar[Amount] = Amount()


class LegacyGreeks(
    Message,
    frozen=True,
    gc=False,
    rename={"underlying": "ui", "delta_text": "d", "theta_text": "t", "gamma_text": "g", "vega_text": "v"},
):
    """
    The account's greeks in one underlying; JSON numbers on the wire.

    Attributes:
        underlying: `ui`, for example `BTCUSDT`.
        delta: `d`, delta.
        theta: `t`, theta.
        gamma: `g`, gamma.
        vega: `v`, vega.
    """

    underlying: str
    delta_text: str
    theta_text: str
    gamma_text: str
    vega_text: str

    delta: ClassVar[Amount] = Amount()
    theta: ClassVar[Amount] = Amount()
    gamma: ClassVar[Amount] = Amount()
    vega: ClassVar[Amount] = Amount()


class LegacyPosition(
    Message,
    frozen=True,
    gc=False,
    rename={
        "symbol": "s",
        "quantity_text": "c",
        "reducible_quantity_text": "r",
        "value_text": "p",
        "average_entry_price_text": "a",
    },
):
    """
    One option held.

    Attributes:
        symbol: `s`, option symbol.
        quantity: `c`, signed: negative is short.
        reducible_quantity: `r`, how much of it can be reduced.
        value: `p`, position value.
        average_entry_price: `a`, average entry price.
    """

    symbol: str
    quantity_text: str
    reducible_quantity_text: str
    value_text: str
    average_entry_price_text: str

    quantity: ClassVar[Amount] = Amount()
    reducible_quantity: ClassVar[Amount] = Amount()
    value: ClassVar[Amount] = Amount()
    average_entry_price: ClassVar[Amount] = Amount()


class LegacyAccountUpdate(
    Message,
    frozen=True,
    gc=False,
    tag_field="e",
    tag=venue.ACCOUNT_UPDATE,
    rename={"event_ms": "E", "balances": "B", "user_id": "uid", "greeks": "G", "positions": "P"},
):
    """
    Balances, greeks and positions in one message; no transaction time.

    Attributes:
        event_ms: `E`, when the message was made.
        balances: `B`, balances.
        user_id: `uid`, the user's number; None where the message has none.
        greeks: `G`, greeks; empty where the message has none.
        positions: `P`, positions; only there when they changed.
    """

    event_ms: Millis
    balances: tuple[LegacyBalance, ...]
    user_id: Id | None
    greeks: tuple[LegacyGreeks, ...] = ()
    positions: tuple[LegacyPosition, ...] = ()

    type: ClassVar[str] = venue.ACCOUNT_UPDATE
    generation: ClassVar[Generation] = "legacy"


class LegacyFill(
    Message,
    frozen=True,
    gc=False,
    rename={
        "trade_id": "t",
        "price_text": "p",
        "quantity_text": "q",
        "trade_time_ms": "T",
        "liquidity": "m",
        "commission_text": "f",
    },
):
    """
    One fill of an order.

    Attributes:
        trade_id: `t`, id of the trade, in which two orders of the account may meet; a JSON string on the wire.
        price: `p`, price.
        quantity: `q`, quantity.
        trade_time_ms: `T`, time of the trade.
        liquidity: `m`, see `Liquidity`.
        commission: `f`, positive is charged, negative a rebate: the opposite of the current event.
    """

    trade_id: Id
    price_text: str
    quantity_text: str
    trade_time_ms: Millis
    liquidity: str
    commission_text: str

    price: ClassVar[SureAmount] = SureAmount()
    quantity: ClassVar[SureAmount] = SureAmount()
    commission: ClassVar[Amount] = Amount()

    @property
    def maker(self) -> bool | None:
        """True where the account was the maker; None where the fill does not say."""
        return self.liquidity == "MAKER" if self.liquidity else None


class LegacyOrder(
    Message,
    frozen=True,
    gc=False,
    rename={
        "created_ms": "T",
        "updated_ms": "t",
        "symbol": "s",
        "client_order_id": "c",
        "order_id": "oid",
        "price_text": "p",
        "quantity_text": "q",
        "unused_text": "stp",
        "reduce_only": "r",
        "post_only": "po",
        "status": "S",
        "filled_quantity_text": "e",
        "filled_amount_text": "ec",
        "fee_text": "f",
        "time_in_force": "tif",
        "order_type": "oty",
        "fills": "fi",
    },
):
    """
    One order, with its fills.

    Attributes:
        created_ms: `T`, when the order was created.
        updated_ms: `t`, when it was last changed.
        symbol: `s`, option symbol.
        client_order_id: `c`, the client's own id; may be empty.
        order_id: `oid`, the venue's id; a JSON string on the wire.
        price: `p`, price ordered.
        quantity: `q`, quantity ordered; positive is BUY, negative is SELL.
        unused: `stp`, a number the venue does not use.
        reduce_only: `r`, whether the order may only reduce a position.
        post_only: `po`, whether it may only be a maker.
        status: `S`, see `OrderStatus`.
        filled_quantity: `e`, quantity filled so far.
        filled_amount: `ec`, amount filled so far.
        fee: `f`, fee.
        time_in_force: `tif`, see `TimeInForce`.
        order_type: `oty`, see `OrderType`.
        fills: `fi`, the fills.
    """

    created_ms: Millis
    updated_ms: Millis
    symbol: str
    client_order_id: str
    order_id: Id
    price_text: str
    quantity_text: str
    reduce_only: bool | None
    post_only: bool | None
    status: str
    filled_quantity_text: str
    filled_amount_text: str
    fee_text: str
    time_in_force: str
    order_type: str
    fills: tuple[LegacyFill, ...] = ()
    unused_text: str = "0"

    price: ClassVar[Amount] = Amount()
    quantity: ClassVar[Amount] = Amount()
    unused: ClassVar[Amount] = Amount()
    filled_quantity: ClassVar[Amount] = Amount()
    filled_amount: ClassVar[Amount] = Amount()
    fee: ClassVar[Amount] = Amount()

    @property
    def side(self) -> str:
        """BUY or SELL, from the sign of the quantity."""
        return "SELL" if self.quantity_text.startswith("-") else "BUY"


class LegacyOrderTradeUpdate(
    Message,
    frozen=True,
    gc=False,
    tag_field="e",
    tag=venue.ORDER_TRADE_UPDATE,
    rename={"event_ms": "E", "orders": "o"},
):
    """
    Orders that were created or changed; several in one message.

    Attributes:
        event_ms: `E`, when the message was made.
        orders: `o`, the orders.
    """

    event_ms: Millis
    orders: tuple[LegacyOrder, ...]

    type: ClassVar[str] = venue.ORDER_TRADE_UPDATE
    generation: ClassVar[Generation] = "legacy"

    def fill_keys(self) -> list[tuple[str, int, int]]:
        """Symbol, trade id and order id of each fill in it."""
        return [(order.symbol, fill.trade_id, order.order_id) for order in self.orders for fill in order.fills]
