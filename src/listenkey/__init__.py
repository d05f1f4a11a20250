"""
The Binance Options user data stream, made trustworthy.

The three listenKey calls (`UserDataStreamsApi`, `AsyncUserDataStreamsApi`), the stream that stays alive (`UserStream`)
and the words for what it brings. `listenkey.testing` has a local exchange for tests.
"""

from __future__ import annotations

import logging as _logging
from importlib.metadata import version as _version

from listenkey import errors, events
from listenkey.blocking import BlockingUserStream
from listenkey.core.timing import Timing
from listenkey.errors import ListenKeyError
from listenkey.events import (
    AccountUpdate,
    BalancePositionUpdate,
    Event,
    GreekUpdate,
    LegacyAccountUpdate,
    LegacyOrderTradeUpdate,
    ListenKeyExpired,
    OrderTradeUpdate,
    RiskLevelChange,
    UnknownEvent,
)
from listenkey.health import Health
from listenkey.items import GapClosed, GapOpened, Item, Live, Update
from listenkey.rest import AsyncUserDataStreamsApi, UserDataStreamsApi
from listenkey.stream import UserStream
from listenkey.venue import Attach, Venue
from listenkey.wire.responses import OptionsCreateListenKeyV1Resp

# What a stream does is logged under "listenkey"; an application that configures no logging hears nothing of it.
_logging.getLogger("listenkey").addHandler(_logging.NullHandler())

__version__ = _version("listenkey")

__all__ = [
    "AccountUpdate",
    "AsyncUserDataStreamsApi",
    "Attach",
    "BalancePositionUpdate",
    "BlockingUserStream",
    "Event",
    "GapClosed",
    "GapOpened",
    "GreekUpdate",
    "Health",
    "Item",
    "LegacyAccountUpdate",
    "LegacyOrderTradeUpdate",
    "ListenKeyError",
    "ListenKeyExpired",
    "Live",
    "OptionsCreateListenKeyV1Resp",
    "OrderTradeUpdate",
    "RiskLevelChange",
    "Timing",
    "UnknownEvent",
    "Update",
    "UserDataStreamsApi",
    "UserStream",
    "Venue",
    "__version__",
    "errors",
    "events",
]
