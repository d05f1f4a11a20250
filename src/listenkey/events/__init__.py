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

`docs/reference/events.md` has a table of every letter. A message from before January 2026 is translated into these
(`wire/legacy.py`). Sources: [O Event-Account-data], [O Event-Balance-and-Position-Update], [O Event-Greek-Update],
[O Event-Order-update], [O Event-Risk-level-change], [O Event-User-Data-Stream-Expired]. Short names as in `venue.py`.
"""

from __future__ import annotations

from typing import TypeAlias

from listenkey.events.base import Amount
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

Event: TypeAlias = CurrentEvent | RecoveredEvent | UnknownEvent
"""Every event has `type`, `event_ms` and `to_dict()`; match on its class for the rest."""

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
    "GreekUpdate",
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
