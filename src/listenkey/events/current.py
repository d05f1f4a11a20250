"""The messages of the stream, as they are since January 2026."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from listenkey import venue
from listenkey.credentials import Secret
from listenkey.events.base import (
    Amount,
    AmountText,
    Id,
    Message,
    Millis,
    SureAmount,
    SymbolText,
    Text,
    TradeId,
    amount_of,
    shown_fingerprint,
)
from listenkey.events.enums import (
    TRADE,
    AssetText,
    BalanceReasonText,
    ExecutionTypeText,
    OrderStatusText,
    OrderTypeText,
    SelfTradePreventionText,
    SideText,
    TimeInForceText,
)

if TYPE_CHECKING:
    from decimal import Decimal


class AccountUpdate(
    Message,
    frozen=True,
    gc=False,
    tag_field="e",
    tag=venue.ACCOUNT_UPDATE,
    rename={
        "event_ms": "E",
        "transaction_ms": "T",
        "equity_text": "eq",
        "adjusted_equity_text": "aeq",
        "wallet_balance_text": "b",
        "position_value_text": "m",
        "unrealized_profit_text": "u",
        "initial_margin_text": "i",
        "maintenance_margin_text": "M",
    },
):
    """
    The account's totals, in USDT; each replaces the one before.

    Comes on deposit, withdrawal and position change, and every 10 s while there is a position. [O Event-Account-data]

    Attributes:
        event_ms: `E`, when the message was made.
        transaction_ms: `T`, the matching engine's time.
        equity: `eq`, equity.
        adjusted_equity: `aeq`, adjusted equity.
        wallet_balance: `b`, wallet balance.
        position_value: `m`, value of the positions; short options count negative.
        unrealized_profit: `u`, unrealised profit and loss.
        initial_margin: `i`, initial margin.
        maintenance_margin: `M`, maintenance margin.
    """

    event_ms: Millis
    transaction_ms: Millis
    equity_text: AmountText
    adjusted_equity_text: AmountText
    wallet_balance_text: AmountText
    position_value_text: AmountText
    unrealized_profit_text: AmountText
    initial_margin_text: AmountText
    maintenance_margin_text: AmountText

    type: ClassVar[str] = venue.ACCOUNT_UPDATE
    equity: ClassVar[Amount] = Amount()
    adjusted_equity: ClassVar[Amount] = Amount()
    wallet_balance: ClassVar[Amount] = Amount()
    position_value: ClassVar[Amount] = Amount()
    unrealized_profit: ClassVar[Amount] = Amount()
    initial_margin: ClassVar[Amount] = Amount()
    maintenance_margin: ClassVar[Amount] = Amount()


class Balance(Message, frozen=True, gc=False, rename={"asset": "a", "balance_text": "b", "balance_change_text": "bc"}):
    """
    One asset's balance.

    Attributes:
        asset: `a`, for example `USDT`.
        balance: `b`, after the change.
        balance_change: `bc`, the change without profit, loss and commission: a deposit shows here, a trade is 0.
    """

    asset: AssetText
    balance_text: AmountText
    balance_change_text: AmountText

    balance: ClassVar[Amount] = Amount()
    balance_change: ClassVar[Amount] = Amount()


class Position(
    Message,
    frozen=True,
    gc=False,
    rename={"symbol": "s", "quantity_text": "c", "value_text": "p", "average_entry_price_text": "a"},
):
    """
    One option held.

    Attributes:
        symbol: `s`, option symbol.
        quantity: `c`, signed: negative is short, zero is closed.
        value: `p`, quantity times average entry price, signed like the quantity.
        average_entry_price: `a`, average entry price.
    """

    symbol: SymbolText
    quantity_text: AmountText
    value_text: AmountText
    average_entry_price_text: AmountText

    quantity: ClassVar[Amount] = Amount()
    value: ClassVar[Amount] = Amount()
    average_entry_price: ClassVar[Amount] = Amount()


class BalancePositionUpdate(
    Message,
    frozen=True,
    gc=False,
    tag_field="e",
    tag=venue.BALANCE_POSITION_UPDATE,
    rename={"event_ms": "E", "transaction_ms": "T", "reason": "m", "balances": "B", "positions": "P"},
):
    """
    Changes of balances and positions, as absolute values: apply by replacing.

    Carries only what changed. Not sent for an order that only rests. [O Event-Balance-and-Position-Update]

    Attributes:
        event_ms: `E`, when the message was made.
        transaction_ms: `T`, the matching engine's time; equals the fill's.
        reason: `m`, why; see `BalanceReason`.
        balances: `B`, balances that changed.
        positions: `P`, positions that changed; empty where none did.
    """

    event_ms: Millis
    transaction_ms: Millis
    reason: BalanceReasonText
    balances: tuple[Balance, ...]
    positions: tuple[Position, ...] = ()

    type: ClassVar[str] = venue.BALANCE_POSITION_UPDATE


class UnderlyingGreeks(
    Message,
    frozen=True,
    gc=False,
    rename={"underlying": "u", "delta_text": "d", "gamma_text": "g", "theta_text": "t", "vega_text": "v"},
):
    """
    The account's greeks in one underlying.

    Attributes:
        underlying: `u`, for example `BTCUSDT`.
        delta: `d`, delta.
        gamma: `g`, gamma.
        theta: `t`, theta.
        vega: `v`, vega.
    """

    underlying: SymbolText
    delta_text: AmountText
    gamma_text: AmountText
    theta_text: AmountText
    vega_text: AmountText

    delta: ClassVar[Amount] = Amount()
    gamma: ClassVar[Amount] = Amount()
    theta: ClassVar[Amount] = Amount()
    vega: ClassVar[Amount] = Amount()


class GreekUpdate(
    Message,
    frozen=True,
    gc=False,
    tag_field="e",
    tag=venue.GREEK_UPDATE,
    rename={"event_ms": "E", "transaction_ms": "T", "greeks": "G"},
):
    """
    The account's greeks. Comes on position change, and every 10 s while there is a position. [O Event-Greek-Update]

    Attributes:
        event_ms: `E`, when the message was made.
        transaction_ms: `T`, the matching engine's time.
        greeks: `G`, one entry an underlying.
    """

    event_ms: Millis
    transaction_ms: Millis
    greeks: tuple[UnderlyingGreeks, ...]

    type: ClassVar[str] = venue.GREEK_UPDATE


class Order(
    Message,
    frozen=True,
    gc=False,
    rename={
        "symbol": "s",
        "client_order_id": "c",
        "side": "S",
        "order_type": "o",
        "time_in_force": "f",
        "quantity_text": "q",
        "price_text": "p",
        "average_price_text": "ap",
        "execution_type": "x",
        "status": "X",
        "order_id": "i",
        "last_quantity_text": "l",
        "filled_quantity_text": "z",
        "last_price_text": "L",
        "commission_asset": "N",
        "commission_text": "n",
        "trade_time_ms": "T",
        "trade_id": "t",
        "bid_quantity_text": "b",
        "ask_quantity_text": "a",
        "maker": "m",
        "reduce_only": "R",
        "original_order_type": "ot",
        "realized_profit_text": "rp",
        "self_trade_prevention": "V",
    },
):
    """
    The order in an `OrderTradeUpdate`; the event itself has the same fields, explained there.

    The texts of the amounts are here: `event.order.price_text`.
    """

    symbol: SymbolText
    client_order_id: Text
    side: SideText
    order_type: OrderTypeText
    time_in_force: TimeInForceText
    quantity_text: AmountText
    price_text: AmountText
    average_price_text: AmountText
    execution_type: ExecutionTypeText
    status: OrderStatusText
    order_id: Id
    last_quantity_text: AmountText
    filled_quantity_text: AmountText
    last_price_text: AmountText
    commission_asset: AssetText
    commission_text: AmountText
    trade_time_ms: Millis
    trade_id: TradeId
    bid_quantity_text: AmountText
    ask_quantity_text: AmountText
    maker: bool | None
    reduce_only: bool | None
    original_order_type: OrderTypeText
    realized_profit_text: AmountText
    self_trade_prevention: SelfTradePreventionText | None = None

    quantity: ClassVar[Amount] = Amount()
    price: ClassVar[Amount] = Amount()
    average_price: ClassVar[Amount] = Amount()
    last_quantity: ClassVar[SureAmount] = SureAmount()
    filled_quantity: ClassVar[Amount] = Amount()
    last_price: ClassVar[SureAmount] = SureAmount()
    commission: ClassVar[Amount] = Amount()
    bid_quantity: ClassVar[Amount] = Amount()
    ask_quantity: ClassVar[Amount] = Amount()
    realized_profit: ClassVar[Amount] = Amount()

    @property
    def is_fill(self) -> bool:
        """True where something was traded; explained at `OrderTradeUpdate`."""
        return self.execution_type == TRADE or (self.trade_id > 0 and bool(amount_of(self.last_quantity_text)))


class OrderTradeUpdate(
    Message,
    frozen=True,
    gc=False,
    tag_field="e",
    tag=venue.ORDER_TRADE_UPDATE,
    rename={"event_ms": "E", "transaction_ms": "T", "order": "o"},
):
    """
    An order was created or its status changed; one event a fill. [O Event-Order-update]

    Attributes:
        event_ms: `E`, when the message was made.
        transaction_ms: `T`, the matching engine's time.
        order: `o`, the order as the venue nests it; its words are on the event too.
    """

    event_ms: Millis
    transaction_ms: Millis
    order: Order

    type: ClassVar[str] = venue.ORDER_TRADE_UPDATE

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values; the order's stand beside the event's, not under `order`."""
        return {"event_ms": self.event_ms, "transaction_ms": self.transaction_ms, **self.order.to_dict()}

    @property
    def is_fill(self) -> bool:
        """
        True where something was traded: it has a last quantity and a trade id, whatever the venue calls it.

        `execution_type` keeps the venue's word: `TRADE`, `CALCULATED` of a liquidation, or one that is not known yet.
        """
        return self.order.is_fill

    @property
    def identity(self) -> tuple[str | int, ...]:
        """
        The identity of this event: two events of equal identity are one event, delivered twice.

        A fill is its symbol, trade id and order id: an account that trades with itself has one trade and two fills. Any
        other change is symbol, order id, execution type, status, filled quantity and time.
        """
        order = self.order
        if order.is_fill:
            return ("fill", order.symbol, order.trade_id, order.order_id)
        status = (order.execution_type, order.status, order.filled_quantity_text)
        return ("order", order.symbol, order.order_id, *status, self.transaction_ms)

    @property
    def symbol(self) -> str:
        """`s`, option symbol, for example `BTC-261225-90000-C`."""
        return self.order.symbol

    @property
    def client_order_id(self) -> str:
        """`c`, the client's own id; `autoclose-` marks a liquidation, `adl_autoclose` an auto-deleveraging."""
        return self.order.client_order_id

    @property
    def side(self) -> str:
        """`S`, see `Side`."""
        return self.order.side

    @property
    def order_type(self) -> str:
        """`o`, see `OrderType`."""
        return self.order.order_type

    @property
    def time_in_force(self) -> str:
        """`f`, see `TimeInForce`."""
        return self.order.time_in_force

    @property
    def quantity(self) -> Decimal | None:
        """`q`, quantity ordered; positive for SELL too."""
        return self.order.quantity

    @property
    def price(self) -> Decimal | None:
        """`p`, price ordered."""
        return self.order.price

    @property
    def average_price(self) -> Decimal | None:
        """`ap`, average price of the fills so far; 0 before the first."""
        return self.order.average_price

    @property
    def execution_type(self) -> str:
        """`x`, what has just happened, see `ExecutionType`."""
        return self.order.execution_type

    @property
    def status(self) -> str:
        """`X`, what the order is now, see `OrderStatus`."""
        return self.order.status

    @property
    def order_id(self) -> int:
        """`i`, the venue's id; beyond 2^53, so keep it out of doubles."""
        return self.order.order_id

    @property
    def last_quantity(self) -> Decimal:
        """`l`, quantity of this fill; 0 if none."""
        return self.order.last_quantity

    @property
    def filled_quantity(self) -> Decimal | None:
        """`z`, quantity filled so far."""
        return self.order.filled_quantity

    @property
    def last_price(self) -> Decimal:
        """`L`, price of this fill; 0 if none."""
        return self.order.last_price

    @property
    def commission_asset(self) -> str:
        """`N`, asset of the commission; empty where the message names none."""
        return self.order.commission_asset

    @property
    def commission(self) -> Decimal | None:
        """`n`, commission of this fill; negative is charged, positive a rebate; None where the message has none."""
        return self.order.commission

    @property
    def trade_time_ms(self) -> int:
        """`T` of the order, time of the trade."""
        return self.order.trade_time_ms

    @property
    def trade_id(self) -> int:
        """`t`, id of the trade in its symbol, in which two orders of the account may meet; 0 if there is none."""
        return self.order.trade_id

    @property
    def bid_quantity(self) -> Decimal | None:
        """`b`, total quantity of the account's buy orders in this symbol."""
        return self.order.bid_quantity

    @property
    def ask_quantity(self) -> Decimal | None:
        """`a`, total quantity of the account's sell orders in this symbol."""
        return self.order.ask_quantity

    @property
    def maker(self) -> bool | None:
        """`m`, whether the account was the maker."""
        return self.order.maker

    @property
    def reduce_only(self) -> bool | None:
        """`R`, whether the order may only reduce a position."""
        return self.order.reduce_only

    @property
    def original_order_type(self) -> str:
        """`ot`, order type as first sent."""
        return self.order.original_order_type

    @property
    def realized_profit(self) -> Decimal | None:
        """`rp`, profit this trade realised."""
        return self.order.realized_profit

    @property
    def self_trade_prevention(self) -> str | None:
        """`V`, see `SelfTradePrevention`; None in events from before 2026-03-19. [CL 2026-03-11]"""
        return self.order.self_trade_prevention


