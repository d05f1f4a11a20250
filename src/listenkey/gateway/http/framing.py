"""Bytes of lines as they go to readers: server-sent events in chunks of HTTP, the same bare, and WebSocket frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from listenkey.gateway.feed import Batch

Framing: TypeAlias = "Callable[[Sequence[Batch]], bytes]"

HEARTBEAT: Final = b": \n\n"
"""A comment, which readers of server-sent events skip."""

_TEXT_FRAME: Final = 0x81
_SHORT_MAX: Final = 125
_MIDDLE_MAX: Final = 0xFFFF


def plain(batches: Sequence[Batch]) -> bytes:
    """Return server-sent events as they are, for HTTP/1.0, which ends an answer by ending the connection."""
    return batches[0].sse if len(batches) == 1 else b"".join(batch.sse for batch in batches)


def chunked(batches: Sequence[Batch]) -> bytes:
    """Return server-sent events as one chunk of HTTP/1.1."""
    return chunk(plain(batches))


def frames(batches: Sequence[Batch]) -> bytes:
    """Return the lines as WebSocket frames, a text message each."""
    return b"".join(frame(line.json) for batch in batches for line in batch.lines)


def chunk(data: bytes) -> bytes:
    """Return one chunk of HTTP/1.1 (RFC 9112, section 7.1); empty data makes none, as that would be the end."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def frame(text: bytes) -> bytes:
    """Return one text message of a server in a single frame (RFC 6455, section 5.2)."""
    size = len(text)
    if size <= _SHORT_MAX:
        return bytes((_TEXT_FRAME, size)) + text
    if size <= _MIDDLE_MAX:
        return bytes((_TEXT_FRAME, 126)) + size.to_bytes(2, "big") + text
    return bytes((_TEXT_FRAME, 127)) + size.to_bytes(8, "big") + text


def heartbeat(framing: Framing) -> bytes:
    """Return what says that the server lives; nothing for a WebSocket, which has pings."""
    if framing is frames:
        return b""
    return chunk(HEARTBEAT) if framing is chunked else HEARTBEAT


def event(framing: Framing, name: str, json: bytes) -> bytes:
    """Return one line of its own kind: a named event, or on a WebSocket the line alone."""
    if framing is frames:
        return frame(json)
    data = b"event: %b\ndata: %b\n\n" % (name.encode(), json)
    return chunk(data) if framing is chunked else data
