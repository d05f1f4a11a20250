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
        case errors.Banned(until_ms=int(until_ms)):
            return Verdict(Do.WAIT, max(1.0, (until_ms - wall_ms) / 1000), error)
        case errors.Banned():
            return Verdict(Do.WAIT, error.retry_after_s or BAN_WAIT_S, error)
        case errors.RateLimited():
            return Verdict(Do.WAIT, error.retry_after_s or RATE_LIMIT_WAIT_S, error)
        case errors.Refused() | errors.UsageError():
            return Verdict(Do.STOP, 0.0, error)
        case errors.Retired():
            return Verdict(Do.WAIT, RETIRED_WAIT_S, error)
        case errors.VenueError(retry_after_s=float(wait_s) | int(wait_s)):
            return Verdict(Do.WAIT, wait_s, error)
        case _:
            return Verdict(Do.WAIT, 0.0, error)
