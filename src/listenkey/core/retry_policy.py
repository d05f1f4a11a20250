"""Decide what to do about an error: wait, get a new key, or stop. The only place that decides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from listenkey import errors
from listenkey.venue import BAN_MAX_S

RATE_LIMIT_WAIT_S: Final = 60.0
"""The wait after a 429 or a firewall's page that states none."""

RETIRED_WAIT_S: Final = 60.0
"""An address that answers 404 or 410 is asked again once a minute at most."""

BAN_WAIT_S: Final = 120.0
"""The shortest ban documented is two minutes. [O general-info]"""

RATE_LIMIT_MAX_S: Final = 3600.0
"""Sixty times the longest window of a limit that `exchangeInfo` names; no 429 can mean more."""

DOWN_MAX_S: Final = 60.0
"""A server that is down asks for patience and forbids nothing, so it is asked once per minute all the same."""

CLOCKS_DIFFER_S: Final = 10.0
"""A ban whose end lies so little behind us is about to end; one that ended earlier shows that a clock is wrong."""


class Disposition(Enum):
    """The reactions to an error."""

    WAIT = "wait"
    """Try again, not sooner than `RetryDecision.wait_s`: the error may pass."""

    NEW_KEY = "new key"
    """The listen key is dead: create another, now."""

    STOP = "stop"
    """Stop: the error won't pass by itself, somebody must mend something."""


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """
    The decision about an error.

    Attributes:
        do: Which way to go on.
        wait_s: Not sooner than this; the backoff comes on top where it is longer.
        error: The error itself, to be raised where we stop.
    """

    do: Disposition
    wait_s: float
    error: errors.ListenKeyError


def classify(error: errors.ListenKeyError, wall_ms: int) -> RetryDecision:
    """
    Decide what to do about an error. No wait is longer than what the venue documents.

    Args:
        error: What happened.
        wall_ms: Now, epoch ms; a ban's end is given as a time of day. The venue's time where it is known.
    """
    match error:
        case errors.KeyUnknown():
            return RetryDecision(Disposition.NEW_KEY, 0.0, error)
        case errors.Banned():
            return RetryDecision(Disposition.WAIT, _ban_s(error, wall_ms), error)
        case errors.RateLimited():
            return RetryDecision(
                Disposition.WAIT, _credible_s(error.retry_after_s, RATE_LIMIT_MAX_S) or RATE_LIMIT_WAIT_S, error
            )
        case errors.Refused() | errors.UsageError():
            return RetryDecision(Disposition.STOP, 0.0, error)
        case errors.Retired():
            return RetryDecision(Disposition.WAIT, RETIRED_WAIT_S, error)
        case errors.VenueError():
            return RetryDecision(Disposition.WAIT, min(max(error.retry_after_s or 0.0, 0.0), DOWN_MAX_S), error)
        case _:
            return RetryDecision(Disposition.WAIT, 0.0, error)


def says_no(error: errors.ListenKeyError) -> bool:
    """
    Return True where the venue refused a socket: by its handshake, its answer to SUBSCRIBE, or a close code.

    That too much was asked for says nothing of this socket or its key.
    """
    if isinstance(error, errors.Disconnected):
        return error.close_code is not None
    return isinstance(error, errors.VenueError | errors.ProtocolError) and not isinstance(error, errors.RateLimited)


def _ban_s(ban: errors.Banned, wall_ms: int) -> float:
    """Return how long a ban lasts: as long as the answer says, else until its end by our clock, which may be wrong."""
    return _credible_s(ban.retry_after_s, BAN_MAX_S) or ban_left_s(ban, wall_ms) or BAN_WAIT_S


def ban_left_s(ban: errors.Banned, now_ms: int) -> float | None:
    """
    Seconds until the end that a ban names, or None where it names none that can be meant.

    Args:
        ban: What the venue answered.
        now_ms: The venue's time where it is known, epoch ms.
    """
    if ban.until_ms is None:
        return None
    left_s = (ban.until_ms - now_ms) / 1000
    return max(left_s, 1.0) if -CLOCKS_DIFFER_S < left_s <= BAN_MAX_S else None


def _credible_s(said_s: float | None, most_s: float) -> float | None:
    """
    A wait that the venue named, or None where it can't have meant it.

    A stream that believed a mistyped wait would stay silent until its key is dead. It asks again after the wait that
    the documents name instead: one request, and the answer names the wait anew.
    """
    return said_s if said_s is not None and 0 < said_s <= most_s else None
