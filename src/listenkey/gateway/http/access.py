"""
Decide who may ask: the Host against DNS rebinding, the Origin against pages of other places, the token against everybody.

The checks stand before the routes, so that a path that does not exist is no less guarded than one that does.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections import OrderedDict, deque
from typing import Final, NamedTuple

from listenkey.credentials import Secret
from listenkey.gateway.http.answers import Problem

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
ANY_ADDRESS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to
HTTP_PORT: Final = 80

TRIES_MAX: Final = 5
TRIES_WITHIN_S: Final = 60.0
"""Wrong tokens of one address within a minute that are told they are wrong; more are told to wait."""

ADDRESSES_MAX: Final = 1024
"""Addresses whose wrong tokens are remembered; the one that was seen longest ago is forgotten first."""

IPV6_SITE_BITS: Final = 64
"""One site has at least so many bits of IPv6 addresses for itself, so they count as one address."""


class Caller(NamedTuple):
    """
    The facts of a request that say where it comes from.

    Attributes:
        hosts: The Host headers, and the host of the request's target where that is a whole URL.
        origin: The Origin header.
        authorization: The Authorization headers.
        address: The address that the connection comes from.
        local_address: The address that it came to.
    """

    hosts: tuple[str, ...]
    origin: str | None
    authorization: tuple[str, ...]
    address: str
    local_address: str = ""


class WrongTokens:
    """Counts wrong tokens by address. Who has the right one is never asked to wait."""

    def __init__(self) -> None:
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, address: str, now_s: float) -> float:
        """Note a wrong token; return how long this address is to wait, 0 where it may try again."""
        site = _site(address)
        tries = self._tries.setdefault(site, deque(maxlen=TRIES_MAX))
        self._tries.move_to_end(site)
        if len(self._tries) > ADDRESSES_MAX:
            self._tries.popitem(last=False)
        if len(tries) == TRIES_MAX and now_s - tries[0] < TRIES_WITHIN_S:
            return TRIES_WITHIN_S - (now_s - tries[0])
        tries.append(now_s)
        return 0.0


class AccessControl:
    """
    Lets in who has the token and comes from no other place's page.

    Args:
        token: The token of every reader and of who adds accounts; None where none is asked for.
        host: The address the server listens on.
        port: Its port.
    """

    def __init__(self, token: Secret | None, host: str, port: int) -> None:
        self._token = None if token is None else token.reveal().encode()
        self._names = LOOPBACK_NAMES | ({host.strip("[]").lower()} - ANY_ADDRESS)
        self._port = port
        self._wrong = WrongTokens()

    def check_place(self, caller: Caller) -> None:
        """
        Refuse a name that is not this server's, and a page that is not from here.

        Raises:
            Problem: 421 or 403.
        """
        if len(caller.hosts) == 0 or not all(self._is_ours(host, caller.local_address) for host in caller.hosts):
            raise Problem(
                421,
                "wrong_host",
                "The Host of the request is not the name of this gateway.",
                "Ask for it by the address it printed at its start; a proxy must pass that on as Host.",
            )
        if caller.origin is not None and not self._is_own(caller.origin, caller.local_address):
            raise Problem(
                403,
                "wrong_origin",
                "A page of another origin may not use this gateway.",
                "Ask from a program, without an Origin header.",
            )

    def check_token(self, caller: Caller, now_s: float) -> None:
        """
        Refuse who has not the token.

        Raises:
            Problem: 401; 429 where this address has tried too often.
        """
        if self._token is None:
            return
        given = [_bearer(value) for value in caller.authorization]
        if len(given) == 1 and hmac.compare_digest(given[0], self._token):
            return
        if not given:
            raise _unauthorized("missing_token", "There is no token.")
        wait_s = self._wrong.wait_s(caller.address, now_s)
        if wait_s:
            raise Problem(
                429,
                "too_many_wrong_tokens",
                "Too many wrong tokens came from this address.",
                "Wait as long as Retry-After says, or send the right token.",
                headers={"Retry-After": str(int(wait_s) + 1)},
            )
        raise _unauthorized("wrong_token", "The token is wrong.")

    def _is_own(self, origin: str, local_address: str) -> bool:
        scheme, separator, host = origin.partition("://")
        return bool(separator) and scheme == "http" and self._is_ours(host, local_address)

    def _is_ours(self, host: str, local_address: str) -> bool:
        """
        Return True where a Host is this server's.

        The address that the connection came to is one too, since a server may listen on all of them: a name that
        rebinds is never an address.
        """
        split = _split(host)
        if split is None:
            return False
        name, port = split
        return port == self._port and (name in self._names or (name == local_address != ""))


def _unauthorized(error: str, message: str) -> Problem:
    return Problem(
        401,
        error,
        message,
        "Send the header Authorization: Bearer TOKEN with the token of this gateway.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def _bearer(value: str) -> bytes:
    """Return the token of an Authorization header; empty, which is no token, where there is none in it."""
    scheme, _, token = value.partition(" ")
    return token.strip().encode("utf-8", "surrogateescape") if scheme.lower() == "bearer" else b""


def _split(host: str) -> tuple[str, int] | None:
    """Return name and port of a Host, in small letters; None where it is none."""
    name, port = host.lower(), ""
    if name.startswith("["):
        name, closed, rest = name[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            return None
        port = rest[1:]
    elif ":" in name:
        name, _, port = name.partition(":")
    if not name or (port and not (port.isascii() and port.isdigit() and len(port) <= len("65535"))):
        return None
    return name, int(port) if port else HTTP_PORT


def _site(address: str) -> str:
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if known.version == 4:
        return str(known)
    return str(ipaddress.ip_network((known, IPV6_SITE_BITS), strict=False))
