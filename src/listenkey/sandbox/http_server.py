"""
Answer what comes to the port: check the caller, then hand over to `world.py`, `websocket_server.py` or `admin_api/`.

A browser page must not be able to use the sandbox: the Host must be this machine's, an Origin must be the sandbox's
own, and the admin API needs a token in a header that a page can't send without asking first.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
from typing import TYPE_CHECKING, Final

import msgspec
from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import ContentEncodingError, TransferEncodingError

from listenkey.sandbox import landing_page
from listenkey.sandbox.admin_api import calls
from listenkey.sandbox.error_location import error_location
from listenkey.sandbox.http_connections import TimedConnection, standing_headers
from listenkey.sandbox.rest_api.api import ApiRequest, ApiResponse
from listenkey.sandbox.websocket import addresses
from listenkey.sandbox.websocket_server import accepted_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from listenkey.sandbox.clock import SandboxClock
    from listenkey.sandbox.websocket_server import WebSocketServer
    from listenkey.sandbox.world import World

log = logging.getLogger("listenkey.sandbox")

TOKEN_HEADER: Final = "X-Sandbox-Token"  # noqa: S105  a header's name
BODY_TIMEOUT_S: Final = 10.0
LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
DRIP_MS: Final = 100
FAULT_POLL_S: Final = 0.02


class HttpServer:
    """
    Answers everything that comes to the port.

    Args:
        world: The exchange.
        clock: Its time.
        sockets: Where handshakes go.
        admin_api: The admin API.
        token: What the admin API needs.
        loopback: Whether it is bound to this machine only, so that the Host header must say so.
        flush: Carries out what the world wants done on sockets.
    """

    def __init__(
        self,
        *,
        world: World,
        clock: SandboxClock,
        sockets: WebSocketServer,
        admin_api: calls.AdminApi,
        token: str,
        loopback: bool,
        flush: Callable[[], None],
    ) -> None:
        self._world = world
        self._clock = clock
        self._sockets = sockets
        self._admin_api = admin_api
        self._token = token.encode()
        self._loopback = loopback
        self._flush = flush
        self.stopping = asyncio.Event()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request, from a client, a socket or the admin API."""
        try:
            return await self._answer(request)
        except web.HTTPException:
            raise
        except ConnectionError:
            return web.Response(status=500)  # The client is gone; nobody reads this.
        # The top of the task: whatever goes wrong in here must not show a traceback to a client. Nor in the log, where
        # the locals could hold a key: the kind of error and the place are enough.
        except Exception as error:  # noqa: BLE001
            log.error("a request failed inside the sandbox: %s", error_location(error))  # noqa: TRY400
            return _json(500, {"code": -1000, "msg": "An unknown error occurred while processing the request."})
        finally:
            if isinstance(request.protocol, TimedConnection):
                request.protocol.answered()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        host, path, query = _target(request)
        refused = self._refuse_stranger(request, host, path)
        if refused is not None:
            return refused
        if request.method in ("GET", "HEAD") and path in landing_page.PATHS:
            page = landing_page.answer(path, request.headers.get("Accept", ""), self._clock.now_ms())
            return web.Response(
                status=page.status,
                text=page.text,
                content_type=page.content_type,
                charset="utf-8",
                headers=landing_page.POLICY,
            )
        if path == calls.PREFIX or path.startswith(f"{calls.PREFIX}/"):
            return await self._admin(request, path, query)
        if request.method == "GET" and addresses.looks_like_socket(path):
            return await self._socket(request, path, query)
        return await self._rest(request, path, query)

    def _refuse_stranger(self, request: web.BaseRequest, host: str, path: str) -> web.Response | None:
        """Host against DNS rebinding, Origin against pages of other places."""
        if self._loopback and _without_port(host).lower() not in LOOPBACK_HOSTS:
            return _json(421, {"code": -1000, "msg": "This sandbox answers to localhost only."})
        origin = request.headers.get("Origin")
        matters = request.method not in ("GET", "HEAD") or addresses.looks_like_socket(path)
        if origin is not None and matters and origin.lower() not in (f"http://{host}".lower(), f"ws://{host}".lower()):
            return _json(403, {"code": -1000, "msg": "Not from another place's page."})
        return None

    # --- Three kinds of requests ---

    async def _rest(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        try:
            body = (await self._body(request)).decode()
        except UnicodeDecodeError:
            return _json(400, {"code": -1100, "msg": "Illegal characters found in a parameter."})
        headers = {name.lower(): value for name, value in request.headers.items()}
        # HEAD is GET without the body (RFC 9110, section 9.3.2), which aiohttp leaves out.
        method = "GET" if request.method == "HEAD" else request.method
        asked = ApiRequest(method, path, query, body, headers, request.remote or "")
        response = self._world.handle(asked, self._clock.now_ms())
        self._flush()
        return await self._give(request, response)

    async def _socket(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        accepted_key(request.headers)
        admitted = self._world.admit(path, query, request.remote or "", self._clock.now_ms())
        if isinstance(admitted, ApiResponse):
            return await self._give(request, admitted)
        headers = standing_headers(self._world.told_ms(self._clock.now_ms()))
        return await self._sockets.serve(request, admitted, headers)

    async def _admin(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        token = request.headers.get(TOKEN_HEADER, "").encode(errors="replace")
        if not hmac.compare_digest(token, self._token):
            return _json(401, {"error": f"the header {TOKEN_HEADER} is missing or wrong"})
        status, value = await self._admin_api.handle(request.method, path, query, await self._body(request))
        self._flush()
        return _json(status, value)

    # --- How it is answered ---

    async def _give(self, request: web.BaseRequest, response: ApiResponse) -> web.StreamResponse:
        if response.manner == "abort":
            _abort(request)
        elif response.manner == "hang":
            await self._hang(request, response)
            _abort(request)
        elif response.manner == "drip":
            return await self._drip(request, response)
        answer = web.Response(status=response.status, body=response.body, headers=response.headers)
        answer.content_type = response.content_type
        if response.content_type == "application/json":
            answer.charset = "UTF-8"
        return answer

    async def _hang(self, request: web.BaseRequest, response: ApiResponse) -> None:
        """Hang until the fault ends; one that struck its last time, until the sandbox stops or the client goes."""
        fault = response.fault
        while not self.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), FAULT_POLL_S)
            now_ms = self._clock.now_ms()
            over = fault is None or fault.taken_out or (fault.until_ms is not None and now_ms >= fault.until_ms)
            if over or request.transport is None or request.transport.is_closing():
                return

    async def _drip(self, request: web.BaseRequest, response: ApiResponse) -> web.StreamResponse:
        """A few bytes, a pause, a few bytes. The pause is in real time."""
        params = response.fault.params if response.fault is not None else {}
        step = max(1, params.get("bytes", 1))
        stream = web.StreamResponse(status=response.status, headers=response.headers)
        stream.content_type = response.content_type
        stream.content_length = len(response.body)
        await stream.prepare(request)
        for start in range(0, len(response.body), step):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), params.get("ms", DRIP_MS) / 1000)
            await stream.write(response.body[start : start + step])
        await stream.write_eof()
        return stream

    async def _body(self, request: web.BaseRequest) -> bytes:
        """Read at most 1 MiB (aiohttp's own bound) within 10 seconds."""
        expected = request.headers.get("Expect")
        if expected is not None and request.version >= HttpVersion11:
            if expected.lower() != "100-continue":
                raise web.HTTPExpectationFailed(text="100-continue is all that can be expected.")
            if request.transport is not None:
                request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        except (web.RequestPayloadError, ContentEncodingError, TransferEncodingError):
            raise web.HTTPBadRequest(text="The body is not encoded as its headers say.") from None


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


def _json(status: int, value: object) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")


def _target(request: web.BaseRequest) -> tuple[str, str, str]:
    """
    Return the host, the path and the query that a request is for.

    A target may be a whole URL, as for a proxy; its host is the one that counts then. (RFC 9112, section 3.2.2)
    """
    path, _, query = request.raw_path.partition("?")
    scheme, separator, rest = path.partition("://")
    if separator and scheme.lower() == "http":
        host, slash, path = rest.partition("/")
        return host, slash + path or "/", query
    return request.headers.get("Host", ""), path, query


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
