"""The health of an account as a gateway tells it, line by line, and as the program sees it that may not hear any more."""

from __future__ import annotations

from typing import Final

import msgspec

from listenkey.errors import ProtocolError
from listenkey.health import Health, Status

LIVE: Final = frozenset({"LIVE", "SETTLING"})
"""The statuses in which new events come."""

LIVE_WITHOUT_GAP: Final = frozenset({"DEGRADED", "SUSPECT"})
"""Those in which they do unless a gap is open; as `Health.live` says."""


class _StateLine(msgspec.Struct, frozen=True):
    status: Status
    why: str = ""
    status_since_ms: int = 0
    open_gap_from_ms: int | None = None
    fills_complete: bool = False


_DECODER: Final = msgspec.json.Decoder(_StateLine)

UNKNOWN: Final = Health(status="CONNECTING", why="the gateway has not been reached yet")
REACHED: Final = Health(status="CONNECTING", why="the gateway has not said yet how the account is")


def health_of(line: bytes) -> Health:
    """
    Return the health that a state line tells.

    Raises:
        ProtocolError: It is none.
    """
    try:
        told = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ProtocolError("the gateway sent a line about the account's state that is none", line) from None
    is_open = told.open_gap_from_ms is not None
    return Health(
        status=told.status,
        why=told.why,
        status_since_ms=told.status_since_ms,
        live=told.status in LIVE or (told.status in LIVE_WITHOUT_GAP and not is_open),
        open_gap_from_ms=told.open_gap_from_ms,
        fills_complete=told.fills_complete,
    )


def not_reached(why: str, since_ms: int) -> Health:
    """Return the health of an account whose gateway can't be reached: nothing is known of it."""
    return Health(status="CONNECTING", why=f"the gateway is not reached: {why}", status_since_ms=since_ms)
