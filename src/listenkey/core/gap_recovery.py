"""
Bring a gap to its end over REST: ask, hold the new socket's events meanwhile, deliver what was found, close the gap.

What is due when is kept by `RecoveryPolicy`; here it is brought together with the sockets and the gap. Which state the
stream is in is the lifecycle's business: it is told by what is held, and by `why`.
"""

from __future__ import annotations

from typing import Final

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core import reconciliation
from listenkey.core.connections import Connections
from listenkey.core.gaps import Gaps
from listenkey.core.inputs import Moment
from listenkey.core.recovery_policy import Asking, RecoveryPolicy
from listenkey.core.timing import Timing
from listenkey.outcomes import GapCause, Loss, Lost, Reason

OVERLAP_S: Final = 30.0
"""The part of the covered time that is asked for again: clocks differ, and lists may be a little behind."""


class GapRecovery:
    """
    The recovery of the open gap.

    Args:
        timing: How long what takes.
        gaps: The stream's gaps.
        connections: The stream's sockets.
        actions: Where actions are put, to be started in this order.

    Attributes:
        policy: What is asked of REST, and when.
        outstanding: What REST history shows, nobody delivered and REST does not list, in words; else the empty text.
    """

    __slots__ = ("_actions", "_asked_from_ms", "_connections", "_found_to_ms", "_gaps", "_lost_at", "_timing", "_why", "outstanding", "policy")  # fmt: skip

    def __init__(self, timing: Timing, gaps: Gaps, connections: Connections, actions: list[do.Action]) -> None:
        self.policy = RecoveryPolicy(timing)
        self._timing = timing
        self._gaps = gaps
        self._connections = connections
        self._actions = actions
        self._why: str | None = None
        self.outstanding = ""
        self._asked_from_ms = 0  # the gap's beginning as it was when fills were asked for
        self._found_to_ms = 0  # when the newest of what was brought back happened, wall clock
        self._lost_at: Moment | None = None  # when more was last seen to be lost, whichever gap it was in

    @property
    def holds(self) -> bool:
        """True while the new socket's events are held."""
        return self.policy.hold_until_s is not None

    def take_why(self) -> str | None:
        """Take what is being waited for or what happened last, for people, where that is new."""
        why, self._why = self._why, None
        return why

    def tend(self, now: Moment, *, has_socket: bool, may_poll: bool, may_look: bool) -> None:
        """Do what is due. The arguments tell what the stream's state allows."""
        policy = self.policy
        if policy.hold_until_s is not None and now.s >= policy.hold_until_s:
            self.stop_holding()
        if has_socket and policy.retry_at_s is not None and now.s >= policy.retry_at_s:
            self._ask_rest()
        if may_poll and policy.poll_at_s is not None and now.s >= policy.poll_at_s:
            assert self._gaps.open_from_ms is not None
            self._actions.append(policy.poll(self._gaps.open_from_ms, self._gaps.began_ms))
        if may_look and (look := policy.audit_schedule.look_if_due(now, self._gaps.began_ms)) is not None:
            self._actions.append(look)

    # --- a gap between two sockets ---------------------------------------------------------------------------------

    def begin(self, now: Moment) -> None:
        """Ask for missed events, and hold the events of the new socket, which is proven."""
        self.policy.hold(now)
        self._ask_rest()

    def _ask_rest(self) -> None:
        assert self._gaps.open_from_ms is not None
        to_ms = self._connections.the_followed().attached_ms
        self._why = "asking REST for missed events"
        if self.policy.asking is Asking.ORPHAN:
            self.policy.adopt()
            return
        self._asked_from_ms = self._gaps.open_from_ms
        self._actions.append(self.policy.begin(self._gaps.open_from_ms, to_ms, self._gaps.began_ms))

    def stop_holding(self) -> None:
        """Let go of what is held."""
        assert self.holds, "only a recovery holds"
        self.policy.hold_until_s = None
        self._connections.deliver(self._connections.the_followed().number)

    def held_too_much(self, happened: on.HeldTooMuch, _: Moment) -> None:
        """Let go of what is held: more of it would not find room."""
        if happened.socket == self._connections.followed:
            self.stop_holding()

    def recovered(self, happened: on.Recovered, now: Moment) -> None:
        """REST gave what was missed, or said how far it lags behind."""
        if happened.attempt != self.policy.attempt or not self.policy.running:
            return
        again, adopted = self.policy.again, self.policy.asking is Asking.ADOPTED
        self.outstanding = happened.outstanding
        self._found_to_ms = max(self._found_to_ms, happened.newest_ms)
        enough = self.policy.answered(happened, now)
        if again and self.holds:
            if adopted:  # All of it is older than what this socket brings.
                self._found(happened)
                self._actions.append(do.DeliverFound())
            self._ask_rest()  # Otherwise what was found will be found again, and more with it.
            return
        self._found(happened)
        if self.holds:
            self.stop_holding()
        else:
            self._actions.append(do.DeliverFound())
        # An order may show that the gap began at a time of which fills were not asked.
        from_ms = self._gaps.open_from_ms
        assert from_ms is not None
        if again or (enough and from_ms < self._asked_from_ms - OVERLAP_S * 1000):
            self._ask_rest()
        elif enough and happened.orders_due:
            self.policy.asking = Asking.RECOVERY
            self._why = "live; asking REST for the outcome of orders"
            self._actions.append(do.RecoverOrders(happened.attempt))
        elif enough:
            self.close_gap(now, happened.lost)
        else:
            self._why = f"live; REST lags behind by at least {happened.lag_s:.0f} s, and will be asked again"

    def recovered_part(self, happened: on.RecoveredPart, _: Moment) -> None:
        """Deliver the earliest of what was missed; the rest is being asked for."""
        if happened.attempt != self.policy.attempt or not self.policy.running:
            return
        self._found_to_ms = max(self._found_to_ms, happened.newest_ms)
        self._found(happened)
        reaches = happened.newest_ms >= self._connections.the_followed().attached_ms
        if self.holds and reaches and self.policy.asking is not Asking.ADOPTED:
            self.stop_holding()  # It reaches into what the new socket has brought: both go together, in order.
        else:
            self._actions.append(do.DeliverFound())

    def _found(self, happened: on.Recovered | on.RecoveredPart) -> None:
        """Prepare for the delivery of recovered events: the gap begins before the oldest of them."""
        if happened.oldest_ms:
            self._gaps.reach_back(happened.oldest_ms)
            if items := self._gaps.take():
                self._actions.append(do.Report(tuple(items)))

    def close_gap(self, now: Moment, lost: tuple[Lost, ...]) -> None:
        """Report the end of the gap; all of it was brought back but `lost`."""
        assert self._gaps.open_from_ms is not None
        from_ms = self._gaps.open_from_ms
        # A gap of single messages ends now; one between two sockets ended when the second had the key, unless that one
        # has lost messages as well since: it was seen to, or REST knew of something that it had not brought.
        socket, lost_at = self._connections.the_followed(), self._lost_at
        to_ms, to_s = (socket.attached_ms, socket.attached_s) if self.policy.blind else (now.wall_ms, now.s)
        if lost_at is not None and lost_at.s > to_s:
            to_ms, to_s = lost_at.wall_ms, lost_at.s
        to_ms = max(to_ms, min(self._found_to_ms, now.wall_ms))
        if self.policy.lag_s:
            lost = (*lost, reconciliation.lagged(self.policy.lag_s))
        if self.outstanding:
            lost = (*lost, Lost(Loss.FILLS_LATE, self.outstanding))
        self._found_to_ms = 0
        self.policy.closed(from_ms, now)
        self._gaps.live(to_ms, now.wall_ms, to_s, lost)
        self._why = "live"

    def not_recovered(self, happened: on.NotRecovered, now: Moment) -> None:
        """REST did not give what was missed: it is asked again."""
        if happened.attempt != self.policy.attempt or not self.policy.running:
            return
        self.policy.failed(happened, now)
        self._why = f"missed events could not be recovered over REST: {happened.decision.error}"
        retry_at_s, hold_until_s = self.policy.retry_at_s, self.policy.hold_until_s
        # Nobody is served by holding events back for longer than the wait that is certain already.
        if retry_at_s is not None and hold_until_s is not None and retry_at_s >= hold_until_s:
            self.stop_holding()

    def audited(self, happened: on.Audited, now: Moment) -> None:
        """REST history was held against what was delivered."""
        if self.policy.audit_schedule.looked(happened, now):
            self.policy.problem, self.outstanding = None, happened.outstanding
            self._connections.rest(is_idle=self.policy.audit_schedule.pace.is_slow)

    def not_audited(self, happened: on.NotAudited, now: Moment) -> None:
        """REST history could not be looked at."""
        if self.policy.audit_schedule.could_not_look(happened, now):
            self.policy.problem = str(happened.decision.error)

    # --- a loss on a living socket ---------------------------------------------------------------------------------

    def doubted(self, happened: on.Doubted, now: Moment) -> None:
        """Messages were lost, and the socket lives: ask, and hold nothing."""
        if not self.policy.active:
            self._gaps.moment(now.wall_ms, happened.reason)
            return
        is_first = self._gaps.open_from_ms is None
        self._gaps.open(min(happened.from_ms, now.wall_ms), happened.reason)
        if is_first:
            self.policy.blind = False
            self._ask_rest()
        else:
            self.policy.again = True
            self._lost_at = now

    def lost_a_frame(self, happened: on.FrameUnreadable, now: Moment, *, is_live: bool) -> None:
        """Report a frame that is lost for good; REST may know its content."""
        text = f"a frame could not be read: {happened.reason}"
        socket, reason = self._connections.sockets.get(happened.socket), Reason(GapCause.UNREADABLE, text)
        from_ms = now.wall_ms if socket is None else socket.unread_since_ms(now.s, now.wall_ms, self._timing)
        if self.policy.active and is_live:
            self.doubted(on.Doubted(from_ms, reason), now)
            self._gaps.note(Lost(Loss.UNREADABLE, text))
        else:
            self._gaps.moment(from_ms, reason, now.wall_ms)

    # --- no socket to be had ---------------------------------------------------------------------------------------

    def polled(self, happened: on.Recovered, now: Moment, *, may_poll: bool) -> None:
        """Fills of the open gap came, long before it can be closed."""
        was_orphan = self.policy.asking is Asking.ORPHAN
        self.part_of_orphan(happened, now)
        if happened.attempt != self.policy.attempt or self.policy.asking not in (Asking.ORPHAN, Asking.POLL):
            return
        self.policy.polled(now)
        if was_orphan or not may_poll:
            return  # The new socket's recovery finds them again, and puts each in its place.
        self._found(happened)
        self._actions.append(do.DeliverFound())

    def part_of_orphan(self, happened: on.Recovered | on.RecoveredPart, _: Moment) -> None:
        """Deliver what a lost socket's recovery has found: it is older than all that the next one will bring."""
        if self.policy.asking is Asking.ORPHAN and happened.attempt == self.policy.attempt:
            self._found_to_ms = max(self._found_to_ms, happened.newest_ms)
            self._found(happened)
            self._actions.append(do.DeliverFound())

    def not_polled(self, happened: on.NotRecovered, now: Moment) -> None:
        """REST gave nothing while there is no socket."""
        if happened.attempt == self.policy.attempt and self.policy.asking in (Asking.ORPHAN, Asking.POLL):
            self.policy.not_polled(happened, now)
