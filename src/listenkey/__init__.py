"""
The Binance Options user data stream, made trustworthy.

The three listenKey calls (`UserDataStreamsApi`, `AsyncUserDataStreamsApi`), the stream that stays alive (`UserStream`)
and the words for what it brings. `listenkey.testing` has a local exchange for tests.
"""

from __future__ import annotations

import importlib
import logging as _logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from listenkey import errors, events
    from listenkey.blocking.listen_key_api import UserDataStreamsApi
    from listenkey.blocking.stream import BlockingUserStream
    from listenkey.core.timing import Timing
    from listenkey.errors import ListenKeyError
    from listenkey.events import (
        AccountUpdate,
        BalancePositionUpdate,
        Event,
        Fill,
        GreekUpdate,
        ListenKeyExpired,
        OrderTradeUpdate,
        RecoveredCash,
        RecoveredExercise,
        RecoveredFill,
        RecoveredOrder,
        RiskLevelChange,
        UnknownEvent,
    )
    from listenkey.gateway.client.gateway_stream import GatewayStream, connect
    from listenkey.gateway.consumers.group_reader import GroupReader, consume
    from listenkey.health import Health
    from listenkey.items import GapClosed, GapOpened, Item, Live, Update
    from listenkey.journal.opened import OpenJournal, open_journal
    from listenkey.outcomes import GapCause, Loss
    from listenkey.rest.listen_key_api import AsyncUserDataStreamsApi
    from listenkey.stream.user_stream import UserStream
    from listenkey.venue import Attach, Venue
    from listenkey.wire.responses import OptionsCreateListenKeyV1Resp

    __version__: str

# What a stream does is logged under "listenkey"; an application that configures no logging hears nothing of it.
_logging.getLogger("listenkey").addHandler(_logging.NullHandler())

__all__ = [
    "AccountUpdate",
    "AsyncUserDataStreamsApi",
    "Attach",
    "BalancePositionUpdate",
    "BlockingUserStream",
    "Event",
    "Fill",
    "GapCause",
    "GapClosed",
    "GapOpened",
    "GatewayStream",
    "GreekUpdate",
    "GroupReader",
    "Health",
    "Item",
    "ListenKeyError",
    "ListenKeyExpired",
    "Live",
    "Loss",
    "OpenJournal",
    "OptionsCreateListenKeyV1Resp",
    "OrderTradeUpdate",
    "RecoveredCash",
    "RecoveredExercise",
    "RecoveredFill",
    "RecoveredOrder",
    "RiskLevelChange",
    "Timing",
    "UnknownEvent",
    "Update",
    "UserDataStreamsApi",
    "UserStream",
    "Venue",
    "__version__",
    "connect",
    "consume",
    "errors",
    "events",
    "open_journal",
]

# Where each name lives. A name is imported when it is first asked for, so that the command's help and the three calls
# don't pay for the stream.
_HOMES = {
    "BlockingUserStream": "blocking.stream",
    "Timing": "core.timing",
    "ListenKeyError": "errors",
    "GatewayStream": "gateway.client.gateway_stream",
    "connect": "gateway.client.gateway_stream",
    "GroupReader": "gateway.consumers.group_reader",
    "consume": "gateway.consumers.group_reader",
    "Health": "health",
    "GapCause": "outcomes",
    "Loss": "outcomes",
    "GapClosed": "items",
    "GapOpened": "items",
    "Item": "items",
    "Live": "items",
    "Update": "items",
    "OpenJournal": "journal.opened",
    "open_journal": "journal.opened",
    "AsyncUserDataStreamsApi": "rest.listen_key_api",
    "UserDataStreamsApi": "blocking.listen_key_api",
    "UserStream": "stream.user_stream",
    "Attach": "venue",
    "Venue": "venue",
    "OptionsCreateListenKeyV1Resp": "wire.responses",
}
_MODULES = ("errors", "events")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = importlib.import_module("importlib.metadata").version("listenkey")
    elif name in _MODULES:
        return importlib.import_module(f"listenkey.{name}")
    elif name in __all__:
        value = getattr(importlib.import_module(f"listenkey.{_HOMES.get(name, 'events')}"), name)
    else:
        raise AttributeError(f"module 'listenkey' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
