"""
Connections down to their bytes, for the worlds whose faults are about bytes: the client's own frame reader is in the way.

The client's `transport.websocket.connect` runs as it ships, picows below it, on a transport in memory. What the exchange
sends is written here as frames of RFC 6455, and what the client writes is read here; no code is shared with the client. While
`pieces` lasts, messages are sent in fragments with control frames between them, and what arrives is read a few bytes at a time.

What picows masks its frames with is of chance, and so is the key of its handshake: neither leaves this module.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from listenkey.errors import Disconnected, ListenKeyError
from listenkey.sandbox.rest_api.api import ApiResponse
from listenkey.sandbox.websocket import hub
from listenkey.transport import websocket
from listenkey.transport.base import Socket
from sim.environment.network import Connection, Network, SimSocket
from sim.kernel.loop import VirtualLoop

CONTINUATION, TEXT, CLOSE, PING, PONG = 0, 1, 8, 9, 10
FIN: Final = 0x80
MASKED: Final = 0x80
CONTROL_MOST: Final = 125
GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
OWN: Final = b"between "
"""Begins the pings that are put between fragments: the exchange has not sent them, and is not told of their pongs."""

CUTS_MOST: Final = 4
WHOLE_SHARE: Final = 0.4
BETWEEN_SHARE: Final = 0.4
LATER_SHARE: Final = 0.1
LATER_MOST_US: Final = 60_000
HELD_MOST_US: Final = 200_000
"""The longest that anything waits, at either end: `pieces` is no slow network."""

READ_MOST: Final = (1, 9, 1400)
BEHIND_BYTES: Final = 8192
"""The lag at which a client finds a full buffer, and reads all of it."""

MEBIBYTE: Final = 1 << 20


# --- Frames ----------------------------------------------------------------------------------------------------------


def frame(opcode: int, payload: bytes, bits: int = FIN) -> bytes:
    """One frame of a server."""
    size = len(payload)
    if size < 126:
        length = bytes([size])
    elif size < 1 << 16:
        length = b"\x7e" + size.to_bytes(2, "big")
    else:
        length = b"\x7f" + size.to_bytes(8, "big")
    return bytes([bits | opcode]) + length + payload


class Frames:
    """Reads the frames of a client: masked, whole, none longer than our requests are."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The frames that are complete now: opcode, payload."""
        self._bytes += data
        while (read := self._next()) is not None:
            yield read

    def _next(self) -> tuple[int, bytes] | None:
        held = self._bytes
        if len(held) < 2:
            return None
        assert held[0] & ~0x0F == FIN, "a client that sends fragments, or reserved bits"
        assert held[1] & MASKED, "a client has to mask"
        size, at = held[1] & 0x7F, 2
        assert size < 127, "a client that sends so much"
        if size == 126:
            size, at = int.from_bytes(held[2:4], "big"), 4
        if len(held) < at + 4 + size:
            return None
        mask, opcode = held[at : at + 4], held[0] & 0x0F
        payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(held[at + 4 : at + 4 + size]))
        del held[: at + 4 + size]
        return opcode, payload


def in_pieces(rng: random.Random, message: bytes) -> list[bytes]:
    """The frames of one message, in fragments, some of them empty, and with control frames between them."""
    if rng.random() < WHOLE_SHARE:
        return [frame(TEXT, message)]
    cuts = sorted(rng.randint(0, len(message)) for _ in range(rng.randint(1, CUTS_MOST)))
    edges, frames = [0, *cuts, len(message)], []
    for number, (since, until) in enumerate(itertools.pairwise(edges)):
        bits = FIN if number == len(cuts) else 0
        frames.append(frame(CONTINUATION if number else TEXT, message[since:until], bits))
        while not bits and rng.random() < BETWEEN_SHARE:
            frames.append(_between(rng))
    return frames


