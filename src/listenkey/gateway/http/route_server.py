"""
Serve routes over HTTP: bounded connections, the admission of who asks, and words for all that goes wrong.

    server = RouteServer(routes, "127.0.0.1", 8780, token)
    url = await server.start()
    ...
    await server.aclose()
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from typing import TYPE_CHECKING, Final

from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError

from listenkey.errors import JournalError
from listenkey.gateway.http.access import AccessControl, Caller
from listenkey.gateway.http.answers import Problem, refusal
from listenkey.gateway.http.connections import GuardedServer
from listenkey.gateway.http.routes import Asked, Router, parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listenkey.credentials import Secret
    from listenkey.gateway.http.routes import Route

log = logging.getLogger(__name__)

BACKLOG: Final = 1024
STOP_WITHIN_S: Final = 3.0
"""The time that running answers get to end when the server stops, before they are cancelled."""


class RouteServer:
    """
    A server of routes.

    Args:
        routes: Every address that is answered.
        host: The address to listen on.
        port: Its port; 0 takes a free one.
        token: What has to be shown, but for routes that are open; None where nothing has.

    Attributes:
        router: Finds the route of a request.
    """

    def __init__(self, routes: Sequence[Route], host: str, port: int, token: Secret | None) -> None:
        self.router = Router(routes)
        self._token = token
        self._host = host
        self._port = port
        self._access: AccessControl | None = None
        self._server: GuardedServer | None = None
        self._runner: web.ServerRunner | None = None

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return 0 if self._server is None else self._server.connections_open

    async def start(self) -> str:
        """Begin to listen; return the address. Raises OSError where the port can't be had."""
        self._server = GuardedServer(self._answer)
        runner = web.ServerRunner(self._server, shutdown_timeout=STOP_WITHIN_S)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, self._port, backlog=BACKLOG, reuse_address=True)
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = runner.addresses[0][1]
        self._access = AccessControl(self._token, self._host, self._port)
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def aclose(self) -> None:
        """Stop to listen, and let go. May be called twice."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    # --- one request ---------------------------------------------------------------------------------------------

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; the top of its task."""
        try:
            return await self._carried_out(request)
        except Problem as problem:
            return _refused(request, problem)
        except web.HTTPException as error:  # aiohttp's own, of a handshake that is none
            return _refused(request, Problem(error.status, "bad_request", error.reason, "Mend the request."))
        except HttpProcessingError:
            return _refused(request, Problem(400, "bad_request", "This is not a request of HTTP.", "Mend the request."))
        except JournalError as error:
            log.error("a journal could not be read for a request: %s", error)  # noqa: TRY400 - it says all
            return _refused(request, Problem(503, "journal", str(error), "Look at the gateway's log, and at its disk."))
        except ConnectionError:
            raise  # The client is gone.
        # The top of the task: whatever goes wrong in here must not show a traceback to a client. Nor in the log, where
        # a line could quote what was sent: the kind of error and the place are enough.
        except Exception as error:  # noqa: BLE001
            log.error("a request failed inside the server: %s", _place(error))  # noqa: TRY400
            return _refused(
                request, Problem(500, "internal", "The server failed to answer.", "Its log says where; report it.")
            )

    async def _carried_out(self, request: web.BaseRequest) -> web.StreamResponse:
        assert self._access is not None, "it listens"
        host, path, query = _target(request)
        caller = _caller(request, host)
        self._access.check_place(caller)
        if not self.router.is_open(request.method, path):
            self._access.check_token(caller, asyncio.get_running_loop().time())
        route, names = self.router.find(request.method, path)
        asked = Asked(request, names, parameters(query, route.parameters))
        await _expect(request)
        return await route.handler(asked)


def _refused(request: web.BaseRequest, problem: Problem) -> web.StreamResponse:
    """Return the answer, and end the connection behind it where it may not be used again."""
    if request.writer.output_size > 0:
        raise ConnectionResetError("an answer has begun, and another one would stand in its middle")
    answer = refusal(problem)
    if problem.status in (401, 403, 408, 413, 421, 429, 500) or request.body_exists:
        answer.force_close()
    return answer


def _caller(request: web.BaseRequest, target_host: str | None) -> Caller:
    hosts = request.headers.getall("Host", [])
    local = request.get_extra_info("sockname") or ("",)
    origins = request.headers.getall("Origin", [])
    return Caller(
        hosts=(*hosts, *(() if target_host is None else (target_host,))),
        # Several are no origin of ours, whatever they are.
        origin=None if not origins else origins[0] if len(origins) == 1 else "null",
        authorization=tuple(request.headers.getall("Authorization", [])),
        address=request.remote or "",
        local_address=str(local[0]),
    )


def _target(request: web.BaseRequest) -> tuple[str | None, str, str]:
    """
    Return the host, the path and the query that a request is for.

    A target may be a whole URL, as for a proxy; its host counts then, too. (RFC 9112, section 3.2.2)
    """
    path, _, query = request.raw_path.partition("?")
    scheme, separator, rest = path.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        host, slash, path = rest.partition("/")
        return host, slash + path or "/", query
    return None, path, query


async def _expect(request: web.BaseRequest) -> None:
    """Let a client go on that waits to be told so before it sends a body, as curl does."""
    expected = request.headers.get("Expect")
    if expected is None or request.version < HttpVersion11:
        return
    if expected.lower() != "100-continue":
        raise Problem(417, "bad_expectation", "100-continue is all that can be expected.", "Leave out Expect.")
    if request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _place(error: Exception) -> str:
    """Return the kind of an error and where it was raised, and nothing of what it says."""
    where = "unknown place"
    with contextlib.suppress(IndexError):
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
    return f"{type(error).__name__} at {where}"
