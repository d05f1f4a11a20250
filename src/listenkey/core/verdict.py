"""What to do about an error: wait, get a new key, or stop. The only place that decides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from listenkey import errors

RATE_LIMIT_WAIT_S: Final = 60.0
"""After a 429 or a firewall's page that does not say how long."""

RETIRED_WAIT_S: Final = 60.0
"""An address that answers 404 or 410 is asked again once a minute at most."""

BAN_WAIT_S: Final = 120.0
"""The shortest ban documented is two minutes. [O general-info]"""


class Do(Enum):
    """What an error asks for."""

    WAIT = "wait"
    """It may pass: try again, not sooner than `Verdict.wait_s`."""

    NEW_KEY = "new key"
    """The listen key is dead: create another, now."""

    STOP = "stop"
    """It won't pass by itself: somebody must mend something."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What to do about an error.

    Attributes:
        do: Which way to go on.
        wait_s: Not sooner than this; the backoff comes on top where it is longer.
        error: The error itself, to be raised where we stop.
    """

    do: Do
    wait_s: float
    error: errors.ListenKeyError


def judge(error: errors.ListenKeyError, wall_ms: int) -> Verdict:
    """
    What to do about an error.

    Args:
        error: What happened.
        wall_ms: Now, epoch ms; a ban's end is given as a time of day.
    """
    match error:
        case errors.KeyUnknown():
            return Verdict(Do.NEW_KEY, 0.0, error)
        case errors.Banned():
            return Verdict(Do.WAIT, _ban_s(error, wall_ms), error)
        case errors.RateLimited():
            return Verdict(Do.WAIT, error.retry_after_s or RATE_LIMIT_WAIT_S, error)
        case errors.Refused() | errors.UsageError():
            return Verdict(Do.STOP, 0.0, error)
        case errors.Retired():
            return Verdict(Do.WAIT, RETIRED_WAIT_S, error)
        case errors.VenueError():
            return Verdict(Do.WAIT, error.retry_after_s or 0.0, error)
        case _:
            return Verdict(Do.WAIT, 0.0, error)


def says_no(error: errors.ListenKeyError) -> bool:
    """Whether the venue itself turned a socket down: by its handshake, its answer to SUBSCRIBE, or a close code."""
    if isinstance(error, errors.Disconnected):
        return error.close_code is not None
    return isinstance(error, errors.VenueError | errors.ProtocolError)


def _ban_s(ban: errors.Banned, wall_ms: int) -> float:
    """How long a ban lasts: as long as the answer says, else until its end by our own clock, which may be wrong."""
    if ban.retry_after_s is not None:
        return ban.retry_after_s
    return BAN_WAIT_S if ban.until_ms is None else max(1.0, (ban.until_ms - wall_ms) / 1000)
