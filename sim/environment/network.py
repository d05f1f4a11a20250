"""
The network between one client process and the exchange, and all the ways in which it lies.

A connection keeps its order, each way; two connections keep none between them. What is sent into a partition is held
and arrives when it heals, as TCP would have it; what is sent into a connection that a gate has forgotten never does.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeAlias

from listenkey.core.socket_view import SocketView
from listenkey.errors import Disconnected, ListenKeyError, Unreachable
from listenkey.gateway.shared_sockets.shared_socket import SharedSocket
from listenkey.sandbox.rest_api.api import ApiRequest, ApiResponse
from listenkey.sandbox.websocket import hub
from listenkey.stream.delivery import StreamDelivery
from listenkey.transport.websocket import handshake_error
from sim.environment.activity import Client
from sim.environment.environment import Environment
from sim.kernel.clocks import SimClock
from sim.kernel.loop import VirtualLoop

Answer: TypeAlias = Callable[[ListenKeyError | ApiResponse | None], None]

SURGE_MS = 3000.0
HOST = "venue"

LOST_SHARE = 0.1
RESENT_FIRST_MS = 200.0
RESENT_MAX = 5
"""A packet that is lost is sent again after this long, and after twice as long each time that it is lost again."""

NARROW_BYTES_A_SECOND = 2000
"""16 kbit/s."""

SEGMENT_BYTES = 1300
"""The size that passes where large packets vanish."""


class Host(Protocol):
    """
    The process at the client's end of a network.

    Attributes:
        refused_handshakes: Reasons why the exchange refuses its sockets.
        unprinted: Reasons why what it reads can't be shown.
    """

    number: int
    ip: str
    evidence: Client
    clock: SimClock
    refused_handshakes: int
    unprinted: int

    @property
    def loop(self) -> VirtualLoop:
        """Its present event loop."""

    def is_live(self) -> bool:
        """True where all of its streams are live, with nothing under way."""

    def answered(self, request: ApiRequest) -> ApiResponse:
        """Return the venue's answer to a request of this process, as it arrives."""

    def note_arrival(self, delivery: StreamDelivery, frame: bytes) -> None:
        """While nothing can be shown: which fills a socket of a stream has brought."""


class Shortcuts(Protocol):
    """Skip what would change nothing, since no fault is near."""

    def ping_horizon_us(self, network: Network, connection: Connection | None) -> int:
        """Return for how long pings of this connection would surely be answered; 0 where that can't be known."""

    def skip_audits(self, host: Host, delivery: StreamDelivery, for_us: int) -> None:
        """Skip the audits that would find nothing."""


class ExchangeEnd(Protocol):
    """The exchange's end of a connection that is simulated down to its bytes."""

    def perform(self, action: hub.Action) -> None:
        """Do what the exchange wants done with its socket."""

    def break_rules(self, close_code: int) -> None:
        """Send what no client may read on."""


@dataclass(slots=True, eq=False)
class Connection:
    """
    One TCP connection with a WebSocket on it.

    Attributes:
        session: The exchange's number of it, while the exchange knows it.
        slow: Of its latency: some routes are longer.
        gone: The client has hung up.
        lost_in, lost_out: Nothing arrives any more that way, and nobody says so.
        clear_in_us, clear_out_us: When what was sent last arrives: nothing sent later may arrive before.
        burst_us, burst_bytes: What was sent to the client at one moment, which TCP makes into packets as large as it may.
        venue_end: Where it is simulated down to its bytes: what writes and reads them for the exchange.
    """

    number: int
    slow: float
    session: int | None = None
    gone: bool = False
    lost_in: bool = False
    lost_out: bool = False
    clear_in_us: int = 0
    clear_out_us: int = 0
    burst_us: int = -1
    burst_bytes: int = 0
    held_in: list[Callable[[], None]] = field(default_factory=list)
    held_out: list[Callable[[], None]] = field(default_factory=list)
    socket: SimSocket | None = None
    venue_end: ExchangeEnd | None = None
    answer: Answer | None = None
    """The answer that waits for the handshake; None once it is over."""


