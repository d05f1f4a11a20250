"""
Build the requests to the venue, as values, each with a function here; `transport.base.Http` sends them.

Only what stands in `ALLOWED` can be made into a Request: the three listenKey calls and reading. This library can't
place, cancel or withdraw anything, whatever permissions its API key has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from listenkey import venue
from listenkey.credentials import Credentials, Secret
from listenkey.errors import UsageError
from listenkey.wire.redaction import MaskedText
from listenkey.wire.signing import Params, Signer, encode

WITHIN_S: Final = 10.0
"""
The longest time a request may take in all, connecting and reading included. The official connector waits 1 s, ccxt
10 s. A renewal has minutes, and a request slower than this is better sent again.
"""

ALLOWED: Final = frozenset(
    {
        ("POST", venue.LISTEN_KEY_PATH),
        ("PUT", venue.LISTEN_KEY_PATH),
        ("DELETE", venue.LISTEN_KEY_PATH),
        ("GET", venue.TIME_PATH),
        ("GET", venue.EXCHANGE_INFO_PATH),
        ("GET", venue.MARGIN_ACCOUNT_PATH),
        ("GET", venue.ACCOUNT_PATH),
        ("GET", venue.POSITION_PATH),
        ("GET", venue.OPEN_ORDERS_PATH),
        ("GET", venue.HISTORY_ORDERS_PATH),
        ("GET", venue.ORDER_PATH),
        ("GET", venue.USER_TRADES_PATH),
        ("GET", venue.BILL_PATH),
        ("GET", venue.EXERCISE_RECORD_PATH),
        ("GET", venue.COMMISSION_PATH),
    }
)
"""Every method and path this library can send. Looked at when a Request is made, and again by what sends it."""


_NOT_ENCODED: Final = re.compile(r"[^!-~]|#")


def check_allowed(method: str, path: str) -> None:
    """Raise UsageError unless the pair stands in `ALLOWED`."""
    if (method, path) not in ALLOWED:
        raise UsageError(f"{method} {path} is not among the calls this library makes; it reads, and never trades")


@dataclass(frozen=True, slots=True)
class Request:
    """
    One request, ready to be sent.

    Attributes:
        method: GET, POST, PUT or DELETE.
        path: From the root of the host, as in `venue`.
        query: Encoded text, sent exactly as it is; may hold a signature, so `repr` leaves it out.
        api_key: Goes into the header X-MBX-APIKEY; None on public calls.
        timeout_s: How long it may take in all.
    """

    method: str
    path: str
    query: str = field(default="", repr=False)
    api_key: Secret | None = None
    timeout_s: float = WITHIN_S

    def __post_init__(self) -> None:
        check_allowed(self.method, self.path)
        if self.query and self.method != "GET":
            raise UsageError(f"{self.what} takes no parameters")
        if _NOT_ENCODED.search(self.query):
            raise UsageError(f"{self.what}: the query is not encoded")
        if not 0 < self.timeout_s < float("inf"):
            raise UsageError("timeout_s must be more than 0 and finite")

    @property
    def what(self) -> str:
        """Method and path, for messages: never the query, never the host."""
        return f"{self.method} {self.path}"

    def wire_headers(self) -> dict[str, str]:
        """
        The headers as they go on the wire, the API key in plain text. For what sends, at the moment of sending.

        No Content-Type: there is no body. Source: [O general-info], [O user-data-streams].
        """
        headers = {"Accept": "application/json"}
        if self.api_key is not None:
            headers[venue.API_KEY_HEADER] = MaskedText(self.api_key.reveal())
        return headers


def create_listen_key(credentials: Credentials, timeout_s: float = WITHIN_S) -> Request:
    """
    POST: a listen key, valid for 60 minutes; the active one, extended, where the account has one.

    Source: [O user-data-streams/Start-User-Data-Stream]. Weight 1. No signature, no parameters.
    """
    return Request("POST", venue.LISTEN_KEY_PATH, api_key=credentials.api_key, timeout_s=timeout_s)


def renew_listen_key(credentials: Credentials, timeout_s: float = WITHIN_S) -> Request:
    """
    PUT: the account's listen key is valid for 60 minutes from now.

    Source: [O user-data-streams/Keepalive-User-Data-Stream]. Weight 1. It names no key: there is one an account.
    """
    return Request("PUT", venue.LISTEN_KEY_PATH, api_key=credentials.api_key, timeout_s=timeout_s)


def close_listen_key(credentials: Credentials, timeout_s: float = WITHIN_S) -> Request:
    """
    DELETE: the account's listen key ends, and the stream of every program that uses it.

    Source: [L user-data-streams/Close-User-Data-Stream]. Weight 1.
    """
    return Request("DELETE", venue.LISTEN_KEY_PATH, api_key=credentials.api_key, timeout_s=timeout_s)


def server_time(timeout_s: float = WITHIN_S) -> Request:
    """GET: the venue's time. Public: the API key is not sent. Weight 1. Source: [O market-data/Check-Server-Time]."""
    return Request("GET", venue.TIME_PATH, timeout_s=timeout_s)


def exchange_info(timeout_s: float = WITHIN_S) -> Request:
    """GET: symbols and limits. Public. Weight 1. Source: [O market-data/Exchange-Information]."""
    return Request("GET", venue.EXCHANGE_INFO_PATH, timeout_s=timeout_s)


def signed_get(
    path: str,
    params: Params,
    credentials: Credentials,
    timestamp_ms: int,
    recv_window_ms: int = venue.RECV_WINDOW_MS,
    *,
    signer: Signer | None = None,
    timeout_s: float = WITHIN_S,
) -> Request:
    """
    GET with a signature: the snapshots of an account.

    Args:
        path: One that `ALLOWED` has with GET.
        params: Without timestamp, recvWindow and signature: these are added last, in this order.
        credentials: For the API key, and for the signature where no signer is given.
        timestamp_ms: The venue's time as well as it is known, epoch ms.
        recv_window_ms: How old the request may be on arrival; from 1 to 59,999.
        signer: Made once from the credentials, for callers that sign often.
        timeout_s: How long it may take in all.

    Raises:
        UsageError: A path that is not allowed, a window the venue refuses (-1131), nothing to sign with.

    Source: [O general-info], "Signed endpoint security".
    """
    check_allowed("GET", path)
    if not 0 < recv_window_ms < venue.RECV_WINDOW_BELOW_MS:
        raise UsageError(f"recv_window_ms must be from 1 to {venue.RECV_WINDOW_BELOW_MS - 1}")
    if taken := {"timestamp", "recvWindow", "signature"} & params.keys():
        raise UsageError(f"{', '.join(sorted(taken))}: added here, don't pass it")
    signer = signer or Signer.of(credentials)
    text = encode({**params, "recvWindow": recv_window_ms, "timestamp": timestamp_ms})
    return Request("GET", path, signer.signed(text), credentials.api_key, timeout_s)
