"""The driver: runs the `core.lifecycle` state machine of one stream on asyncio."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.budget import Priority
from listenkey.core.deduplicator import Deduplicator, Held, Unwrap
from listenkey.core.gaps import Watermark
from listenkey.core.lifecycle import Lifecycle
from listenkey.core.retry_policy import classify
from listenkey.core.states import State
from listenkey.core.status import status_of, why_of
from listenkey.core.status_changes import StatusChanges
from listenkey.core.timing import PAUSE_SHARE, Timing
from listenkey.core.watermark import Reading, on_this_clock
from listenkey.credentials import Credentials, Secret
from listenkey.errors import Banned, Disconnected, ListenKeyError, Refused, UsageError
from listenkey.events import (
    Event,
    LegacyOrderTradeUpdate,
    ListenKeyExpired,
    OrderTradeUpdate,
    RecoveredFill,
    RecoveredOrder,
    UnknownEvent,
)
from listenkey.health import Status
from listenkey.items import GapClosed, GapOpened, Live, Provenance
from listenkey.journal.base import Journal
from listenkey.outcomes import GapCause, Reason
from listenkey.rest.account_log import AccountLog
from listenkey.rest.bounded_gather import both
from listenkey.rest.proof import SHOWN_AFTER_S, AccountProof, DeliveredFill
from listenkey.stream import listen_key_manager as openers
from listenkey.stream.connection import Connection
from listenkey.stream.recovery import Recovery
from listenkey.transport.clock import Clock, SystemClock
from listenkey.transport.closing import outlast
from listenkey.transport.websocket import connect
from listenkey.venue import LEAVING_EVENTS, Venue
from listenkey.wire.frames import Unreadable

PROVE_NOTHING: Final = frozenset({ListenKeyExpired, UnknownEvent})
"""Events that prove nothing about the key: its end, a server's end, and types nobody knows."""

HAVE_FILLS: Final = (OrderTradeUpdate, RecoveredFill, RecoveredOrder)

ROOM_POLL_S: Final = 0.01
ROOM_POLLS_MAX: Final = 1_000
"""A recovery waits so long for a slow reader or disk before its next part: meanwhile the new socket's events wait too."""

STOP_WITHIN_S: Final = 2.0
"""Tasks that are cancelled end at once; one that does not must not keep the journal from being closed."""

_RANDOM = random.Random()
"""One for all streams: each of its own would weigh a tenth of an idle stream."""