class RiskLevelChange(
    Message,
    frozen=True,
    gc=False,
    tag_field="e",
    tag=venue.RISK_LEVEL_CHANGE,
    rename={
        "event_ms": "E",
        "risk_level": "s",
        "margin_balance_text": "mb",
        "maintenance_margin_text": "mm",
    },
):
    """
    A change of what the account may do; VIP and market maker accounts only.

    [O Event-Risk-level-change]

    Attributes:
        event_ms: `E`, when the message was made.
        risk_level: `s`, see `RiskLevel`.
        margin_balance: `mb`, margin balance.
        maintenance_margin: `mm`, maintenance margin.
    """

    event_ms: Millis
    risk_level: Text
    margin_balance_text: AmountText
    maintenance_margin_text: AmountText

    type: ClassVar[str] = venue.RISK_LEVEL_CHANGE
    margin_balance: ClassVar[Amount] = Amount()
    maintenance_margin: ClassVar[Amount] = Amount()


class ListenKeyExpired(
    Message,
    frozen=True,
    gc=False,
    eq=False,
    tag_field="e",
    tag=venue.LISTEN_KEY_EXPIRED,
    rename={"event_ms": "E", "listen_key": "listenKey"},
):
    """
    A listen key has ended: no more events come for it, though the socket may stay open.

    May come twice, or for a key that is no longer used. [O Event-User-Data-Stream-Expired]

    Attributes:
        event_ms: `E`, when; a JSON string on the wire, alone among the events.
        listen_key: `listenKey`, the key, not shown; read back from a record it is only the fingerprint.
    """

    event_ms: Millis
    listen_key: Secret

    type: ClassVar[str] = venue.LISTEN_KEY_EXPIRED

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values; the key is its fingerprint."""
        return {"event_ms": self.event_ms, "fingerprint": self.fingerprint}

    @property
    def fingerprint(self) -> str:
        """Eight hex digits that tell which key."""
        return shown_fingerprint(self.listen_key)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ListenKeyExpired):
            return NotImplemented
        return (self.event_ms, self.fingerprint) == (other.event_ms, other.fingerprint)

    def __hash__(self) -> int:
        return hash((self.event_ms, self.fingerprint))
