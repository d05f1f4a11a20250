"""
Sends requests with aiohttp. See decisions/0003.

What an answer may be is bounded before it is read: by time, by bytes, by headers. Nothing that leaves this module
carries a URL or a header of the request, and nothing it raises has a context that does.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from listenkey import errors
from listenkey.transport import address, tls
from listenkey.transport.apart import apart
from listenkey.transport.base import Request, Response
from listenkey.wire.requests import check_allowed
from listenkey.wire.responses import BODY_MAX

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger(__name__)

CONNECT_WITHIN_S: Final = 5.0
"""Name, TCP and TLS together. binance-common has 1 s for all of a request, aiohttp 30 s for TCP alone."""

HEADERS_MAX: Final = 100
HEADER_BYTES_MAX: Final = 8 * 1024
HEADERS_BYTES_MAX: Final = 16 * 1024
"""The limits on an answer's headers: count, size of one, size of all. nginx, too, sends at most 8 KiB."""

ANSWER_BYTES_MAX: Final = BODY_MAX + HEADERS_BYTES_MAX + 64 * 1024
"""The bytes of one connection between two requests: an answer, its framing, and what comes before it (1XX)."""

MESSAGES_WAITING_MAX: Final = 8
"""The answers on one connection that were not taken. An unused kept connection should bring none at all."""

CONNECTIONS_MAX: Final = 32
"""Kept open at once, over all hosts. A gateway's hundreds of accounts take turns."""


class AiohttpClient:
    """
    An `Http` for one event loop. Connections are kept and used again; `aclose` ends them.

    aiohttp is imported at the first `send`, so that importing this package stays quick.
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._strangers: set[str] = set()

    async def send(self, request: Request, base_url: str) -> Response:
        """
        Send one request and read its whole answer. See `base.Http`.

        A request is sent once more, at once, where a kept connection turned out to have been closed meanwhile: each of
        our calls can be repeated without harm. A failure on a new connection is the caller's to judge.
        """
        check_allowed(request.method, request.path)
        host = address.check(base_url)
        if request.api_key is not None:
            self._mention(host)
        outcome = await apart(self._outcome(request, base_url, host))
        if isinstance(outcome, Response):
            return outcome
        # Raised here, outside of every handler: aiohttp's errors hold the URL and the headers, the API key among them.
        raise outcome

    async def aclose(self) -> None:
        """Close the connections. May be called twice."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _mention(self, host: str) -> None:
        """Warn once that a key goes to a host that is not Binance's: a gateway of one's own, or a mistyped name."""
        if not address.is_venue(host) and host not in self._strangers:
            self._strangers.add(host)
            log.warning("the API key goes to %s, which is not an address of Binance", host)

    async def _outcome(self, request: Request, base_url: str, host: str) -> Response | errors.ListenKeyError:
        try:
            async with asyncio.timeout(request.timeout_s):
                outcome, reused = await self._exchange(request, base_url, host)
                if outcome is None and reused:
                    outcome, _ = await self._exchange(request, base_url, host)
        except TimeoutError:
            return errors.TimedOut(request.what, request.timeout_s)
        return outcome or errors.Unreachable(host, "the connection was closed before an answer came")

    async def _exchange(
        self, request: Request, base_url: str, host: str
    ) -> tuple[Response | errors.ListenKeyError | None, bool]:
        """One try: what came of it, None where the connection was lost first; and whether it was one used before."""
        import aiohttp  # noqa: PLC0415 - see the class
        from yarl import URL  # noqa: PLC0415

        session = self._session_here()
        attempt = _Attempt()
        url = base_url.rstrip("/") + request.path + (f"?{request.query}" if request.query else "")
        secure = tls.context() if url.startswith("https:") else True  # True is aiohttp's default, and unused then.
        try:
            async with session.request(
                request.method,
                URL(url, encoded=True),  # The text that was signed is the text that is sent.
                headers=request.wire_headers(),
                allow_redirects=False,
                trace_request_ctx=attempt,
                ssl=secure,
            ) as answer:
                return await _read(answer), attempt.reused
        except _ConnectionLost:
            return None, attempt.reused
        except aiohttp.ClientError as problem:
            return _translated(problem, request, host), attempt.reused

    def _session_here(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._closed:
            raise errors.UsageError("this client is closed")
        if self._session is not None and self._loop is not loop:
            raise errors.UsageError("this client was used in another event loop; make one for each")
        if self._session is None:
            self._session, self._loop = _new_session(), loop
        return self._session


class _Attempt:
    """Carried along by aiohttp through one try."""

    def __init__(self) -> None:
        self.reused = False


def _bounded_protocol(loop: asyncio.AbstractEventLoop) -> Callable[[], Any]:
    """
    Make aiohttp's protocol of one connection, which ends it where more comes than an answer may have.

    aiohttp itself keeps whatever comes on a connection that nobody uses: a flood of small answers has no bound there.
    """
    from aiohttp.client_proto import ResponseHandler  # noqa: PLC0415

    class Bounded(ResponseHandler):
        def __init__(self) -> None:
            super().__init__(loop=loop)
            self._came_bytes = 0

        def set_response_params(self, **options: Any) -> None:
            self._came_bytes = 0
            super().set_response_params(**options)

        def data_received(self, data: bytes) -> None:
            self._came_bytes += len(data)
            if self._came_bytes <= ANSWER_BYTES_MAX:
                super().data_received(data)
            if self._came_bytes > ANSWER_BYTES_MAX or len(self._buffer) > MESSAGES_WAITING_MAX:
                self._end()

        def _end(self) -> None:
            transport = self.transport
            if isinstance(transport, asyncio.Transport):
                self.force_close()
                transport.abort()

    return Bounded


class _ConnectionLost(Exception):
    """The connection ended before an answer began."""


def _new_session() -> aiohttp.ClientSession:
    import aiohttp  # noqa: PLC0415

    async def lost_is_ours(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        # aiohttp would send some methods again by itself, on new connections as well. The weight of what we send is
        # counted, so what is sent twice has to be our decision.
        try:
            return await handler(request)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            raise _ConnectionLost from None

    async def mark_reused(_session: aiohttp.ClientSession, context: Any, _params: object) -> None:
        context.trace_request_ctx.reused = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(mark_reused)
    connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX)
    connector._factory = _bounded_protocol(asyncio.get_running_loop())  # type: ignore[assignment] # noqa: SLF001 - it has no public place
    return aiohttp.ClientSession(
        connector=connector,
        # The whole is bounded by `send`; what is bounded here is finding and greeting the host.
        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_WITHIN_S, sock_connect=CONNECT_WITHIN_S),
        # Identity: a compressed answer is inflated by us, under our cap, should one come all the same.
        headers={"Accept-Encoding": "identity", "User-Agent": "listenkey"},
        auto_decompress=False,
        skip_auto_headers={"Content-Type"},  # There is no body, and the document defines none.
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,  # No proxy and no .netrc by environment: the key goes where base_url says.
        max_line_size=HEADER_BYTES_MAX,
        max_field_size=HEADER_BYTES_MAX,
        max_headers=HEADERS_MAX,
        middlewares=(lost_is_ours,),
        trace_configs=[trace],
    )


