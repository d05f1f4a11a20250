"""
One listen key's part of a shared socket. To its stream it is a connection like any other.

A stream that asks to read no more would hold up its neighbours; so what comes for it is kept here, up to a bound, and
one that has had more than that goes on without this socket.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from listenkey.errors import Disconnected
from listenkey.transport.base import Socket

SEAT_BYTES_MAX: Final = 1024 * 1024
"""The bytes that are kept for a stream that reads no more for a while; with one event a second, 20 minutes of it."""

FRAME_COSTS: Final = 128
"""Bytes that a short message takes in memory beside its text."""

_read_request: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_id: Final = msgspec.json.Decoder(int).decode


class SeatHost(Protocol):
    """The socket under the seats, as they see it."""

    @property
    def age_s(self) -> float: ...
    @property
    def is_of_one(self) -> bool: ...
    async def opened(self) -> None: ...
    def subscribe(self, seat: SocketSeat, request_id: int) -> None: ...
    def left(self, seat: SocketSeat) -> None: ...
    def overflowed(self, seat: SocketSeat) -> None: ...
    @property
    def socket(self) -> Socket | None: ...
    @property
    def ask_ping(self) -> Callable[[SocketSeat, int], None]: ...


class SocketSeat:
    """
    The part of one listen key.

    Args:
        key: The listen key.
        host: The socket.

    Attributes:
        key: As given; never shown.
    """

    __slots__ = ("_bytes", "_host", "_is_over", "_is_paused", "_kept", "_on_heard", "_on_lost", "_on_message", "_on_pong", "_replay", "key")  # fmt: skip

    def __init__(self, key: bytes, host: SeatHost) -> None:
        self.key = key
        self._host = host
        self._on_message: Callable[[bytes], None] | None = None  # None before it connects
        self._on_heard: Callable[[], None]
        self._on_pong: Callable[[int], None]
        self._on_lost: Callable[[Disconnected], None]
        self._is_paused = False
        self._is_over = False
        self._kept: deque[bytes | int] = deque()  # messages and pongs, as they came
        self._bytes = 0
        self._replay: asyncio.Handle | None = None

    # --- for the stream ------------------------------------------------------------------------------------------

    async def connect(
        self,
        url: str,
        on_message: Callable[[bytes], None],
        on_heard: Callable[[], None],
        on_pong: Callable[[int], None],
        on_lost: Callable[[Disconnected], None],
        *,
        timeout_s: float,
    ) -> Socket:
        """Wait until the socket is open; see `transport.base.Connect`."""
        del url
        try:
            async with asyncio.timeout(timeout_s):
                await self._host.opened()
        except BaseException:
            self.leave()
            raise
        self._on_message, self._on_heard, self._on_pong, self._on_lost = on_message, on_heard, on_pong, on_lost
        return self

    @property
    def age_s(self) -> float:
        """The time for which the socket has been open, seconds."""
        return self._host.age_s

    def leave(self) -> None:
        """Take no more part."""
        if self._is_over:
            return
        self._is_over = True
        self._forget()
        self._host.left(self)
        if self._on_message is not None:
            asyncio.get_running_loop().call_soon(self._on_lost, Disconnected(None, "closed by this side"))

    abort = leave
    close = leave

    def send_text(self, text: bytes) -> None:
        """Send a request: the one that puts this listen key on the socket."""
        if not self._is_over:
            self._host.subscribe(self, _read_id(_read_request(text)["id"]))

    def ping(self, number: int) -> None:
        """Have the socket pinged; its number comes back with a pong of a ping that was sent now or later."""
        if not self._is_over:
            self._host.ask_ping(self, number)

    def pause(self) -> None:
        """Bring nothing until `resume`."""
        self._is_paused = True
        if self._host.is_of_one and self._host.socket is not None:
            self._host.socket.pause()

    def resume(self) -> None:
        """Bring what was kept meanwhile, and then what comes."""
        self._is_paused = False
        if self._host.is_of_one and self._host.socket is not None:
            self._host.socket.resume()
        if self._kept and self._replay is None:
            self._replay = asyncio.get_running_loop().call_soon(self._bring_kept)

    def read_less(self) -> None:
        """Bound the size of one read of the socket."""
        if self._host.socket is not None:
            self._host.socket.read_less()

    # --- for the socket ------------------------------------------------------------------------------------------

    @property
    def is_connected(self) -> bool:
        """True where the stream listens."""
        return self._on_message is not None and not self._is_over

    def take(self, frame: bytes) -> None:
        """Take a message."""
        if not (self._is_paused or self._kept):
            if self._on_message is not None:
                self._on_message(frame)
            return
        self._kept.append(frame)
        self._bytes += len(frame) + FRAME_COSTS
        if self._bytes > SEAT_BYTES_MAX and not self._host.is_of_one:
            self._host.overflowed(self)

    def answer(self, request_id: int, code: int | None) -> None:
        """Take the venue's answer to this seat's request."""
        what = b'"result":null' if code is None else b'"error":{"code":%d,"msg":""}' % code
        self.take(b'{%b,"id":%d}' % (what, request_id))
        self.heard()

    def heard(self) -> None:
        """Note that the socket lives, and that messages may have come."""
        if self.is_connected and not (self._is_paused or self._kept):
            self._on_heard()

    def pong(self, number: int) -> None:
        """Take the answer to a ping, behind the messages that came before it."""
        if self._is_paused or self._kept:
            self._kept.append(number)
            self._bytes += FRAME_COSTS
        elif self.is_connected:
            self._on_pong(number)

    def end(self, reason: Disconnected) -> None:
        """End the connection of this seat, after all that has come."""
        if self._is_over:
            return
        self._is_over = True
        self._host.left(self)
        on_message, kept = self._on_message, [one for one in self._kept if isinstance(one, bytes)]
        self._forget()
        if on_message is not None:
            for frame in kept:
                on_message(frame)
            self._on_lost(reason)

    def _bring_kept(self) -> None:
        self._replay = None
        while self._kept and not self._is_paused:
            one = self._kept.popleft()
            self._bytes -= FRAME_COSTS + (len(one) if isinstance(one, bytes) else 0)
            if isinstance(one, int):
                self._on_pong(one)
            elif self._on_message is not None:
                self._on_message(one)
        if not self._kept:
            self.heard()

    def _forget(self) -> None:
        self._kept.clear()
        self._bytes = 0
        if self._replay is not None:
            self._replay.cancel()
            self._replay = None
