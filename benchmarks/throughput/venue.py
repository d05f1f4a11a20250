"""
A venue that can do nothing but answer and send: plain sockets, threads, blocks of ready frames.

It is a process of its own, and costs far less a message than any consumer. It prints its address as JSON, and does
what it is told a line: `forget`, `attached 1` (answered when so many sockets have a key on them), `burst 200000 LOAD`,
`pace 10000 50000` (a second, how many), `quit`. What shape a socket's messages
have is chosen by the address that it came to.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import struct
import sys
import threading
import time
from typing import Any, Final, NamedTuple

from benchmarks.throughput.frames import (
    FIRST_ORDER_ID,
    FUTURES,
    FUTURES_RAW,
    LISTEN_KEY,
    OPTIONS,
    OPTIONS_RAW,
    block,
    frame,
    message,
)

MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PIECE_FRAMES: Final = 500

SHAPES: Final = {
    b"/private/stream": "",
    b"/private/ws/": OPTIONS_RAW,
    b"/private/ws?": FUTURES_RAW,
    b"/ws/": FUTURES_RAW,
    b"/stream?": FUTURES,
}
"""The frames by the beginning of an address; nothing comes to the first before its SUBSCRIBE."""


class Stream(NamedTuple):
    """A socket with a listen key on it."""

    connection: socket.socket
    shape: str


streams: list[Stream] = []
"""In the order they came."""

changed: Final = threading.Condition()
ATTACH_WITHIN_S: Final = 60.0

sending: Final = threading.Lock()
"""A pong must not come into the middle of a frame."""


def serve(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_talk, args=(connection,), daemon=True).start()


def _talk(connection: socket.socket) -> None:
    try:
        while head := _head(connection):
            if b"upgrade: websocket" in head.lower():
                _websocket(connection, head)
                return
            method, path, _ = head.split(b" ", 2)
            body = json.dumps(_answer(method, path.partition(b"?")[0])).encode()
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )
    except OSError:
        return


def _answer(method: bytes, path: bytes) -> Any:
    """Return the answers that clients ask for before they stream; an account with nothing in its past."""
    if path.endswith(b"/listenKey"):
        return {"listenKey": LISTEN_KEY} if method == b"POST" else {}
    if path.endswith(b"/time"):
        return {"serverTime": time.time_ns() // 1_000_000}
    if path == b"/eapi/v1/exchangeInfo":
        return _exchange_info("optionSymbols", _option())
    if path == b"/fapi/v1/exchangeInfo":
        return _exchange_info("symbols", _future())
    return []


def _exchange_info(name: str, symbol: dict[str, Any]) -> dict[str, Any]:
    limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400}
    return {"timezone": "UTC", "serverTime": time.time_ns() // 1_000_000, "rateLimits": [limit], name: [symbol]}


def _option() -> dict[str, Any]:
    return {
        "symbol": "BTC-261225-90000-C",
        "underlying": "BTCUSDT",
        "side": "CALL",
        "strikePrice": "90000.00000000",
        "expiryDate": 1_798_185_600_000,
        "unit": 1,
        "quoteAsset": "USDT",
        "priceScale": 3,
        "quantityScale": 4,
        "minQty": "0.0001",
        "maxQty": "1000",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.001", "maxPrice": "100000.000", "tickSize": "0.001"},
            {"filterType": "LOT_SIZE", "minQty": "0.0001", "maxQty": "1000", "stepSize": "0.0001"},
        ],
        "status": "TRADING",
    }


def _future() -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "contractType": "PERPETUAL",
        "contractStatus": "TRADING",
        "status": "TRADING",
        "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.10"}],
    }


def _head(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        part = connection.recv(4096)
        if not part:
            return b""
        head += part
    return head


def _websocket(connection: socket.socket, head: bytes) -> None:
    lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    given = next(value for name, value in lines.items() if name.lower() == b"sec-websocket-key")
    accept = base64.b64encode(hashlib.sha1(given + MAGIC).digest())
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    path = head.split(b" ", 2)[1]
    shape = next((shape for start, shape in SHAPES.items() if path.startswith(start)), "")
    if shape:
        _attach(Stream(connection, shape))
    while True:
        opcode, payload = _read(connection)
        if opcode == 1:
            asked = json.loads(payload)
            answer = frame(json.dumps({"result": None, "id": asked["id"]}).encode())
            connection.sendall(answer)
            if not shape:
                _attach(Stream(connection, OPTIONS))
        elif opcode == 9:
            with sending:
                connection.sendall(frame(payload, 10))
        elif opcode == 8:
            connection.close()
            return


def _attach(stream: Stream) -> None:
    with changed:
        streams.append(stream)
        changed.notify_all()


def _read(connection: socket.socket) -> tuple[int, bytes]:
    first, second = _exactly(connection, 2)
    size = second & 127
    if size == 126:
        (size,) = struct.unpack("!H", _exactly(connection, 2))
    mask = _exactly(connection, 4)
    payload = _exactly(connection, size)
    return first & 15, bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def _exactly(connection: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        part = connection.recv(size - len(got))
        if not part:
            raise ConnectionError
        got += part
    return got


_pieces: Final[dict[tuple[str, str], list[bytes]]] = {}


def pieces_of(count: int, shape: str, load: str) -> list[bytes]:
    """Ready frames, made once."""
    ready = _pieces.setdefault((shape, load), [])
    while len(ready) * PIECE_FRAMES < count:
        ready.append(block(PIECE_FRAMES, len(ready) * PIECE_FRAMES, shape, load))
    return ready[: count // PIECE_FRAMES]


def burst(to: list[Stream], count: int, load: str) -> None:
    """So many, as fast as they are taken; to several sockets in turn, piece by piece."""
    for pieces in zip(*(pieces_of(count, one.shape, load) for one in to), strict=True):
        for one, piece in zip(to, pieces, strict=True):
            with sending:
                one.connection.sendall(piece)


def pace(to: list[Stream], per_second: int, count: int) -> None:
    """At a rate; an order's id says when it was sent."""
    began_s = time.perf_counter()
    for number in range(count):
        due_s = began_s + number / per_second
        while (left_s := due_s - time.perf_counter()) > 0:
            if left_s > 0.0002:
                time.sleep(left_s - 0.0001)
        for one in to:
            sent = frame(message(number, FIRST_ORDER_ID + time.monotonic_ns(), one.shape))
            with sending:
                one.connection.sendall(sent)


