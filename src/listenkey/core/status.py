"""How a stream is, in one word."""

from __future__ import annotations

from typing import Final

from listenkey.core.mending import Mending
from listenkey.core.states import State
from listenkey.health import Status

LIVE_STATES: Final = frozenset({State.LIVE, State.ROTATING, State.RECOVERING})


def status_of(life: Mending, now_s: float, journal_problem: str | None, losing: str | None) -> Status:
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
        return "RECOVERING" if life.repair.blind else "SUSPECT"
    if life.impaired(now_s) is not None:
        return "DEGRADED"
    return "SETTLING" if life.repair.settling else "LIVE"
