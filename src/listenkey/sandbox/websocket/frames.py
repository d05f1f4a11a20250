"""
WebSocket frames of clients, from bytes to messages. (RFC 6455, section 5) Pure.

No extension is ever agreed on, so a reserved bit is a violation; so is a frame that is not masked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_OPCODES: Final = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
_WHOLE: Final = 0x80
_CONTROL_BYTES_MAX: Final = 125

PROTOCOL_ERROR: Final = 1002
INVALID_PAYLOAD: Final = 1007
TOO_BIG: Final = 1009


class SocketMessage(NamedTuple):
    """A whole message: of a text, binary or control opcode."""

    opcode: int
    payload: bytes


class Violation(Exception):
    """
    A client broke the protocol: the connection ends.

    Args:
        close_code: To be sent.
        reason: The same in words.
    """

    def __init__(self, close_code: int, reason: str) -> None:
        super().__init__(reason)
        self.close_code = close_code
        self.reason = reason


class FrameReader:
    """
    The frames of one client.

    Args:
        bytes_max: Of a message, all its fragments together.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._waiting = bytearray()
        self._opcode = CONTINUATION
        """The opcode of the message whose fragments are being read; a continuation when there is none."""
        self._fragments = bytearray()

    def feed(self, data: bytes) -> Iterator[SocketMessage]:
        """
        Yield the messages that are whole now.

        Raises:
            Violation: After the messages before it. Nothing may be fed after that.
        """
        self._waiting += data
        while (frame := self._next_frame()) is not None:
            message = self._admit(*frame)
            if message is not None:
                yield message

    def _next_frame(self) -> tuple[int, bool, bytes] | None:
        """Return the opcode, whether it is the last fragment, and the payload of the next frame when it is all there."""
        waiting = self._waiting
        if len(waiting) < 2:
            return None
        whole, opcode, length = bool(waiting[0] & _WHOLE), waiting[0] & 0x0F, waiting[1] & 0x7F
        if waiting[0] & 0x70 or opcode not in _OPCODES:
            raise Violation(PROTOCOL_ERROR, "a reserved bit or opcode")
        if not waiting[1] & 0x80:
            raise Violation(PROTOCOL_ERROR, "a frame that is not masked")
        if opcode >= CLOSE and (not whole or length > _CONTROL_BYTES_MAX):
            raise Violation(PROTOCOL_ERROR, "a control frame that is long or in fragments")
        start = {126: 4, 127: 10}.get(length, 2)
        if len(waiting) < start:
            return None
        if length > _CONTROL_BYTES_MAX:
            length = int.from_bytes(waiting[2:start], "big")
        if len(self._fragments) + length > self._bytes_max:
            raise Violation(TOO_BIG, f"more than {self._bytes_max} bytes")
        end = start + 4 + length
        if len(waiting) < end:
            return None
        payload = _unmasked(bytes(waiting[start + 4 : end]), bytes(waiting[start : start + 4]))
        del waiting[:end]
        return opcode, whole, payload

    def _admit(self, opcode: int, whole: bool, payload: bytes) -> SocketMessage | None:
        if opcode >= CLOSE:
            return SocketMessage(opcode, _checked_close(payload) if opcode == CLOSE else payload)
        if (opcode == CONTINUATION) == (self._opcode == CONTINUATION):
            raise Violation(PROTOCOL_ERROR, "a fragment out of place")
        if opcode != CONTINUATION:
            self._opcode = opcode
        self._fragments += payload
        if not whole:
            return None
        message = SocketMessage(self._opcode, bytes(self._fragments))
        self._opcode = CONTINUATION
        self._fragments.clear()
        if message.opcode == TEXT and not _is_utf8(message.payload):
            raise Violation(INVALID_PAYLOAD, "text that is no UTF-8")
        return message


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a whole frame of a server, which is not masked."""
    return header(_WHOLE | opcode, len(payload)) + payload


def header(first: int, length: int) -> bytes:
    """Return the first bytes of an unmasked frame. (RFC 6455, section 5.2)"""
    if length < 126:
        return bytes((first, length))
    if length < 65_536:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")


def _checked_close(payload: bytes) -> bytes:
    """Refuse a close frame that no rule allows: its code, and then its reason. (RFC 6455, section 7.4)"""
    if not payload:
        return payload
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        raise Violation(PROTOCOL_ERROR, "a close code that may not be sent")
    if not _is_utf8(payload[2:]):
        raise Violation(INVALID_PAYLOAD, "a close reason that is no UTF-8")
    return payload


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
