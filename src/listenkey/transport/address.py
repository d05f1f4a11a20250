"""Check the address a key is sent to: encrypted, or on this machine; a host unknown to us is reported."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from listenkey.errors import UsageError
from listenkey.venue import PRODUCTION, VENUES, Venue

PLAIN: Final = frozenset({"http", "ws"})
ENCRYPTED: Final = frozenset({"https", "wss"})

DOMAINS: Final = ("binance.com", "binancefuture.com")
"""Production, and the testnet. [O general-info]"""


def check(url: str) -> str:
    """
    The host of an address that a key may be sent to.

    Raises:
        UsageError: Not an address, or one that would carry the key in plain text over a network.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    scheme = url.partition("://")[0]
    # In small letters only: those who come after this compare the text, and must not take HTTP:// for something else.
    if not host or scheme not in PLAIN | ENCRYPTED:
        raise UsageError("the address must look like https://host or wss://host")
    if parts.username or parts.password or parts.query or parts.fragment or any(not "!" <= c <= "~" for c in url):
        raise UsageError(f"the address of {host} takes a scheme, a host, a port and at most a path")
    if scheme in PLAIN and not is_loopback(host):
        raise UsageError(f"{scheme}:// would carry the key to {host} in plain text; use {scheme}s://")
    return host


def check_http(url: str) -> str:
    """
    Return the host of an address that is read over HTTP, as `check` does; say which one is meant where it lacks a scheme.

    Raises:
        UsageError: As `check`, or the address is one of a WebSocket.
    """
    if url.startswith(("http://", "https://")):
        return check(url)
    raise UsageError(f"the address begins with https://, or on this machine with http://{_meant(url)}")


def _meant(url: str) -> str:
    """Return the advice for an address without a scheme; empty where none can be given, or where it may hold a secret."""
    if "://" in url:
        return ""
    try:
        host = urlsplit(f"//{url}").hostname or ""
        with_scheme = f"{'http' if is_loopback(host) else 'https'}://{url}"
        check(with_scheme)
    except (ValueError, UsageError):
        return ""
    return f"; write {with_scheme}"


def is_loopback(host: str) -> bool:
    """Return True where a host is this machine by name: 127.0.0.0/8, ::1 or localhost. Nothing is looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_venue(host: str) -> bool:
    """Return True where a host belongs to Binance, or is this machine, where a sandbox runs."""
    name = host.lower().rstrip(".")
    return is_loopback(host) or any(name == domain or name.endswith("." + domain) for domain in DOMAINS)


REST_URL: Final = "LISTENKEY_REST_URL"
WS_URL: Final = "LISTENKEY_WS_URL"
TIME_SCALE: Final = "LISTENKEY_TIME_SCALE"


def default_rest_url(environment: Mapping[str, str] = os.environ) -> str:
    """The REST address where a program names none: the environment's, else production's."""
    return environment.get(REST_URL) or PRODUCTION.rest_url


def default_venue(environment: Mapping[str, str] = os.environ) -> Venue:
    """
    The place where a program names none: the environment's two addresses, else production.

    Raises:
        UsageError: The environment names one address alone. The other would be production's, and a listen key would go
            where it does not belong.
    """
    rest_url, ws_url = environment.get(REST_URL), environment.get(WS_URL)
    if not rest_url and not ws_url:
        return PRODUCTION
    if not rest_url or not ws_url:
        is_set, is_missing = (REST_URL, WS_URL) if rest_url else (WS_URL, REST_URL)
        raise UsageError(f"{is_set} is set and {is_missing} is not: set both, or neither, or pass venue=")
    try:
        return Venue(rest_url, ws_url, "custom", time_scale=time_scale(environment))
    except ValueError as error:
        problem = str(error)
    raise UsageError(f"{REST_URL} and {WS_URL}: {problem}")


def time_scale(environment: Mapping[str, str]) -> float:
    """Return the venue's seconds per second of ours; 1 but on a sandbox that says so when it starts."""
    try:
        scale = float(environment.get(TIME_SCALE) or "1")
    except ValueError:
        scale = 0.0
    if not 0 < scale < float("inf"):
        raise UsageError(f"{TIME_SCALE} must be a number more than 0")
    return scale


def venue_of(venue: str | Venue | None) -> Venue:
    """
    The place that is meant, at addresses that a key may be sent to.

    Raises:
        UsageError: There is no venue of that name, or an address is not allowed.
    """
    if venue is None:
        venue = default_venue()
    elif isinstance(venue, str):
        try:
            venue = VENUES[venue]
        except KeyError:
            known = ", ".join(VENUES)
            raise UsageError(f"there is no venue {venue!r}: take one of {known}, or a Venue(...)") from None
    for url in (venue.rest_url, venue.ws_url):
        check(url)
    return venue
