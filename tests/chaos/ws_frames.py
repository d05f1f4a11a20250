"""WebSocket frames as bytes (RFC 6455, section 5.2), for the proxy alone: it shares no code with client and sandbox."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
RESERVED_OPCODE: Final = 0x3


@dataclass(frozen=True, slots=True)
class Frame:
    """
    One frame.

    Attributes:
        opcode: See the constants above.
        payload: Unmasked.
        raw: All of it as it came, which is what is passed on.
        fin: Whether a message ends with it.
        masked: Whether it came from a client.
    """

    opcode: int
    payload: bytes
    raw: bytes
    fin: bool = True
    masked: bool = False

    @property
    def is_data(self) -> bool:
        """Not a control frame."""
        return self.opcode < CLOSE


class FrameReader:
    """Bytes in any portions to whole frames."""

    def __init__(self) -> None:
        self._waiting = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete with these bytes."""
        self._waiting += data
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        waiting = self._waiting
        if len(waiting) < 2:
            return None
        masked, length = bool(waiting[1] & 0x80), waiting[1] & 0x7F
        wide = {126: 2, 127: 8}.get(length, 0)
        begin = 2 + wide + 4 * masked
        if len(waiting) < begin:
            return None
        if wide:
            length = int.from_bytes(waiting[2 : 2 + wide], "big")
        if len(waiting) < begin + length:
            return None
        raw, self._waiting = waiting[: begin + length], waiting[begin + length :]
        payload = raw[begin:]
        if masked:
            payload = _masked(payload, raw[begin - 4 : begin])
        return Frame(raw[0] & 0x0F, payload, raw, bool(raw[0] & 0x80), masked)


def encode(opcode: int, payload: bytes, *, fin: bool = True, mask: bool = False, reserved: int = 0) -> bytes:
    """A frame's bytes, valid or not: `reserved` sets RSV bits (1 to 7) and any opcode will do."""
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    length = len(payload)
    if length < 126:
        head = bytes((first, length | 0x80 * mask))
    elif length < 65_536:
        head = bytes((first, 126 | 0x80 * mask)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, 127 | 0x80 * mask)) + length.to_bytes(8, "big")
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + _masked(payload, key)


def _masked(payload: bytes, key: bytes) -> bytes:
    width = len(payload)
    keys = int.from_bytes((key * (width // 4 + 1))[:width], "big")
    return (int.from_bytes(payload, "big") ^ keys).to_bytes(width, "big")