def main() -> None:
    threading.stack_size(256 * 1024)  # One a socket, and there may be thousands.
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    port = listener.getsockname()[1]
    print(json.dumps({"rest_url": f"http://127.0.0.1:{port}", "ws_url": f"ws://127.0.0.1:{port}"}), flush=True)
    for line in sys.stdin:
        word, *numbers = line.split()
        if word == "burst":
            count, load = int(numbers[0]), numbers[1]
            for one in streams:
                pieces_of(count, one.shape, load)
            began_s, cpu_s = time.perf_counter(), time.process_time()
            with contextlib.suppress(OSError):  # A consumer that failed says why itself.
                burst(streams, count, load)
            took = {"wall_s": time.perf_counter() - began_s, "cpu_s": time.process_time() - cpu_s}
            print(json.dumps(took), flush=True)
        elif word == "pace":
            with contextlib.suppress(OSError):
                pace(streams, int(numbers[0]), int(numbers[1]))
            print("{}", flush=True)
        elif word == "forget":
            with changed:
                streams.clear()
        elif word == "attached":
            count = int(numbers[0])
            with changed:
                changed.wait_for(lambda: len(streams) >= count, ATTACH_WITHIN_S)  # noqa: B023
                print(json.dumps({"attached": len(streams)}), flush=True)
        else:
            return


if __name__ == "__main__":
    main()
