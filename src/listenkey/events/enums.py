"""
The closed lists of the stream, as `StrEnum`s.

The events keep plain `str`, so that a value nobody has documented yet passes through; these compare equal to it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias


class Side(StrEnum):
    """The side of an order. [O common-definition]"""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """Options have one type of order. [O common-definition]"""

    LIMIT = "LIMIT"


class TimeInForce(StrEnum):
    """The life of an order; GTX is post only. [O common-definition]"""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"


class ExecutionType(StrEnum):
    """
    The kind of change that an order has just had. [O Event-Order-update]

    A fill may come under another word (`CALCULATED`, on portfolio margin): ask for `is_fill`.
    """

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


TRADE: Final = ExecutionType.TRADE.value
"""The execution type of a fill, as a plain text: it is compared for every event of an order."""


class OrderStatus(StrEnum):
    """The state of an order. What the venue called ACCEPTED and CANCELLED before 2026 is read as NEW and CANCELED."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"
    REJECTED = "REJECTED"


class SelfTradePrevention(StrEnum):
    """The order that gives way when an account meets itself. [O faq/stp-faq]; NONE exists in [SDK] since 7.0.0."""

    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    NONE = "NONE"


class BalanceReason(StrEnum):
    """The reason why a balance or position changed; none is documented for exercise, fee or liquidation."""

    DEPOSIT = "DEPOSIT"
    WITHDRAW = "WITHDRAW"
    ORDER = "ORDER"


class RiskLevel(StrEnum):
    """The trading that an account is allowed. [O Event-Risk-level-change]"""

    NORMAL = "NORMAL"
    REDUCE_ONLY = "REDUCE_ONLY"


# What fields that hold one of these are, to the decoder: of a listed word it need not make a new text each time, and
# any other is read by the copies of `wire.lenient_decoder`. To everybody else they are `str`, for that is what may come.
if TYPE_CHECKING:
    SideText: TypeAlias = str
    OrderTypeText: TypeAlias = str
    TimeInForceText: TypeAlias = str
    ExecutionTypeText: TypeAlias = str
    OrderStatusText: TypeAlias = str
    SelfTradePreventionText: TypeAlias = str
    BalanceReasonText: TypeAlias = str
    AssetText: TypeAlias = str
else:
    SideText = Literal[tuple(str(word) for word in Side)]
    # The second stands in the page's own example of an order, and in no list.
    OrderTypeText = Literal["LIMIT", "TRAILING_STOP_MARKET"]
    TimeInForceText = Literal[tuple(str(word) for word in TimeInForce)]
    ExecutionTypeText = Literal[tuple(str(word) for word in ExecutionType)]
    OrderStatusText = Literal[tuple(str(word) for word in OrderStatus)]
    SelfTradePreventionText = Literal[tuple(str(word) for word in SelfTradePrevention)]
    BalanceReasonText = Literal[tuple(str(word) for word in BalanceReason)]
    AssetText = Literal["USDT"]
