"""Join the frames of a message that comes in several; all are legal, and no document says that they come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from picows import WSCloseCode, WSFrame, WSMsgType

MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""
The size beyond which a message closes the socket (1009). The reader refuses far smaller ones: those between are read
and thrown away, so that one absurd message does not cost the connection. Others: picows 10 MiB, websockets 1 MiB,
aiohttp 4 MiB.
"""

MESSAGE_WITHIN_S: Final = 10.0
"""The time for all frames of one message. A fragment a second is no life: no event can come behind it."""

MESSAGE_PARTS_MAX: Final = 4_096
"""Frames of one message: empty ones have no size that could be bounded."""


class MessageParts:
    """
    The frames of the message that is not whole yet.

    Args:
        refuse: Ends the connection, with a code and a reason.

    Attributes:
        parts: What came of it; empty between two messages.
    """

    __slots__ = ("_bytes", "_refuse", "_timer", "parts")

    def __init__(self, refuse: Callable[[WSCloseCode, str], None]) -> None:
        self.parts: list[bytes] = []
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._refuse = refuse

    def take(self, frame: WSFrame) -> bytes | None:
        """Take a frame, and return the message that is whole with it; None while it is not, or is refused."""
        if (frame.msg_type is WSMsgType.CONTINUATION) is not bool(self.parts):
            # Of one that never ends, or has no beginning, nobody would ever learn that it was lost.
            self._refuse(WSCloseCode.PROTOCOL_ERROR, "a message began before the last one had ended, or never did")
            return None
        self._bytes += frame.payload_size
        if self._bytes > MESSAGE_BYTES_MAX or len(self.parts) >= MESSAGE_PARTS_MAX:
            self._refuse(WSCloseCode.MESSAGE_TOO_BIG, "a message was too big")
            return None
        self.parts.append(frame.get_payload_as_bytes())
        if not frame.fin:
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(MESSAGE_WITHIN_S, self._on_endless)
            return None
        message = b"".join(self.parts)
        self.parts.clear()
        self._bytes = 0
        self.stop()
        return message

    def stop(self) -> None:
        """Wait for its end no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_endless(self) -> None:
        self._timer = None
        self._refuse(WSCloseCode.PROTOCOL_ERROR, f"a message had no end within {MESSAGE_WITHIN_S:.0f} s")
