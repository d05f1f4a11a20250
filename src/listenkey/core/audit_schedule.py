"""
Schedule the looks at REST history that come by themselves: once a minute, and some seconds after a gap.

Of an account with nothing at stake they may come less often: see `audit_pace`.

The stream has no sequence numbers, so a lost message is seen nowhere else. While a gap settles, looking at that is
audit enough.
"""

from __future__ import annotations

from typing import Final

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.audit_pace import AuditPace
from listenkey.core.inputs import Moment
from listenkey.core.retry_policy import Disposition
from listenkey.core.timing import Timing

AUDIT_JITTER: Final = 0.1

SETTLE_AGAIN_S: Final = 15.0
"""The time after which REST history is looked at again that lags by more than is assumed."""


class AuditSchedule:
    """
    The audits of one stream: the one under way, and the deadlines of the others.

    Attributes:
        pace: How often the account is audited.
        number: Number of the latest audit.
        audit_at_s: When the next one is due, where no gap settles by then; None before the stream is live.
    """

    __slots__ = ("_is_under_way", "_settle_at_s", "_settle_from_ms", "_timing", "audit_at_s", "number", "pace")

    def __init__(self, timing: Timing) -> None:
        self.pace = AuditPace(timing)
        self.number = 0
        self._timing = timing
        self._settle_at_s: list[float] = []
        self._settle_from_ms = 0
        self._is_under_way = False
        self.audit_at_s: float | None = None

    @property
    def settling(self) -> bool:
        """True while REST may still show more of the last gap."""
        return bool(self._settle_at_s)

    def deadline(self) -> float | None:
        """Return the time at which a look is due; None while one is under way, and where none is planned."""
        if self._is_under_way:
            return None
        return self._settle_at_s[0] if self._settle_at_s else self.audit_at_s

    def plan(self, now: Moment) -> None:
        """Schedule the next audit, by default a minute from now, as all is covered."""
        self.audit_at_s = self._next_s(now)

    def woke(self, now: Moment) -> None:
        """Audit the account again as one that is in use: its first event came after a long time."""
        self.pace.woke()
        if self.audit_at_s is not None:
            self.audit_at_s = min(self.audit_at_s, self._next_s(now))

    def _next_s(self, now: Moment) -> float:
        return now.s + self.pace.every_s * (1 + AUDIT_JITTER * (2 * now.draw - 1))

    def settle(self, from_ms: int, now: Moment) -> None:
        """Look again at the gap that began at `from_ms` and is closed: REST may show more of it for a while."""
        self._settle_from_ms = min(from_ms, self._settle_from_ms) if self._settle_at_s else from_ms
        self._settle_at_s = [now.s + after_s for after_s in self._timing.settle_after_s]

    def interrupted(self) -> None:
        """Wait no longer for the look that is under way: its socket is gone."""
        self._is_under_way = False

    def look_if_due(self, now: Moment, not_before_ms: int) -> do.Audit | None:
        """Return the look that is due, if one is."""
        due_s = self.deadline()
        if due_s is None or now.s < due_s:
            return None
        self._is_under_way = True
        self.number += 1
        return do.Audit(self.number, self._settle_from_ms if self._settle_at_s else None, not_before_ms)

    def looked(self, happened: on.Audited, now: Moment) -> bool:
        """
        Plan what follows a look. While history lags by more than is assumed, the last gap is not settled.

        Returns:
            Whether it is the look that was waited for.
        """
        if not self._ends(happened):
            return False
        if self._settle_at_s and now.s >= self._settle_at_s[0]:
            self._settle_at_s = [at_s for at_s in self._settle_at_s if at_s > now.s]
            if not self._settle_at_s and happened.lag_s:
                self._settle_at_s = [now.s + SETTLE_AGAIN_S]
        else:
            self.pace.audited(is_idle=happened.is_idle)
            self.plan(now)
        return True

    def could_not_look(self, happened: on.NotAudited, now: Moment) -> bool:
        """Put all looks off: settling waits, for it proves nothing until it has looked. Returns as `looked` does."""
        if not self._ends(happened):
            return False
        wait_s = max(self._timing.settle_after_s[0], happened.decision.wait_s)
        if happened.decision.do is Disposition.STOP:
            # Asking again changes nothing, until somebody mends the key or its secret.
            wait_s = min(self._timing.refused_retry_s, self._timing.audit_every_s)
        later_s = now.s + wait_s + now.draw
        self._settle_at_s = sorted(max(at_s, later_s) for at_s in self._settle_at_s)
        if self.audit_at_s is not None:
            self.audit_at_s = max(self.audit_at_s, later_s)
        return True

    def _ends(self, happened: on.Audited | on.NotAudited) -> bool:
        """Return True where the look under way ends with this; an answer to an earlier one changes nothing."""
        is_it = self._is_under_way and happened.number == self.number
        self._is_under_way &= not is_it
        return is_it
