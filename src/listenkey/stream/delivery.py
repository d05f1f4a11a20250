"""The way from sockets and recoveries into the journal: each event once, and in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from listenkey.core import inputs as on
from listenkey.core.deduplicator import Deduplicator, Held, Unwrap
from listenkey.core.lifecycle import Lifecycle
from listenkey.core.states import State
from listenkey.core.timing import PAUSE_SHARE
from listenkey.errors import Disconnected
from listenkey.events import (
    Event,
    ListenKeyExpired,
    OrderTradeUpdate,
    RecoveredFill,
    RecoveredOrder,
    UnknownEvent,
)
from listenkey.items import GapClosed, GapOpened, Live, Provenance
from listenkey.journal.base import Journal
from listenkey.outcomes import GapCause, Reason
from listenkey.rest.account_log import AccountLog
from listenkey.stream.recovery import Recovery
from listenkey.stream.sockets import Sockets
from listenkey.stream.watermark_writer import WatermarkWriter
from listenkey.transport.runtime import Runtime
from listenkey.venue import LEAVING_EVENTS
from listenkey.wire.frames import UnreadableFrame

PROVE_NOTHING: Final = frozenset({ListenKeyExpired, UnknownEvent})
"""Events that prove nothing about the key: its end, a server's end, and types nobody knows."""

LET_GO_AT: Final = 0.5
"""The share of the room for held events at which a recovery lets go of them."""

HAVE_FILLS: Final = (OrderTradeUpdate, RecoveredFill, RecoveredOrder)


