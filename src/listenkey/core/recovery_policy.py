"""
Recover missed events: the part of a stream's life that asks REST. Pure, like the rest of it.

A gap is closed by asking REST while the new socket's events are held, so that all come out in order; holding is
bounded. Afterwards the bill is looked at again a few times, since REST may lag behind the stream. It is also looked
at once a minute for as long as the stream lives: the stream has no sequence numbers, so a lost message is seen nowhere
else. A loss that such a look finds is treated the same: a gap is reported, REST is asked, the gap is closed.
"""

from __future__ import annotations

from typing import Final

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.backoff import backoff_s
from listenkey.core.inputs import Moment
from listenkey.core.retry_policy import Disposition
from listenkey.core.timing import Timing

AUDIT_JITTER: Final = 0.1

LAG_RETRY_SHARE: Final = 0.25
LAG_RETRY_MAX_S: Final = 15.0
"""A REST that lags is asked again after a quarter of the time it has lagged already, and after so long at most."""


class RecoveryPolicy:
    """
    The recoveries, settling and audits of one stream: those under way, and the deadlines of the others.

    Attributes:
        active: Whether REST can be asked at all: there is something to sign with.
        attempt: Number of the latest recovery.
        running: Whether its answer is still to come.
        orphaned: Whether it runs on although its socket was lost: what it finds is delivered all the same.
        adopted: Whether the recovery that runs began before the present socket: another one follows it.
        blind: Whether the open gap is one in which no socket brought anything.
        again: Something more was lost while it ran.
        found_to_ms: When the newest of what was brought back happened, wall clock; 0 where nothing was.
        more_lost_at: When that was last noticed, whichever gap it was in.
        hold_until_s: Until when the new socket's events may be held; None where none are. It is the same for all sockets
            of one gap: where each is lost before its recovery ends, nobody waits longer for that.
        retry_at_s: When to try again.
        poll_at_s: When to ask for fills if there is no socket by then; None while that is being asked.
        lag_s: How far REST was seen to lag when it was last believed all the same; 0 where it was not.
        outstanding: What REST history shows, nobody delivered and REST does not list, in words; else the empty text.
        problem: Why REST can't be asked at the moment, for people, or None.
    """

    def __init__(self, timing: Timing) -> None:
        self.active = False
        self.attempt = 0
        self.running = False
        self.orphaned = False
        self.adopted = False
        self.blind = True
        self.again = False
        self.found_to_ms = 0
        self.more_lost_at: Moment | None = None
        self.hold_until_s: float | None = None
        self._hold_since_s: float | None = None
        self.retry_at_s: float | None = None
        self.poll_at_s: float | None = None
        self.lag_s = 0.0
        self.outstanding = ""
        self.problem: str | None = None
        self._timing = timing
        self._failures = 0
        self._polling = False
        self._lagging_since_s: float | None = None
        self._settle_at_s: list[float] = []
        self._settle_from_ms = 0
        self._audit = 0
        self._auditing = False
        self._audit_at_s: float | None = None

    @property
    def settling(self) -> bool:
        """True while REST may still show more of the last gap."""
        return bool(self._settle_at_s)

    def deadlines(self, *, may_look: bool, may_poll: bool) -> list[float]:
        """Return the times at which `TimerDue` is wanted. `may_look`, `may_poll`: True where it would act on them."""
        poll_at_s = self.poll_at_s if may_poll else None
        times = [at_s for at_s in (self.hold_until_s, self.retry_at_s, poll_at_s) if at_s is not None]
        if may_look and not self._auditing:
            audit_at_s = [] if self._audit_at_s is None else [self._audit_at_s]
            times.extend(self._settle_at_s[:1] or audit_at_s)
        return times

    # --- recovering ----------------------------------------------------------------------------------------------

    def begin(self, from_ms: int, to_ms: int, not_before_ms: int) -> do.Recover:
        """Ask for this span."""
        self.attempt += 1
        self.running, self.again, self.retry_at_s = True, False, None
        self.orphaned = self.adopted = False
        if self._polling:
            self._polling, self.poll_at_s = False, 0.0  # It ends with this, and is due again if the socket is lost.
        return do.Recover(self.attempt, from_ms, to_ms, not_before_ms, self.blind)

    def hold(self, now: Moment) -> None:
        """Begin to hold the new socket's events."""
        assert self.hold_until_s is None, "a lost socket ends what is held for it"
        if self._hold_since_s is None:
            self._hold_since_s = now.s
        self.hold_until_s = self._hold_since_s + self._timing.recover_hold_max_s

    def answered(self, happened: on.Recovered, now: Moment) -> bool:
        """An answer to the recovery that runs came; whether the gap can be closed with it."""
        self.running = self.adopted = False
        self._failures = 0
        self.poll_at_s = None
        self.problem = None
        self.found_to_ms = max(self.found_to_ms, happened.newest_ms)
        self.outstanding = happened.outstanding
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
        self.running = self.adopted = False
        self._failures += 1
        self.problem = str(happened.verdict.error)
        # At least half of the first wait: a refusal that comes at once must not be answered at once.
        wait_s = max(self._timing.backoff_first_s / 2, backoff_s(self._failures, self._timing, now.draw))
        if happened.verdict.do is Disposition.STOP:
            wait_s = self._timing.refused_retry_s
        elif happened.verdict.wait_s > 0:
            wait_s = happened.verdict.wait_s + now.draw * min(2.0, wait_s)
        self.retry_at_s = now.s + wait_s

    def closed(self, from_ms: int, now: Moment) -> None:
        """The gap that began at `from_ms` is closed; REST may show more of it for a while."""
        self.found_to_ms = 0
        self.lag_s = 0.0
        self.hold_until_s = self.poll_at_s = self._hold_since_s = None
        self._settle_from_ms = min(from_ms, self._settle_from_ms) if self._settle_at_s else from_ms
        self._settle_at_s = [now.s + after_s for after_s in self._timing.settle_after_s]

    def adopt(self) -> None:
        """Let the recovery of an earlier socket go on: sockets that last no second would let none come to its end."""
        self.orphaned, self.adopted = False, True
        self.running, self.again, self.retry_at_s = True, True, None

    def orphan_ended(self, now: Moment) -> None:
        """Note that the recovery without a socket was answered, as a poll is."""
        self.orphaned = False
        self.polled(now)

    def interrupted(self, now: Moment) -> None:
        """End what waits for the socket that is gone; the next one asks anew, once the answer to come has come."""
        self.orphaned |= self.running
        self.running, self.again, self.adopted, self.blind = False, False, False, True
        self.hold_until_s = self.retry_at_s = None
        self._auditing = False
        if self.poll_at_s is None and not self._polling:  # Many short sockets must not put it off each time.
            self.poll_at_s = now.s + self._timing.poll_every_s

    # --- polling -------------------------------------------------------------------------------------------------

    def poll(self, from_ms: int, not_before_ms: int) -> do.Poll:
        """Ask for fills, while no socket brings any."""
        self.attempt += 1
        self.poll_at_s, self._polling = None, True
        return do.Poll(self.attempt, from_ms, not_before_ms)

    def polled(self, now: Moment) -> None:
        """REST answered."""
        self._polling = False
        self.poll_at_s = now.s + self._timing.poll_every_s
        self.problem = None

    def not_polled(self, happened: on.NotRecovered, now: Moment) -> None:
        """Schedule the next poll after REST failed: an outage is not asked more often."""
        self.orphaned = self._polling = False
        self.problem = str(happened.verdict.error)
        wait_s = self._timing.refused_retry_s if happened.verdict.do is Disposition.STOP else self._timing.poll_retry_s
        self.poll_at_s = now.s + max(wait_s, happened.verdict.wait_s) + now.draw

    # --- settling and auditing -----------------------------------------------------------------------------------

    def went_live(self, now: Moment) -> None:
        """Schedule the next look at the bill a minute from now, as all is covered."""
        self.blind, self.poll_at_s = True, None
        jitter = 1 + AUDIT_JITTER * (2 * now.draw - 1)
        self._audit_at_s = now.s + self._timing.audit_every_s * jitter

    def look_if_due(self, now: Moment, not_before_ms: int) -> do.Audit | None:
        """The look at the bill that is due, if one is. While a gap settles, looking at that is audit enough."""
        due_s = self._settle_at_s[0] if self._settle_at_s else self._audit_at_s
        if self._auditing or due_s is None or now.s < due_s:
            return None
        self._auditing = True
        self._audit += 1
        return do.Audit(self._audit, self._settle_from_ms if self._settle_at_s else None, not_before_ms)

    def looked(self, happened: on.Audited, now: Moment) -> None:
        """The bill was held against the fills. While it lags by more than is assumed, the last gap is not settled."""
        if happened.number != self._audit or not self._auditing:
            return
        self._auditing = False
        self.problem = None
        self.outstanding = happened.outstanding
        if self._settle_at_s and now.s >= self._settle_at_s[0]:
            self._settle_at_s = [at_s for at_s in self._settle_at_s if at_s > now.s]
            if not self._settle_at_s and happened.lag_s:
                self._settle_at_s = [now.s + LAG_RETRY_MAX_S]
        else:
            self.went_live(now)

    def could_not_look(self, happened: on.NotAudited, now: Moment) -> None:
        """Later, then: settling waits, for it proves nothing until it has looked."""
        if happened.number != self._audit or not self._auditing:
            return
        self._auditing = False
        self.problem = str(happened.verdict.error)
        wait_s = max(self._timing.settle_after_s[0], happened.verdict.wait_s)
        if (
            happened.verdict.do is Disposition.STOP
        ):  # Asking again changes nothing, until somebody mends the key or its secret.
            wait_s = min(self._timing.refused_retry_s, self._timing.audit_every_s)
        later_s = now.s + wait_s + now.draw
        self._settle_at_s = sorted(max(at_s, later_s) for at_s in self._settle_at_s)
        if self._audit_at_s is not None:
            self._audit_at_s = max(self._audit_at_s, later_s)
