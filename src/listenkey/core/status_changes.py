"""Track the status of one stream: since when it holds, and the log's words for a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from listenkey.health import Status

BROKEN: Final = frozenset({"GAP", "RECOVERING", "SUSPECT", "DEGRADED"})
"""Statuses in which events are missing, or a fault is not repaired. A recovery from them is logged."""

WHOLE: Final = frozenset({"LIVE", "SETTLING"})

CLOCK_STEP_MS: Final = 1_000
"""A wall clock that differs by more from the clock that is never set was set; by less it was slewed."""


@dataclass(frozen=True, slots=True)
class Change:
    """
    A change of the status.

    Attributes:
        form: The format of the line in the log, with one place.
        text: What stands in it.
        is_warning: Whether somebody who reads warnings alone should see it: something broke, or is whole again.
    """

    form: str
    text: str
    is_warning: bool


class StatusChanges:
    """
    Notes each change when it happens, so that no caller has to ask at the right moment.

    Attributes:
        status: The status that was noted last.
    """

    def __init__(self, now_s: float, wall_ms: int) -> None:
        self.status: Status = "CONNECTING"
        self._since_s = now_s
        self._since_ms = wall_ms
        self._broken_since_s: float | None = None
        self._fills_before = 0

    def since_ms(self, now_s: float, wall_ms: int) -> int:
        """Return since when the status holds, by the wall clock as it is now: the age is right after that was set."""
        by_now_ms = wall_ms - round((now_s - self._since_s) * 1000)
        if abs(by_now_ms - self._since_ms) > CLOCK_STEP_MS:
            self._since_ms = by_now_ms
        return self._since_ms

    def note(self, status: Status, why: str, fills_recovered: int, now_s: float, wall_ms: int) -> Change | None:
        """
        Note the status; None where it has not changed.

        Args:
            status: As it is.
            why: Its reason, for people.
            fills_recovered: Fills that REST brought back so far.
            now_s: By the clock that is never set.
            wall_ms: By the wall clock, epoch ms.
        """
        if status == self.status:
            return None
        before, self.status = self.status, status
        self._since_s, self._since_ms = now_s, wall_ms
        if status in WHOLE and self._broken_since_s is not None:
            took_s, self._broken_since_s = now_s - self._broken_since_s, None
            count = fills_recovered - self._fills_before
            again = "; REST is asked again, in case it lags" if status == "SETTLING" else ""
            return Change("live again %s", f"after {took_s:.1f} s, {count} fills recovered{again}", is_warning=True)
        if status in BROKEN and self._broken_since_s is None:
            self._broken_since_s, self._fills_before = now_s, fills_recovered
        text = status if why.lower() == status.lower() else f"{status}: {why}"
        return Change(
            "status: %s", f"{text} (was {before})", is_warning=status in BROKEN - {"RECOVERING"} or status == "FAILED"
        )