class StreamDelivery:
    """
    Appends events to the journal, each once and in its place, and counts them. It is the listener of connections.

    Args:
        life: The stream's lifecycle.
        deduplicator: Holds events until their turn comes.
        journal: Where items go.
        sockets: The open ones.
        runtime: The clock.
        watermark: Writes down until when the stream is whole; None where no other process could read it.
        log: Where frames that can't be read are told.
        feed: Takes the facts that the lifecycle has to know.

    Attributes:
        recovery: Learns of what is delivered, and has what REST found; None without a secret.
        events: The events that were delivered.
        fills: The fills among them.
        fills_recovered: The fills that REST brought.
        unreadable_frames: The frames that could not be read.
        unknown_events: The events of a type that nobody knows.
        last_event_ms: When a socket brought the last event, wall clock; None before.
    """

    __slots__ = ("_feed", "_log", "_runtime", "_sockets", "_watermark", "deduplicator", "events", "fills", "fills_recovered", "journal", "last_event_ms", "life", "recovery", "unknown_events", "unreadable_frames")  # fmt: skip

    def __init__(
        self,
        life: Lifecycle,
        deduplicator: Deduplicator,
        journal: Journal,
        sockets: Sockets,
        runtime: Runtime,
        watermark: WatermarkWriter | None,
        log: AccountLog,
        feed: Callable[[on.Input], None],
    ) -> None:
        self.life = life
        self.deduplicator = deduplicator
        self.recovery: Recovery | None = None
        self.events = 0
        self.fills = 0
        self.fills_recovered = 0
        self.unreadable_frames = 0
        self.unknown_events = 0
        self.last_event_ms: int | None = None
        self.journal = journal
        self._sockets = sockets
        self._runtime = runtime
        self._watermark = watermark
        self._log = log
        self._feed = feed

    # --- for the driver ------------------------------------------------------------------------------------------

    def recovers_with(self, recovery: Recovery) -> None:
        """Deliver from now on what this recovery finds, and let it know what is delivered."""
        self.recovery = recovery
        if self._watermark is not None:
            self._watermark.recovery = recovery

    def tell(self, items: Iterable[Live | GapOpened | GapClosed]) -> None:
        """Append the lifecycle's items."""
        self.journal.append_told(items)
        if self._watermark is None:
            return
        for item in items:
            if isinstance(item, Live):
                self._watermark.live_since(item.since_ms)

    def attached(self, socket: int) -> None:
        """Note that a socket has the key; its events wait where REST is asked first."""
        if self.recovery is not None and self.life.must_recover and self.life.connections.followed == socket:
            self.recovery.losses.attached()

    def follow(self, socket: int) -> None:
        """Deliver from now on what this socket brings, and what is held of it."""
        if self.recovery is not None:
            self.recovery.follows(whole=not self.life.must_recover)
        self._release(socket, self.deduplicator.follow(socket))
        while self.deduplicator.unreadable_frames:
            self.unreadable_came(socket, self.deduplicator.unreadable_frames.pop(0))

    def held(self) -> Sequence[Held]:
        """Return what waits for the followed socket's turn."""
        return self.deduplicator.held(self.life.connections.followed or 0)

    def deliver_found(self) -> None:
        """Deliver what a recovery has found, while events of the socket are delivered as they come."""
        self._release(self.life.connections.followed or 0, [])

    def _release(self, socket: int, held: list[Held]) -> None:
        """Deliver the held events together with recovered ones, each in its place."""
        if self.recovery is None or self.recovery.findings is None:
            for one in held:
                self._deliver(socket, *one)
            return
        for event, raw, received_ms, provenance in self.recovery.combined(held):
            self._deliver(socket, event, raw, received_ms, provenance)

    # --- for connections -----------------------------------------------------------------------------------------

    def frames_came(self, socket: int, frames: list[bytes], unwrap: Unwrap) -> list[bytes]:
        """Return the frames to decode: while two sockets bring the same, nearly none of the second socket's."""
        if self.life.state is not State.ROTATING or self.deduplicator.fullness(socket) > 1:
            return frames
        left = self.deduplicator.sift(socket, frames, unwrap, self._runtime.clock.wall_ms())
        self.life.brought(socket, len(frames) - len(left))
        return left

    def events_came(self, socket: int, events: list[Event], raws: list[bytes]) -> None:
        """Events from a socket: deliver them, unless another one brought them or they must wait their turn."""
        received_ms, first = self._runtime.clock.wall_ms(), events[0]
        proves = type(first) not in PROVE_NOTHING
        assert proves or len(events) == 1, "what proves nothing comes alone"
        self.life.brought(socket, len(events))
        if self.deduplicator.follows(socket):
            self._deliver_all(socket, events, raws, received_ms, proves=proves)
        else:
            self.deduplicator.hold_all(socket, events, raws, received_ms)
            self._keep_back(socket, events, proves=proves)
        if isinstance(first, ListenKeyExpired):
            self._feed(on.KeyEnded(first.listen_key))
        elif isinstance(first, UnknownEvent):
            self.unknown_events += 1
            self._sockets.read_less(socket)  # nobody has said how large it may be
            if first.type in LEAVING_EVENTS:
                self._feed(on.VenueLeaving(socket))

    def _deliver_all(
        self, socket: int, events: list[Event], raws: list[bytes], received_ms: int, *, proves: bool
    ) -> None:
        """Deliver what is new of events that the followed socket has brought."""
        fills, late = self.deduplicator.admit_all(events, raws)
        if not events:
            return
        if proves:
            self._prove(socket)
            self.life.event_came()
        self.fills += fills
        self.events += len(events)
        self.last_event_ms = received_ms
        if self.recovery is not None:
            self.recovery.losses.delivering_all(events)
        if not late:
            self.journal.append_events(events, raws, received_ms)
        else:
            places = frozenset(late)
            for place, (event, raw) in enumerate(zip(events, raws, strict=True)):
                self.journal.append_event(event, raw, received_ms, late=place in places)
        if proves and not self.life.audit_pace.was_heard:
            self._note_activity()

    def _note_activity(self) -> None:
        """Note that something happens to the account: it is audited as one in use."""
        pace = self.life.audit_pace
        pace.was_heard = True
        if pace.is_slow:
            self._feed(on.AccountWoke())

    def _prove(self, socket: int) -> None:
        """Note that an event proves the key; "live since" is told before it."""
        if self.life.needs_proof:
            self.life.handle(on.EventCame(socket), self._runtime.moment())
            self.journal.append_told(self.life.take_items())

    def turn_after_s(self, socket: int, held_s: float) -> float | None:
        """Return how long to pause reading so that consumer and disk catch up; None where silence would time out."""
        if held_s > self.life.timing.dead_after_s * PAUSE_SHARE:
            return None
        wait_s = self.journal.turn_after_s()
        if wait_s is not None and not held_s:
            # What was taken did come, though more may be left for later.
            self.life.connections.heard(socket, self._runtime.clock.now_s())
        return wait_s

    def _keep_back(self, socket: int, events: Sequence[Event], *, proves: bool) -> None:
        """Events came that are not delivered now: they are old, or another socket's, or wait for REST."""
        if self.deduplicator.fullness(socket) > 1:
            self._sockets.drop(socket, politely=False)
            full = "the buffer of held events is full, so the socket is replaced"
            self._feed(on.SocketLost(socket, Reason(GapCause.DISCONNECTED, full)))
        elif self.life.must_recover and socket == self.life.connections.followed:
            if self.recovery is not None:
                self.recovery.losses.held_back(events)
            if proves:  # the key, all the same
                if self.life.needs_proof:
                    self._feed(on.EventCame(socket))
                self.life.event_came()
            if self.deduplicator.fullness(socket) > LET_GO_AT:
                self._feed(on.HeldTooMuch(socket))

    def _deliver(self, socket: int, event: Event, raw: bytes, received_ms: int, provenance: Provenance = "ws") -> None:
        proves = provenance != "rest" and type(event) not in PROVE_NOTHING
        if proves:
            self._prove(socket)
        self.events += 1
        if isinstance(event, HAVE_FILLS):
            self.fills += event.is_fill
            self.fills_recovered += event.is_fill and provenance == "rest"
        late = self.deduplicator.fills.lateness.note_event(event)
        if self.recovery is not None:
            self.recovery.losses.delivering(event)
        if provenance != "rest":
            self.last_event_ms = received_ms
        self.journal.append_event(event, raw, received_ms, provenance, late=late)
        if proves:
            self.life.event_came()
        if type(event) not in PROVE_NOTHING and not self.life.audit_pace.was_heard:
            self._note_activity()

    def unreadable_came(self, socket: int, unreadable: UnreadableFrame) -> None:
        """Count and report a frame that can't be read; the stream goes on."""
        self.unreadable_frames += unreadable.count
        self._log.warning("a frame can't be read: %s", unreadable.reason)
        self._feed(on.FrameUnreadable(socket, unreadable.reason))

    def heard(self, socket: int) -> None:
        """Any frame counts as life."""
        now_s = self._runtime.clock.now_s()
        self.life.connections.heard(socket, now_s)
        if self._watermark is not None:
            self._watermark.heard(socket, now_s)

    def pong_came(self, socket: int, ping: int, round_trip_s: float) -> None:
        """The answer to our ping."""
        self._sockets.round_trip_s = round_trip_s
        self._feed(on.PongCame(socket, ping, round_trip_s))

    def lost(self, socket: int, reason: Disconnected) -> None:
        """A socket has ended."""
        self._log.warning("%s", reason)
        self._sockets.lost(socket)
        self._feed(on.SocketLost(socket, Reason(GapCause.DISCONNECTED, str(reason))))
