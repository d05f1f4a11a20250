"""
One stream's life: its key, its sockets, its gaps. Pure: no clock, no random number, no await.

The owner feeds facts (`handle`), starts what is asked for (`take_actions`), writes what is to be told (`take_items`)
and comes back at `wake_at_s` with `TimerDue`. `connections.heard` is called for every batch of bytes that came in.

    NEW ──► KEYING ──► CONNECTING ──► PROVING ──► [RECOVERING] ──► LIVE ◄──► ROTATING
               ▲            ▲            │             │             │           │
               └────────────┴────────────┴─────────────┴─────────────┴───────────┘      every state ──► ENDED

RECOVERING is passed only where there is a gap and something to sign with; see `gap_recovery`.

Rules of the venue that are obeyed here, cited by number below:
    1. A key dies 60 minutes after its last POST or PUT, whatever the socket does. [O user-data-streams]
    2. A socket is cut after 24 hours. [O user-data-streams]
    3. `listenKeyExpired` may come twice, or for a key that is no longer ours. (unicorn-binance-websocket-api #275)
    4. An acknowledged SUBSCRIBE proves nothing. (jabdori/maxt, measured on the same host)
    5. DELETE of anybody ends the key for everybody. [O user-data-streams]
    6. Nothing is replayed after a reconnect.
"""

from __future__ import annotations

from typing import Any, Final

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.backoff import backoff_s
from listenkey.core.connections import Connections
from listenkey.core.gap_recovery import GapRecovery
from listenkey.core.gaps import Gaps
from listenkey.core.inputs import Input, Moment
from listenkey.core.listen_key import StreamKey
from listenkey.core.recovery_policy import Asking
from listenkey.core.retry_policy import Disposition, RetryDecision, says_no
from listenkey.core.rotation import Rotation
from listenkey.core.states import State
from listenkey.core.timing import Timing
from listenkey.core.transitions import table
from listenkey.credentials import Secret
from listenkey.errors import Banned, ListenKeyError, Retired, UsageError
from listenkey.items import GapClosed, GapOpened, Live
from listenkey.outcomes import GapCause, Reason

FAILURES_UNTIL_NEW_POST: Final = 3
"""The failed sockets after which the key is asked for again: else a dead key could be used for ever."""


