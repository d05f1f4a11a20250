"""
Facts about Binance: hosts, paths, durations, weights, codes. Each with its source and the date it was read.

This is the only module the client and the sandbox share, so it holds facts and no behaviour. A fact that nothing
settles is marked "assumed" here, is a switch in the sandbox, and never a crash in the client.

Sources, short names (all read between 2025-11 and 2026-11):
    [O page]   https://developers.binance.com/docs/derivatives/options-trading/page, text of 2026-05-28
    [CL]       https://developers.binance.com/docs/derivatives/change-log, text of 2026-05-28
    [U page]   https://developers.binance.com/docs/derivatives/usds-margined-futures/page, the sibling product
    [SDK]      PyPI binance-sdk-derivatives-trading-options 8.2.0 to 8.7.0
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

# --- Paths -----------------------------------------------------------------------------------------------------------

LISTEN_KEY_PATH: Final = "/eapi/v1/listenKey"  # [O user-data-streams/Start-User-Data-Stream]
TIME_PATH: Final = "/eapi/v1/time"  # [O market-data/Check-Server-Time]
EXCHANGE_INFO_PATH: Final = "/eapi/v1/exchangeInfo"  # [O market-data/Exchange-Information]
MARGIN_ACCOUNT_PATH: Final = "/eapi/v1/marginAccount"  # [SDK account_api.py]
ACCOUNT_PATH: Final = "/eapi/v1/account"  # legacy, gone from the documentation since January 2026
POSITION_PATH: Final = "/eapi/v1/position"  # [O trade/Option-Position-Information]
OPEN_ORDERS_PATH: Final = "/eapi/v1/openOrders"  # [O trade/Query-Current-Open-Option-Orders]
HISTORY_ORDERS_PATH: Final = "/eapi/v1/historyOrders"  # [O trade/Query-Option-Order-History]
ORDER_PATH: Final = "/eapi/v1/order"  # [O trade]
USER_TRADES_PATH: Final = "/eapi/v1/userTrades"  # [O trade/Account-Trade-List]
BILL_PATH: Final = "/eapi/v1/bill"  # [L account/Account-Funding-Flow]
EXERCISE_RECORD: Final = "exerciseRecord"
BILL: Final = "bill"
"""Names of two answers of REST, where an event of ours is made of one of their rows."""

EXERCISE_RECORD_PATH: Final = "/eapi/v1/exerciseRecord"  # [O trade/User-Exercise-Record]
COMMISSION_PATH: Final = "/eapi/v1/commission"  # [O trade/User-Commission], since 2026-01-07 [CL]

API_KEY_HEADER: Final = "X-MBX-APIKEY"  # [O general-info]
USED_WEIGHT_HEADER: Final = "X-MBX-USED-WEIGHT-1M"  # [O general-info]; names come in any case
RETRY_AFTER_HEADER: Final = "Retry-After"  # not in the options documentation; optional

# --- Durations -------------------------------------------------------------------------------------------------------

KEY_VALID_S: Final = 60 * 60
"""A listen key lives 60 minutes from its creation, or from its last POST or PUT. [O user-data-streams]"""

SOCKET_LIFE_S: Final = 24 * 60 * 60
"""The server ends a connection after 24 hours. [O user-data-streams]"""

SERVER_PING_EVERY_S: Final = (180, 300)
"""[CL 2023-10-19] and [U websocket-market-streams] say 3 minutes, [O websocket-market-streams] says 5."""

SERVER_PONG_WITHIN_S: Final = (600, 900)
"""No pong for so long, and the server drops the connection; the same two sources, in the same order."""

LEAVING_EVENTS: Final = frozenset({"serverShutdown", "eventStreamTerminated"})
"""Spot's words for "this socket will be closed"; no options source has them, and they would mean the same."""

EXPIRY_HOUR_UTC: Final = 8
"""The hour at which all contracts end, on the day in their symbol. [O common-definition]"""

POSITION_BEAT_S: Final = 10
"""ACCOUNT_UPDATE and GREEK_UPDATE come so often while an account has a position. [O Event-Account-data]"""

RECV_WINDOW_MS: Final = 5_000
"""The age up to which a signed request is accepted when it does not say. [O general-info]"""

RECV_WINDOW_BELOW_MS: Final = 60_000
"""`recvWindow` must be less than this, else -1131. [O general-info]"""