async def _read(answer: aiohttp.ClientResponse) -> Response | errors.ProtocolError:
    """The whole answer, within its bounds."""
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.raw_headers)
    if sum(len(name) + len(value) for name, value in headers) > HEADERS_BYTES_MAX:
        answer.close()
        return errors.ProtocolError(f"headers of more than {HEADERS_BYTES_MAX} bytes")
    if 300 <= answer.status <= 399:
        answer.close()
        return errors.ProtocolError(f"HTTP {answer.status}: a redirect, and redirects are not followed")
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > BODY_MAX:
            # Closed, not drained: what is still to come may have no end.
            answer.close()
            return errors.ProtocolError(f"a body of more than {BODY_MAX} bytes")
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return Response(answer.status, headers, bytes(body))
    inflated = _inflated(bytes(body), encoding)
    return inflated if isinstance(inflated, errors.ProtocolError) else Response(answer.status, headers, inflated)


def _inflated(body: bytes, encoding: str) -> bytes | errors.ProtocolError:
    if encoding not in ("gzip", "x-gzip"):
        return errors.ProtocolError("a compressed answer that was not asked for")
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(body, BODY_MAX + 1)
    except zlib.error:
        return errors.ProtocolError("a compressed answer that can't be inflated")
    if len(inflated) > BODY_MAX:
        return errors.ProtocolError(f"a body of more than {BODY_MAX} bytes, inflated")
    return inflated if inflater.eof else errors.ProtocolError("a compressed answer that ended early")


def _translated(problem: aiohttp.ClientError, request: Request, host: str) -> errors.ListenKeyError:
    """Our error for one of aiohttp's, in words that hold nothing of the request but its method and path."""
    import aiohttp  # noqa: PLC0415

    match problem:
        case aiohttp.ClientConnectorCertificateError():
            reason = getattr(problem.certificate_error, "verify_message", "") or "not valid for this name"
            return errors.Unreachable(host, f"its certificate is refused: {reason}")
        case aiohttp.ClientConnectorSSLError():
            return errors.Unreachable(host, f"no TLS 1.2 or newer: {getattr(problem.os_error, 'reason', '')}")
        case aiohttp.ClientConnectorDNSError():
            return errors.Unreachable(host, "the name is not known")
        case aiohttp.ClientConnectorError():
            return errors.Unreachable(host, problem.os_error.strerror or "no connection")
        case aiohttp.ServerTimeoutError():
            return errors.TimedOut(f"{request.what}, connecting to {host}", CONNECT_WITHIN_S)
        case aiohttp.ClientPayloadError():
            return errors.ProtocolError("the answer ended early")
        case aiohttp.ClientResponseError():
            return errors.ProtocolError("what came is not an answer of HTTP, or its headers are too large")
        case aiohttp.InvalidURL():
            return errors.UsageError("the address is not one")
        case _:
            return errors.Unreachable(host, "the connection was lost")