class Network:
    """One process's way to the exchange."""

    def __init__(self, env: Environment, process: Host, rng: random.Random) -> None:
        self.env = env
        self.shortcuts: Shortcuts | None = None
        self.process = process
        self.rng = rng
        self.connections: dict[int, Connection] = {}
        self.partitioned = {"in": 0, "out": 0}
        self.surges = 0
        self.refusing = 0
        self.losing_syn = 0
        self.losing = 0
        self.narrow = 0
        self.black_holes = 0
        self.dropping_pongs = 0
        self.retired: list[int] = []  # what a handshake is answered with, whose address is gone
        self.pieces = 0
        self.no_way_out: list[ListenKeyError | None] = []  # why nothing new is opened; None where that is not even said
        self.rest_cut: list[str] = []
        self.opened = 0
        self.extra_us = 0  # so much longer everything on an open connection travels to the client

    # --- Time ----------------------------------------------------------------------------------------------------

    def latency_us(self, slow: float = 1.0) -> int:
        """One way, drawn."""
        options = self.env.options
        latency_ms = options.latency_ms * slow + self.rng.random() * options.jitter_ms
        if self.surges:
            latency_ms += self.rng.random() * SURGE_MS
        if self.losing:
            again_ms = RESENT_FIRST_MS
            for _ in range(RESENT_MAX):
                if self.rng.random() >= LOST_SHARE:
                    break
                latency_ms += again_ms
                again_ms *= 2
        return int(latency_ms * 1000) + 1

    def takes_us(self, size: int) -> int:
        """Return how long so many bytes need to pass."""
        return size * 1_000_000 // NARROW_BYTES_A_SECOND if self.narrow else 0

    def untroubled(self) -> bool:
        """True where every ping would be answered in good time."""
        return not (self.surges or self.extra_us or self.partitioned["in"] or self.partitioned["out"])

    # --- Either way ----------------------------------------------------------------------------------------------

    def to_client(self, connection: Connection, arrival: Callable[[], None], size: int = 0) -> None:
        """Send something to the client over a connection."""
        if self.black_holes:
            self._swallow(connection, size)
        if connection.lost_in:
            return
        if self.partitioned["in"]:
            connection.held_in.append(arrival)
            return
        extra_us = 0 if connection.answer is not None else self.extra_us
        at_us = max(connection.clear_in_us, self.env.now_us + self.latency_us(connection.slow) + extra_us)
        at_us += self.takes_us(size)
        connection.clear_in_us = at_us

        def arrive() -> None:
            if not connection.gone and not connection.lost_in:
                arrival()

        self.process.loop.deliver(at_us, arrive)

    def _swallow(self, connection: Connection, size: int) -> None:
        """A packet that is too large is sent again and again and never arrives, and nothing behind it does."""
        if connection.burst_us != self.env.now_us:
            connection.burst_us, connection.burst_bytes = self.env.now_us, 0
        connection.burst_bytes += size
        if connection.burst_bytes > SEGMENT_BYTES:
            connection.lost_in = True

    def to_server(self, connection: Connection, arrival: Callable[[], None]) -> None:
        """Send something to the exchange over a connection."""
        if connection.lost_out:
            return
        if self.partitioned["out"]:
            connection.held_out.append(arrival)
            return
        at_us = max(connection.clear_out_us, self.env.now_us + self.latency_us(connection.slow))
        connection.clear_out_us = at_us
        self.env.at(at_us, arrival)

    def partition(self, way: str, step: int) -> None:
        """One more, or one less, reason why nothing passes that way."""
        for each in ("in", "out") if way == "both" else (way,):
            self.partitioned[each] += step
            if self.partitioned[each]:
                continue
            for connection in list(self.connections.values()):
                held, send = (
                    (connection.held_in, self.to_client) if each == "in" else (connection.held_out, self.to_server)
                )
                waiting = list(held)
                held.clear()
                for arrival in waiting:
                    send(connection, arrival)

    # --- Connections ---------------------------------------------------------------------------------------------

    def connect(self, path: str, query: str, socket: SimSocket, answer: Answer) -> Connection:
        """A handshake begins; `answer` is called with None when it succeeds, or never."""
        self.opened += 1
        connection = Connection(self.opened, slow=0.5 + 1.5 * self.rng.random(), socket=socket, answer=answer)
        self.connections[connection.number] = connection
        self.process.evidence.connects_us.append(self.env.now_us)
        self.process.evidence.open_most = max(self.process.evidence.open_most, len(self.connections))
        self.env.note(f"{self.process.number} connect {connection.number}")
        if self.no_way_out:
            refused = self.no_way_out[-1]
            if refused is not None:
                self.process.loop.deliver(self.env.now_us + self.latency_us(), lambda: answer(refused))
            return connection
        if self.losing_syn:
            connection.lost_in = connection.lost_out = True
        elif self.refusing:
            nobody = Unreachable(HOST, "Connection refused")
            self.process.loop.deliver(self.env.now_us + 2 * self.latency_us(), lambda: answer(nobody))
        self.to_server(connection, lambda: self._shake(connection, path, query, answer))
        return connection

    def _shake(self, connection: Connection, path: str, query: str, answer: Answer) -> None:
        if self.refusing or connection.gone:
            return
        env = self.env
        if self.process.refused_handshakes:
            self.to_client(connection, lambda: answer(ApiResponse(503, b"")))
            return
        if self.retired:
            gone = ApiResponse(self.retired[-1], b"<html></html>", content_type="text/html")
            self.to_client(connection, lambda: answer(gone))
            return
        admitted = env.exchange.admit(path, query, self.process.ip, env.now_ms)
        if isinstance(admitted, ApiResponse):
            if admitted.manner != "hang":
                self.to_client(connection, lambda: answer(admitted))
            return
        self.to_client(connection, lambda: self._established(connection))
        connection.session = env.exchange.open_socket(admitted, self.process.ip, env.now_ms)
        env.sockets[connection.session] = partial(self.perform, connection)
        env.flush()

    def perform(self, connection: Connection, action: hub.Action) -> None:
        """Do what the exchange wants done with one of its sockets."""
        if connection.venue_end is not None:
            connection.venue_end.perform(action)
            return
        socket = connection.socket
        assert socket is not None
        match action:
            case bytes():
                self.to_client(connection, lambda: socket.arrived(action), len(action))
            case hub.Ping(payload):
                self.to_client(connection, lambda: socket.pinged(payload))
            case hub.Pong(payload):
                self.to_client(connection, lambda: socket.ponged(payload))
            case hub.Close(code, reason):
                self.to_client(connection, lambda: self.end(connection, Disconnected(code, reason)))
                self.forget_session(connection)
            case hub.Abort():
                self.to_client(connection, lambda: self.end(connection, Disconnected(None, "reset by peer")))
                self.forget_session(connection)
            case hub.Freeze() | hub.Thaw():
                pass  # the hub itself neither reads nor writes then

    def forget_session(self, connection: Connection) -> None:
        """The exchange's end is closed."""
        session, connection.session = connection.session, None
        if session is not None:
            self.env.sockets.pop(session, None)
            self.env.exchange.hub.closed(session)

    def end(self, connection: Connection, reason: Disconnected) -> None:
        """The client's end learns that the connection is over."""
        if self.connections.pop(connection.number, None) is None:
            return
        connection.gone = True
        assert connection.socket is not None
        if connection.answer is None:
            connection.socket.on_lost(reason)
        else:
            connection.answer(Unreachable(HOST, "the WebSocket handshake was not answered properly"))

    def _established(self, connection: Connection) -> None:
        answer, connection.answer = connection.answer, None
        assert answer is not None
        answer(None)

    def hang_up(self, connection: Connection) -> None:
        """The client ends a connection; the exchange learns of it if anything reaches it."""
        if self.connections.pop(connection.number, None) is None:
            return
        self.to_server(connection, lambda: self.forget_session(connection))
        connection.gone = True

    def hang_up_all(self) -> None:
        """The process has ended: its kernel closes what it left open."""
        for connection in list(self.connections.values()):
            self.hang_up(connection)

    def vanish_all(self) -> None:
        """The machine is gone: nobody closes anything, and the exchange finds out by itself."""
        for connection in self.connections.values():
            connection.gone = connection.lost_in = connection.lost_out = True
        self.connections.clear()

    # --- Faults of connections -----------------------------------------------------------------------------------

    def reset_all(self, after_us: int = 0) -> None:
        """Every connection ends; what was under way is lost, and the client learns of it after a while."""
        reset = Disconnected(None, "reset by peer")
        for connection in list(self.connections.values()):
            connection.lost_in = connection.lost_out = True
            self.forget_session(connection)
            self.process.loop.deliver(
                self.env.now_us + after_us + self.latency_us(),
                lambda gone=connection: self.end(gone, reset),  # type: ignore[misc]
            )

    def forget_all(self, way: str) -> None:
        """A gate between forgets the connections that are open now: nothing passes, and nobody says so."""
        for connection in self.connections.values():
            connection.lost_in = connection.lost_in or way in ("in", "both")
            connection.lost_out = connection.lost_out or way in ("out", "both")


