"""The interface to the network: an object that sends a request. Tests and users may bring their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from listenkey.credentials import Secret
from listenkey.errors import Disconnected
from listenkey.wire.requests import Request
from listenkey.wire.responses import Response

__all__ = ["Connect", "Http", "Request", "Response", "Seat", "Seats", "Socket"]


class Http(Protocol):
    """Sends requests."""

    async def send(self, request: Request, base_url: str) -> Response:
        """
        Send one request and read its whole answer.

        Args:
            request: What to send.
            base_url: Scheme and host, for example `https://eapi.binance.com`.

        Raises:
            UsageError: The request or the address is not allowed.
            TransportError: Nobody answered.
            ProtocolError: What came is not an answer of HTTP, too large, or a redirect.
        """

    async def aclose(self) -> None:
        """Close everything. May be called twice; nothing can be sent after it."""


class Socket(Protocol):
    """One open connection."""

    def send_text(self, text: bytes) -> None:
        """Send one text message; nothing happens on a connection that has ended."""

    def ping(self, number: int) -> None:
        """Send a ping; its number comes back with the pong."""

    def abort(self) -> None:
        """Drop the connection at once, with no closing handshake."""

    def close(self) -> None:
        """Say goodbye and hang up."""

    def pause(self) -> None:
        """Read no more until `resume`, so that data waits in the system; what was read before may still come."""

    def resume(self) -> None:
        """Read again."""

    def read_less(self) -> None:
        """Much came at once: from now on read no more at a time than is good. Called again, it does nothing."""


class Connect(Protocol):
    """Opens connections. All callbacks are called from the event loop, in the order of the wire."""

    async def __call__(
        self,
        url: str,
        on_message: Callable[[bytes], None],
        on_heard: Callable[[], None],
        on_pong: Callable[[int], None],
        on_lost: Callable[[Disconnected], None],
        *,
        timeout_s: float,
    ) -> Socket:
        """
        Connect and shake hands.

        Args:
            url: `wss://…`, or `ws://` to loopback. It may hold the listen key, so no error shows it.
            on_message: Gets each whole message.
            on_heard: Called once for each batch of bytes that held a frame, after its messages.
            on_pong: Gets the number of the ping that was answered.
            on_lost: Called once, with the reason, when the connection has ended, whoever ended it.
            timeout_s: For everything together.

        Raises:
            UsageError: The address is not allowed.
            TransportError: Nobody answered.
            VenueError: The handshake was answered with an HTTP error.
        """


class Seat(Protocol):
    """The right to one connection among several that share a socket. It connects once; the address it is given does not count."""

    @property
    def connect(self) -> Connect:
        """Waits until the socket is open."""

    @property
    def age_s(self) -> float:
        """The time for which the socket has been open, seconds: the venue ends it at an age, whoever joined it when."""

    def leave(self) -> None:
        """Give the right back, used or not. May be called twice."""


class Seats(Protocol):
    """Gives the streams of a process their connections, where these are not as many as there are sockets."""

    async def seat(self, key: Secret, risk: tuple[int, ...]) -> Seat:
        """
        Wait until there is room for a listen key on a socket that does not have it.

        Args:
            key: The listen key.
            risk: What is at stake for its account; the larger goes first.

        Raises:
            RateLimited, Banned: The venue wants no more sockets for a while.
        """
