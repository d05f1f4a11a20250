"""
The sockets' door: frames in, frames out. Everything else is decided in `hub.py`.

Outgoing frames are built here and written straight to the transport, many at a time: a burst of ten thousand events
costs a few system calls. A client that does not read never holds up the exchange; its backlog is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import WSMsgType, web

from listenkey.sandbox.hub import Abort, Action, Close, Freeze, Ping, Pong, Thaw

if TYPE_CHECKING:
    from collections.abc import Callable

    from listenkey.sandbox.addresses import Address
    from listenkey.sandbox.clock import SandboxClock
    from listenkey.sandbox.world import World

log = logging.getLogger("listenkey.sandbox")

BACKLOG_MAX_BYTES: Final = 256 * 1024 * 1024
"""What may wait for one client that does not read; beyond it the connection is aborted."""

INCOMING_MAX_BYTES: Final = 64 * 1024
CLOSE_WAIT_S: Final = 2.0
WRITE_BYTES: Final = 1024 * 1024
_TEXT, _CLOSE, _PING, _PONG = 0x81, 0x88, 0x89, 0x8A


@dataclass(slots=True, eq=False)
class _Open:
    ws: web.WebSocketResponse
    transport: asyncio.Transport
    frozen: bool = False


class SocketDoor:
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
        self._sockets: dict[int, _Open] = {}
        self._closing: set[asyncio.Task[bool]] = set()

    async def serve(self, request: web.BaseRequest, address: Address) -> web.StreamResponse:
        """One socket, from its handshake to its end."""
        ws = web.WebSocketResponse(
            autoping=False, compress=False, max_msg_size=INCOMING_MAX_BYTES, timeout=CLOSE_WAIT_S
        )
        await ws.prepare(request)
        transport = request.transport
        if transport is None:
            return ws
        session_id = self._world.open_socket(address, request.remote or "", self._clock.now_ms())
        self._sockets[session_id] = _Open(ws, transport)
        self._flush()
        try:
            await self._read(session_id, ws)
        finally:
            self._sockets.pop(session_id, None)
            self._world.hub.closed(session_id)
        return ws

    def deliver(self, actions: list[tuple[int, Action]]) -> None:
        """Does what is to be done, in the order of each socket."""
        waiting: dict[int, list[bytes]] = {}
        for session_id, action in actions:
            if session_id not in self._sockets:
                continue
            if isinstance(action, bytes):
                frames = waiting.get(session_id)
                if frames is None:
                    frames = waiting[session_id] = []
                frames.append(header(_TEXT, len(action)))
                frames.append(action)
                continue
            self._write(session_id, waiting.pop(session_id, []))
            self._perform(session_id, self._sockets[session_id], action)
        for session_id, frames in waiting.items():
            self._write(session_id, frames)

    async def stop(self) -> None:
        """Ends all connections."""
        for each in list(self._sockets.values()):
            each.transport.abort()
        for task in list(self._closing):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _read(self, session_id: int, ws: web.WebSocketResponse) -> None:
        hub = self._world.hub
        async for message in ws:
            now_ms = self._world.advance(self._clock.now_ms())
            if message.type is WSMsgType.TEXT:
                hub.receive_text(session_id, message.data, now_ms)
            elif message.type is WSMsgType.BINARY:
                hub.receive_text(session_id, message.data.decode(errors="replace"), now_ms)
            elif message.type is WSMsgType.PING:
                hub.receive_ping(session_id, bytes(message.data), now_ms)
            elif message.type is WSMsgType.PONG:
                hub.receive_pong(session_id, now_ms)
            self._flush()

    def _perform(self, session_id: int, socket: _Open, action: Action) -> None:
        if isinstance(action, Ping | Pong):
            opcode = _PING if isinstance(action, Ping) else _PONG
            self._write(session_id, [header(opcode, len(action.payload)), action.payload])
        elif isinstance(action, Close):
            task = asyncio.ensure_future(socket.ws.close(code=action.code, message=action.reason.encode()))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        elif isinstance(action, Abort):
            socket.transport.abort()
        elif isinstance(action, Freeze):
            socket.frozen = True
            socket.transport.pause_reading()
        elif isinstance(action, Thaw):
            socket.frozen = False
            socket.transport.resume_reading()

    def _write(self, session_id: int, frames: list[bytes]) -> None:
        socket = self._sockets.get(session_id)
        if socket is None or not frames or socket.frozen or socket.transport.is_closing() or socket.ws.closed:
            return
        if socket.transport.get_write_buffer_size() > BACKLOG_MAX_BYTES:
            log.warning("a client has not read for %d MiB; its connection is aborted", BACKLOG_MAX_BYTES >> 20)
            socket.transport.abort()
            return
        socket.transport.write(b"".join(frames))


def header(opcode: int, length: int) -> bytes:
    """The first bytes of an unmasked, whole frame. (RFC 6455, section 5.2)"""
    if length < 126:
        return bytes((opcode, length))
    if length < 65_536:
        return bytes((opcode, 126)) + length.to_bytes(2, "big")
    return bytes((opcode, 127)) + length.to_bytes(8, "big")