CLOCK_AHEAD_MS: Final = 1_000
"""A timestamp must be less than the server's time plus this. [O general-info]"""

# --- Limits ----------------------------------------------------------------------------------------------------------

BAN_MAX_S: Final = 3 * 24 * 3600.0
"""The longest ban documented: three days. [O general-info] An end beyond it is a mistake and counts for nothing."""

WEIGHT_PER_MINUTE_ASSUMED: Final = 400
"""
The limit assumed until `exchangeInfo` has been read. Recorded live in October 2026 (gocryptotrader, options_test.go
@69f2a00d); the documentation prints 2400. The lower one is the safe one.
"""

WEIGHT_PER_MINUTE_DOCUMENTED: Final = 2400
"""The documented limit; assumed once an answer has shown more than the lower one. [O common-definition]"""

INCOMING_MESSAGES_PER_S: Final = 10
"""The messages a client may send per second; beyond it the server disconnects. [O websocket-market-streams]"""

STREAMS_PER_SOCKET: Final = 200
"""[O websocket-market-streams]"""

CONNECTIONS_PER_5_MIN: Final = 300
"""Connection attempts of one IP. Documented for spot, assumed for options."""

LISTEN_KEY_WEIGHT: Final = 1
"""The weight of POST, PUT and DELETE alike, counted per IP. [O user-data-streams]"""

WEIGHTS: Final = {
    LISTEN_KEY_PATH: LISTEN_KEY_WEIGHT,
    TIME_PATH: 1,
    EXCHANGE_INFO_PATH: 1,
    MARGIN_ACCOUNT_PATH: 3,
    ACCOUNT_PATH: 3,
    POSITION_PATH: 5,
    OPEN_ORDERS_PATH: 1,
    HISTORY_ORDERS_PATH: 3,
    ORDER_PATH: 1,
    USER_TRADES_PATH: 5,
    BILL_PATH: 1,
    EXERCISE_RECORD_PATH: 5,
    COMMISSION_PATH: 5,
}
"""Request weight by path, counted per IP and minute. The pages of the paths above; `openOrders` is with a symbol."""

OPEN_ORDERS_ALL_WEIGHT: Final = 40
"""`openOrders` without a symbol. [O trade/Query-Current-Open-Option-Orders]"""

ROWS_MAX: Final = 1_000
"""The largest `limit` of the lists, and so of one page. [O trade/Account-Trade-List]"""

TRADES_KEPT_S: Final = 90 * 24 * 3600
"""The age of the oldest rows of `userTrades` and `bill`: three months; beyond is -6073. [SDK]"""

ORDERS_KEPT_S: Final = 5 * 24 * 3600
"""The age of the oldest rows of `historyOrders`. [O trade/Query-Option-Order-History]"""

UNFILLED_ORDERS_KEPT_S: Final = 3 * 24 * 3600
"""The age, from their creation, beyond which `order` does not know orders that were cancelled unfilled. [O trade]"""


@dataclass(eq=False, slots=True)
class RestLimits:
    """
    The limits of REST's lists that a client goes by. They may change while it runs.

    Attributes:
        rows_max: The `limit` that is asked for, and so the rows of one page.
        trades_kept_s: The age of the oldest rows of `userTrades` and `bill`.
        orders_kept_s: The age of the oldest rows of `historyOrders`.
        unfilled_orders_kept_s: The age beyond which `order` does not know orders that were cancelled unfilled.
        margin_s: The part of `trades_kept_s` that is not asked for: a list from too early is refused as a whole.
    """

    rows_max: int = ROWS_MAX
    trades_kept_s: float = TRADES_KEPT_S
    orders_kept_s: float = ORDERS_KEPT_S
    unfilled_orders_kept_s: float = UNFILLED_ORDERS_KEPT_S
    margin_s: float = 24 * 3600


# --- Codes -----------------------------------------------------------------------------------------------------------


