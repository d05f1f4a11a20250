"""
Serve the sockets: frames in, frames out. Everything else is decided in `hub.py`.

Outgoing frames are built here and written straight to the transport, many at a time: a burst of ten thousand events
costs a few system calls. A client that does not read never holds up the exchange; its backlog is bounded. Incoming
bytes are read by `frames.py`, since aiohttp's own reader accepts what RFC 6455 tells a server to refuse.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import logging
from typing import TYPE_CHECKING, Final

from aiohttp import web

from listenkey.sandbox.error_location import error_location
from listenkey.sandbox.websocket import frames
from listenkey.sandbox.websocket.frames import FrameReader, Violation, frame, header
from listenkey.sandbox.websocket.hub import Abort, Action, Close, Freeze, Ping, Pong, Thaw

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp.abc import AbstractStreamWriter

    from listenkey.sandbox.clock import SandboxClock
    from listenkey.sandbox.websocket.addresses import Address
    from listenkey.sandbox.world import World

log = logging.getLogger("listenkey.sandbox")

BACKLOG_MAX_BYTES: Final = 256 * 1024 * 1024
"""The bytes that may wait for one client that does not read; beyond it the connection is aborted."""

INCOMING_MAX_BYTES: Final = 64 * 1024
CLOSE_WAIT_S: Final = 2.0
INTERNAL_ERROR: Final = 1011
_TEXT: Final = 0x80 | frames.TEXT
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class WebSocketServer:
    """
    All open sockets.

    Args:
        world: Who decides.
        clock: Its time.
        flush: Carries out what the world wants done; called after every message.
    """

    def __init__(self, world: World, clock: SandboxClock, flush: Callable[[], None]) -> None:
        self._world = world
        self._clock = clock
        self._flush = flush
        self._sockets: dict[int, _Socket] = {}

    async def serve(self, request: web.BaseRequest, address: Address, headers: Mapping[str, str]) -> web.StreamResponse:
        """Serve one socket, from its handshake to its end. `headers` are those of every answer."""
        accept = accepted_key(request.headers)
        transport = request.transport
        if transport is None:
            return _Taken()
        told = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept, **headers}
        lines = ["HTTP/1.1 101 Switching Protocols", *(f"{name}: {value}" for name, value in told.items())]
        transport.write("\r\n".join([*lines, "", ""]).encode())
        session_id = self._world.open_socket(address, request.remote or "", self._clock.now_ms())
        socket = self._sockets[session_id] = _Socket(self, session_id, transport)
        self._flush()
        request.protocol.keep_alive(False)
        # It has what aiohttp asks of a parser; the type names aiohttp's own.
        request.protocol.set_parser(socket)  # type: ignore[arg-type]
        try:
            await socket.ended
        finally:
            socket.gone()
            self._sockets.pop(session_id, None)
            self._world.hub.closed(session_id)
        return _Taken()

    def deliver(self, actions: list[tuple[int, Action]]) -> None:
        """Does what is to be done, in the order of each socket."""
        waiting: dict[int, list[bytes]] = {}
        for session_id, action in actions:
            if session_id not in self._sockets:
                continue
            if isinstance(action, bytes):
                parts = waiting.get(session_id)
                if parts is None:
                    parts = waiting[session_id] = []
                parts.append(header(_TEXT, len(action)))
                parts.append(action)
                continue
            socket = self._sockets[session_id]
            socket.write(waiting.pop(session_id, []))
            socket.perform(action)
        for session_id, parts in waiting.items():
            self._sockets[session_id].write(parts)

    async def stop(self) -> None:
        """Ends all connections."""
        for each in list(self._sockets.values()):
            each.transport.abort()

    def received(self, session_id: int, message: frames.SocketMessage) -> None:
        """One message of a client."""
        hub = self._world.hub
        now_ms = self._world.advance(self._clock.now_ms())
        if message.opcode in (frames.TEXT, frames.BINARY):
            hub.receive_text(session_id, message.payload.decode(errors="replace"), now_ms)
        elif message.opcode == frames.PING:
            hub.receive_ping(session_id, message.payload, now_ms)
        elif message.opcode == frames.PONG:
            hub.receive_pong(session_id, now_ms)
        self._flush()


class _Socket:
    """One connection after its handshake. aiohttp hands it what comes, as to a parser."""

    def __init__(self, server: WebSocketServer, session_id: int, transport: asyncio.Transport) -> None:
        self._server = server
        self._id = session_id
        self.transport = transport
        self._reader: FrameReader | None = FrameReader(INCOMING_MAX_BYTES)
        """None once the connection has failed: nothing that comes after is read."""
        self._frozen = False
        self._closing = False
        self._last_word: asyncio.TimerHandle | None = None
        self.ended = asyncio.get_running_loop().create_future()

    # --- What comes ---

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Bytes came."""
        if self._reader is None:
            return False, b""
        try:
            for message in self._reader.feed(data):
                if message.opcode == frames.CLOSE:
                    self._answer_close(message.payload)
                elif not self._closing:
                    self._server.received(self._id, message)
        except Violation as violation:
            self._fail(violation.close_code, violation.reason)
        # The top of a callback: whatever goes wrong in here ends this socket with the code for it, and reaches nobody
        # else. Not the log, either, where the text could hold a key: the kind of error and the place are enough.
        except Exception as error:  # noqa: BLE001
            log.error("a socket failed inside the sandbox: %s", error_location(error))  # noqa: TRY400
            self._fail(INTERNAL_ERROR, "internal error")
        return False, b""

    def feed_eof(self) -> None:
        """The connection is gone."""
        if not self.ended.done():
            self.ended.set_result(None)

    # --- What goes ---

    def write(self, parts: list[bytes]) -> None:
        """Sends frames, if the client may still be sent any."""
        if not parts or self._frozen or self._closing or self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() > BACKLOG_MAX_BYTES:
            log.warning("a client has not read for %d MiB; its connection is aborted", BACKLOG_MAX_BYTES >> 20)
            self.transport.abort()
            return
        self.transport.write(b"".join(parts))

    def perform(self, action: Action) -> None:
        """Does what is no text frame."""
        if isinstance(action, Ping | Pong):
            opcode = frames.PING if isinstance(action, Ping) else frames.PONG
            self.write([frame(opcode, action.payload)])
        elif isinstance(action, Close):
            self._close(action.code, action.reason)
        elif isinstance(action, Abort):
            self.transport.abort()
        elif isinstance(action, Freeze):
            self._frozen = True
            self.transport.pause_reading()
        elif isinstance(action, Thaw):
            self._frozen = False
            self.transport.resume_reading()

    def gone(self) -> None:
        """Forget the socket: nothing more is to be done for it."""
        if self._last_word is not None:
            self._last_word.cancel()

    def _fail(self, code: int, reason: str) -> None:
        """Ends the connection for a fault."""
        self._reader = None
        self._close(code, reason)

    def _close(self, code: int, reason: str) -> None:
        """Sends a close frame; the client has a moment to answer it."""
        if not self._closing:
            self.write([frame(frames.CLOSE, code.to_bytes(2, "big") + reason.encode())])
            self._closing = True
            self._last_word = asyncio.get_running_loop().call_later(CLOSE_WAIT_S, self.transport.abort)

    def _answer_close(self, payload: bytes) -> None:
        """The client's close frame: the answer to ours, or the first one."""
        if not self._closing:
            self.write([frame(frames.CLOSE, payload[:2])])
            self._closing = True
            # What is written may have to wait for a client that does not read.
            self._last_word = asyncio.get_running_loop().call_later(CLOSE_WAIT_S, self.transport.abort)
        self.transport.close()


class _Taken(web.StreamResponse):
    """The answer to aiohttp when the connection is no longer HTTP: there is nothing left to answer."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        pass


def accepted_key(headers: Mapping[str, str]) -> str:
    """
    Return the handshake's `Sec-WebSocket-Accept`. (RFC 6455, section 4.2)

    Raises:
        web.HTTPBadRequest: The handshake is none.
    """
    tokens = [token.strip().lower() for token in headers.get("Connection", "").split(",")]
    if headers.get("Upgrade", "").strip().lower() != "websocket" or "upgrade" not in tokens:
        raise web.HTTPBadRequest(text="This is a WebSocket address: send Upgrade: websocket and Connection: Upgrade.")
    if headers.get("Sec-WebSocket-Version", "") != "13":
        raise web.HTTPBadRequest(text="Sec-WebSocket-Version is 13.", headers={"Sec-WebSocket-Version": "13"})
    key = headers.get("Sec-WebSocket-Key", "")
    try:
        is_key = len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        is_key = False
    if not is_key:
        raise web.HTTPBadRequest(text="Sec-WebSocket-Key is 16 bytes in base64.")
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()  # noqa: S324  the RFC's
