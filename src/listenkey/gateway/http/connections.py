"""
aiohttp's server with bounds: headers and answers have their time, and who asks nothing never keeps out who does.

A connection waits from its first moment, and again after each answer, until the headers of a request are there. Only so
many may wait; one more ends the one that has waited longest. So a thousand half-open connections cost a bounded amount
of memory for ten seconds, and the next reader gets in all the same.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from listenkey.gateway.http.answers import JSON, STANDING_HEADERS, Problem, refusal

if TYPE_CHECKING:
    from aiohttp import StreamReader
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http import RawRequestMessage

HEADERS_WITHIN_S: Final = 10.0
"""The time from a connection's beginning, or from a later request's first byte, to the end of the headers."""

ANSWER_WITHIN_S: Final = 30.0
"""The time in which an answer has to be taken; a reader of events has its own rule."""

IDLE_S: Final = 60.0
"""The time that a connection may stay open between two requests."""

WAITING_MAX: Final = 512
CONNECTIONS_MAX: Final = 2048
"""Connections without a request, and connections at all."""

LINE_BYTES_MAX: Final = 4 * 1024
HEADERS_MAX: Final = 64
"""The bytes of the request's line and of each header, and the number of headers."""

LINGER_S: Final = 2.0
"""The time for which the rest of a body that nobody read is thrown away before the connection is closed."""

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class GuardedConnection(web.RequestHandler):
    """One connection, with the time it has for each step."""

    _manager: GuardedServer | None

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._deadline: asyncio.TimerHandle | None = None
        self._waits = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request; where there are too many connections, the connection ends."""
        super().connection_made(transport)
        _end_where_nothing_is_taken(transport)
        self._begin_deadline()
        if self._manager is not None:
            self._manager.waits(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes; outside of a request they begin one."""
        if self._waits and self._deadline is None:
            self._begin_deadline()
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self._end_deadline()
        if self._manager is not None:
            self._manager.forget(self)
        super().connection_lost(exc)

    def request_came(self) -> None:
        """Note that the headers of a request are there."""
        self._waits = False
        self._end_deadline()
        if self._manager is not None:
            self._manager.is_busy(self)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Write the rest of an answer, as long as somebody takes it; then wait for the next request."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                finished = await super().finish_response(request, resp, start_time)
        except TimeoutError:
            self.abort()
            return resp, True
        self._waits = True
        if self._manager is not None:
            self._manager.waits(self)
        return finished

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no request of HTTP. aiohttp's own answer, and its log, would quote it."""
        del exc, message
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun")
        answer = refusal(
            Problem(status, "bad_request", "This is not a request of HTTP that the gateway takes.", "Mend the request.")
        )
        answer.force_close()
        return answer

    def abort(self) -> None:
        """End the connection at once, whatever waits to be written."""
        if self.transport is not None:
            self.transport.abort()

    def _begin_deadline(self) -> None:
        self._deadline = self._loop.call_later(HEADERS_WITHIN_S, self._too_slow)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self.transport is not None:
            self.transport.write(_TOO_SLOW)
            self.transport.close()


class GuardedServer(web.Server):
    """
    A server of such connections.

    Args:
        answer: Answers one request.

    Attributes:
        refused: Connections that were ended to make room.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer, request_factory=self._request, handler_cancellation=True, access_log=None)
        self._waiting: dict[GuardedConnection, None] = {}
        self._busy: set[GuardedConnection] = set()
        self.refused = 0
        # aiohttp's WebSocket has a logger of its own, and warns there of what a client wants to speak.
        logging.getLogger("aiohttp.websocket").addFilter(_without_quotes)

    def __call__(self) -> web.RequestHandler:
        """Make the connection that has come."""
        return GuardedConnection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,
            logger=_quiet_logger(),
            keepalive_timeout=IDLE_S,
            lingering_time=LINGER_S,
            max_line_size=LINE_BYTES_MAX,
            max_field_size=LINE_BYTES_MAX,
            max_headers=HEADERS_MAX,
            auto_decompress=False,
        )

    @property
    def connections_open(self) -> int:
        """Connections that are open now."""
        return len(self._waiting) + len(self._busy)

    def waits(self, connection: GuardedConnection) -> None:
        """Note that a connection has no request; end the one that has waited longest where there are too many."""
        self._busy.discard(connection)
        self._waiting[connection] = None
        if len(self._waiting) > WAITING_MAX or self.connections_open > CONNECTIONS_MAX:
            self.refused += 1
            longest = next(iter(self._waiting))
            del self._waiting[longest]
            longest.abort()

    def is_busy(self, connection: GuardedConnection) -> None:
        """Note that a connection has a request."""
        self._waiting.pop(connection, None)
        self._busy.add(connection)

    def forget(self, connection: GuardedConnection) -> None:
        """Note that a connection is gone."""
        self._waiting.pop(connection, None)
        self._busy.discard(connection)

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        if isinstance(protocol, GuardedConnection):
            protocol.request_came()
        return web.BaseRequest(message, payload, protocol, writer, task, asyncio.get_running_loop())


_TOO_SLOW: Final = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n"
    + f"Content-Type: {JSON}\r\n".encode()
    + b"".join(f"{name}: {value}\r\n".encode() for name, value in STANDING_HEADERS.items())
    + b"\r\n"
)


def _end_where_nothing_is_taken(transport: asyncio.BaseTransport) -> None:
    """Have the system end a connection whose other side takes nothing for half a minute, or is gone; on Linux."""
    found = transport.get_extra_info("socket")
    if found is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(ANSWER_WITHIN_S * 1000))


def _quiet_logger() -> logging.Logger:
    """Make aiohttp's logger quiet: its records quote a client's wrong input, which could be a token."""
    logger = logging.getLogger("listenkey.gateway.aiohttp")
    logger.addFilter(_without_quotes)
    return logger


def _without_quotes(record: logging.LogRecord) -> bool:
    record.msg, record.args, record.exc_info, record.exc_text = "a client sent bad HTTP", (), None, None
    record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return logging.getLogger("listenkey.gateway").isEnabledFor(logging.DEBUG)
