"""`UserStream`: the life of `core.lifecycle`, with hands."""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self

from listenkey import opener as openers
from listenkey.blocking import BlockingUserStream
from listenkey.clock import Clock, SystemClock
from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.lifecycle import Lifecycle
from listenkey.core.merge import Held, Merge, Unwrap
from listenkey.core.states import State
from listenkey.core.status import status_of
from listenkey.core.timing import PAUSE_SHARE, Timing
from listenkey.core.verdict import judge
from listenkey.credentials import Credentials, Secret, fingerprint
from listenkey.errors import Disconnected, ListenKeyError, UsageError
from listenkey.events import (
    Event,
    LegacyOrderTradeUpdate,
    ListenKeyExpired,
    OrderTradeUpdate,
    RecoveredFill,
    RecoveredOrder,
    UnknownEvent,
)
from listenkey.health import Health
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance
from listenkey.journal.making import make_journal
from listenkey.journal.place import journal_path
from listenkey.link import Link
from listenkey.recovery import Recovery
from listenkey.transport import address
from listenkey.transport.websocket import connect
from listenkey.venue import LEAVING_EVENTS, Venue
from listenkey.wire.frames import Unreadable

log = logging.getLogger("listenkey")

PROVE_NOTHING: Final = frozenset({ListenKeyExpired, UnknownEvent})
"""That a key has ended, or that a server will, says nothing of a key that lives; nor does what nobody knows."""

HAVE_FILLS: Final = (OrderTradeUpdate, RecoveredFill, RecoveredOrder)

_RANDOM = random.Random()
"""One for all streams: each of its own would weigh a tenth of an idle stream."""