class SimSocket:
    """The client's end, as `transport.base.Socket` has it."""

    def __init__(
        self,
        network: Network,
        on_message: Callable[[bytes], None],
        on_heard: Callable[[], None],
        on_pong: Callable[[int], None],
        on_lost: Callable[[Disconnected], None],
    ) -> None:
        self._network = network
        self._on_message = on_message
        self.on_heard = on_heard
        self.on_pong = on_pong
        self.on_lost = on_lost
        self.connection: Connection | None = None
        self._left_out_until_s = 0.0  # the pings before are taken as sent and answered

    # --- what its owner calls ------------------------------------------------------------------------------------

    def send_text(self, text: bytes) -> None:
        self._send(lambda hub_, session, now_ms: hub_.receive_text(session, text.decode(), now_ms))

    def pause(self) -> None:
        """Bring messages all the same: this network has no buffer in which they could wait."""

    def resume(self) -> None:
        """Do nothing, as `pause` does."""

    def read_less(self) -> None:
        """Do nothing: a read is one message."""

    def ping(self, number: int) -> None:
        network = self._network
        delivery, view = self._delivery_and_view()
        left_out_s = min(self._left_out_until_s, network.process.clock.now_s())
        if view is not None and left_out_s > view.covered_s:
            self._prove(view, left_out_s)
        shortcuts = network.shortcuts
        ahead_us = 0 if view is None or shortcuts is None else shortcuts.ping_horizon_us(network, self.connection)
        if view is not None and delivery is not None and shortcuts is not None and ahead_us:
            # Nothing can happen to the pings of this time; they are taken as sent and answered.
            view.pinged_s = self._left_out_until_s = network.process.clock.now_s() + ahead_us / 1e6
            self.stay_alive()
            shortcuts.skip_audits(network.process, delivery, ahead_us)
            return
        self._ping(number)

    def _ping(self, number: int) -> None:
        payload = number.to_bytes(8, "big")
        self._send(lambda hub_, session, now_ms: hub_.receive_ping(session, payload, now_ms))

    def _delivery_and_view(self) -> tuple[StreamDelivery | None, SocketView | None]:
        """Return the delivery whose socket this is, and how the lifecycle sees it; None where several share it."""
        link: Any = getattr(self.on_heard, "__self__")  # noqa: B009 - a bound method, as far as types know a callable
        if isinstance(link, SharedSocket):
            return None, None
        # A private name: no part of the client says whose a socket is, and none needs to know.
        delivery: StreamDelivery = link._owner
        return delivery, delivery.life.connections.sockets.get(link.number)

    def stay_alive(self) -> None:
        """While pings are left out, silence is no death, and what was sent until the last one has been read."""
        clock = self._network.process.clock
        if self._left_out_until_s <= clock.now_s():
            return
        delivery, view = self._delivery_and_view()
        if view is None or delivery is None:
            return
        timing = delivery.life.timing
        view.dead_at_s = max(view.dead_at_s, view.pinged_s + timing.dead_after_s)
        answered_s = clock.now_s() - timing.ping_after_s
        if answered_s > view.covered_s:
            self._prove(view, answered_s)

    def _prove(self, view: SocketView, until_s: float) -> None:
        """The pings until then, which were left out, were answered."""
        clock = self._network.process.clock
        view.covered_s = until_s
        view.covered_ms = clock.wall_ms() - round((clock.now_s() - until_s) * 1000)

    def abort(self) -> None:
        self._hang_up()

    def close(self) -> None:
        self._hang_up()

    def _hang_up(self) -> None:
        assert self.connection is not None
        if not self.connection.gone:
            self._network.hang_up(self.connection)
            self._network.process.loop.call_soon(self.on_lost, Disconnected(None, "closed by this side"))

    def _send(self, receive: Callable[[Any, int, int], None]) -> None:
        network, connection = self._network, self.connection
        assert connection is not None

        def arrive() -> None:
            env = network.env
            if connection.session is not None:
                receive(env.exchange.hub, connection.session, env.exchange.advance(env.now_ms))
                env.flush()

        if not connection.gone:
            network.to_server(connection, arrive)

    # --- what arrives --------------------------------------------------------------------------------------------

    def arrived(self, frame: bytes) -> None:
        process = self._network.process
        if process.unprinted and (delivery := self._delivery_and_view()[0]) is not None:
            process.note_arrival(delivery, frame)
        self._on_message(frame)
        self.on_heard()
        self.stay_alive()

    def pinged(self, payload: bytes) -> None:
        if not self._network.dropping_pongs:
            self._send(lambda hub_, session, now_ms: hub_.receive_pong(session, now_ms))
        del payload
        self.on_heard()
        self.stay_alive()

    def ponged(self, payload: bytes) -> None:
        self.on_pong(int.from_bytes(payload, "big"))
        self.on_heard()
        self.stay_alive()  # The pong may be of a ping before those that are left out.


class _Refused(Exception):
    """A refused handshake, with the answer on it, as picows raises it."""

    def __init__(self, response: ApiResponse) -> None:
        super().__init__()
        self.response = response


def refusal(answer: ApiResponse) -> ListenKeyError:
    """Return the client's error for a handshake that gets this answer."""
    if answer.manner == "abort":
        return Unreachable(HOST, "the connection was closed")
    return handshake_error(_Refused(answer), HOST)  # type: ignore[arg-type]
