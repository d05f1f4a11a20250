"""Sum up a stream's state in one word."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from listenkey.core.lifecycle import Lifecycle
from listenkey.core.states import State
from listenkey.health import Status

HTTP_BANNED: Final = 418
LIVE_STATES: Final = (State.LIVE, State.ROTATING, State.RECOVERING)


def status_of(life: Lifecycle, now_s: float, journal_problem: str | None, losing: str | None) -> Status:
    """
    The status of a stream; what each word means is told at `Health`.

    Args:
        life: The stream's life.
        now_s: By the clock that is never set.
        journal_problem: Why nothing can be written at the moment, or None.
        losing: Why events find no room at the moment, or None.
    """
    if life.state is State.ENDED:
        return "ENDED" if life.error is None else "FAILED"
    if life.state not in LIVE_STATES:
        missing = life.gaps.ever_live or life.gaps.open_from_ms is not None
        return "GAP" if missing else "CONNECTING"
    if journal_problem or losing:
        return "DEGRADED" if journal_problem else "GAP"
    if life.gaps.open_from_ms is not None:
        return "RECOVERING" if life.recovery_policy.blind else "SUSPECT"
    if life.gap_recovery.outstanding:
        return "SUSPECT"
    if life.impaired(now_s) is not None:
        return "DEGRADED"
    return "SETTLING" if life.recovery_policy.audit_schedule.settling else "LIVE"


def why_of(life: Lifecycle, now_s: float, journal_problem: str | None, losing: str | None, silence: str | None) -> str:
    """
    The reason of the status, for people.

    The arguments are those of `status_of`; `silence` tells until when the venue wants no requests (`silence_text`), or
    until when a recovery waits (`room_text`).
    """
    problem = journal_problem or losing
    if problem is not None:
        return problem
    if life.state is State.ENDED:
        return life.why
    why = life.why
    match status_of(life, now_s, None, None):
        case "DEGRADED":
            why = life.impaired(now_s) or why
        case "SUSPECT" if life.gaps.open_from_ms is None:
            why = life.gap_recovery.outstanding
    return why if silence is None else f"{silence}; {why}"


def silence_text(http_status: int, left_s: float, wall_ms: int) -> str:
    """A sentence on how long no requests may be sent, and until when by this machine's clock."""
    word = "banned" if http_status == HTTP_BANNED else "rate limited"
    return f"{word} (HTTP {http_status}): no requests for another {_span(left_s, wall_ms)}"


def room_text(limit: int, left_s: float, wall_ms: int) -> str:
    """A sentence on how long a recovery waits for request weight, and until when by this machine's clock."""
    waits = _span(left_s, wall_ms)
    return f"waiting for request weight (limit {limit} per minute): the recovery sends no request for another {waits}"


def _span(left_s: float, wall_ms: int) -> str:
    until = datetime.fromtimestamp(wall_ms / 1000 + left_s, UTC)
    return f"{left_s:.0f} s, until {until:%Y-%m-%d %H:%M:%S} UTC"