class UserStream:
    """
    Everything that happens to one account, as it happens.

        async with UserStream(api_key=...) as stream:
            async for item in stream:
                match item:
                    case Update(event=event): ...
                    case GapOpened() | GapClosed() | Live(): ...

    Creates the listen key, renews it, notices what dies and replaces it, for as long as it is open. What may have been
    missed lies between a `GapOpened` and its `GapClosed`. For one reader. With a journal in a file a slow one lags and
    loses nothing; without, it loses nothing until 64 MiB wait, and then is told what it lost.

    Args:
        api_key: The account's API key. It needs no permission to trade.
        api_secret: For signed requests: with it, what a gap missed is asked for over REST. May be left out.
        private_key: The same by Ed25519 or RSA, PEM text; may be left out.
        venue: `"production"`, `"legacy"`, `"testnet"`, or a `Venue`.
        journal: Where items are kept: a path, or `sqlite:///path`. What is in the file is on the disk before it is an
            item here. Left out: in memory.
        consumer: A name for this reader of the journal: it goes on after what it has committed (`commit`), in this
            process and the next. Left out: it begins with what happens from now on.
        auto_commit: Commit each item when the next one is asked for.
        after: Begin after this item of the journal; for a consumer that keeps its cursor itself (`journal.cursor`).
        keep_days: Items that are older may be taken out of the journal.
        keep_bytes: While the journal holds more than this, its oldest items may be taken out.
        account: The alias items carry; by default eight hex digits that stand for the API key.
        timing: Durations, for tests and scaled sandboxes.
        close_key_on_exit: DELETE the listen key at the end. It ends the streams of every other program that uses this
            account, Binance's own pages included, so the default is never.

    Raises:
        UsageError: Something in the arguments can't be right.
        Refused, Retired: While iterating, when the venue won't have us.
        Fenced: On entering, when another process writes to the journal.
        JournalError: On entering or while iterating, when the journal can't be used.
    """

    def __init__(
        self,
        *,
        api_key: str,
        api_secret: str | None = None,
        private_key: str | None = None,
        venue: str | Venue = "production",
        journal: str | os.PathLike[str] | None = None,
        consumer: str | None = None,
        auto_commit: bool = False,
        after: int | None = None,
        keep_days: float | None = None,
        keep_bytes: int | None = None,
        account: str | None = None,
        timing: Timing | None = None,
        close_key_on_exit: bool = False,
    ) -> None:
        self._credentials = Credentials.of(api_key, api_secret, private_key)
        self.venue: Venue = address.venue_of(venue)
        self.account: str = account or fingerprint(api_key)
        self._close_key_on_exit = close_key_on_exit
        self._clock: Clock = SystemClock()
        self._random = _RANDOM
        recovers = self._credentials.can_sign
        self._life = Lifecycle((timing or Timing()).scaled(self.venue.time_scale), recovers=recovers)
        self._merge = Merge()
        self._recovery: Recovery | None = None
        self._recovering: asyncio.Task[None] | None = None
        self._journal = make_journal(
            journal, self.account, self._clock, consumer, after, keep_days, keep_bytes, auto_commit=auto_commit
        )
        self._beside = None if journal is None else journal_path(journal)
        self._entered = False
        self._links: dict[int, Link] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._inbox: list[on.Input] = []
        self._feeding = False
        self._reading = False
        self._timer: asyncio.TimerHandle | None = None
        self._keys: openers.ListenKeys | None = None
        self._events = 0
        self._fills = 0
        self._unreadable = 0
        self._unknown_events = 0
        self._last_event_ms: int | None = None
        self._round_trip_s: float | None = None

    @classmethod
    def blocking(
        cls,
        *,
        api_key: str,
        api_secret: str | None = None,
        private_key: str | None = None,
        venue: str | Venue = "production",
        journal: str | os.PathLike[str] | None = None,
        consumer: str | None = None,
        auto_commit: bool = False,
        after: int | None = None,
        keep_days: float | None = None,
        keep_bytes: int | None = None,
        account: str | None = None,
        timing: Timing | None = None,
        close_key_on_exit: bool = False,
    ) -> BlockingUserStream:
        """The same for scripts and notebooks: `with UserStream.blocking(...) as stream: for item in stream: ...`."""
        return BlockingUserStream(
            cls(
                api_key=api_key,
                api_secret=api_secret,
                private_key=private_key,
                venue=venue,
                journal=journal,
                consumer=consumer,
                auto_commit=auto_commit,
                after=after,
                keep_days=keep_days,
                keep_bytes=keep_bytes,
                account=account,
                timing=timing,
                close_key_on_exit=close_key_on_exit,
            )
        )

    # --- for the reader ------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._entered:
            raise UsageError("a stream is opened once; make another one")
        self._entered = True
        left = await self._journal.open()
        self._keys = openers.share(self.venue, self._credentials.api_key, self._clock, self._beside, self._key_replaced)
        if self._life.repair.active:
            timing, fills = self._life.timing, self._merge.fills
            self._recovery = Recovery(self._credentials, self.venue, self._clock, timing, fills, self._set_timer)
            self._recovery.resume(left)
            self._spawn(self._recovery.prepare())
        self._feed(on.Started(left))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the stream, and write what waits; the listen key stays and expires, unless `close_key_on_exit`."""
        if self._keys is None:
            return
        key, keys = self._life.key, self._keys
        self._feed(on.StopAsked())
        self._keys = None
        for task in self._tasks:
            task.cancel()
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._journal.aclose()
            if self._close_key_on_exit and key is not None:
                await keys.close(key)
        finally:
            await keys.release(self._beside, self._key_replaced)
            if self._recovery is not None:
                await self._recovery.aclose()

    async def __aiter__(self) -> AsyncIterator[Item]:
        """The items, one by one. What was not asked for stays for the next reader."""
        while True:
            try:
                item = await self.__anext__()
            except StopAsyncIteration:
                return
            yield item
            for item in self._journal.ready():
                yield item

    async def __anext__(self) -> Item:
        """The next item; raises what ended the stream."""
        self._begin_reading()
        try:
            return await self._journal.next()
        finally:
            self._reading = False

    async def run(self, on_item: Callable[[Item], None]) -> None:
        """
        Call a function with each item, as it comes; returns when the stream has ended, raises as `anext` does.

        The shortest way: without a journal on the disk it is called from within the reading of the socket, so what it
        does holds everything up. What it raises ends this call; the items behind stay for the next reader.
        """
        self._begin_reading()
        try:
            await self._journal.deliver(on_item)
        finally:
            self._reading = False

    def _begin_reading(self) -> None:
        if self._life.state is State.NEW:
            raise UsageError("open the stream first: async with UserStream(...) as stream")
        if self._reading:
            # Each would get what the other then misses, and none would know.
            raise UsageError("another reader waits for the next item already: a stream is for one, open one for each")
        self._reading = True

    def take_ready(self, most: int = 1024) -> list[Item]:
        """Items that wait already, at most so many; for readers that work in batches."""
        return self._journal.take_ready(most)

    async def commit(self, seq: int) -> None:
        """
        This reader is done with every item up to `seq`; when this returns, that is on the disk.

        A reader with the same `consumer` goes on after it, in this process or the next. An item whose effect was
        written and whose commit was not comes again: let the effect and the cursor be one transaction
        (`listenkey.journal.cursor`), or let the effect be one that may happen twice.

        Raises:
            UsageError: The stream has no `consumer`, or that item was not read yet.
            JournalError: It could not be written.
        """
        await self._journal.commit(seq)

    def health(self) -> Health:
        """How the stream is, now."""
        life, journal, now_s = self._life, self._journal, self._clock.now_s()
        followed = life.sockets.get(life.followed or 0)
        status = status_of(life, now_s, journal.problem, journal.losing)
        return Health(
            status=status,
            why=journal.problem or journal.losing or (life.impaired(now_s) if status == "DEGRADED" else "") or life.why,
            key_fingerprint=life.key.fingerprint() if life.key else None,
            key_age_s=now_s - life.key_since_s if life.key else None,
            key_left_s=life.key_until_s - now_s if life.key else None,
            renewals=life.renewals,
            last_renewal_ok=life.last_renewal_ok,
            sockets=sum(socket.attached for socket in life.sockets.values()),
            socket_age_s=now_s - followed.opened_s if followed else None,
            last_event_ms=self._last_event_ms,
            last_heard_s=now_s - followed.heard_s if followed else None,
            round_trip_s=self._round_trip_s,
            events=self._events,
            fills=self._fills,
            gaps=life.gaps.count,
            gap_s=life.gaps.seconds,
            duplicates_removed=self._merge.duplicates + self._journal.duplicates,
            unreadable=self._unreadable,
            unknown_events=self._unknown_events,
            dropped=self._journal.dropped,
            backlog=self._journal.backlog,
            journal_problem=self._journal.problem,
            reconnects=life.reconnects,
            rotations=life.rotations,
            recovered=life.gaps.recovered,
            used_weight=self._keys.api.used_weight_1m if self._keys else None,
        )

    # --- the driver ----------------------------------------------------------------------------------------------

    def _feed(self, happened: on.Input) -> None:
        """Give the lifecycle a fact, do what it asks for, keep what it tells, and come back when it says."""
        self._inbox.append(happened)
        if self._feeding:
            return  # what is being done brought this about; it is next
        self._feeding = True
        try:
            while self._inbox:
                self._life.handle(self._inbox.pop(0), self._moment())
                for action in self._life.take_actions():
                    self._perform(action)
                self._tell(self._life.take_items())
        except Exception as error:  # noqa: BLE001 - the top of everything: a bug must reach the reader, not a log
            self._crash(error)
        finally:
            self._feeding = False
        if self._life.state is State.ENDED:
            self._journal.end(self._life.error)
        self._set_timer()

    def _tell(self, items: list[Live | GapOpened | GapClosed]) -> None:
        self._journal.append_told(items)
        for item in items:
            if isinstance(item, Live):
                self._journal.heard(item.since_ms)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wake_at_s = self._life.wake_at_s()
        if wake_at_s is not None:
            if self._recovery is not None:
                wake_at_s = min(wake_at_s, *self._recovery.deadlines())
            delay_s = max(0.0, wake_at_s - self._clock.now_s())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        if self._recovery is not None:
            for happened in self._recovery.doubts():
                self._feed(happened)
        wake_at_s = self._life.wake_at_s()
        if wake_at_s is not None and wake_at_s <= self._clock.now_s():
            self._feed(on.TimerDue())
        else:  # Frames have moved the deadline since.
            self._set_timer()

    def _moment(self) -> on.Moment:
        return on.Moment(self._clock.now_s(), self._clock.wall_ms(), self._random.random())

    def _perform(self, action: do.Action) -> None:
        log.debug("stream %s: %s", self.account, action)
        match action:
            case do.CreateKey():
                self._spawn(self._create_key(action))
            case do.RenewKey():
                self._spawn(self._renew_key(action))
            case do.OpenSocket():
                self._spawn(self._open_socket(action))
            case do.SendPing(number, ping):
                if number in self._links:
                    self._links[number].ping(ping)
            case do.AbortSocket(number):
                self._drop_link(number, politely=False)
            case do.CloseSocket(number):
                self._drop_link(number, politely=True)
            case do.Follow(number):
                if self._recovery is not None:
                    self._recovery.follows(whole=not self._life.must_recover)
                self._release(number, self._merge.follow(number))
                while self._merge.unreadable:
                    self.unreadable_came(number, self._merge.unreadable.pop(0))
            case do.DeliverFound():
                self._release(self._life.followed or 0, [])
            case do.Recover() | do.RecoverOrders() | do.Poll():
                if self._recovering is not None:
                    self._recovering.cancel()
                self._recovering = self._spawn(self._recover(action))
            case do.Audit():
                self._spawn(self._audit(action))

    def _drop_link(self, number: int, *, politely: bool) -> None:
        self._merge.forget(number)
        link = self._links.pop(number, None)
        if link is not None:
            (link.close if politely else link.abort)()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
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
        self._journal.end(error)
        self._life.handle(on.StopAsked(), self._moment())
        for link in self._links.values():
            link.abort()
        self._links.clear()

    async def _create_key(self, action: do.CreateKey) -> None:
        assert self._keys is not None
        try:
            grant = await self._keys.create(action.stale)
        except ListenKeyError as error:
            self._feed(on.KeyNotReady(judge(error, self._clock.wall_ms())))
            if self._life.state is not State.ENDED:  # else the reader gets the error itself
                log.warning("stream %s: no listen key: %s", self.account, error)
        else:
            self._feed(on.KeyReady(grant.key, grant.valid_for_s))

    async def _renew_key(self, action: do.RenewKey) -> None:
        assert self._keys is not None
        try:
            since_s = await self._keys.renew(action.key, action.since_s)
        except ListenKeyError as error:
            log.warning("stream %s: the listen key was not renewed: %s", self.account, error)
            self._feed(on.KeyNotRenewed(action.key, judge(error, self._clock.wall_ms())))
        else:
            self._feed(on.KeyRenewed(action.key, since_s))

    def _key_replaced(self, key: Secret) -> None:
        self._feed(on.KeyNotRenewed(key, judge(openers.replaced_error(), self._clock.wall_ms())))

    async def _open_socket(self, action: do.OpenSocket) -> None:
        assert self._keys is not None
        link = self._links[action.socket] = Link(action.socket, action.key, self, self._clock)
        attachment = self._keys.attachment(action.key, action.socket, self.venue)
        try:
            await link.open(connect, attachment, self._life.timing.open_timeout_s)
        except ListenKeyError as error:
            self._drop_link(action.socket, politely=False)
            self._feed(on.SocketNotOpened(action.socket, judge(error, self._clock.wall_ms())))
            if self._life.state is not State.ENDED:
                log.warning("stream %s: no socket: %s", self.account, error)
        else:
            self._feed(on.SocketAttached(action.socket))

    async def _recover(self, action: do.Recover | do.RecoverOrders | do.Poll) -> None:
        assert self._recovery is not None
        self._feed(await self._recovery.recover(action, lambda: self._merge.held(self._life.followed or 0)))
        self._recovery.delivered(closed=self._life.gaps.open_from_ms is None)

    async def _audit(self, action: do.Audit) -> None:
        assert self._recovery is not None
        for happened in await self._recovery.look(action):
            self._feed(happened)

    def _release(self, link: int, held: list[Held]) -> None:
        """Deliver what was held, and what a recovery has found beside it, each in its place."""
        if self._recovery is None or self._recovery.findings is None:
            for one in held:
                self._deliver(link, *one)
            return
        for event, raw, received_ms, provenance in self._recovery.combined(held):
            self._deliver(link, event, raw, received_ms, provenance)

    # --- what links bring ----------------------------------------------------------------------------------------

    def event_came(self, link: int, event: Event, raw: bytes) -> None:
        """One event from a socket: deliver it, unless another socket brought it or it must wait its turn."""
        received_ms = self._clock.wall_ms()
        self._life.brought(link)
        if self._merge.admit(link, event, raw, received_ms):
            self._deliver(link, event, raw, received_ms)
        else:
            self._keep_back(link, proves=type(event) not in PROVE_NOTHING)
        if type(event) not in PROVE_NOTHING:
            return
        if isinstance(event, ListenKeyExpired):
            self._feed(on.KeyEnded(event.listen_key))
        elif isinstance(event, UnknownEvent):
            self._unknown_events += 1
            if event.type in LEAVING_EVENTS:
                self._feed(on.VenueLeaving(link))

    def frames_came(self, link: int, frames: list[bytes], unwrap: Unwrap) -> list[bytes]:
        """While two sockets bring the same, nearly nothing of what the second one brings need be read."""
        if self._life.state is not State.ROTATING or self._merge.overfull(link):
            return frames
        left = self._merge.sift(link, frames, unwrap, self._clock.wall_ms())
        self._life.brought(link, len(frames) - len(left))
        return left

    def events_came(self, link: int, events: list[Event], raws: list[bytes]) -> None:
        """A batch from a socket: delivered in one go, unless something looks at each of its events."""
        life = self._life
        if life.needs_proof:
            for event, raw in zip(events, raws, strict=True):
                self.event_came(link, event, raw)
            return
        life.brought(link, len(events))
        received_ms = self._clock.wall_ms()
        if not self._merge.follows(link):
            self._merge.hold_all(link, events, raws, received_ms)
            self._keep_back(link, proves=True)
            return
        self._fills += self._merge.admit_all(events, raws)
        if events:
            self._events += len(events)
            self._last_event_ms = received_ms
            life.event_came()
            late = self._recovery.delivering_all(events) if self._recovery is not None else ()
            if not late:
                self._journal.append_events(events, raws, received_ms)
            else:
                for place, (event, raw) in enumerate(zip(events, raws, strict=True)):
                    self._journal.append_event(event, raw, received_ms, late=place in late)

    def turn_after_s(self, link: int, held_s: float) -> float | None:
        """Whoever reads has a turn first, and so has the disk; but not for so long that silence means death."""
        if held_s > self._life.timing.dead_after_s * PAUSE_SHARE:
            return None
        wait_s = self._journal.turn_after_s()
        if wait_s is not None and not held_s:
            self._life.heard(link, self._clock.now_s())  # what was taken did come, though more may be left for later
        return wait_s

    def _keep_back(self, link: int, *, proves: bool) -> None:
        """Events came that are not delivered now: they are old, or another socket's, or wait for REST."""
        if self._merge.overfull(link):
            self._drop_link(link, politely=False)
            self._feed(on.SocketLost(link, "too much came before this socket's turn"))
        elif self._life.must_recover and link == self._life.followed:
            if proves:  # the key, all the same
                if self._life.needs_proof:
                    self._feed(on.EventCame(link))
                self._life.event_came()
            if self._merge.half_full(link):
                self._feed(on.HeldTooMuch(link))

    def _deliver(self, link: int, event: Event, raw: bytes, received_ms: int, provenance: Provenance = "ws") -> None:
        proves = provenance != "rest" and type(event) not in PROVE_NOTHING
        if proves and self._life.needs_proof:
            # The event proves the key, so "live since" is told before it.
            self._life.handle(on.EventCame(link), self._moment())
            self._journal.append_told(self._life.take_items())
        self._events += 1
        if isinstance(event, HAVE_FILLS):
            self._fills += event.is_fill
        elif isinstance(event, LegacyOrderTradeUpdate):
            self._fills += sum(len(order.fills) for order in event.orders)
        late = self._recovery is not None and self._recovery.delivering(event)
        if provenance != "rest":
            self._last_event_ms = received_ms
        self._journal.append_event(event, raw, received_ms, provenance, late=late)
        if proves:
            self._life.event_came()

    def unreadable_came(self, link: int, unreadable: Unreadable) -> None:
        """A frame that can't be read ends nothing: it is counted and told."""
        self._unreadable += 1
        log.warning("stream %s: a frame can't be read: %s", self.account, unreadable.reason)
        self._feed(on.FrameUnreadable(link, unreadable.reason))

    def heard(self, link: int) -> None:
        """Any frame counts as life."""
        life, recovery, now_s = self._life, self._recovery, self._clock.now_s()
        life.heard(link, now_s)
        if self._beside is None:
            return  # there is no journal that another process could read it in
        if link != life.followed or not life.is_whole:
            return
        if recovery is None:
            self._journal.heard(life.proof_ms)
        elif recovery.is_audited(now_s):
            self._journal.heard(self._clock.wall_ms())

    def pong_came(self, link: int, ping: int, round_trip_s: float) -> None:
        """The answer to our ping."""
        self._round_trip_s = round_trip_s
        self._feed(on.PongCame(link, ping, round_trip_s))

    def lost(self, link: int, reason: Disconnected) -> None:
        """A socket has ended."""
        log.warning("stream %s: %s", self.account, reason)
        self._links.pop(link, None)
        self._feed(on.SocketLost(link, str(reason)))
