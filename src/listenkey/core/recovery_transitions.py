"""
Lifecycle transitions that recover missed events over REST.

A part of `Lifecycle`, in a file of its own. What is due when is kept by `RecoveryPolicy`; here it is brought together with the
socket, the gap and the state.
"""

from __future__ import annotations

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core import reconciliation as reconcile
from listenkey.core.backoff import backoff_s
from listenkey.core.connections import Connections
from listenkey.core.gaps import Gaps
from listenkey.core.inputs import Moment
from listenkey.core.listen_key import StreamKey
from listenkey.core.recovery_policy import RecoveryPolicy
from listenkey.core.rotation import Rotation
from listenkey.core.states import State
from listenkey.core.timing import Timing
from listenkey.errors import ListenKeyError
from listenkey.outcomes import GapCause, Loss, Lost, Reason


class RecoveryTransitions:
    """The transitions of recovery. The attributes are `Lifecycle`'s own, named here for the methods that use them."""

    __slots__ = ("_actions", "gaps", "recovery", "state", "timing", "why")

    state: State
    error: ListenKeyError | None
    why: str
    timing: Timing
    gaps: Gaps
    recovery: RecoveryPolicy
    connections: Connections
    rotation: Rotation
    listen_key: StreamKey
    _actions: list[do.Action]

    @property
    def must_recover(self) -> bool:
        """True where REST must be asked before this gap can be closed."""
        return self.recovery.active and self.gaps.open_from_ms is not None

    @property
    def is_whole(self) -> bool:
        """True while every event is being delivered, and no gap is open."""
        return (self.state is State.LIVE or self.state is State.ROTATING) and self.gaps.open_from_ms is None

    @property
    def is_settled(self) -> bool:
        """True where no gap is open, and none is being looked at again."""
        return self.is_whole and not self.recovery.settling and not self.recovery.outstanding

    def impaired(self, now_s: float) -> str | None:
        """Return why a live stream could not help itself now: the key can't be prolonged, or a loss not be noticed."""
        if now_s < self.listen_key.quiet_until_s:
            return f"rate limited or banned: no requests for another {self.listen_key.quiet_until_s - now_s:.0f} s"
        if self.listen_key.last_renewal_ok is False:
            return self.why
        return self.recovery.problem

    # --- a gap between two sockets ---------------------------------------------------------------------------------

    def _recover_and_hold(self, now: Moment) -> None:
        """Ask for missed events, and hold the events of the new socket, which is proven."""
        self.state = State.RECOVERING
        self.recovery.hold(now)
        self._ask_rest()

    def _ask_rest(self) -> None:
        assert self.gaps.open_from_ms is not None
        to_ms = self.connections.the_followed().attached_ms
        self.why = "asking REST for missed events"
        if self.recovery.orphaned:
            self.recovery.adopt()
            return
        self._actions.append(self.recovery.begin(self.gaps.open_from_ms, to_ms, self.gaps.began_ms))

    def _stop_holding(self) -> None:
        assert self.state is State.RECOVERING, "only a recovery holds"
        self.recovery.hold_until_s = None
        self.connections.deliver(self.connections.the_followed().number)
        self.state = State.LIVE

    def _recovered(self, happened: on.Recovered, now: Moment) -> None:
        if happened.attempt != self.recovery.attempt or not self.recovery.running:
            return
        again, adopted = self.recovery.again, self.recovery.adopted
        enough = self.recovery.answered(happened, now)
        if again and self.state is State.RECOVERING:
            if adopted:  # All of it is older than what this socket brings.
                self._found(happened)
                self._actions.append(do.DeliverFound())
            self._ask_rest()  # Otherwise what was found will be found again, and more with it.
            return
        self._found(happened)
        if self.state is State.RECOVERING:
            self._stop_holding()
        else:
            self._actions.append(do.DeliverFound())
        if again:
            self._ask_rest()
        elif enough and happened.orders_due:
            self.recovery.running = True
            self.why = "live; asking REST for the outcome of orders"
            self._actions.append(do.RecoverOrders(happened.attempt))
        elif enough:
            self._close_gap(now, happened.lost)
        else:
            self.why = f"live; REST lags behind by at least {happened.lag_s:.0f} s, and will be asked again"

    def _recovered_part(self, happened: on.RecoveredPart, _: Moment) -> None:
        """Deliver the earliest of what was missed; the rest is being asked for."""
        if happened.attempt != self.recovery.attempt or not self.recovery.running:
            return
        self.recovery.found_to_ms = max(self.recovery.found_to_ms, happened.newest_ms)
        self._found(happened)
        reaches = happened.newest_ms >= self.connections.the_followed().attached_ms
        if self.state is State.RECOVERING and reaches and not self.recovery.adopted:
            self._stop_holding()  # It reaches into what the new socket has brought: both go together, in order.
        else:
            self._actions.append(do.DeliverFound())

    def _found(self, happened: on.Recovered | on.RecoveredPart) -> None:
        """Prepare for the delivery of recovered events: the gap begins before the oldest of them."""
        if happened.oldest_ms:
            self.gaps.reach_back(happened.oldest_ms)
            if items := self.gaps.take():
                self._actions.append(do.Report(tuple(items)))

    def _close_gap(self, now: Moment, lost: tuple[Lost, ...]) -> None:
        assert self.gaps.open_from_ms is not None
        from_ms = self.gaps.open_from_ms
        # A gap of single messages ends now; one between two sockets ended when the second had the key, unless that one
        # has lost messages as well since: it was seen to, or REST knew of something that it had not brought.
        socket, lost_at = self.connections.the_followed(), self.recovery.more_lost_at
        to_ms, to_s = (socket.attached_ms, socket.attached_s) if self.recovery.blind else (now.wall_ms, now.s)
        if lost_at is not None and lost_at.s > to_s:
            to_ms, to_s = lost_at.wall_ms, lost_at.s
        to_ms = max(to_ms, min(self.recovery.found_to_ms, now.wall_ms))
        if self.recovery.lag_s:
            lost = (*lost, reconcile.lagged(self.recovery.lag_s))
        if self.recovery.outstanding:
            lost = (*lost, Lost(Loss.FILLS_LATE, self.recovery.outstanding))
        self.recovery.closed(from_ms, now)
        self.recovery.went_live(now)
        self.gaps.live(to_ms, now.wall_ms, to_s, lost)
        self.why = "live"

    def _not_recovered(self, happened: on.NotRecovered, now: Moment) -> None:
        if happened.attempt != self.recovery.attempt or not self.recovery.running:
            return
        self.recovery.failed(happened, now)
        self.why = f"missed events could not be recovered over REST: {happened.verdict.error}"
        retry_at_s, hold_until_s = self.recovery.retry_at_s, self.recovery.hold_until_s
        # Nobody is served by holding events back for longer than the wait that is certain already.
        if retry_at_s is not None and hold_until_s is not None and retry_at_s >= hold_until_s:
            self._stop_holding()

    def _held_too_much(self, happened: on.HeldTooMuch, _: Moment) -> None:
        if happened.socket == self.connections.followed:
            self._stop_holding()

    # --- a loss on a living socket ---------------------------------------------------------------------------------

    def _doubted(self, happened: on.Doubted, now: Moment) -> None:
        """Messages were lost, and the socket lives: ask, and hold nothing."""
        if not self.recovery.active:
            self.gaps.moment(now.wall_ms, happened.reason)
            return
        is_first = self.gaps.open_from_ms is None
        self.gaps.open(min(happened.from_ms, now.wall_ms), happened.reason)
        if is_first:
            self.recovery.blind = False
            self._ask_rest()
        else:
            self.recovery.again = True
            self.recovery.more_lost_at = now

    def _coverage_ended(self, happened: on.CoverageEnded, now: Moment) -> None:
        self.gaps.began_earlier(min(happened.from_ms, now.wall_ms))

    def _lost_a_frame(self, number: int, text: str, now: Moment) -> None:
        """Report a frame that is lost for good; REST may know its content."""
        from_ms, reason = self._unread_since_ms(number, now), Reason(GapCause.UNREADABLE, text)
        if self.recovery.active and self.state in (State.RECOVERING, State.LIVE, State.ROTATING):
            self._doubted(on.Doubted(from_ms, reason), now)
            self.gaps.note(Lost(Loss.UNREADABLE, text))
        else:
            self.gaps.moment(from_ms, reason, now.wall_ms)

    def _unread_since_ms(self, number: int, now: Moment) -> int:
        """
        Return the time since which a frame that is read now may have waited.

        Now, while our pings are answered. After a stall of ours it may have come at any time since the last answer.
        """
        socket = self.connections.sockets.get(number)
        if socket is None or not socket.attached:
            return now.wall_ms
        unproven_s = now.s - socket.covered_s
        is_late = unproven_s > self.timing.ping_after_s + self.timing.late_s
        return now.wall_ms - round(unproven_s * 1000) if is_late else now.wall_ms

    def _silent(self, happened: on.StreamSilent, now: Moment) -> None:
        """Drop a socket that answers pings but brings nothing; all since its last event counts as missed."""
        self.rotation.end()
        self.connections.abort_all()
        self.connections.count_loss(now)
        self.gaps.open(min(happened.from_ms, now.wall_ms), happened.reason)
        self.recovery.interrupted(now)
        self.state = State.CONNECTING
        self.why = happened.reason.text
        self.connections.open_at_s = now.s + backoff_s(self.connections.extra_attempts(now.s), self.timing, now.draw)

    # --- no socket to be had ---------------------------------------------------------------------------------------

    @property
    def _may_poll(self) -> bool:
        return self.must_recover and self.state in (State.KEYING, State.CONNECTING) and not self.recovery.orphaned

    def _polled(self, happened: on.Recovered, now: Moment) -> None:
        """Fills of the open gap, long before it can be closed."""
        if self.recovery.orphaned and happened.attempt == self.recovery.attempt:
            self._deliver_orphans(happened)
            self.recovery.orphan_ended(now)
            return
        if happened.attempt != self.recovery.attempt or self.recovery.poll_at_s is not None:
            return
        self.recovery.polled(now)
        if not self._may_poll:
            return  # The new socket's recovery finds them again, and puts each in its place.
        self._found(happened)
        self._actions.append(do.DeliverFound())

    def _part_of_orphan(self, happened: on.RecoveredPart, _: Moment) -> None:
        if self.recovery.orphaned and happened.attempt == self.recovery.attempt:
            self._deliver_orphans(happened)

    def _deliver_orphans(self, happened: on.Recovered | on.RecoveredPart) -> None:
        """Deliver what a lost socket's recovery has found: it is older than all that the next one will bring."""
        self.recovery.found_to_ms = max(self.recovery.found_to_ms, happened.newest_ms)
        self._found(happened)
        self._actions.append(do.DeliverFound())

    def _not_polled(self, happened: on.NotRecovered, now: Moment) -> None:
        waited_for = self.recovery.orphaned or self.recovery.poll_at_s is None
        if happened.attempt == self.recovery.attempt and waited_for:
            self.recovery.not_polled(happened, now)

    # --- looks at the bill -----------------------------------------------------------------------------------------

    def _audited(self, happened: on.Audited, now: Moment) -> None:
        self.recovery.looked(happened, now)

    def _not_audited(self, happened: on.NotAudited, now: Moment) -> None:
        self.recovery.could_not_look(happened, now)

    @property
    def _may_look(self) -> bool:
        quiet = self.gaps.open_from_ms is None and self.recovery.active
        return quiet and self.state in (State.LIVE, State.ROTATING)

    def _tend_recovery(self, now: Moment) -> None:
        recovery = self.recovery
        if self.state is State.RECOVERING and recovery.hold_until_s is not None and now.s >= recovery.hold_until_s:
            self._stop_holding()
        in_hand = self.state in (State.RECOVERING, State.LIVE, State.ROTATING)
        if in_hand and recovery.retry_at_s is not None and now.s >= recovery.retry_at_s:
            self._ask_rest()
        if self._may_poll and recovery.poll_at_s is not None and now.s >= recovery.poll_at_s:
            assert self.gaps.open_from_ms is not None
            self._actions.append(recovery.poll(self.gaps.open_from_ms, self.gaps.began_ms))
        if self._may_look and (look := recovery.look_if_due(now, self.gaps.began_ms)) is not None:
            self._actions.append(look)
