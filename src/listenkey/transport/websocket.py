"""
WebSocket by picows: bytes in, bytes out, a reason at the end. Knows nothing of listen keys or events.

Why picows: it hands over frames in the callback of the event loop, with no task, queue or copy between.
See docs/decisions/0002.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any, Final

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSListener,
    WSMsgType,
    WSProtocolError,
    WSTransport,
    ws_connect,
)

from listenkey.errors import Disconnected, ListenKeyError, ProtocolError, TimedOut, Unreachable, VenueError
from listenkey.transport import address, tls
from listenkey.transport.apart import apart
from listenkey.transport.base import Socket
from listenkey.transport.message_parts import MESSAGE_BYTES_MAX, MessageParts
from listenkey.wire.redaction import MaskedText, clean
from listenkey.wire.responses import Response, refusal

READ_BUFFER_BYTES: Final = 4 * 1024
"""The read buffer's first size; picows doubles it under load and keeps it. Its default, 16 KiB, wastes 12 when idle."""

READ_BYTES_MAX: Final = 512 * 1024
"""The bytes of one read. Else a backlog makes picows' buffer, which never shrinks, as large as the system's: 6 MB."""

WRITE_BYTES_MAX: Final = 64 * 1024
"""
The bytes that may wait to be sent: a subscription has 200, a pong at most 131. Without a limit, a peer that pings and
does not read our answers would make them grow without end.
"""

PING_BYTES: Final = 8
CONTROL_BYTES_MAX: Final = 125
"""RFC 6455, 5.5; picows ends a connection that sends a longer one."""

_MESSAGE_TYPES: Final = (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION)


def _silent_logger() -> logging.Logger:
    # picows logs the request line, and with some forms of address the listen key is in it. This logger hangs on
    # nothing, so no configuration of an application can make it speak.
    logger = logging.Logger("listenkey.picows", logging.CRITICAL + 1)  # noqa: LOG001
    logger.propagate = False
    return logger


_LOGGER: Final = _silent_logger()


class _SmallReads(asyncio.BufferedProtocol):
    """Stands between the event loop and picows, and offers less room to read into than picows would."""

    __slots__ = ("_room", "buffer_updated", "connection_lost", "eof_received", "pause_writing", "resume_writing")

    def __init__(self, picows: Any) -> None:
        self._room: Callable[[int], memoryview] = picows.get_buffer
        for name in ("buffer_updated", "eof_received", "connection_lost", "pause_writing", "resume_writing"):
            setattr(self, name, getattr(picows, name))  # straight to it: one of them is called for each read

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._room(sizehint)[:READ_BYTES_MAX]