class Lifecycle:
    """
    One stream's life.

    Args:
        timing: How long what takes.
        recovers: Whether REST can be asked for what was missed: there is something to sign with.

    Attributes:
        state: Where it stands.
        error: Why it ended, or None where it was asked to.
        why: What it is waiting for or what happened last, in a few words, for people.
    """

    __slots__ = ("_actions", "_failures", "audit_pace", "connections", "error", "gap_recovery", "gaps", "listen_key", "recovery_policy", "rotation", "state", "timing", "why")  # fmt: skip

    def __init__(self, timing: Timing | None = None, *, recovers: bool = False) -> None:
        self.timing = timing or Timing()
        self.state = State.NEW
        self.error: ListenKeyError | None = None
        self.why = "not started"
        self.listen_key = StreamKey(self.timing)
        self._actions: list[do.Action] = []
        self.connections = Connections(self.timing, self._actions)
        self.rotation = Rotation(self.timing)
        self.gaps = Gaps()
        self.gap_recovery = GapRecovery(self.timing, self.gaps, self.connections, self._actions)
        self.recovery_policy = self.gap_recovery.policy
        self.recovery_policy.active = recovers
        self.audit_pace = self.recovery_policy.audit_schedule.pace
        self._failures = 0  # since it was last live, to get a key or a socket

    # --- the outside ---------------------------------------------------------------------------------------------

    def handle(self, happened: Input, now: Moment) -> None:
        """Take in one fact. Afterwards take actions and items, and ask for the next deadline."""
        before = self.state
        transition = TRANSITIONS[before, type(happened)]
        transition.handle(self, happened, now)
        assert self.state in transition.may_follow, f"{type(happened).__name__} led from {before} to {self.state}"

    def take_actions(self) -> list[do.Action]:
        """Take the actions to start, in this order."""
        taken = self._actions.copy()
        self._actions.clear()  # and not another list: the parts have this one
        return taken

    def take_items(self) -> list[Live | GapOpened | GapClosed]:
        """Take the items to deliver, in this order; the journal numbers them."""
        return self.gaps.take()

    def wake_at_s(self) -> float | None:
        """Return the time at which `TimerDue` is due; None where it is not."""
        if self.state is State.ENDED:
            return None
        times = self.listen_key.deadlines() + self.connections.deadlines() + self.rotation.deadlines()
        if self.state is State.LIVE:
            times.append(self.connections.the_followed().rotate_at_s)
        times.extend(self.recovery_policy.deadlines(may_look=self._may_look, may_poll=self._may_poll))
        return min(times, default=None)

    def event_came(self) -> None:
        """An event of the account came: the key lived when it was sent, which is after the last ping was answered."""
        followed = self.connections.sockets.get(self.connections.followed or 0)
        if followed is not None and followed.covered_s > self.listen_key.proof[1]:
            self.listen_key.lived(followed.covered_ms, followed.covered_s)

    def brought(self, number: int, count: int = 1) -> None:
        """Count the events of a socket; needed while two are open."""
        if self.state is not State.ROTATING:
            return
        socket = self.connections.sockets.get(number)
        if socket is not None:
            self.rotation.brought(socket, count)

    @property
    def must_recover(self) -> bool:
        """True where REST must be asked before this gap can be closed."""
        return self.recovery_policy.active and self.gaps.open_from_ms is not None

    @property
    def is_whole(self) -> bool:
        """True while every event is being delivered, and no gap is open."""
        return (self.state is State.LIVE or self.state is State.ROTATING) and self.gaps.open_from_ms is None

    @property
    def is_settled(self) -> bool:
        """True where no gap is open, and none is being looked at again."""
        return self.is_whole and not self.recovery_policy.audit_schedule.settling and not self.gap_recovery.outstanding

    def impaired(self, now_s: float) -> str | None:
        """Return why a live stream could not help itself now: the key can't be prolonged, or a loss not be noticed."""
        if now_s < self.listen_key.quiet_until_s:
            return f"rate limited or banned: no requests for another {self.listen_key.quiet_until_s - now_s:.0f} s"
        if self.listen_key.last_renewal_ok is False:
            return self.why
        return self.recovery_policy.problem

    @property
    def needs_proof(self) -> bool:
        """True where the first event is to be reported as `EventCame`."""
        return self.state is State.PROVING

    # --- keys ----------------------------------------------------------------------------------------------------

    def _start(self, happened: on.Started, now: Moment) -> None:
        self.gaps.resume(happened.left)
        self.recovery_policy.interrupted(now)  # What an earlier process left open is polled for, should no socket come.
        self._ask_for_key(now, None)

    def _ask_for_key(self, now: Moment, stale: Secret | None, wait_s: float = 0.0) -> None:
        self.state = State.KEYING
        self.connections.open_at_s = None
        self._create_key(self.listen_key.ask(now, stale, wait_s))

    def _create_key(self, action: do.CreateKey | None) -> None:
        if action is not None:
            self.why = "asking for a listen key"
            self._actions.append(action)

    def _key_ready(self, happened: on.KeyReady, now: Moment) -> None:
        if self.listen_key.is_news(happened.key):
            # So the one before had ended, and nobody said when.
            self._open_gap_since_proof(now, "the listen key had ended, and the venue had not reported it")
        if happened.untried:
            self.recovery_policy.problem = happened.untried
        self.listen_key.ready(happened, now)
        self._open(now)

    def _open_gap_since_proof(self, now: Moment, why: str) -> None:
        """The key is dead, and since when is not known: from when it was last shown to be alive."""
        from_ms, from_s = self.listen_key.proof if self.listen_key.proof[0] else (now.wall_ms, now.s)
        self.gaps.open(from_ms, Reason(GapCause.KEY_ENDED, why), from_s)

    def _key_not_ready(self, happened: on.KeyNotReady, now: Moment) -> None:
        decision = happened.decision
        if decision.do is Disposition.STOP or (isinstance(decision.error, Retired) and not self.gaps.ever_live):
            self._fail(decision.error)
            return
        self._failures += 1
        self.why = f"no listen key yet: {decision.error}"
        self.listen_key.not_ready(decision, backoff_s(self._failures, self.timing, now.draw), now)

    def _key_renewed(self, happened: on.KeyRenewed, now: Moment) -> None:
        if happened.key != self.listen_key.key:
            return
        if self.listen_key.last_renewal_ok is False and self.state is State.LIVE:
            self.why = "live"  # and no longer that it could not be renewed
        self.listen_key.renewed(happened, now)
        if self.state is not State.PROVING or self.connections.followed is None:
            return
        if happened.since_s >= self.connections.the_followed().attached_s:
            self._go_live(now)
        else:  # Asked before the key was on this socket, so it proves nothing for it.
            self._prove(now)

    def _key_not_renewed(self, happened: on.KeyNotRenewed, now: Moment) -> None:
        if happened.key != self.listen_key.key:
            return
        self.listen_key.not_renewed(happened.decision, now)
        if happened.decision.do is Disposition.NEW_KEY:
            self._key_died(now, "the listen key had ended, and the venue had not reported it")
        else:
            self.why = f"renewing the key failed: {happened.decision.error}"

    def _key_ended(self, happened: on.KeyEnded, now: Moment) -> None:
        if happened.key == self.listen_key.key:  # Rule 3: any other key's end is old news.
            self.event_came()  # it lived until it was said to have ended
            self._key_died(now, "the listen key expired or was closed")

    def _key_died(self, now: Moment, why: str) -> None:
        """Ask for a new key, then a new socket; open sockets stay until the new one is there."""
        wait_s = self.listen_key.died(now)  # Rule 5: the more often, the longer.
        self._open_gap_since_proof(now, why)
        self.recovery_policy.interrupted(now)
        for number, socket in list(self.connections.sockets.items()):
            if not socket.attached or number == self.rotation.successor:
                self.connections.abort(number)
        self.rotation.end()
        self._ask_for_key(now, self.listen_key.key, wait_s)
        self.why = why

    # --- sockets -------------------------------------------------------------------------------------------------

    def _open(self, now: Moment) -> int:
        key = self.listen_key.key
        assert key is not None
        if self.state is not State.ROTATING:
            self.state = State.CONNECTING
            self.why = "opening a socket"
            self.connections.open_at_s = None
        return self.connections.open(key, now)

    def _attached(self, happened: on.SocketAttached, now: Moment) -> None:
        socket = self.connections.sockets.get(happened.socket)
        if socket is None or socket.key != self.listen_key.key:
            self.connections.abort(happened.socket)
            return
        self.connections.attached(happened, now)
        for number in [n for n in self.connections.sockets if n != happened.socket]:
            self.connections.close(number)
        self.connections.followed = happened.socket
        if not self.must_recover:  # Else what it brings waits until what came before has been asked for.
            self.connections.deliver(happened.socket)
        self.state = State.PROVING
        self.why = "attached; proving that the key lives"
        self._prove(now)

    def _prove(self, now: Moment) -> None:
        # Rule 4: a key that is renewed after it was put on the socket was alive when it got there.
        if (renewal := self.listen_key.prove(now)) is not None:
            self._actions.append(renewal)

    def _proved_by_event(self, happened: on.EventCame, now: Moment) -> None:
        if happened.socket == self.connections.followed:
            self._go_live(now)

    def _go_live(self, now: Moment) -> None:
        socket = self.connections.the_followed()
        self._failures = 0
        if self.must_recover:
            self.state = State.RECOVERING
            self.gap_recovery.begin(now)
            self.note_recovery()
            return
        self.state = State.LIVE
        self.why = "live"
        self.gaps.live(socket.attached_ms, now.wall_ms, socket.attached_s)
        self.recovery_policy.went_live(now)

    def _not_opened(self, happened: on.SocketNotOpened, now: Moment) -> None:
        if self.connections.sockets.pop(happened.socket, None) is None:
            return
        self._try_again(now, happened.decision)

    def _try_again(self, now: Moment, decision: RetryDecision | None) -> None:
        """The socket of the present key did not come up, or went down before it was proven."""
        self._failures += 1
        wait_s = backoff_s(self._failures, self.timing, now.draw)
        if decision is not None:
            if isinstance(decision.error, UsageError | Retired) and not self.gaps.ever_live:
                self._fail(decision.error)
                return
            if isinstance(decision.error, Banned):
                self.listen_key.keep_quiet(decision, now)
            wait_s = max(wait_s, decision.wait_s)
            self.why = f"no socket yet: {decision.error}"
        # A venue that says no to the socket, or says nothing again and again, may mean that the key is dead.
        if (decision is not None and says_no(decision.error)) or self._failures % FAILURES_UNTIL_NEW_POST == 0:
            why = self.why
            self._ask_for_key(now, None, max(wait_s, 0.001))
            self.why = why
        else:
            self.state = State.CONNECTING
            self.connections.open_at_s = now.s + wait_s

    def _lost(self, happened: on.SocketLost, now: Moment) -> None:
        """A socket that was live has ended. Rule 6: what happens until the next is attached is not seen."""
        socket = self.connections.lost(happened.socket)
        if socket is None:
            return
        self.connections.count_loss(now)
        self.gaps.open(socket.covered_ms, happened.reason, socket.covered_s)
        self.recovery_policy.interrupted(now)
        self.state = State.CONNECTING
        self.why = happened.reason.text
        # Where dead keys close their sockets, somebody who closes our key again and again shows in nothing else.
        extra = max(self.connections.extra_attempts(now.s), self.listen_key.extra_attempts(now.s))
        self.connections.open_at_s = now.s + backoff_s(extra, self.timing, now.draw)

    def _lost_unproven(self, happened: on.SocketLost, now: Moment) -> None:
        if self.connections.lost(happened.socket) is not None:
            self.why = happened.reason.text
            self._try_again(now, None)

    def _forget_socket(self, happened: on.SocketLost, _: Moment) -> None:
        self.connections.lost(happened.socket)

    def _abort_stray(self, happened: on.SocketAttached, _: Moment) -> None:
        """Abort a socket that was opened for a key that is no longer ours."""
        self.connections.abort(happened.socket)

    # --- rotation ------------------------------------------------------------------------------------------------

    def _rotate(self, now: Moment) -> None:
        """Rule 2: open the successor first, compare, then let the old one go."""
        self.state = State.ROTATING
        self.why = "live; opening the next socket"
        self.rotation.begin(self._open(now))

    def _venue_leaves(self, happened: on.VenueLeaving, now: Moment) -> None:
        if happened.socket == self.connections.followed:
            self._rotate(now)

    def _successor_attached(self, happened: on.SocketAttached, now: Moment) -> None:
        if happened.socket != self.rotation.successor:
            self._abort_stray(happened, now)
            return
        self.connections.attached(happened, now)
        old = self.connections.the_followed()
        old.brought = 0
        self.rotation.attached(self.connections.ping(old.number, now), now)

    def _pong(self, happened: on.PongCame, now: Moment) -> None:
        self.connections.ponged(happened, now)

    def _pong_while_rotating(self, happened: on.PongCame, now: Moment) -> None:
        self._pong(happened, now)
        if happened.socket == self.connections.followed and self.rotation.ponged(happened.ping):
            self._finish_rotation_if_due(now)

    def _finish_rotation_if_due(self, now: Moment) -> None:
        if not self.rotation.is_due(now):
            return
        assert self.rotation.successor is not None
        old, new = self.connections.the_followed(), self.connections.sockets[self.rotation.successor]
        if old.brought > 0 and new.brought == 0:
            # Rule 4 again, and here it shows: acknowledged, and nothing comes. The old one is known to deliver.
            self.connections.abort(new.number)
            self._postpone_rotation(now)
            return
        self.rotation.end()
        self._follow(new.number)
        self.connections.close(old.number)
        self.rotation.count += 1

    def _follow(self, number: int) -> None:
        self.connections.deliver(number)
        self.state = State.LIVE
        self.why = "live"

    def _lost_while_rotating(self, happened: on.SocketLost, now: Moment) -> None:
        if happened.socket == self.rotation.successor:
            self.connections.lost(happened.socket)
            self._postpone_rotation(now)
        elif happened.socket == self.connections.followed:
            self._lost_old(happened, now)

    def _lost_old(self, happened: on.SocketLost, now: Moment) -> None:
        """The old socket ended before its successor took over."""
        assert self.rotation.successor is not None
        new = self.connections.sockets[self.rotation.successor]
        was_complete = self.rotation.pong_seen
        self.rotation.end()
        if not new.attached:
            # The successor is on its way already: it becomes the reconnect.
            self._lost(happened, now)
            self.connections.open_at_s = None
            return
        old = self.connections.lost(happened.socket)
        assert old is not None
        self.rotation.count += 1
        if was_complete:
            self._follow(new.number)
            return
        self.connections.followed = new.number
        self.gaps.open(old.covered_ms, happened.reason, old.covered_s)
        self.recovery_policy.interrupted(now)
        if not self.must_recover:
            self._follow(new.number)
        self._go_live(now)

    def _successor_not_opened(self, happened: on.SocketNotOpened, now: Moment) -> None:
        if happened.socket == self.rotation.successor:
            self.connections.lost(happened.socket)
            self._postpone_rotation(now)

    def _postpone_rotation(self, now: Moment) -> None:
        """The successor did not come up; the old socket is still good."""
        self.rotation.end()
        self._failures += 1
        self.state = State.LIVE
        self.why = "live; the next socket did not open or brought nothing, will try again"
        wait_s = self.timing.backoff_max_s + backoff_s(self._failures, self.timing, now.draw)
        self.connections.the_followed().rotate_at_s = now.s + wait_s

    # --- recovery ------------------------------------------------------------------------------------------------

    def note_recovery(self) -> None:
        """Take over what the recovery has come to: a stream whose events are no longer held is live."""
        self.why = self.gap_recovery.take_why() or self.why
        if self.state is State.RECOVERING and not self.gap_recovery.holds:
            self.state = State.LIVE

    def _coverage_ended(self, happened: on.CoverageEnded, now: Moment) -> None:
        self.gaps.began_earlier(min(happened.from_ms, now.wall_ms))

    def _silent(self, happened: on.StreamSilent, now: Moment) -> None:
        """Drop a socket that answers pings but brings nothing; all since its last event counts as missed."""
        self.rotation.end()
        self.connections.abort_all()
        self.connections.count_loss(now)
        self.gaps.open(min(happened.from_ms, now.wall_ms), happened.reason)
        self.recovery_policy.interrupted(now)
        self.state = State.CONNECTING
        self.why = happened.reason.text
        extra = self.connections.extra_attempts(now.s)
        self.connections.open_at_s = now.s + backoff_s(extra, self.timing, now.draw)

    def _woke(self, _: on.AccountWoke, now: Moment) -> None:
        self.recovery_policy.audit_schedule.woke(now)
        self.connections.rest(is_idle=False)

    @property
    def _may_poll(self) -> bool:
        return (
            self.must_recover
            and self.state in (State.KEYING, State.CONNECTING)
            and self.recovery_policy.asking is not Asking.ORPHAN
        )

    @property
    def _may_look(self) -> bool:
        quiet = self.gaps.open_from_ms is None and self.recovery_policy.active
        return quiet and self.state in (State.LIVE, State.ROTATING)

    def _polled(self, happened: on.Recovered, now: Moment) -> None:
        self.gap_recovery.polled(happened, now, may_poll=self._may_poll)

    # --- time ----------------------------------------------------------------------------------------------------

    def _timer(self, _: on.TimerDue, now: Moment) -> None:
        late_s = now.s - (self.wake_at_s() or now.s)
        self._tend_sockets(now, stalled=late_s > self.timing.late_s)
        self._create_key(self.listen_key.ask_if_due(now))
        if self.connections.open_at_s is not None and now.s >= self.connections.open_at_s:
            assert self.state is State.CONNECTING, "nobody else waits to try again"
            self._open(now)
        if self.listen_key.key is not None:
            self._tend_key(now)
        if self.state is State.ROTATING:
            self._finish_rotation_if_due(now)
        elif self.state is State.LIVE and now.s >= self.connections.the_followed().rotate_at_s:
            self._rotate(now)
        has_socket = self.state in (State.RECOVERING, State.LIVE, State.ROTATING)
        self.gap_recovery.tend(now, has_socket=has_socket, may_poll=self._may_poll, may_look=self._may_look)
        self.note_recovery()

    def _tend_key(self, now: Moment) -> None:
        if now.s >= self.listen_key.until_s:
            self._key_died(now, "the listen key could not be renewed in time")
        elif (renewal := self.listen_key.renew_if_due(now, self._renewal_since_s(now))) is not None:
            self._actions.append(renewal)

    def _renewal_since_s(self, now: Moment) -> float:
        """Return the earliest time at which another stream's renewal of the key serves for this one, too."""
        if self.state is State.PROVING and self.connections.followed is not None:
            return self.connections.the_followed().attached_s  # an older one proves nothing, and asking goes on at once
        return now.s - self.timing.renew_after_s / 3

    def _tend_sockets(self, now: Moment, *, stalled: bool) -> None:
        for socket in list(self.connections.sockets.values()):
            if not socket.attached:
                continue
            if stalled:
                socket.give_grace(now.s, self.timing)
            if now.s >= socket.dead_at_s:
                self._actions.append(do.AbortSocket(socket.number))
                reason = Reason(GapCause.SILENT, f"nothing came for {now.s - socket.heard_s:.1f} s")
                self.handle(on.SocketLost(socket.number, reason), now)
            elif stalled or now.s >= socket.ping_at_s(self.timing):
                self.connections.ping(socket.number, now)

    # --- ends ----------------------------------------------------------------------------------------------------

    def _unreadable(self, happened: on.FrameUnreadable, now: Moment) -> None:
        is_live = self.state in (State.RECOVERING, State.LIVE, State.ROTATING)
        self.gap_recovery.lost_a_frame(happened, now, is_live=is_live)
        self.note_recovery()

    def _fail(self, error: ListenKeyError) -> None:
        self.error = error
        self._end(str(error))

    def _stop(self, _: on.StopAsked, __: Moment) -> None:
        self._end("stopped")

    def _end(self, why: str) -> None:
        self.state = State.ENDED
        self.why = why
        self.connections.close_all()

    def _ignore(self, happened: Any, now: Moment) -> None:
        """Ignore an input that came too late to matter."""


TRANSITIONS: Final = table(Lifecycle)
