"""
Recover missed events: the part of a stream's life that asks REST. Pure, like the rest of it.

A gap is closed by asking REST while the new socket's events are held, so that all come out in order; holding is
bounded. A loss that an audit finds is treated the same: a gap is reported, REST is asked, the gap is closed.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.audit_schedule import AuditSchedule
from listenkey.core.backoff import backoff_s
from listenkey.core.inputs import Moment
from listenkey.core.retry_policy import Disposition
from listenkey.core.timing import Timing

LAG_RETRY_SHARE: Final = 0.25
LAG_RETRY_MAX_S: Final = 15.0
"""A REST that lags is asked again after a quarter of the time it has lagged already, and after so long at most."""


class Asking(Enum):
    """The request to REST that is under way for the open gap."""

    NOTHING = "nothing"
    RECOVERY = "recovery"
    ORPHAN = "orphan"  # a recovery that runs on although its socket was lost: what it finds is delivered all the same
    ADOPTED = "adopted"  # an orphan that serves the present socket, too: another recovery follows it
    POLL = "poll"  # fills, while no socket brings any


class RecoveryPolicy:
    """
    The recoveries and polls of one stream: the one under way, and the deadlines of the others.

    Attributes:
        active: Whether REST can be asked at all: there is something to sign with.
        audit_schedule: The looks that come by themselves.
        attempt: Number of the latest recovery or poll.
        asking: What is under way.
        blind: Whether the open gap is one in which no socket brought anything.
        again: Something more was lost while it ran.
        hold_until_s: Until when the new socket's events may be held; None where none are. It is the same for all sockets
            of one gap: where each is lost before its recovery ends, nobody waits longer for that.
        retry_at_s: When to try again.
        poll_at_s: When to ask for fills if there is no socket by then; None while that is being asked.
        lag_s: How far REST was seen to lag when it was last believed all the same; 0 where it was not.
        problem: Why REST can't be asked at the moment, for people, or None.
    """

    def __init__(self, timing: Timing) -> None:
        self.active = False
        self.audit_schedule = AuditSchedule(timing)
        self.attempt = 0
        self.asking = Asking.NOTHING
        self.blind = True
        self.again = False
        self.hold_until_s: float | None = None
        self._hold_since_s: float | None = None
        self.retry_at_s: float | None = None
        self.poll_at_s: float | None = None
        self.lag_s = 0.0
        self.problem: str | None = None
        self._timing = timing
        self._failures = 0
        self._lagging_since_s: float | None = None

    @property
    def running(self) -> bool:
        """True while the present socket waits for the answer to a recovery."""
        return self.asking is Asking.RECOVERY or self.asking is Asking.ADOPTED

    def deadlines(self, *, may_look: bool, may_poll: bool) -> list[float]:
        """Return the times at which `TimerDue` is wanted. `may_look`, `may_poll`: True where it would act on them."""
        poll_at_s = self.poll_at_s if may_poll else None
        look_at_s = self.audit_schedule.deadline() if may_look else None
        return [at_s for at_s in (self.hold_until_s, self.retry_at_s, poll_at_s, look_at_s) if at_s is not None]

    # --- recovering ----------------------------------------------------------------------------------------------

    def begin(self, from_ms: int, to_ms: int, not_before_ms: int) -> do.Recover:
        """Ask for this span."""
        self.attempt += 1
        self.again, self.retry_at_s = False, None
        if self.asking is Asking.POLL:
            self.poll_at_s = 0.0  # It ends with this, and is due again if the socket is lost.
        self.asking = Asking.RECOVERY
        return do.Recover(self.attempt, from_ms, to_ms, not_before_ms, self.blind)

    def hold(self, now: Moment) -> None:
        """Begin to hold the new socket's events."""
        assert self.hold_until_s is None, "a lost socket ends what is held for it"
        if self._hold_since_s is None:
            self._hold_since_s = now.s
        self.hold_until_s = self._hold_since_s + self._timing.recover_hold_max_s

    def answered(self, happened: on.Recovered, now: Moment) -> bool:
        """An answer to the recovery that runs came; whether the gap can be closed with it."""
        self.asking = Asking.NOTHING
        self._failures = 0
        self.poll_at_s = None
        self.problem = None
        waited_s = 0.0 if happened.complete else self._lagged_for_s(now)
        if happened.complete or waited_s >= self._timing.lag_seen_max_s:
            self._lagging_since_s = None
            self.lag_s = max(self.lag_s, happened.lag_s)
            return True
        self.retry_at_s = now.s + max(self._timing.lag_hold_s, min(waited_s * LAG_RETRY_SHARE, LAG_RETRY_MAX_S))
        return False

    def _lagged_for_s(self, now: Moment) -> float:
        if self._lagging_since_s is None:
            self._lagging_since_s = now.s
        return now.s - self._lagging_since_s

    def failed(self, happened: on.NotRecovered, now: Moment) -> None:
        """Schedule the next attempt: after a ban or the venue's wait, with jitter, so that not all come at once."""
        self.asking = Asking.NOTHING
        self._failures += 1
        self.problem = str(happened.decision.error)
        # At least half of the first wait: a refusal that comes at once must not be answered at once.
        wait_s = max(self._timing.backoff_first_s / 2, backoff_s(self._failures, self._timing, now.draw))
        if happened.decision.do is Disposition.STOP:
            wait_s = self._timing.refused_retry_s
        elif happened.decision.wait_s > 0:
            wait_s = happened.decision.wait_s + now.draw * min(2.0, wait_s)
        self.retry_at_s = now.s + wait_s

    def closed(self, from_ms: int, now: Moment) -> None:
        """The gap that began at `from_ms` is closed; REST may show more of it for a while."""
        self.lag_s = 0.0
        self.hold_until_s = self._hold_since_s = None
        self.audit_schedule.settle(from_ms, now)
        self.went_live(now)

    def went_live(self, now: Moment) -> None:
        """Poll no more, and audit from now on: all is covered."""
        self.blind, self.poll_at_s = True, None
        self.audit_schedule.plan(now)

    def adopt(self) -> None:
        """Let the recovery of an earlier socket go on: sockets that last no second would let none come to its end."""
        self.asking = Asking.ADOPTED
        self.again, self.retry_at_s = True, None

    def interrupted(self, now: Moment) -> None:
        """End what waits for the socket that is gone; the next one asks anew, once the answer to come has come."""
        if self.running:
            self.asking = Asking.ORPHAN
        self.again, self.blind = False, True
        self.hold_until_s = self.retry_at_s = None
        self.audit_schedule.interrupted()
        if (
            self.poll_at_s is None and self.asking is not Asking.POLL
        ):  # Many short sockets must not put it off each time.
            self.poll_at_s = now.s + self._timing.poll_every_s

    # --- polling -------------------------------------------------------------------------------------------------

    def poll(self, from_ms: int, not_before_ms: int) -> do.Poll:
        """Ask for fills, while no socket brings any."""
        self.attempt += 1
        self.poll_at_s, self.asking = None, Asking.POLL
        return do.Poll(self.attempt, from_ms, not_before_ms)

    def polled(self, now: Moment) -> None:
        """REST answered a poll, or the recovery of a socket that was lost."""
        self.asking = Asking.NOTHING
        self.poll_at_s = now.s + self._timing.poll_every_s
        self.problem = None

    def not_polled(self, happened: on.NotRecovered, now: Moment) -> None:
        """Schedule the next poll after REST failed: an outage is not asked more often."""
        self.asking = Asking.NOTHING
        self.problem = str(happened.decision.error)
        wait_s = self._timing.refused_retry_s if happened.decision.do is Disposition.STOP else self._timing.poll_retry_s
        self.poll_at_s = now.s + max(wait_s, happened.decision.wait_s) + now.draw
