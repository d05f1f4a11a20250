"""Server-sent events out of the bytes of an answer: pure, and bounded."""

from __future__ import annotations

from typing import Final, NamedTuple

from listenkey.errors import ProtocolError

EVENT_BYTES_MAX: Final = 8 * 1024 * 1024
"""One event: a message of the venue has at most 1 MiB, and a line holds it twice and more."""


class ServerEvent(NamedTuple):
    """
    One event.

    Attributes:
        name: Its kind; `message` is an item.
        data: Its line.
    """

    name: str
    data: bytes


class EventLines:
    """Cuts events out of what comes, in any pieces."""

    def __init__(self) -> None:
        self._left = b""

    def feed(self, came: bytes) -> list[ServerEvent]:
        """
        Return the events that are whole with these bytes.

        Raises:
            ProtocolError: One is too long to be one.
        """
        *blocks, self._left = (self._left + came if self._left else came).split(b"\n\n")
        if len(self._left) > EVENT_BYTES_MAX:
            raise ProtocolError(f"the gateway sent an event of more than {EVENT_BYTES_MAX} bytes")
        return [event for block in blocks if (event := _event(block)) is not None]


def _event(block: bytes) -> ServerEvent | None:
    """Return the event of some lines; None for a comment."""
    name, data = "message", b""
    for line in block.split(b"\n"):
        if line.startswith(b"data: "):
            data = line[6:]
        elif line.startswith(b"event: "):
            name = line[7:].decode("ascii", "replace")
    return ServerEvent(name, data) if data else None