def _between(rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return frame(PING, OWN + rng.randbytes(rng.randint(0, CONTROL_MOST - len(OWN))))
    # One that nobody asked for; of as many bytes as ours have, its number is none that we count to.
    return frame(PONG, rng.choice((b"", b"\xff" + rng.randbytes(7), rng.randbytes(CONTROL_MOST))))


def forbidden(rng: random.Random, close_code: int) -> bytes:
    """Return bytes for which a client has to end the connection with this code."""
    if close_code == 1007:
        return frame(CLOSE, b"\x03\xe8\xff\xfe")
    if close_code == 1009:
        too_big = b"\x81\x7f" + (4 * MEBIBYTE + 1).to_bytes(8, "big")
        parts = frame(TEXT, bytes(MEBIBYTE), 0) + 4 * frame(CONTINUATION, bytes(MEBIBYTE), 0)
        return rng.choice((too_big, parts))
    reserved, no_opcode, masked, cut_ping = b"\xc1\x02{}", b"\x83\x02{}", b"\x81\x82\0\0\0\0{}", b"\x09\x01p"
    no_end = b"\x01\x01{" + b"\x81\x02{}"
    return rng.choice((reserved, no_opcode, masked, cut_ping, no_end))


# --- The client's end ------------------------------------------------------------------------------------------------


class _NoSocket:
    """The calls that picows makes to a transport's socket, without effect."""

    def fileno(self) -> int:
        return -1

    def setsockopt(self, *_: Any) -> None:
        """No options here."""

    def getsockopt(self, *_: Any) -> int:
        return 0


class ClientEnd(asyncio.Transport):
    """The transport under picows: bytes that have arrived, and how many of them each read brings."""

    def __init__(self, socket: FramedSocket, network: Network) -> None:
        super().__init__({"socket": _NoSocket()})
        self._socket = socket
        self._network = network
        self._loop = network.process.loop
        self._stalls_us = network.process.evidence.stalls_us
        self._protocol: Any = None
        self._rng = random.Random(f"{network.env.options.seed}:read:{network.process.number}:{network.opened}")
        self._unread = bytearray()
        self._since_us = 0  # when the oldest of it came
        self._read_most = 1
        self._appointed = self._paused = self._closing = False
        self.venue_end: VenueEnd | None = None

    def arrived(self, data: bytes) -> None:
        """The network brings so much."""
        if not self._unread:
            self._since_us = self._loop.now_us
            self._read_most = self._rng.choice(READ_MOST)
        self._unread += data
        if not self._appointed:
            self._read()

    def _read(self, *, now: bool = False) -> None:
        while self._unread and not (self._paused or self._closing or self._is_gone()):
            if not now and self._network.pieces and self._waits():
                self._appointed = True
                later_us = self._rng.randint(1, LATER_MOST_US)
                self._loop.deliver(self._loop.now_us + later_us, self._read_at_last)
                return
            now = False
            size = len(self._unread)
            if self._network.pieces and size < BEHIND_BYTES:
                size = self._rng.randint(1, self._read_most)
            room = self._protocol.get_buffer(-1)
            part = bytes(self._unread[: min(size, len(room))])
            del self._unread[: len(part)]
            room[: len(part)] = part
            self._protocol.buffer_updated(len(part))

    def _waits(self) -> bool:
        now_us, stalls = self._loop.now_us, self._stalls_us
        if stalls and now_us < stalls[-1][1] + HELD_MOST_US:
            return False  # It came while nothing ran, all of it, and is read before timers are looked at.
        return now_us < self._since_us + HELD_MOST_US and self._rng.random() < LATER_SHARE

    def _read_at_last(self) -> None:
        self._appointed = False
        self._read(now=True)

    def _is_gone(self) -> bool:
        return self.venue_end is not None and self.venue_end.connection.gone

    def cut(self, error: OSError | None) -> None:
        """The connection is over, whoever ended it."""
        if self._closing:
            return
        self._closing = True
        self._unread.clear()
        if self.venue_end is not None:
            self._network.hang_up(self.venue_end.connection)
        self._loop.call_soon(lambda: self._protocol.connection_lost(error))

    # --- as asyncio has it ---------------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        if self._closing:
            return
        if self.venue_end is None:
            self.venue_end = VenueEnd(self, self._socket, self._network, bytes(data))
        else:
            self.venue_end.send(bytes(data))

    def get_write_buffer_size(self) -> int:
        return 1  # Else picows would write to the socket itself.

    def close(self) -> None:
        self.cut(None)

    def abort(self) -> None:
        self.cut(None)

    def is_closing(self) -> bool:
        return self._closing

    def get_protocol(self) -> Any:
        return self._protocol

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        if not self._appointed:
            self._loop.call_soon(self._read)


# --- The exchange's end ----------------------------------------------------------------------------------------------


class _Waiting(NamedTuple):
    """A frame that is to be sent, and since when."""

    since_us: int
    frame: bytes


class VenueEnd:
    """The exchange's server: answers the handshake, writes frames, and reads those of the client."""

    def __init__(self, client: ClientEnd, socket: FramedSocket, network: Network, request: bytes) -> None:
        head, *fields = request.decode().rstrip().split("\r\n")
        verb, target, _ = head.split(" ")
        assert verb == "GET"
        path, _, query = target.partition("?")
        headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
        self._accept = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"].encode() + GUID).digest())
        self._client = client
        self._network = network
        seed, number = network.env.options.seed, network.process.number
        self._rng = random.Random(f"{seed}:pieces:{number}:{network.opened}")
        self._frames = Frames()
        self._pinged: deque[bytes] = deque()
        self._outbox: deque[_Waiting] = deque()
        self._appointed = self._frozen = False
        self.connection: Connection = network.connect(path, query, socket, self._answer)
        self.connection.venue_end = self
        socket.connection = self.connection

    def _answer(self, refused: ListenKeyError | ApiResponse | None) -> None:
        """The handshake's answer arrives."""
        if refused is None:
            upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            self._client.arrived(upgrade + b"Sec-WebSocket-Accept: " + self._accept + b"\r\n\r\n")
        elif isinstance(refused, ApiResponse) and refused.manner != "abort":
            lines = [f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}"]
            lines += [f"{name}: {value}" for name, value in refused.headers.items()]
            lines += [f"Content-Length: {len(refused.body)}", "", ""]
            self._client.arrived("\r\n".join(lines).encode() + refused.body)
        else:
            self._client.cut(ConnectionResetError())

    def perform(self, action: hub.Action) -> None:
        """Do what the exchange wants done with its socket."""
        match action:
            case bytes():
                self._queue(in_pieces(self._rng, action) if self._network.pieces else [frame(TEXT, action)])
            case hub.Ping(payload):
                self._pinged.append(payload)
                self._put(frame(PING, payload))
            case hub.Pong(payload):
                self._put(frame(PONG, payload))  # between the fragments of a message, if one is on its way
            case hub.Close(code, reason):
                self._queue([frame(CLOSE, code.to_bytes(2, "big") + reason.encode())])
                self._network.forget_session(self.connection)
            case hub.Abort():
                self._outbox.clear()
                reset = Disconnected(None, "reset by peer")
                self._network.to_client(self.connection, lambda: self._network.end(self.connection, reset))
                self._network.forget_session(self.connection)
            case hub.Freeze() | hub.Thaw():
                self._frozen = isinstance(action, hub.Freeze)
                self._flush()

    def _queue(self, frames: list[bytes]) -> None:
        self._outbox += [_Waiting(self._network.env.now_us, each) for each in frames]
        self._flush()

    def _flush(self) -> None:
        """Send what waits; while `pieces` lasts some of it a little later, and only what has not waited for long."""
        env, outbox = self._network.env, self._outbox
        while outbox and not (self._appointed or self._frozen):
            self._put(outbox.popleft().frame)
            if not outbox or not self._network.pieces or env.now_us > outbox[0].since_us + HELD_MOST_US:
                continue
            if self._rng.random() < LATER_SHARE:
                self._appointed = True
                env.at(env.now_us + self._rng.randint(1, LATER_MOST_US), self._flush_at_last)

    def _flush_at_last(self) -> None:
        self._appointed = False
        self._flush()

    def _put(self, data: bytes) -> None:
        if data[0] == FIN | PING and data[2:].startswith(OWN):
            self._pinged.append(data[2:])
        self._network.to_client(self.connection, lambda: self._client.arrived(data), len(data))

    def break_rules(self, close_code: int) -> None:
        """Send what no client may read on."""
        data = forbidden(self._rng, close_code)
        self._network.to_client(self.connection, lambda: self._client.arrived(data))

    # --- what the client sends -----------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """The client writes."""
        if not self.connection.gone:
            self._network.to_server(self.connection, lambda: self._received(data))

    def _received(self, data: bytes) -> None:
        env, connection = self._network.env, self.connection
        for opcode, payload in self._frames.feed(data):
            if opcode == PONG:
                self._check_pong(payload)
            if connection.session is None or (opcode == PONG and payload.startswith(OWN)):
                continue
            there, session, now_ms = env.exchange.hub, connection.session, env.exchange.advance(env.now_ms)
            if opcode == TEXT:
                there.receive_text(session, payload.decode(), now_ms)
            elif opcode == PING:
                there.receive_ping(session, payload, now_ms)
            elif opcode == PONG:
                if not self._network.dropping_pongs:
                    there.receive_pong(session, now_ms)
            else:
                assert opcode == CLOSE
                self._network.forget_session(connection)
            env.flush()

    def _check_pong(self, payload: bytes) -> None:
        """Each ping is answered with its own bytes, in order; a client may leave some out. [RFC 6455, 5.5.3]"""
        while self._pinged and self._pinged[0] != payload:
            self._pinged.popleft()
        assert self._pinged, "a pong to no ping"
        self._pinged.popleft()


# --- The socket ------------------------------------------------------------------------------------------------------


_DIALLING: ContextVar[tuple[FramedSocket, Network]] = ContextVar("_DIALLING")


class _Noticed:
    """Ends the run on an error of the client's callback, which to picows is only a reason to hang up."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._loop.failure = self._loop.failure or error


class FramedSocket(SimSocket):
    """A socket that the client's own makes out of bytes. Pings that nothing can happen to are left out here, too."""

    def __init__(
        self,
        network: Network,
        on_message: Callable[[bytes], None],
        on_heard: Callable[[], None],
        on_pong: Callable[[int], None],
        on_lost: Callable[[Disconnected], None],
    ) -> None:
        super().__init__(network, on_message, on_heard, on_pong, on_lost)
        self._loop = network.process.loop
        self._tell_lost, self.on_lost = on_lost, self._cut
        self.client_end: ClientEnd | None = None
        self.real: websocket.PicowsSocket | None = None

    def _cut(self, _: Disconnected) -> None:
        """The network ends it, and what the client makes of that is the client's."""
        assert self.client_end is not None
        self.client_end.cut(ConnectionResetError())

    # --- what picows' listener calls -----------------------------------------------------------------------------

    def heard(self) -> None:
        """A read has brought a frame."""
        with _Noticed(self._loop):
            self.on_heard()
        self.stay_alive()

    def pong_came(self, number: int) -> None:
        """A ping was answered."""
        with _Noticed(self._loop):
            self.on_pong(number)

    def ended(self, reason: Disconnected) -> None:
        """The connection has ended."""
        with _Noticed(self._loop):
            self._tell_lost(reason)

    # --- what its owner calls ------------------------------------------------------------------------------------

    def send_text(self, text: bytes) -> None:
        self._real.send_text(text)

    def _ping(self, number: int) -> None:
        self._real.ping(number)

    def abort(self) -> None:
        self._real.abort()

    def close(self) -> None:
        self._real.close()

    def pause(self) -> None:
        """Stop reading; see `transport.base.Socket`."""
        self._real.pause()

    def resume(self) -> None:
        """Read again; see `transport.base.Socket`."""
        self._real.resume()

    def read_less(self) -> None:
        """Bound one read; see `transport.base.Socket`."""
        self._real.read_less()

    @property
    def _real(self) -> websocket.PicowsSocket:
        assert self.real is not None
        return self.real


async def connect(
    network: Network,
    url: str,
    on_message: Callable[[bytes], None],
    on_heard: Callable[[], None],
    on_pong: Callable[[int], None],
    on_lost: Callable[[Disconnected], None],
    *,
    timeout_s: float,
) -> Socket:
    """The client's own `transport.websocket.connect`, on the process's network."""
    socket = FramedSocket(network, on_message, on_heard, on_pong, on_lost)
    network.process.loop.dial = _dial
    _DIALLING.set((socket, network))
    real = await websocket.connect(url, on_message, socket.heard, socket.pong_came, socket.ended, timeout_s=timeout_s)
    assert isinstance(real, websocket.PicowsSocket)
    socket.real = real
    return socket


def _dial(make_protocol: Callable[[], Any]) -> tuple[asyncio.Transport, Any]:
    """Stand in for `loop.create_connection`. The answer to the SYN comes together with the one to the handshake."""
    socket, network = _DIALLING.get()
    socket.client_end = end = ClientEnd(socket, network)
    protocol = make_protocol()
    end.set_protocol(protocol)
    protocol.connection_made(end)
    network.process.loop.create_task(_hear_out(protocol))
    return end, protocol


async def _hear_out(protocol: Any) -> None:
    """Await its end, so that asyncio does not complain, when its memory is cleaned up, that nobody asked."""
    handshake: list[object] = [*await asyncio.gather(protocol.wait_until_handshake_complete(), return_exceptions=True)]
    if handshake == [None]:
        await asyncio.gather(protocol.transport.wait_disconnected(), return_exceptions=True)
