"""
The unknowns about the venue, as switches.

Each is an open question of the public documentation. The default is the best-supported answer; a client must live with
every other. `GET /sandbox/v1/switches` lists them, `POST` sets them while the sandbox runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_type_hints

import msgspec

from listenkey import venue

if TYPE_CHECKING:
    from collections.abc import Mapping

Generation: TypeAlias = Literal["current", "legacy"]
AddressForm: TypeAlias = Literal["subscribe", "path", "query", "multi-query", "streams", "legacy-path"]
SignatureOver: TypeAlias = Literal["sent", "decoded", "either"]

ALL_FORMS: tuple[AddressForm, ...] = ("subscribe", "path", "query", "multi-query", "streams", "legacy-path")
_SIGNED: Final = "rate_limit_code"


@dataclass(slots=True, kw_only=True)
class Switches:
    """The exchange's manners, all changeable at run time."""

    generation: Generation = "current"
    """Event and answer shapes of before or after January 2026."""

    address_forms: tuple[AddressForm, ...] = ALL_FORMS
    """The ways of attaching a key that deliver events; others are accepted and stay silent."""

    envelope_on_ws: bool = False
    """True: `/ws/<key>` and `/ws?listenKey=` wrap payloads in an envelope. `/stream` always does."""

    bad_key: Literal["silent", "refuse", "close"] = "silent"
    """A wrong, expired or foreign key at connect or SUBSCRIBE: acknowledged and silent, refused, or closed (1008)."""

    after_key_end: Literal["open", "close"] = "open"
    """The fate of a socket whose key expired or was deleted."""

    delete_pushes_expired: bool = True
    """True: DELETE pushes `listenKeyExpired`, as on USD-M."""

    expired_event_time: Literal["string", "number"] = "string"
    """The type of `E` in `listenKeyExpired`; pages disagree."""

    ping_every_s: int = min(venue.SERVER_PING_EVERY_S)
    """Between the server's pings: 180 or 300 by the documentation."""

    pong_within_s: int = min(venue.SERVER_PONG_WITHIN_S)
    """No pong for so long and the socket is dropped: 600 or 900."""

    status_key_unknown: int = 400
    """HTTP status of -1125."""

    status_bad_api_key: int = 401
    """HTTP status of -2014 and -2015."""

    rate_limit_code: int = -1008
    """-1008 by the options page, -1003 as on every other product."""

    status_rate_limited: int = 429
    status_banned: int = 418
    """HTTP statuses of that code; they are documented, their pairing with it is not."""

    lower_case_headers: bool = False
    """True: the API's own headers come in lower case. Names mean the same in any case, and often arrive so."""

    retry_after: bool = True
    """True: 429 and 418 carry `Retry-After`."""

    closed_key_lenient: bool = False
    """PUT and DELETE without an active key answer `{}` instead of 400 -1125."""

    put_answers_key: bool = False
    """PUT answers `{"listenKey": ...}` as on USD-M, instead of `{}`."""

    post_answers_expiration: bool = True
    """True: POST's answer carries `expiration`."""

    list_shows_keys: bool = True
    """True: LIST_SUBSCRIPTIONS shows listen keys."""

    fill_events: tuple[str, ...] = ("ORDER_TRADE_UPDATE", "BALANCE_POSITION_UPDATE", "ACCOUNT_UPDATE", "GREEK_UPDATE")
    """The events that one fill pushes, in this order."""

    position_events: Literal["each", "gathered", "none"] = "each"
    """BALANCE_POSITION_UPDATE after each fill, once for the fills of 50 ms, or never."""

    order_ids: Literal["global", "contract"] = "global"
    """The scope of order ids: all contracts, or one; then two contracts give the same id."""

    empty_fields: Literal["plain", "absent", "null", "empty"] = "plain"
    """The form of a field that does not apply, in events and REST rows: as in the samples, left out, null, or ""."""

    amount_format: Literal["plain", "exponent"] = "plain"
    """The form of amounts: plain digits, or as Java's BigDecimal prints itself: `0E-8`, `1E+2`."""

    maker_fee: bool = True
    """True: makers are charged. A fill without a commission is one whose `n` and `N` do not apply."""

    exercise_reason: str = "EXERCISE"
    """`m` of the BALANCE_POSITION_UPDATE at option expiry; no value is documented."""

    liquidation_reason: str = "ORDER"
    """`m` of the BALANCE_POSITION_UPDATE of a liquidation's fill; no value is documented."""

    liquidation_execution: Literal["TRADE", "CALCULATED"] = "TRADE"
    """Execution type of a liquidation's fills; CALCULATED is that of portfolio margin."""

    ioc_remainder: Literal["EXPIRED", "CANCELED"] = "EXPIRED"
    """The status in which the unfilled rest of an IOC order ends."""

    expired_contract_reads: Literal["answered", "refused"] = "answered"
    """The answer of REST about orders and trades of a contract that is over: it reads them, or refuses with -1121."""

    account_path: Literal["answered", "gone"] = "answered"
    """The answer of `GET /eapi/v1/account`, which left the documentation in January 2026."""

    signature_over: SignatureOver = "sent"
    """The text that a signature is over: as sent, percent-encoded, or before it was encoded."""

    keys_per_socket: Literal["all", "first", "last", "refused", "closed"] = "all"
    """
    The listen keys that deliver, of several valid ones on one socket; the others are acknowledged and silent. Or a
    further one is refused (code 2), or ends the socket (1008).
    """

    envelope_stream: Literal["key", "event"] = "key"
    """The name in the envelope of a user event: its listen key, as documented, or its type."""

    naked_sell: bool = True
    """True: options may be written, sold beyond what is held; else -6057. `exchangeInfo` says it of each symbol."""

    rejects_cancels: bool = False
    """True: DELETE of an order is refused with -6063; no page says when the venue does."""

    span_hours_max: int = 0
    """The longest span from startTime to endTime, hours; 0 is any. The codes exist, a bound is not documented."""

    span_code: Literal[-1127, -6030] = -1127
    """The code that refuses a longer span."""

    bill_row_per_fill: bool = True
    """True: each fill makes a CONTRACT row (and a FEE row) in `bill`."""

    sell_quantity_negative_in_history: bool = False
    """The one published SELL row of `historyOrders` has negative quantities."""

    weight_per_minute: int = 2400
    orders_per_minute: int = 1200
    orders_per_10_s: int = 300
    """Limits; sources disagree (400 to 3000 a minute)."""

    messages_per_s: int = venue.INCOMING_MESSAGES_PER_S
    """Incoming messages a socket may send in a second."""

    connections_per_5_min: int = 300
    """Connection attempts of one address."""

    lenient_timestamps: bool = False
    """Accept any `timestamp` in signed requests: for clients that can't follow a clock that is scaled or moved."""


def changed(switches: Switches, changes: Mapping[str, Any]) -> None:
    """
    Sets switches by name, all of them or none.

    Raises:
        ValueError: A name is unknown, or a value is not one the switch takes.
    """
    hints = get_type_hints(Switches)
    new: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in hints:
            raise ValueError(f"no switch is called {name!r}; there are {', '.join(sorted(hints))}")
        try:
            new[name] = msgspec.convert(value, hints[name], strict=True)
        except msgspec.ValidationError as error:
            raise ValueError(f"{name}: {error}") from None
        if isinstance(new[name], int) and not isinstance(new[name], bool) and new[name] < 0 and name != _SIGNED:
            raise ValueError(f"{name} must not be negative")
    for name, value in new.items():
        setattr(switches, name, value)