class Driver:
    """
    Feeds inputs to a `Lifecycle`, performs its actions, and appends events of connections and recoveries to the journal.

    Args:
        credentials: The account's.
        venue: Where the account is.
        account: The alias that items and logs carry.
        timing: Durations, at the venue's scale.
        journal: Where items go.
        beside: The journal's file, or None where items are kept in memory.
        closes_key: Whether to DELETE the listen key at the end.
    """

    def __init__(
        self,
        credentials: Credentials,
        venue: Venue,
        account: str,
        timing: Timing,
        journal: Journal,
        beside: Path | None,
        *,
        closes_key: bool,
    ) -> None:
        self.credentials = credentials
        self.closes_key = closes_key
        self.venue = venue
        self.account = account
        self.log = AccountLog(account, self._now_s)
        self.clock: Clock = SystemClock()
        self.random = _RANDOM
        self.life = Lifecycle(timing, recovers=credentials.can_sign)
        self.deduplicator = Deduplicator()
        self.recovery: Recovery | None = None
        self.account_proof: AccountProof | None = None
        self.journal = journal
        self.beside = beside
        self.keys: openers.ListenKeys | None = None
        self.connections: dict[int, Connection] = {}
        self.events = 0
        self.fills = 0
        self.unreadable = 0
        self.unknown_events = 0
        self.last_event_ms: int | None = None
        self.round_trip_s: float | None = None
        self._opened = AsyncExitStack()
        self._recovering: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._inbox: list[on.Input] = []
        self._feeding = False
        self._timer: asyncio.TimerHandle | None = None
        self._covered_s = float("-inf")
        self.fills_recovered = 0
        self.changes = StatusChanges(self.clock.now_s(), self.clock.wall_ms())

    async def open(self) -> None:
        """
        Open the journal, share the account's listen keys, and start the lifecycle.

        What this has opened when it fails or is cancelled is closed by `aclose`, as is what it opened when it did not.
        """
        left = await self.journal.open()
        if self.account != self.journal.account:
            self.account = self.journal.account
            self.log = AccountLog(self.account, self._now_s)
        self.journal.watch(self.note_status)
        self.changes = StatusChanges(self.clock.now_s(), self.clock.wall_ms())
        self._opened.push_async_callback(self.journal.aclose)
        left = on_this_clock(left, Reading(self.clock.boot(), self.clock.now_s(), self.clock.wall_ms()))
        self.keys = openers.share(self.venue, self.credentials.api_key, self.clock, self.beside, self.key_replaced)
        self._opened.push_async_callback(self._release_keys, self.keys)
        self.deduplicator.fills.resume(left.fills)
        if self.life.recovery.active:
            timing, fills = self.life.timing, self.deduplicator.fills
            self.recovery = Recovery(self.credentials, self.venue, self.clock, timing, fills, self.set_timer, self.log)
            self._opened.push_async_callback(self.recovery.aclose)
            self.recovery.resume(left)
            if self.journal.account_doubt:
                self.account_proof = AccountProof(
                    self.recovery.backfill.rules,
                    [DeliveredFill(*fill) for fill in left.fills],
                    self.journal.account_doubt,
                    self.account,
                    self.recovery.windows.venue_ms(SHOWN_AFTER_S),
                )
        self._opened.push_async_callback(self._stop)
        if self.recovery is not None:
            self.spawn(self.recovery.prepare())
        self.feed(on.Started(left))

    async def aclose(self) -> None:
        """End the stream, write waiting items, and close everything that `open` opened, in the reverse order."""
        await self._opened.aclose()

    async def _stop(self) -> None:
        """End the lifecycle, its tasks and its sockets."""
        if self.closes_key and self.life.listen_key.key is not None and self.keys is not None:
            self._opened.push_async_callback(self.keys.close, self.life.listen_key.key)  # the next to run
        self.feed(on.StopAsked())
        for task in self._tasks:
            task.cancel()
        await outlast(asyncio.gather(*self._tasks, return_exceptions=True), STOP_WITHIN_S)

    async def _release_keys(self, keys: openers.ListenKeys) -> None:
        self.keys = None
        await keys.release(self.beside, self.key_replaced)

    def feed(self, happened: on.Input) -> None:
        """Give the lifecycle an input, do its actions, keep its items, and come back at its deadline."""
        self._inbox.append(happened)
        if self._feeding:
            return  # what is being done brought this about; it is next
        self._feeding = True
        try:
            while self._inbox:
                self.life.handle(self._inbox.pop(0), self._moment())
                for action in self.life.take_actions():
                    self._perform(action)
                self._tell(self.life.take_items())
        except Exception as error:  # noqa: BLE001 - the top of everything: a bug must reach the reader, not a log
            self._crash(error)
        finally:
            self._feeding = False
        if self.life.state is State.ENDED:
            self.journal.end(self.life.error)
        self.note_status()
        self.set_timer()

    def _tell(self, items: list[Live | GapOpened | GapClosed]) -> None:
        self.journal.append_told(items)
        for item in items:
            if isinstance(item, Live):
                self._note_covered(item.since_ms, self.clock.now_s() - (self.clock.wall_ms() - item.since_ms) / 1000)

    def set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wake_at_s = self.life.wake_at_s()
        if wake_at_s is not None:
            if self.recovery is not None:
                wake_at_s = min(wake_at_s, *self.recovery.deadlines())
            if self.life.listen_key.quiet_until_s > self.clock.now_s():
                wake_at_s = min(wake_at_s, self.life.listen_key.quiet_until_s)  # the status changes then
            delay_s = max(0.0, wake_at_s - self.clock.now_s())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        if self.recovery is not None:
            for happened in self.recovery.doubts():
                self.feed(happened)
        wake_at_s = self.life.wake_at_s()
        if wake_at_s is not None and wake_at_s <= self.clock.now_s():
            self.feed(on.TimerDue())
        else:  # Frames have moved the deadline since, or only the status has changed.
            self.note_status()
            self.set_timer()

    def status(self) -> tuple[Status, str]:
        """Return the stream's status now, and the reason for it."""
        life, journal, now_s = self.life, self.journal, self.clock.now_s()
        silence = self.keys.silence() if self.keys else None
        if silence is None and self.recovery is not None and life.recovery.running:
            silence = self.recovery.backfill.limiter.waiting(Priority.RECOVERY)
        status = status_of(life, now_s, journal.problem, journal.losing)
        return status, why_of(life, now_s, journal.problem, journal.losing, silence)

    def open_gap_from_ms(self) -> int | None:
        """The start of the gap that is open now, before the socket, a slow reader or the disk; None without one."""
        begins = [at_ms for at_ms in (self.life.gaps.open_from_ms, self.journal.losing_from_ms) if at_ms is not None]
        return min(begins, default=None)

    def note_status(self) -> None:
        """Note since when the status holds, and log a change."""
        status, why = self.status()
        now_s, wall_ms = self.clock.now_s(), self.clock.wall_ms()
        change = self.changes.note(status, why, self.fills_recovered, now_s, wall_ms)
        if change is not None:
            self.log.log(logging.WARNING if change.is_warning else logging.INFO, change.form, change.text)

    def _now_s(self) -> float:
        return self.clock.now_s()

    def _moment(self) -> on.Moment:
        return on.Moment(self.clock.now_s(), self.clock.wall_ms(), self.random.random())

    def _perform(self, action: do.Action) -> None:
        self.log.debug("%s", action)
        match action:
            case do.CreateKey():
                self.spawn(self._create_key(action))
            case do.RenewKey():
                self.spawn(self._renew_key(action))
            case do.OpenSocket():
                self.spawn(self._open_socket(action))
            case do.SendPing(number, ping):
                if number in self.connections:
                    self.connections[number].ping(ping)
            case do.AbortSocket(number):
                self._drop_connection(number, politely=False)
            case do.CloseSocket(number):
                self._drop_connection(number, politely=True)
            case do.Follow(number):
                if self.recovery is not None:
                    self.recovery.follows(whole=not self.life.must_recover)
                self._release(number, self.deduplicator.follow(number))
                while self.deduplicator.unreadable:
                    self.unreadable_came(number, self.deduplicator.unreadable.pop(0))
            case do.Report(items):
                self._tell(list(items))
            case do.DeliverFound():
                self._release(self.life.connections.followed or 0, [])
            case do.Recover() | do.RecoverOrders() | do.Poll():
                if self._recovering is not None:
                    self._recovering.cancel()
                self._recovering = self.spawn(self._recover(action))
            case do.Audit():
                self.spawn(self._audit(action))

    def _drop_connection(self, number: int, *, politely: bool) -> None:
        self.deduplicator.forget(number)
        connection = self.connections.pop(number, None)
        if connection is not None:
            (connection.close if politely else connection.abort)()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._crash(error)

    def _crash(self, error: BaseException) -> None:
        """A bug of ours: the reader gets it, and nothing goes on behind its back."""
        self.journal.end(error)
        self.life.handle(on.StopAsked(), self._moment())
        for connection in self.connections.values():
            connection.abort()
        self.connections.clear()

    def _give_up(self, error: ListenKeyError) -> None:
        """End the stream with an error that no waiting mends."""
        self.life.error = error
        self._crash(error)
        self.life.why = str(error)
        self.note_status()

    async def _create_key(self, action: do.CreateKey) -> None:
        assert self.keys is not None
        try:
            grant, untried = await self._granted(action.stale)
        except ListenKeyError as error:
            self.feed(on.KeyNotReady(classify(error, self.clock.wall_ms())))
            if self.life.state is not State.ENDED:  # else the reader gets the error itself
                self.log.warning("no listen key: %s", error)
        else:
            if untried:
                self.log.warning("%s; until then gaps may not be refilled", untried)
            self.feed(on.KeyReady(grant.key, grant.valid_for_s, untried))

    async def _granted(self, stale: Secret | None) -> tuple[openers.Grant, str]:
        """A listen key, and why the secret could not be tried, if it could not: a wrong one is refused with the key."""
        assert self.keys is not None
        if self.recovery is None:
            return await self.keys.create(stale), ""
        granted = await both(self.keys.create(stale), self.recovery.proof.try_once())
        await self._prove_account()
        return granted

    async def _prove_account(self) -> None:
        """Raise UsageError where the journal turns out to be another account's than the API key."""
        if self.account_proof is not None:
            await self.account_proof.try_once()

    def account_doubt(self) -> str:
        """Return the reason to doubt that the API key is the journal's account's, for people; empty without one."""
        return self.journal.account_doubt if self.account_proof is None else self.account_proof.doubt

    async def _renew_key(self, action: do.RenewKey) -> None:
        assert self.keys is not None
        try:
            since_s = await self.keys.renew(action.key, action.since_s)
            await self._prove_account()  # until it is proven: a fill of a minute ago is listed by now
        except UsageError as error:
            self._give_up(error)  # No renewal helps: what came would go into another account's journal.
        except ListenKeyError as error:
            self.log.warning("the listen key was not renewed: %s", error)
            self.feed(on.KeyNotRenewed(action.key, classify(error, self.clock.wall_ms())))
        else:
            self.feed(on.KeyRenewed(action.key, since_s))

    def key_replaced(self, key: Secret) -> None:
        self.feed(on.KeyNotRenewed(key, classify(openers.replaced_error(), self.clock.wall_ms())))

    async def _open_socket(self, action: do.OpenSocket) -> None:
        assert self.keys is not None
        connection = self.connections[action.socket] = Connection(action.socket, action.key, self, self.clock)
        attachment = self.keys.attachment(action.key, action.socket, self.venue)
        try:
            await connection.open(connect, attachment, self.life.timing.open_timeout_s)
        except ListenKeyError as error:
            self._drop_connection(action.socket, politely=False)
            if isinstance(error, Banned):
                self.keys.refused(error)
            self.feed(on.SocketNotOpened(action.socket, classify(error, self.clock.wall_ms())))
            if self.life.state is not State.ENDED:
                self.log.warning("no socket: %s", error)
        else:
            self.feed(on.SocketAttached(action.socket))
            if self.recovery is not None and self.life.must_recover and self.life.connections.followed == action.socket:
                self.recovery.attached()

    async def _recover(self, action: do.Recover | do.RecoverOrders | do.Poll) -> None:
        assert self.recovery is not None
        answer = await self.recovery.recover(
            action, lambda: self.deduplicator.held(self.life.connections.followed or 0), self._deliver_part
        )
        if self._is_refused(answer):
            return
        if (from_ms := self.recovery.windows.resumed_wall_ms()) is not None:
            self.feed(on.CoverageEnded(from_ms))
        self.feed(answer)
        self.recovery.delivered(closed=self.life.gaps.open_from_ms is None)

    def _is_refused(self, answer: on.Input) -> bool:
        """
        End the stream where REST refuses a signature that could not be tried before it was live, and return True.

        One that was taken before is refused for a while perhaps, as where somebody changes the key's rights: REST is asked on.
        """
        assert self.recovery is not None
        proof = self.recovery.proof
        if isinstance(answer, on.Recovered | on.Audited):
            proof.is_proven = True
        elif isinstance(answer, on.NotRecovered | on.NotAudited) and not proof.is_proven:
            error = answer.verdict.error
            if isinstance(error, Refused):
                self._give_up(error)
                return True
        return False

    async def _deliver_part(self, happened: on.RecoveredPart) -> None:
        """Deliver what a recovery has found so far, and wait for the reader or the disk to have taken most of it."""
        assert self.recovery is not None
        self.feed(happened)
        self.recovery.delivered(closed=False)
        for _ in range(ROOM_POLLS_MAX):
            if not self.journal.turn_after_s():
                break
            await asyncio.sleep(ROOM_POLL_S)

    async def _audit(self, action: do.Audit) -> None:
        assert self.recovery is not None
        for happened in await self.recovery.audits.look(action):
            if self._is_refused(happened):
                return
            self.feed(happened)

    def _release(self, socket: int, held: list[Held]) -> None:
        """Deliver the held events together with recovered ones, each in its place."""
        if self.recovery is None or self.recovery.findings is None:
            for one in held:
                self._deliver(socket, *one)
            return
        for event, raw, received_ms, provenance in self.recovery.combined(held):
            self._deliver(socket, event, raw, received_ms, provenance)

    # --- what connections bring ----------------------------------------------------------------------------------------

    def event_came(self, socket: int, event: Event, raw: bytes) -> None:
        """One event from a socket: deliver it, unless another socket brought it or it must wait its turn."""
        received_ms = self.clock.wall_ms()
        self.life.brought(socket)
        if self.deduplicator.admit(socket, event, raw, received_ms):
            self._deliver(socket, event, raw, received_ms)
        else:
            self._keep_back(socket, (event,), proves=type(event) not in PROVE_NOTHING)
        if type(event) not in PROVE_NOTHING:
            return
        if isinstance(event, ListenKeyExpired):
            self.feed(on.KeyEnded(event.listen_key))
        elif isinstance(event, UnknownEvent):
            self.unknown_events += 1
            if socket in self.connections:
                self.connections[socket].read_less()  # nobody has said how large it may be
            if event.type in LEAVING_EVENTS:
                self.feed(on.VenueLeaving(socket))

    def frames_came(self, socket: int, frames: list[bytes], unwrap: Unwrap) -> list[bytes]:
        """Return the frames to decode: while two sockets bring the same, nearly none of the second socket's."""
        if self.life.state is not State.ROTATING or self.deduplicator.overfull(socket):
            return frames
        left = self.deduplicator.sift(socket, frames, unwrap, self.clock.wall_ms())
        self.life.brought(socket, len(frames) - len(left))
        return left

    def events_came(self, socket: int, events: list[Event], raws: list[bytes]) -> None:
        """A batch from a socket: delivered in one go, unless something looks at each of its events."""
        life = self.life
        if life.needs_proof:
            for event, raw in zip(events, raws, strict=True):
                self.event_came(socket, event, raw)
            return
        life.brought(socket, len(events))
        received_ms = self.clock.wall_ms()
        if not self.deduplicator.follows(socket):
            self.deduplicator.hold_all(socket, events, raws, received_ms)
            self._keep_back(socket, events, proves=True)
            return
        fills, late = self.deduplicator.admit_all(events, raws)
        self.fills += fills
        if events:
            self.events += len(events)
            self.last_event_ms = received_ms
            life.event_came()
            if self.recovery is not None:
                self.recovery.delivering_all(events)
            if not late:
                self.journal.append_events(events, raws, received_ms)
            else:
                places = frozenset(late)
                for place, (event, raw) in enumerate(zip(events, raws, strict=True)):
                    self.journal.append_event(event, raw, received_ms, late=place in places)

    def turn_after_s(self, socket: int, held_s: float) -> float | None:
        """Return how long to pause reading so that consumer and disk catch up; None where silence would time out."""
        if held_s > self.life.timing.dead_after_s * PAUSE_SHARE:
            return None
        wait_s = self.journal.turn_after_s()
        if wait_s is not None and not held_s:
            self.life.connections.heard(
                socket, self.clock.now_s()
            )  # what was taken did come, though more may be left for later
        return wait_s

    def _keep_back(self, socket: int, events: Sequence[Event], *, proves: bool) -> None:
        """Events came that are not delivered now: they are old, or another socket's, or wait for REST."""
        if self.deduplicator.overfull(socket):
            self._drop_connection(socket, politely=False)
            full = "the buffer of held events is full, so the socket is replaced"
            self.feed(on.SocketLost(socket, Reason(GapCause.DISCONNECTED, full)))
        elif self.life.must_recover and socket == self.life.connections.followed:
            if self.recovery is not None:
                self.recovery.held_back(events)
            if proves:  # the key, all the same
                if self.life.needs_proof:
                    self.feed(on.EventCame(socket))
                self.life.event_came()
            if self.deduplicator.half_full(socket):
                self.feed(on.HeldTooMuch(socket))

    def _deliver(self, socket: int, event: Event, raw: bytes, received_ms: int, provenance: Provenance = "ws") -> None:
        proves = provenance != "rest" and type(event) not in PROVE_NOTHING
        if proves and self.life.needs_proof:
            # The event proves the key, so "live since" is told before it.
            self.life.handle(on.EventCame(socket), self._moment())
            self.journal.append_told(self.life.take_items())
        self.events += 1
        if isinstance(event, HAVE_FILLS):
            self.fills += event.is_fill
            self.fills_recovered += event.is_fill and provenance == "rest"
        elif isinstance(event, LegacyOrderTradeUpdate):
            self.fills += sum(len(order.fills) for order in event.orders)
        late = self.deduplicator.fills.lateness.note_event(event)
        if self.recovery is not None:
            self.recovery.delivering(event)
        if provenance != "rest":
            self.last_event_ms = received_ms
        self.journal.append_event(event, raw, received_ms, provenance, late=late)
        if proves:
            self.life.event_came()

    def unreadable_came(self, socket: int, unreadable: Unreadable) -> None:
        """Count and report a frame that can't be read; the stream goes on."""
        self.unreadable += unreadable.count
        self.log.warning("a frame can't be read: %s", unreadable.reason)
        self.feed(on.FrameUnreadable(socket, unreadable.reason))

    def heard(self, socket: int) -> None:
        """Any frame counts as life."""
        life, recovery, now_s = self.life, self.recovery, self.clock.now_s()
        life.connections.heard(socket, now_s)
        if self.beside is None:
            return  # there is no journal that another process could read it in
        if socket != life.connections.followed or not life.is_whole:
            return
        # A frame that comes now was sent a while ago, and what was sent since is not covered: an answered ping tells.
        covered = life.connections.sockets[socket]
        if recovery is None:
            self._note_covered(*life.listen_key.proof)
        elif recovery.audits.is_audited(now_s):
            self._note_covered(covered.covered_ms, covered.covered_s)

    def _note_covered(self, wall_ms: int, at_s: float) -> None:
        """The stream is whole until this moment, by both of our clocks; nothing to do where that is noted."""
        if at_s <= self._covered_s or self.beside is None:
            return
        if self.recovery is not None and self.recovery.audits.outstanding:
            return  # The next process does not know of what REST would not list, and has to look back as far.
        self._covered_s = at_s
        began_ms = self.life.gaps.began_ms
        venue_ms, began_venue_ms = (None, None) if self.recovery is None else self.recovery.by_venue(at_s, began_ms)
        mark = Watermark(wall_ms, self.clock.boot(), round(at_s * 1000), venue_ms, began_ms, began_venue_ms)
        self.journal.heard(wall_ms, mark)

    def pong_came(self, socket: int, ping: int, round_trip_s: float) -> None:
        """The answer to our ping."""
        self.round_trip_s = round_trip_s
        self.feed(on.PongCame(socket, ping, round_trip_s))

    def lost(self, socket: int, reason: Disconnected) -> None:
        """A socket has ended."""
        self.log.warning("%s", reason)
        self.connections.pop(socket, None)
        self.feed(on.SocketLost(socket, Reason(GapCause.DISCONNECTED, str(reason))))
