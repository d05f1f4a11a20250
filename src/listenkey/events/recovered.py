"""
Orders, fills and records that REST returned and the stream did not bring.

They take the place of the venue's own message and carry the fields REST knows, each from its own field. A field REST
does not know is None, empty or not there, and never guessed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar, TypeAlias

from listenkey import venue
from listenkey.events.base import Amount, Id, Message, Millis, SureAmount, amount_of
from listenkey.events.enums import TRADE


class RecoveredFill(
    Message,
    frozen=True,
    gc=False,
    rename={
        "symbol": "symbol",
        "trade_id": "tradeId",
        "order_id": "orderId",
        "side": "side",
        "last_quantity_text": "quantity",
        "last_price_text": "price",
        "commission_text": "fee",
        "commission_asset": "quoteAsset",
        "trade_time_ms": "time",
        "maker": "liquidity",
        "realized_profit_text": "realizedProfit",
        "filled_quantity_text": "derived",
    },
):
    """
    A fill that `userTrades` told of and no socket brought. [O trade/Account-Trade-List]

    Attributes:
        symbol: `symbol`, option symbol.
        trade_id: `tradeId`, of the trade in its symbol, in which two orders of the account may meet; taken to be what the stream calls `t`.
        order_id: `orderId`, the venue's id of the order.
        side: `side`, see `Side`.
        last_quantity: `quantity`, of this fill; positive for SELL too.
        last_price: `price`, of this fill.
        commission: `fee`, negative is charged; None where the row has none.
        commission_asset: `quoteAsset`; REST has no field of its own for the fee's asset. Empty where the row has none.
        trade_time_ms: `time`, of the trade.
        maker: `liquidity`, whether it is MAKER; None where the row does not say.
        realized_profit: `realizedProfit` of this trade; None where the row has none.
        filled_quantity: `derived`, no field of the row: filled of the order so far, this fill included. Only where the
            fills before and after it prove it, else None.
    """

    symbol: str
    trade_id: Id
    order_id: Id
    side: str
    last_quantity_text: str
    last_price_text: str
    commission_text: str
    commission_asset: str
    trade_time_ms: Millis
    maker: bool | None
    realized_profit_text: str
    filled_quantity_text: str | None = None

    type: ClassVar[str] = venue.ORDER_TRADE_UPDATE
    execution_type: ClassVar[str] = TRADE
    is_fill: ClassVar[bool] = True
    last_quantity: ClassVar[SureAmount] = SureAmount()
    last_price: ClassVar[SureAmount] = SureAmount()
    commission: ClassVar[Amount] = Amount()
    realized_profit: ClassVar[Amount] = Amount()

    @property
    def event_ms(self) -> int:
        """The trade's time: REST does not say when a message would have been made."""
        return self.trade_time_ms

    @property
    def filled_quantity(self) -> Decimal | None:
        """Filled so far, or None where it is not proven."""
        return None if self.filled_quantity_text is None else amount_of(self.filled_quantity_text)

    @property
    def identity(self) -> tuple[str | int, ...]:
        """Equal to that of the stream's own event of this fill: symbol, trade id and order id."""
        return ("fill", self.symbol, self.trade_id, self.order_id)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, with those that hold for every fill."""
        return {"event_ms": self.event_ms, "execution_type": self.execution_type, **super().to_dict()}


class RecoveredOrder(
    Message,
    frozen=True,
    gc=False,
    rename={
        "symbol": "symbol",
        "order_id": "orderId",
        "client_order_id": "clientOrderId",
        "side": "side",
        "order_type": "type",
        "time_in_force": "timeInForce",
        "quantity_text": "quantity",
        "price_text": "price",
        "average_price_text": "avgPrice",
        "status": "status",
        "filled_quantity_text": "executedQty",
        "reduce_only": "reduceOnly",
        "created_ms": "createTime",
        "updated_ms": "updateTime",
        "self_trade_prevention": "selfTradePreventionMode",
    },
):
    """
    The state of an order that no socket reported: a row of `openOrders`, `historyOrders` or `order`.

    It says what the order is now, not by which steps; its fills are `RecoveredFill`s of their own. [O trade]

    Attributes:
        symbol: `symbol`, option symbol.
        order_id: `orderId`, the venue's id.
        client_order_id: `clientOrderId`, the client's own id.
        side: `side`, see `Side`.
        order_type: `type`, see `OrderType`.
        time_in_force: `timeInForce`, see `TimeInForce`.
        quantity: `quantity` ordered; positive for SELL too.
        price: `price` ordered.
        average_price: `avgPrice` of the fills so far.
        status: `status`, see `OrderStatus`.
        filled_quantity: `executedQty`, filled so far; positive for SELL too.
        reduce_only: `reduceOnly`.
        created_ms: `createTime`.
        updated_ms: `updateTime`, of the last change.
        self_trade_prevention: `selfTradePreventionMode`; None where the answer has none, as in `historyOrders`.
    """

    symbol: str
    order_id: Id
    client_order_id: str
    side: str
    order_type: str
    time_in_force: str
    quantity_text: str
    price_text: str
    average_price_text: str
    status: str
    filled_quantity_text: str
    reduce_only: bool | None
    created_ms: Millis
    updated_ms: Millis
    self_trade_prevention: str | None = None

    type: ClassVar[str] = venue.ORDER_TRADE_UPDATE
    is_fill: ClassVar[bool] = False
    quantity: ClassVar[Amount] = Amount()
    price: ClassVar[Amount] = Amount()
    average_price: ClassVar[Amount] = Amount()
    filled_quantity: ClassVar[SureAmount] = SureAmount()

    @property
    def event_ms(self) -> int:
        """The time of the order's last change."""
        return self.updated_ms

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values. `execution_type` is None: REST has an order's state, not its last step."""
        return {"event_ms": self.event_ms, "execution_type": None, **super().to_dict()}


