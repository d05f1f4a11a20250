"""
Measure the cost of a hostile peer: memory, and time in which the event loop does nothing else.

    python -m benchmarks.throughput.floods [SECONDS] [KIND ...]

A peer in a process of its own floods one stream, a kind at a time. For each kind: the growth of the resident memory
over its start, and the longest stretch of CPU time between two turns of the event loop.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import hashlib
import json
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from multiprocessing.connection import Connection
from typing import Final, NamedTuple

from listenkey import UserStream, Venue
from listenkey.errors import ListenKeyError
from listenkey.venue import Attach

KEY: Final = "k" * 64
GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SIZE: Final = 900_000
RSS_MAX: Final = 64 * 1024 * 1024
BLOCKED_MAX_S: Final = 0.25
WARM_S: Final = 1.0
"""Imports, first answers and the first frames come before the growth is counted from."""

TICK_S: Final = 0.005


class Flood(NamedTuple):
    """
    One kind.

    Attributes:
        frames: What is sent on the socket, piece by piece.
        pause_s: Between two pieces.
        reads: Whether the peer reads what it is sent.
        floods_rest: Whether a REST connection is flooded as well, once it is idle.
    """

    frames: Callable[[], Iterator[bytes]]
    pause_s: float = 0.0
    reads: bool = True
    floods_rest: bool = False


def frame(payload: bytes, opcode: int = 1, *, fin: bool = True) -> bytes:
    """A frame as servers send it."""
    head = bytes([opcode | 0x80 * fin])
    if len(payload) < 126:
        return head + bytes([len(payload)]) + payload
    if len(payload) < 65_536:
        return head + b"\x7e" + len(payload).to_bytes(2, "big") + payload
    return head + b"\x7f" + len(payload).to_bytes(8, "big") + payload


def order(**letters: str) -> bytes:
    """A fill with other letters."""
    words = {"s": "BTC-261225-90000-C", "c": "x", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "1", "p": "1", "ap": "1"}
    words |= {"x": "TRADE", "X": "FILLED", "l": "1", "z": "1", "L": "1", "N": "USDT", "n": "0", "b": "0", "a": "0"}
    numbers = {"i": 1, "T": 1_795_330_000_000, "t": 1, "m": True, "R": False, "ot": "LIMIT", "rp": "0", "V": "NONE"}
    return json.dumps({"e": "ORDER_TRADE_UPDATE", "E": 1, "T": 1, "o": words | numbers | letters}).encode()


def each(make: Callable[[int], bytes]) -> Callable[[], Iterator[bytes]]:
    """The same for ever, with another number in each."""
    return lambda: (frame(make(number)) for number in count())


def fragments() -> Iterator[bytes]:
    """A message that never ends."""
    yield frame(b'{"e":"', fin=False)
    while True:
        yield frame(b"x", 0, fin=False)


def legacy(number: int, fills: int, client_id: str) -> bytes:
    """An order of a message from before January 2026, with so many fills."""
    traded = [{"t": str(each + 1), "p": "1", "q": "1", "T": 1, "m": "TAKER", "f": "0.1"} for each in range(fills)]
    order = {"T": 1, "t": 1, "s": "S", "oid": str(number), "p": "1", "q": str(fills), "S": "FILLED", "e": str(fills),
             "tif": "GTC", "oty": "LIMIT", "c": client_id, "fi": traded}  # fmt: skip
    return json.dumps({"e": "ORDER_TRADE_UPDATE", "E": 1, "o": [order]}).encode()


FLOODS: Final = {
    "types of 900 kB": Flood(each(lambda n: b'{"e":"%d%s","E":1}' % (n, b"x" * SIZE))),
    "new types": Flood(each(lambda n: b'{"e":"TYPE_%d","E":1}' % n)),
    "new types with 900 kB": Flood(each(lambda n: b'{"e":"TYPE_%d","E":1,"x":"%s"}' % (n, b"x" * SIZE))),
    "symbols of 900 kB": Flood(each(lambda n: order(s=str(n) + "x" * SIZE))),
    "new symbols": Flood(each(lambda n: order(s=f"S{n}", i=str(n), t=str(n)))),
    "client ids of 900 kB": Flood(each(lambda n: order(c=str(n) + "x" * SIZE, t=str(n)))),
    "texts that are no amounts": Flood(each(lambda n: order(q=str(n) + "x" * SIZE, t=str(n)))),
    "malformed frames": Flood(each(lambda n: b"{%d" % n)),
    "messages of 240 fills from before 2026": Flood(each(lambda n: legacy(n, 240, ""))),
    "the same with client ids of 900 kB": Flood(each(lambda n: legacy(n, 240, "x" * SIZE))),
    "frames of 900 kB of brackets": Flood(each(lambda _: b"[]," * (SIZE // 3))),
    "frames of 900 kB of underscores": Flood(each(lambda _: b'{"error":{"code":1,"msg":"%s"}}' % (b"_" * SIZE))),
    "pings that nobody reads the answer to": Flood(lambda: (frame(b"p" * 125, 9) * 256 for _ in count()), reads=False),
    "a fragment a second": Flood(fragments, pause_s=1.0),
    "empty fragments": Flood(lambda: (frame(b"", 0 if n else 1, fin=False) for n in count())),
    "an idle REST connection": Flood(each(lambda _: b'{"e":"X","E":1}'), pause_s=1.0, floods_rest=True),
}


# --- The peer ---------------------------------------------------------------------------------------------------------


class Peer:
    """Answers as the venue does, and floods."""

    def __init__(self, flood: Flood) -> None:
        self._flood = flood

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"upgrade: websocket" in head.lower():
                    await self._upgrade(head, reader, writer)
                    return
                body = b'{"listenKey":"%s"}' % KEY.encode()
                if b"/time" in head.split(b"\r\n")[0]:
                    body = b'{"serverTime":%d}' % (time.time() * 1000)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                await writer.drain()
                if self._flood.floods_rest:
                    await asyncio.sleep(0.2)
                    while True:
                        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" * 1000)
                        await writer.drain()

    async def _upgrade(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wanted = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
        accept = base64.b64encode(hashlib.sha1(wanted.split(b":", 1)[1].strip() + GUID).digest())
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        writer.write(b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        reading = asyncio.ensure_future(self._answer_pings(reader, writer)) if self._flood.reads else None
        if reading is None and isinstance(writer.transport, asyncio.Transport):
            writer.transport.pause_reading()
        try:
            for piece in self._flood.frames():
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(self._flood.pause_s)
        finally:
            if reading is not None:
                reading.cancel()

    async def _answer_pings(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                first, second = await reader.readexactly(2)
                mask, size = await reader.readexactly(4), second & 0x7F
                payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(await reader.readexactly(size)))
                if first & 0x0F == 9:
                    writer.write(frame(payload, 10))


def run_peer(kind: str, port_to: Connection) -> None:
    """The process of the peer."""

    async def serve() -> None:
        server = await asyncio.start_server(Peer(FLOODS[kind]).serve, "127.0.0.1", 0)
        port_to.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


# --- The stream -------------------------------------------------------------------------------------------------------


class Cost(NamedTuple):
    """The cost of a flood."""

    rss_bytes: int
    blocked_s: float
    items: int
    unreadable: int

    @property
    def is_bounded(self) -> bool:
        """True where it stayed within what is promised."""
        return self.rss_bytes <= RSS_MAX and self.blocked_s <= BLOCKED_MAX_S


def rss_bytes() -> int:
    """Return the resident memory of this process, bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - in a loop
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def measure(port: int, seconds: float) -> Cost:
    """Read a stream that is flooded."""
    venue = Venue(rest_url=f"http://127.0.0.1:{port}", ws_url=f"ws://127.0.0.1:{port}", attach=Attach.PATH)
    peak = base = items = 0
    blocked_s = 0.0
    began_s = time.monotonic()

    async def watch() -> None:
        nonlocal blocked_s, peak, base
        before_s = time.thread_time()
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.thread_time()
            if time.monotonic() - began_s > WARM_S:
                base = base or rss_bytes()
                peak = max(peak, rss_bytes())
                blocked_s = max(blocked_s, now_s - before_s)
            before_s = now_s

    def take(_item: object) -> None:
        nonlocal items
        items += 1

    async with UserStream(api_key="a" * 64, venue=venue) as stream:
        watching = asyncio.ensure_future(watch())
        with contextlib.suppress(TimeoutError, ListenKeyError):
            async with asyncio.timeout(seconds + WARM_S):
                await stream.run(take)
        watching.cancel()
        return Cost(peak - base, float(blocked_s), items, stream.health().unreadable)


def run(kind: str, seconds: float) -> Cost:
    """Flood a stream of this process."""
    logging.getLogger("listenkey").setLevel(logging.CRITICAL)
    ours, theirs = multiprocessing.Pipe()
    peer = multiprocessing.get_context("spawn").Process(target=run_peer, args=(kind, theirs), daemon=True)
    peer.start()
    try:
        gc.collect()
        return asyncio.run(measure(ours.recv(), seconds))
    finally:
        peer.kill()
        peer.join()


def main(seconds: float, kinds: list[str]) -> int:
    """Print a line for each kind; 1 where one was not bounded."""
    failed = 0
    for kind in kinds or FLOODS:
        cost = run(kind, seconds)
        failed += not cost.is_bounded
        print(
            f"{kind:40} {cost.rss_bytes / 2**20:+7.1f} MiB  {cost.blocked_s * 1000:5.0f} ms"
            f"  {cost.items:8,} items  {cost.unreadable:8,} unreadable  {'' if cost.is_bounded else 'NOT BOUNDED'}",
            flush=True,
        )
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, sys.argv[2:]))
