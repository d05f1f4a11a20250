"""aiohttp's server with what a sandbox adds: marked and dated answers, and a time limit on headers."""

from __future__ import annotations

import asyncio
import logging
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import StreamReader
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http import RawRequestMessage

HEADERS_TIMEOUT_S: Final = 10.0
"""The time from a request's first byte to the end of its headers, so that slow clients hold no connection."""

IDLE_CONNECTION_S: Final = 60.0
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\nX-Sandbox: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def standing_headers(now_ms: int) -> dict[str, str]:
    """Return the headers of every answer. The date is the exchange's, which may be another one than this machine's."""
    return {"X-Sandbox": "1", "Server": "listenkey-sandbox", "Date": _date(now_ms // 1000)}


@lru_cache(maxsize=1)
def _date(now_s: int) -> str:
    return formatdate(now_s, usegmt=True)


class MarkedRequest(web.BaseRequest):
    """A request whose every answer, also the server's own, says that this is no exchange."""

    now_ms: Callable[[], int]
    """The time that answers tell; set by the server."""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers.update(standing_headers(self.now_ms()))


class TimedConnection(web.RequestHandler):
    """One connection. Its requests' headers have to come within `HEADERS_TIMEOUT_S`."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._deadline: asyncio.TimerHandle | None = None
        self._busy = False
        """True while a request is being answered, so that incoming data belongs to it."""

    def data_received(self, data: bytes) -> None:
        """Bytes came; outside of a request they begin one."""
        if self._deadline is None and not self._busy:
            self._deadline = asyncio.get_running_loop().call_later(HEADERS_TIMEOUT_S, self._too_slow)
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def headers_came(self) -> None:
        """A request is about to be answered."""
        self._busy = True
        self._stop_waiting()

    def answered(self) -> None:
        """The next bytes are another request."""
        self._busy = False

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self.transport is not None:
            self.transport.write(_TOO_SLOW)
            self.transport.close()


class TimedServer(web.Server):
    """
    A server of such connections.

    Args:
        answer: Answers one request.
        now_ms: The time that answers tell.
    """

    def __init__(self, answer: Callable[[web.BaseRequest], Any], now_ms: Callable[[], int]) -> None:
        super().__init__(
            answer,
            request_factory=self._request,
            access_log=None,
            logger=_quiet_logger(),
            keepalive_timeout=IDLE_CONNECTION_S,
        )
        self._now_ms = now_ms

    def __call__(self) -> web.RequestHandler:
        """Make the connection that has come."""
        return TimedConnection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,
            logger=_quiet_logger(),
            keepalive_timeout=IDLE_CONNECTION_S,
        )

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> MarkedRequest:
        if isinstance(protocol, TimedConnection):
            protocol.headers_came()
        request = MarkedRequest(message, payload, protocol, writer, task, asyncio.get_running_loop())
        request.now_ms = self._now_ms
        return request


def _quiet_logger() -> logging.Logger:
    """Make aiohttp's logger quiet: its records quote a client's wrong input, which could be a key."""
    logger = logging.getLogger("listenkey.sandbox.aiohttp")
    logger.addFilter(_without_quotes)
    return logger


def _without_quotes(record: logging.LogRecord) -> bool:
    record.msg, record.args, record.exc_info, record.exc_text = "a client sent bad HTTP", (), None, None
    record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return logging.getLogger("listenkey.sandbox").isEnabledFor(logging.DEBUG)