class PicowsSocket(WSListener):
    """One connection; made by `connect`."""

    __slots__ = (
        "_closed_by",
        "_ending",
        "_given_up",
        "_on_heard",
        "_on_lost",
        "_on_message",
        "_on_pong",
        "_parts",
        "_pong_held",
        "_transport",
        "on_ws_frame",
    )

    def __init__(
        self,
        on_message: Callable[[bytes], None],
        on_heard: Callable[[], None],
        on_pong: Callable[[int], None],
        on_lost: Callable[[Disconnected], None],
    ) -> None:
        self._on_message = on_message
        self._on_heard = on_heard
        self._on_pong = on_pong
        self._on_lost = on_lost
        self._transport: WSTransport | None = None
        self._parts = MessageParts(self._refuse)
        self._pong_held: int | None = None  # it came inside a message that is not whole yet
        self._closed_by: Disconnected | None = None
        self._given_up = False
        self._ending: asyncio.Task[None] | None = None
        self.on_ws_frame = self._taker()  # type: ignore[assignment, method-assign]

    # --- what picows calls ---------------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        if self._given_up:
            transport.disconnect(graceful=False)

    def _taker(self) -> Callable[[WSTransport, WSFrame], None]:
        """Build the function that takes each frame, without a look at `self`: this is where a burst spends its time."""
        on_message, on_heard, take_other, parts = self._on_message, self._on_heard, self._take_other, self._parts.parts

        def on_ws_frame(transport: WSTransport, frame: WSFrame) -> None:
            # What is longer than a control frame may be, and whole, is a message: to ask for a frame's type takes as
            # long as all of this.
            if (
                frame.payload_size > CONTROL_BYTES_MAX
                and frame.fin
                and not (frame.rsv1 or frame.rsv2 or frame.rsv3 or parts)
            ):
                on_message(frame.get_payload_as_bytes())
            else:
                take_other(transport, frame)
            if frame.last_in_buffer:
                on_heard()

        return on_ws_frame

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._parts.stop()
        self._ending = asyncio.get_running_loop().create_task(self._tell_end(transport))

    async def _tell_end(self, transport: WSTransport) -> None:
        """Report the end and its reason, which picows keeps in a future; unasked for, asyncio complains to the user."""
        reason = Disconnected(None, "the connection ended without a close frame")
        try:
            await transport.wait_disconnected()
        except WSProtocolError as error:
            reason = Disconnected(int(error.code.value), f"a frame that is not to be read: {clean(str(error.args[1]))}")
        finally:  # Whatever it was, the connection is over.
            if not self._given_up:
                self._on_lost(self._closed_by or reason)

    @property
    def is_connected(self) -> bool:
        """True where the handshake was answered."""
        return self._transport is not None

    # --- what its owner calls ------------------------------------------------------------------------------------

    def send_text(self, text: bytes) -> None:
        """Send one text message; nothing happens on a connection that has ended."""
        if self._transport is not None and self._has_room():
            self._transport.send(WSMsgType.TEXT, text)

    def ping(self, number: int) -> None:
        """Send a ping; its number comes back with the pong."""
        if self._transport is not None and self._has_room():
            self._transport.send_ping(number.to_bytes(PING_BYTES, "big"))

    def pause(self) -> None:
        """Read no more until `resume`; messages that were read before still come."""
        if self._transport is not None:
            self._transport.underlying_transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._transport is not None:
            self._transport.underlying_transport.resume_reading()

    def read_less(self) -> None:
        """Bound the size of one read. Not from the beginning: with little traffic each event would pay for it."""
        if self._transport is None:
            return
        below = self._transport.underlying_transport
        protocol = below.get_protocol()
        if isinstance(protocol, asyncio.BufferedProtocol) and not isinstance(protocol, _SmallReads):
            below.set_protocol(_SmallReads(protocol))

    def abort(self) -> None:
        """Drop the connection at once. No closing handshake: nobody may be there to shake hands with."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def give_up(self) -> None:
        """
        Abort a connection that nobody waits for any more. A cancellation does not stop a handshake that is under way,
        and the connection that comes of it would stay open with nobody to close it.
        """
        self._given_up = True
        self.abort()

    def close(self) -> None:
        """Say goodbye and hang up."""
        if self._transport is not None:
            self._transport.send_close(WSCloseCode.OK)
            self._transport.disconnect()

    def _refuse(self, code: WSCloseCode, why: str) -> None:
        """End the connection where the input must not be read on, with a reason of ours."""
        self._end_with(Disconnected(int(code.value), why))
        self.abort()

    def _end_with(self, reason: Disconnected) -> None:
        """Ignore everything behind this: a pong would prove that all was read, and that is no longer so."""
        self._closed_by = reason
        self._parts.parts.append(b"")  # A message that never ends sends all that follows to `_take_other`.

    def _has_room(self) -> bool:
        """Return True where more may be sent; a connection whose other side does not read is ended."""
        if self._closed_by is not None or self._transport is None:
            return False
        if self._transport.underlying_transport.get_write_buffer_size() <= WRITE_BYTES_MAX:
            return True
        self._refuse(WSCloseCode.POLICY_VIOLATION, "the other side does not read what is sent to it")
        return False

    def _take_other(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if self._closed_by is not None:
            return
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._refuse(WSCloseCode.PROTOCOL_ERROR, "a frame with reserved bits, which nobody has agreed on")
        elif kind is WSMsgType.TEXT and frame.fin and not self._parts.parts:
            self._on_message(frame.get_payload_as_bytes())
        elif kind in _MESSAGE_TYPES:
            message = self._parts.take(frame)
            if message is not None:
                self._on_message(message)
                if self._pong_held is not None:
                    number, self._pong_held = self._pong_held, None
                    self._on_pong(number)
        elif kind is WSMsgType.PING:
            # picows would answer by itself, and hide the frame: a message before it, in the same read, stayed unheard.
            if self._has_room():
                transport.send_pong(frame.get_payload_as_bytes())
        elif kind is WSMsgType.PONG:
            payload = frame.get_payload_as_bytes()
            if len(payload) == PING_BYTES:
                self._take_pong(int.from_bytes(payload, "big"))
        elif kind is WSMsgType.CLOSE:
            self._end_with(_close_reason(frame))
            transport.disconnect()

    def _take_pong(self, number: int) -> None:
        """
        A pong proves that all was read which the other side had begun to send before it got the ping. Inside a message
        it comes too early for that.
        """
        if self._parts.parts:
            self._pong_held = number
        else:
            self._on_pong(number)


async def connect(
    url: str,
    on_message: Callable[[bytes], None],
    on_heard: Callable[[], None],
    on_pong: Callable[[int], None],
    on_lost: Callable[[Disconnected], None],
    *,
    timeout_s: float,
) -> Socket:
    """
    Connect and shake hands. See `transport.base.Connect`.

    Args:
        url: `wss://…`, or `ws://` to loopback. It may hold the listen key, so no error shows it.
        on_message: Gets each whole message.
        on_heard: Called once for each batch of bytes that held a frame, after its messages.
        on_pong: Gets the number of the ping that was answered.
        on_lost: Called once, with the reason, when the connection has ended, whoever ended it.
        timeout_s: For everything together.

    Raises:
        UsageError: The URL is not allowed.
        Unreachable, TimedOut: Nobody answered.
        VenueError: The handshake was answered with an HTTP error.
    """
    socket = PicowsSocket(on_message, on_heard, on_pong, on_lost)
    url = MaskedText(url)  # the variables of this frame are kept by crash reporters
    host = address.check(url.partition("?")[0])
    try:
        error = await apart(_shake_hands(socket, url, host, timeout_s))
    except asyncio.CancelledError:
        socket.give_up()
        raise
    if error is not None:
        raise error
    return socket


async def _shake_hands(socket: PicowsSocket, url: str, host: str, timeout_s: float) -> ListenKeyError | None:
    """Connect; return the error, if there was one."""
    try:
        async with asyncio.timeout(timeout_s):
            transport, _ = await ws_connect(
                lambda: socket,
                url,
                ssl_context=tls.context() if url.startswith("wss:") else None,
                websocket_handshake_timeout=timeout_s,
                logger_name=_LOGGER,
                enable_auto_pong=False,
                max_frame_size=MESSAGE_BYTES_MAX,
                max_redirects=0,
                read_buffer_init_size=READ_BUFFER_BYTES,
                use_aiofastnet=False,
            )
    except TimeoutError:
        socket.give_up()
        return TimedOut(f"opening a WebSocket to {host}", timeout_s)
    except WSError as error:
        return handshake_error(error, host)
    except ssl.SSLError as error:
        return Unreachable(host, f"TLS: {error.reason or type(error).__name__}")
    except OSError as error:
        return Unreachable(host, error.strerror or type(error).__name__)
    if not socket.is_connected:
        # picows takes a connection that ends before the handshake is answered for one that came up, and tells no end.
        return Unreachable(host, "the connection ended before the WebSocket handshake was answered")
    # Nobody asks again what was said in the handshake, and picows keeps it: a tenth of what an idle stream holds.
    transport.request.headers.clear()
    transport.response.headers.clear()
    return None


def handshake_error(error: WSError, host: str) -> VenueError | Unreachable | ProtocolError:
    response = getattr(error, "response", None)
    if response is None:
        return Unreachable(host, "the WebSocket handshake was not answered properly")
    # As any other answer: a 418 here forbids as much as one over REST, and says as well how long.
    refused = refusal(Response(int(response.status), tuple(response.headers.items())))
    if isinstance(refused, VenueError):
        refused.message = "the WebSocket handshake was refused"
    return refused


def _close_reason(frame: WSFrame) -> Disconnected:
    """The other side's close code and words; both may be missing or garbage."""
    payload = frame.get_payload_as_bytes()
    if len(payload) < 2:
        return Disconnected(None, "closed by the other side")
    code = int.from_bytes(payload[:2], "big")
    return Disconnected(code, clean(payload[2:].decode("utf-8", "replace")) or "closed by the other side")