class Code:
    """
    Error codes that change what a caller does. The HTTP status is looked at first, always.

    Source: [O error-code]. -1003, -1006 and -1007 are other products' and are understood as well.
    """

    UNKNOWN: Final = -1000
    DISCONNECTED: Final = -1001
    UNAUTHORIZED: Final = -1002
    TOO_MANY_REQUESTS_ELSEWHERE: Final = -1003
    TIMEOUT_ELSEWHERE: Final = -1007
    TOO_MANY_REQUESTS: Final = -1008
    """The code of the rate limit on options. On USD-M and spot it means server overload: a trap."""
    SERVICE_SHUTTING_DOWN: Final = -1016
    INVALID_TIMESTAMP: Final = -1021
    INVALID_SIGNATURE: Final = -1022
    INVALID_LISTEN_KEY: Final = -1125
    BAD_RECV_WINDOW: Final = -1131
    NO_SUCH_ORDER: Final = -2013
    BAD_API_KEY_FMT: Final = -2014
    INVALID_API_KEY: Final = -2015
    USER_NOT_ACCESS: Final = -5002
    SEARCH_WINDOW: Final = -6073
    """Asked for more than three months back. [SDK 8.4.0]"""
    SPAN_TOO_LONG: Final = frozenset({-1127, -6030, -6031})
    """startTime and endTime too far apart; no page says how far is too far. [O error-code]"""


# --- Event names -----------------------------------------------------------------------------------------------------

ACCOUNT_UPDATE: Final = "ACCOUNT_UPDATE"
BALANCE_POSITION_UPDATE: Final = "BALANCE_POSITION_UPDATE"
GREEK_UPDATE: Final = "GREEK_UPDATE"
ORDER_TRADE_UPDATE: Final = "ORDER_TRADE_UPDATE"
RISK_LEVEL_CHANGE: Final = "RISK_LEVEL_CHANGE"
LISTEN_KEY_EXPIRED: Final = "listenKeyExpired"


# --- Places ----------------------------------------------------------------------------------------------------------


class Attach(Enum):
    """
    The ways to put a listen key on a socket.

    Which of them options take today is an open question, so each can be chosen. `SUBSCRIBE` is what every official
    connector does, and the only one that keeps the key out of a URL.
    """

    SUBSCRIBE = "subscribe"
    """Connect to `/private/stream`, send SUBSCRIBE with the key. [SDK]"""

    PATH = "path"
    """`/private/ws/<key>`. [O user-data-streams]"""

    QUERY = "query"
    """`/private/ws?listenKey=<key>`. [U Important-WebSocket-Change-Notice]; not documented for options."""

    STREAMS = "streams"
    """`/private/stream?streams=<key>`. Documented for the family's combined streams; assumed for `/private`."""

    LEGACY_PATH = "legacy-path"
    """`/ws/<key>`, before January 2026."""


@dataclass(frozen=True, slots=True)
class Venue:
    """
    One place to connect to.

    Args:
        rest_url: Scheme and host of the REST API, for example `https://eapi.binance.com`.
        ws_url: Scheme and host of the WebSocket, without `/private`, for example `wss://fstream.binance.com`.
        name: Its name in messages.
        attach: The way to attach a listen key to a socket.
        time_scale: The venue's seconds per second of ours. 1 everywhere but on a sandbox that was
            started with `--time-scale`.
    """

    rest_url: str
    ws_url: str
    name: str = "custom"
    attach: Attach = Attach.SUBSCRIBE
    time_scale: float = 1.0

    def __post_init__(self) -> None:
        for field, schemes in (("rest_url", ("https", "http")), ("ws_url", ("wss", "ws"))):
            value = getattr(self, field)
            parts = urlsplit(value)
            if parts.scheme not in schemes or not parts.hostname:
                raise ValueError(f"{field} must look like {schemes[0]}://host, not {value!r}")
            if parts.username or parts.password or parts.query or parts.fragment:
                raise ValueError(f"{field} takes a scheme, a host and at most a path")
            object.__setattr__(self, field, value.rstrip("/").removesuffix("/private"))
        if not self.time_scale > 0:
            raise ValueError("time_scale must be more than 0")


PRODUCTION: Final = Venue("https://eapi.binance.com", "wss://fstream.binance.com", "production")
"""[O user-data-streams], [O general-info]; the WebSocket host since January 2026."""

LEGACY: Final = Venue("https://eapi.binance.com", "wss://nbstream.binance.com/eoptions", "legacy", Attach.LEGACY_PATH)
"""The WebSocket host until January 2026. [L user-data-streams]"""

TESTNET: Final = Venue("https://testnet.binancefuture.com", "wss://fstream.binancefuture.com", "testnet")
"""[O general-info]"""

VENUES: Final = {venue.name: venue for venue in (PRODUCTION, LEGACY, TESTNET)}
