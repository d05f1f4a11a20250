"""
Keep a stream's listen key: when to ask for one, when to renew it, and when it is dead.

Rule of the venue that is obeyed here:
    1. A key dies 60 minutes after its last POST or PUT, whatever the socket does. [O user-data-streams]
"""

from __future__ import annotations

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.backoff import Repeats, backoff_s
from listenkey.core.inputs import Moment
from listenkey.core.retry_policy import Disposition, RetryDecision
from listenkey.core.timing import Timing, renew_after_s
from listenkey.credentials import Secret
from listenkey.errors import RateLimited


class StreamKey:
    """
    The listen key of one stream, and the requests about it.

    Attributes:
        key: The key, or None while there is none that can be used.
        since_s: When the present key was first given.
        until_s: When it dies by our own clock, unless it is renewed.
        renewals: The renewals that were answered.
        last_renewal_ok: True where the last one was answered; None before the first.
        proof: The last time that the stream is whole for certain, by the wall clock and by the clock that is never set:
            even if the key was dead, unseen. Who starts anew and can't ask REST has to begin the gap here, since the
            next process knows nothing of the key. Both are 0 before the first key.
        quiet_until_s: No request before this: the venue said so.
        ask_at_s: When to ask for a key; None while that is under way, and while there is one.
        renew_at_s: When to renew it; None while that is under way.
    """

    __slots__ = ("_end_counted", "_ends", "_failed_renewals", "_last", "_stale", "_timing", "ask_at_s", "key", "last_renewal_ok", "proof", "quiet_until_s", "renew_at_s", "renewals", "since_s", "until_s")  # fmt: skip

    def __init__(self, timing: Timing) -> None:
        self.key: Secret | None = None
        self.since_s = 0.0
        self.until_s = 0.0
        self.renewals = 0
        self.last_renewal_ok: bool | None = None
        self.proof = (0, 0.0)
        self.quiet_until_s = 0.0
        self.ask_at_s: float | None = None
        self.renew_at_s: float | None = None
        self._timing = timing
        self._last: Secret | None = None
        self._stale: Secret | None = None
        self._failed_renewals = 0
        self._ends = Repeats(timing.quick_new_keys, timing.key_fight_window_s)
        self._end_counted = False  # the end of the last key is among them

    def deadlines(self) -> list[float]:
        """Return the times at which `TimerDue` is wanted."""
        times = [at_s for at_s in (self.ask_at_s, self.renew_at_s) if at_s is not None]
        return times if self.key is None else [*times, self.until_s]

    def keep_quiet(self, decision: RetryDecision, now: Moment) -> None:
        """A limit or a ban holds for every request, also for those that a lost socket would bring about."""
        if isinstance(decision.error, RateLimited):
            self.quiet_until_s = max(self.quiet_until_s, now.s + decision.wait_s)

    # --- asking ----------------------------------------------------------------------------------------------------

    def ask(self, now: Moment, stale: Secret | None, wait_s: float = 0.0) -> do.CreateKey | None:
        """Let go of the key and ask for one, now or after a wait; `stale` is known to be dead."""
        self.key = None
        self.renew_at_s = None
        self._stale = stale
        wait_s = max(wait_s, self.quiet_until_s - now.s)
        self.ask_at_s = now.s + wait_s if wait_s > 0 else None
        return do.CreateKey(stale) if self.ask_at_s is None else None

    def ask_if_due(self, now: Moment) -> do.CreateKey | None:
        """Ask again, where it is time to."""
        if self.ask_at_s is None or now.s < self.ask_at_s:
            return None
        return self.ask(now, self._stale)

    def is_news(self, key: Secret) -> bool:
        """Return True where a key is not the last one: POST gives the same again while it lives."""
        return key != self._last

    def ready(self, happened: on.KeyReady, now: Moment) -> None:
        """POST answered with a key."""
        timing = self._timing
        if self.is_news(happened.key):
            if self._last is not None and not self._end_counted:
                self._ends.happened(now.s)
            self.since_s = now.s
        self._end_counted = False
        self.key = self._last = happened.key
        self.ask_at_s = None
        self._proven(now.s, now)
        valid_s = happened.valid_for_s
        if valid_s is not None and timing.credible_s < valid_s < timing.key_valid_s:
            # The answer promises less than the page: the earlier end wins, and renewing starts sooner.
            self.until_s = now.s + valid_s
            self.renew_at_s = now.s + min(renew_after_s(timing, now.draw), valid_s / 3)

    def not_ready(self, decision: RetryDecision, wait_s: float, now: Moment) -> None:
        """POST failed: ask again after the wait, or the venue's own where that is longer."""
        self.keep_quiet(decision, now)
        self.ask_at_s = now.s + max(decision.wait_s, wait_s)

    # --- keeping alive -----------------------------------------------------------------------------------------------

    def prove(self, now: Moment) -> do.RenewKey | None:
        """Renew the key now, to see that it lives; None while no request may be sent."""
        assert self.key is not None
        if now.s < self.quiet_until_s:
            self.renew_at_s = self.quiet_until_s  # an event may prove it sooner
            return None
        self.renew_at_s = None
        return do.RenewKey(self.key, now.s)

    def renew_if_due(self, now: Moment, since_s: float) -> do.RenewKey | None:
        """Renew the key, where it is time to. A renewal that another stream asked for at `since_s` or later will do."""
        assert self.key is not None
        if self.renew_at_s is None or now.s < self.renew_at_s:
            return None
        self.renew_at_s = None
        return do.RenewKey(self.key, since_s)

    def renewed(self, happened: on.KeyRenewed, now: Moment) -> None:
        """PUT succeeded."""
        self._failed_renewals = 0
        self._proven(happened.since_s, now)
        self.renewals += 1
        self.last_renewal_ok = True

    def not_renewed(self, decision: RetryDecision, now: Moment) -> None:
        """PUT failed. Where the key may live all the same, it is tried again."""
        self.last_renewal_ok = False
        if decision.do is Disposition.NEW_KEY:
            return
        self._failed_renewals += 1
        self.keep_quiet(decision, now)
        wait_s = self._timing.refused_retry_s
        if decision.do is Disposition.WAIT:
            # Quick tries first, for a hiccup; then one in `renew_retry_s`, for an outage.
            wait_s = min(backoff_s(self._failed_renewals, self._timing, 1.0), self._timing.renew_retry_s)
        self.renew_at_s = max(now.s + max(wait_s, decision.wait_s), self.quiet_until_s)

    def _proven(self, at_s: float, now: Moment) -> None:
        """POST or PUT, asked at `at_s`, showed that the key lives: it is good for another hour from then."""
        self.until_s = at_s + self._timing.key_valid_s
        self.renew_at_s = at_s + renew_after_s(self._timing, now.draw)
        if at_s > self.proof[1]:
            self.lived(now.wall_ms - round((now.s - at_s) * 1000), at_s)

    def lived(self, at_ms: int, at_s: float) -> None:
        """The key was shown to be alive at this moment, which is later than the last such."""
        self.proof = (at_ms, at_s)

    # --- the end -----------------------------------------------------------------------------------------------------

    def died(self, now: Moment) -> float:
        """
        The key is dead.

        Returns:
            How long to wait before asking for another, seconds. Somebody who closes our key again and again is
            answered more and more slowly.
        """
        self._ends.happened(now.s)
        self._end_counted = True
        extra = self.extra_attempts(now.s)
        return backoff_s(extra, self._timing, 1.0) if extra else 0.0

    def extra_attempts(self, now_s: float) -> int:
        """Return the attempts to add to the next delay, for keys that ended again and again."""
        return self._ends.extra_attempts(now_s)