class RecoveredExercise(
    Message,
    frozen=True,
    gc=False,
    rename={
        "record_id": "id",
        "symbol": "symbol",
        "side": "positionSide",
        "quantity_text": "quantity",
        "exercise_price_text": "exercisePrice",
        "amount_text": "amount",
        "fee_text": "fee",
        "asset": "currency",
        "exercised_ms": "createDate",
    },
):
    """
    A contract that ended, with its payment: a row of `exerciseRecord`. The position in it is zero from then on.

    No message says what an exercise paid, and what no socket brought is only here. [O trade/User-Exercise-Record]

    Attributes:
        record_id: `id`, of the record.
        symbol: `symbol`, option symbol.
        side: `positionSide`, what was held: `LONG` or `SHORT`.
        quantity: `quantity` held, positive for SHORT too.
        exercise_price: `exercisePrice`, the strike.
        amount: `amount` paid; negative is charged.
        fee: `fee`, negative is charged.
        asset: `currency` of both.
        exercised_ms: `createDate`.
    """

    record_id: str
    symbol: str
    side: str
    quantity_text: str
    exercise_price_text: str
    amount_text: str
    fee_text: str
    asset: str
    exercised_ms: Millis

    type: ClassVar[str] = venue.EXERCISE_RECORD
    is_fill: ClassVar[bool] = False
    quantity: ClassVar[Amount] = Amount()
    exercise_price: ClassVar[Amount] = Amount()
    amount: ClassVar[Amount] = Amount()
    fee: ClassVar[Amount] = Amount()

    @property
    def event_ms(self) -> int:
        """The time of the record."""
        return self.exercised_ms

    @property
    def identity(self) -> tuple[str | int, ...]:
        """Unique in the account."""
        return (self.type, self.record_id)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {"event_ms": self.event_ms, **super().to_dict()}


class RecoveredCash(
    Message,
    frozen=True,
    gc=False,
    rename={
        "record_id": "id",
        "kind": "type",
        "amount_text": "amount",
        "asset": "asset",
        "symbol": "symbol",
        "booked_ms": "createDate",
    },
):
    """
    Money that came or went for another reason than a trade: a row of `bill`. [L account/Account-Funding-Flow]

    A deposit, a withdrawal or a transfer; a fee that belongs to no fill; what an exercise paid or cost, where
    `exerciseRecord` has no row of it. The commission of a fill is in the fill.

    Attributes:
        record_id: `id`, of the row.
        kind: `type`: `TRANSFER`, `FEE`, `EXERCISE_PNL`, `EXERCISE_FEE`, or a word that no page lists.
        amount: `amount`; negative went out.
        asset: `asset`.
        symbol: `symbol`, the contract it has to do with; empty where the row names none.
        booked_ms: `createDate`.
    """

    record_id: Id
    kind: str
    amount_text: str
    asset: str
    symbol: str
    booked_ms: Millis

    type: ClassVar[str] = venue.BILL
    is_fill: ClassVar[bool] = False
    amount: ClassVar[Amount] = Amount()

    @property
    def event_ms(self) -> int:
        """The time of the row."""
        return self.booked_ms

    @property
    def identity(self) -> tuple[str | int, ...]:
        """Unique in the account."""
        return (self.type, self.record_id)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {"event_ms": self.event_ms, **super().to_dict()}


RecoveredRecord: TypeAlias = RecoveredExercise | RecoveredCash
"""The records that REST keeps beside trades and orders."""

RecoveredEvent: TypeAlias = RecoveredFill | RecoveredOrder | RecoveredRecord
"""The events that came over REST alone."""
