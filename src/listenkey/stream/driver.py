"""The driver: runs the `core.lifecycle` state machine of one stream on asyncio, and joins the parts that serve it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.deduplicator import Deduplicator
from listenkey.core.gaps import Resumed
from listenkey.core.lifecycle import Lifecycle
from listenkey.core.retry_policy import classify
from listenkey.core.states import State
from listenkey.core.timing import Timing
from listenkey.core.watermark import Reading, on_this_clock
from listenkey.credentials import Credentials
from listenkey.errors import ListenKeyError, RateLimited, UsageError
from listenkey.journal.base import Journal
from listenkey.journal.memory import MemoryJournal
from listenkey.outcomes import GapCause
from listenkey.rest.account_log import AccountLog
from listenkey.rest.proof import SHOWN_AFTER_S, AccountProof, DeliveredFill
from listenkey.stream.deadline_timer import DeadlineTimer
from listenkey.stream.delivery import StreamDelivery
from listenkey.stream.health_monitor import HealthMonitor
from listenkey.stream.key_client import KeyClient
from listenkey.stream.recovery import Recovery
from listenkey.stream.recovery_runner import RecoveryRunner
from listenkey.stream.sockets import Sockets
from listenkey.stream.task_set import TaskSet
from listenkey.stream.watermark_writer import WatermarkWriter
from listenkey.transport.runtime import Runtime
from listenkey.venue import Venue

STOP_WITHIN_S: Final = 2.0
"""Tasks that are cancelled end at once; one that does not must not keep the journal from being closed."""


class Driver:
    """
    Feeds inputs to a `Lifecycle`, and has its actions performed: by sockets, the key client, recoveries and the delivery.

    Args:
        credentials: The account's.
        venue: Where the account is.
        account: The alias that items and logs carry.
        timing: Durations, at the venue's scale.
        journal: Where items go.
        beside: The journal's file, or None where there is none.
        closes_key: Whether to DELETE the listen key at the end.
        runtime: The clock and the random numbers.

    Attributes:
        life: The lifecycle.
        delivery: What appends events to the journal.
        sockets: The open ones.
        keys: What asks for listen keys.
        recoveries: What asks REST for missed events; None before `open`, and without a secret.
        monitor: What tells the health.
        timer: What comes back at deadlines.
    """

    def __init__(
        self,
        credentials: Credentials,
        venue: Venue,
        account: str,
        timing: Timing,
        journal: Journal,
        beside: Path | None,
        runtime: Runtime,
        *,
        closes_key: bool,
    ) -> None:
        clock, deduplicator = runtime.clock, Deduplicator()
        self.journal = journal
        self.life = life = Lifecycle(timing, recovers=credentials.can_sign)
        self.log = log = AccountLog(account, clock.now_s)
        self.keys = KeyClient(credentials.api_key, venue, beside, clock, self.feed, closes=closes_key)
        self.sockets = Sockets(deduplicator, clock, runtime.connect)
        watermark = None if isinstance(journal, MemoryJournal) else WatermarkWriter(life, journal, clock)
        self.delivery = StreamDelivery(life, deduplicator, journal, self.sockets, runtime, watermark, log, self.feed)
        self.monitor = HealthMonitor(life, journal, self.delivery, self.sockets, self.keys, clock, log)
        self.timer = timer = DeadlineTimer(life, clock, self.feed, self.monitor.note)
        self.recoveries: RecoveryRunner | None = None
        self._make_recovery = partial(
            Recovery, credentials, venue, clock, timing, deduplicator.fills, timer.set, log, runtime.rest_limits
        )
        self._runtime = runtime
        self._tasks = TaskSet(self._crash)
        self._opened = AsyncExitStack()
        self._inbox: list[on.Input] = []
        self._feeding = False

    @property
    def account(self) -> str:
        """The alias that items and logs carry; once the stream is open, the journal's."""
        return self.log.account

    async def open(self) -> None:
        """
        Open the journal, share the account's listen keys, and start the lifecycle.

        What this has opened when it fails or is cancelled is closed by `aclose`, as is what it opened when it did not.
        """
        left = await self.journal.open()
        if self.account != self.journal.account:
            self.log.rename(self.journal.account)
        self.journal.watch(self.monitor.note)
        self.monitor.begin()
        self._opened.push_async_callback(self.journal.aclose)
        clock = self._runtime.clock
        left = on_this_clock(left, Reading(clock.boot(), clock.now_s(), clock.wall_ms()))
        if left.reason.cause is GapCause.JOURNAL_LOST:
            self.log.error("%s; what REST still has of it is asked for", left.reason.text)
        self.keys.open()
        self._opened.push_async_callback(self.keys.release)
        self.delivery.deduplicator.fills.resume(left.fills)
        recovery = self._open_recovery(left) if self.life.recovery_policy.active else None
        self._opened.push_async_callback(self._stop)
        if recovery is not None:
            self._tasks.spawn(recovery.prepare())
        self.feed(on.Started(left))

    def _open_recovery(self, left: Resumed) -> Recovery:
        """Make what asks REST, and let those know it who work with it."""
        recovery = self._make_recovery()
        self._opened.push_async_callback(recovery.aclose)
        recovery.resume(left)
        self.keys.at_stake(lambda: recovery.account_state.risk)
        self.keys.secret_proof = recovery.proof
        if self.journal.account_doubt:
            self.keys.account_proof = AccountProof(
                recovery.backfill.rules,
                [DeliveredFill(*fill) for fill in left.fills],
                self.journal.account_doubt,
                self.account,
                recovery.windows.venue_ms(SHOWN_AFTER_S),
            )
        self.recoveries = self.monitor.recoveries = RecoveryRunner(
            recovery, self.delivery, self.journal, self._tasks, self.feed, self._give_up, self.keys.prove_account
        )
        self.timer.losses = recovery.losses
        self.delivery.recovers_with(recovery)
        return recovery

    async def aclose(self) -> None:
        """End the stream, write waiting items, and close everything that `open` opened, in the reverse order."""
        await self._opened.aclose()

    async def _stop(self) -> None:
        """End the lifecycle, its tasks and its sockets."""
        if self.keys.closes and self.life.listen_key.key is not None:
            self._opened.push_async_callback(self.keys.close, self.life.listen_key.key)  # the next to run
        self.feed(on.StopAsked())
        await self._tasks.cancel(STOP_WITHIN_S)

    def feed(self, happened: on.Input) -> None:
        """Give the lifecycle an input, do its actions, keep its items, and come back at its deadline."""
        self._inbox.append(happened)
        if self._feeding:
            return  # what is being done brought this about; it is next
        self._feeding = True
        try:
            while self._inbox:
                self.life.handle(self._inbox.pop(0), self._runtime.moment())
                for action in self.life.take_actions():
                    self._perform(action)
                self.delivery.tell(self.life.take_items())
        except Exception as error:  # noqa: BLE001 - the top of everything: a bug must reach the reader, not a log
            self._crash(error)
        finally:
            self._feeding = False
        if self.life.state is State.ENDED:
            self.journal.end(self.life.error)
        self.monitor.note()
        self.timer.set()

    def _perform(self, action: do.Action) -> None:
        self.log.debug("%s", action)
        match action:
            case do.CreateKey():
                self._tasks.spawn(self._create_key(action))
            case do.RenewKey():
                self._tasks.spawn(self._renew_key(action))
            case do.OpenSocket():
                self._tasks.spawn(self._open_socket(action))
            case do.SendPing(number, ping):
                self.sockets.ping(number, ping)
            case do.AbortSocket(number):
                self.sockets.drop(number, politely=False)
            case do.CloseSocket(number):
                self.sockets.drop(number, politely=True)
            case do.Follow(number):
                self.delivery.follow(number)
            case do.Report(items):
                self.delivery.tell(items)
            case do.DeliverFound():
                self.delivery.deliver_found()
            case do.Recover() | do.RecoverOrders() | do.Poll():
                assert self.recoveries is not None
                self.recoveries.recover(action)
            case do.Audit():
                assert self.recoveries is not None
                self.recoveries.audit(action)

    def _crash(self, error: BaseException) -> None:
        """A bug of ours: the reader gets it, and nothing goes on behind its back."""
        self.journal.end(error)
        self.life.handle(on.StopAsked(), self._runtime.moment())
        self.sockets.abort()

    def _give_up(self, error: ListenKeyError) -> None:
        """End the stream with an error that no waiting mends."""
        self.life.error = error
        self._crash(error)
        self.life.why = str(error)
        self.monitor.note()

    async def _create_key(self, action: do.CreateKey) -> None:
        answer = await self.keys.create(action.stale)
        if isinstance(answer, on.KeyReady) and answer.untried:
            self.log.warning("%s; until then gaps may not be refilled", answer.untried)
        self.feed(answer)
        if isinstance(answer, on.KeyNotReady) and self.life.state is not State.ENDED:
            self.log.warning("no listen key: %s", answer.decision.error)  # once ended, the reader gets the error itself

    async def _renew_key(self, action: do.RenewKey) -> None:
        try:
            answer = await self.keys.renew(action)
        except UsageError as error:
            self._give_up(error)  # What came would go into another account's journal.
            return
        if isinstance(answer, on.KeyNotRenewed):
            self.log.warning("the listen key was not renewed: %s", answer.decision.error)
        self.feed(answer)

    async def _open_socket(self, action: do.OpenSocket) -> None:
        seats, seat = self._runtime.seats, None
        try:
            if seats is None:
                await self.keys.may_connect()
            else:
                seat = await seats.seat(action.key, self.keys.risk)
        except ListenKeyError as error:
            self._not_opened(action, error)
            return
        if action.socket not in self.life.connections.sockets:  # given up while it waited for its turn
            if seat is not None:
                seat.leave()
            return
        attachment, timeout_s = self.keys.attachment(action.key, action.socket), self.life.timing.open_timeout_s
        connect = None if seat is None else seat.connect
        try:
            await self.sockets.open(action, attachment, timeout_s, self.delivery, connect)
        except ListenKeyError as error:
            if isinstance(error, RateLimited) and seat is None:  # Else all who share the socket would tell it.
                self.keys.socket_refused(error)
            self._not_opened(action, error)
        else:
            if seat is None:
                self.keys.socket_opened()
            self.feed(on.SocketAttached(action.socket, 0.0 if seat is None else seat.age_s))
            self.delivery.attached(action.socket)

    def _not_opened(self, action: do.OpenSocket, error: ListenKeyError) -> None:
        self.sockets.drop(action.socket, politely=False)
        self.feed(on.SocketNotOpened(action.socket, classify(error, self._runtime.clock.wall_ms())))
        if self.life.state is not State.ENDED:
            self.log.warning("no socket: %s", error)
