"""
The messages of the stream: frozen, whole words for fields, the venue's letter beside each.

    match update.event:
        case OrderTradeUpdate() as order: ...
        case BalancePositionUpdate(positions=positions): ...

`Fill` is one fill, whatever brought it: `update.fills`.

Three habits hold for all of them:

- Amounts are kept as the venue's own text (`price_text`) and become `Decimal` when asked for (`price`): decoding stays
  cheap and nothing is rounded. A text that is no amount raises `ProtocolError` when asked for, and not before.
- Ids and times are `int`, exact to 2^63-1; times are epoch milliseconds.
- Words of a closed list (side, status, reason ...) are plain `str`, so that a value nobody has documented yet passes
  through. The `StrEnum`s here compare equal to them: `order.side == Side.BUY`.

`docs/reference/events.md` has a table of every letter. Two generations exist, told apart by their shape: the current one, since
January 2026, and the legacy one before. Sources: [O Event-Account-data], [O Event-Balance-and-Position-Update],
[O Event-Greek-Update], [O Event-Order-update], [O Event-Risk-level-change], [O Event-User-Data-Stream-Expired]; legacy:
[L Event-Account-data], [L Event-Order-update]. Short names as in `venue.py`; [L] is the option documentation of 2025-10.
"""

from __future__ import annotations

from typing import TypeAlias

from listenkey.events.base import Amount, Generation
from listenkey.events.current import (
    AccountUpdate,
    Balance,
    BalancePositionUpdate,
    GreekUpdate,
    ListenKeyExpired,
    Order,
    OrderTradeUpdate,
    Position,
    RiskLevelChange,
    UnderlyingGreeks,
)
from listenkey.events.enums import (
    BalanceReason,
    ExecutionType,
    Liquidity,
    OrderStatus,
    OrderType,
    RiskLevel,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from listenkey.events.fill import (
    Fill,
    fills_of,
)
from listenkey.events.legacy import (
    LegacyAccountUpdate,
    LegacyBalance,
    LegacyFill,
    LegacyGreeks,
    LegacyOrder,
    LegacyOrderTradeUpdate,
    LegacyPosition,
)
from listenkey.events.recovered import (
    RecoveredCash,
    RecoveredEvent,
    RecoveredExercise,
    RecoveredFill,
    RecoveredOrder,
)
from listenkey.events.unknown import (
    UnknownEvent,
)

CurrentEvent: TypeAlias = (
    AccountUpdate | BalancePositionUpdate | GreekUpdate | OrderTradeUpdate | RiskLevelChange | ListenKeyExpired
)
"""The events that the venue has sent since January 2026."""

LegacyEvent: TypeAlias = LegacyAccountUpdate | LegacyOrderTradeUpdate
"""The events that it sent before; `RISK_LEVEL_CHANGE` is the same in both."""

Event: TypeAlias = CurrentEvent | LegacyEvent | RecoveredEvent | UnknownEvent
"""Every event has `type`, `event_ms`, `generation` and `to_dict()`; match on its class for the rest."""

__all__ = [
    "AccountUpdate",
    "Amount",
    "Balance",
    "BalancePositionUpdate",
    "BalanceReason",
    "CurrentEvent",
    "Event",
    "ExecutionType",
    "Fill",
    "Generation",
    "GreekUpdate",
    "LegacyAccountUpdate",
    "LegacyBalance",
    "LegacyEvent",
    "LegacyFill",
    "LegacyGreeks",
    "LegacyOrder",
    "LegacyOrderTradeUpdate",
    "LegacyPosition",
    "Liquidity",
    "ListenKeyExpired",
    "Order",
    "OrderStatus",
    "OrderTradeUpdate",
    "OrderType",
    "Position",
    "RecoveredCash",
    "RecoveredEvent",
    "RecoveredExercise",
    "RecoveredFill",
    "RecoveredOrder",
    "RiskLevel",
    "RiskLevelChange",
    "SelfTradePrevention",
    "Side",
    "TimeInForce",
    "UnderlyingGreeks",
    "UnknownEvent",
    "fills_of",
]
