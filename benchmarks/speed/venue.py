"""
A venue that can do nothing but answer and send: plain sockets, threads, blocks of ready frames.

It is a process of its own, and costs far less a message than any consumer. It prints its address as JSON, and does
what it is told a line: `burst 200000`, `pace 10000 50000` (a second, how many), `quit`.
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
from typing import Final

from benchmarks.speed.frames import FIRST_ORDER_ID, LISTEN_KEY, block, frame, message

MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PIECE_FRAMES: Final = 500

streams: list[socket.socket] = []
"""Sockets with a listen key on them, in the order they came."""

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
            body = json.dumps({"listenKey": LISTEN_KEY} if head.startswith(b"POST") else {}).encode()
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )
    except OSError:
        return


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
    while True:
        opcode, payload = _read(connection)
        if opcode == 1:
            asked = json.loads(payload)
            answer = frame(json.dumps({"result": None, "id": asked["id"]}).encode())
            connection.sendall(answer)
            streams.append(connection)
        elif opcode == 9:
            with sending:
                connection.sendall(frame(payload, 10))
        elif opcode == 8:
            connection.close()
            return


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


def burst(to: list[socket.socket], pieces: list[bytes]) -> None:
    """Everything, as fast as it is taken; to several sockets in turn, piece by piece."""
    for piece in pieces:
        for one in to:
            with sending:
                one.sendall(piece)


def pace(to: list[socket.socket], per_second: int, count: int) -> None:
    """At a rate; an order's id says when it was sent."""
    began_s = time.perf_counter()
    for number in range(count):
        due_s = began_s + number / per_second
        while (left_s := due_s - time.perf_counter()) > 0:
            if left_s > 0.0002:
                time.sleep(left_s - 0.0001)
        sent = frame(message(number, FIRST_ORDER_ID + time.monotonic_ns()))
        for one in to:
            with sending:
                one.sendall(sent)


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    port = listener.getsockname()[1]
    print(json.dumps({"rest_url": f"http://127.0.0.1:{port}", "ws_url": f"ws://127.0.0.1:{port}"}), flush=True)
    ready: list[bytes] = []
    ready_count = 0
    for line in sys.stdin:
        word, *numbers = line.split()
        if word == "burst":
            count = int(numbers[0])
            if count != ready_count:
                ready = [block(min(PIECE_FRAMES, count - at), at) for at in range(0, count, PIECE_FRAMES)]
                ready_count = count
            began_s, cpu_s = time.perf_counter(), time.process_time()
            with contextlib.suppress(OSError):  # A consumer that failed says why itself.
                burst(streams, ready)
            took = {"wall_s": time.perf_counter() - began_s, "cpu_s": time.process_time() - cpu_s}
            print(json.dumps(took), flush=True)
        elif word == "pace":
            with contextlib.suppress(OSError):
                pace(streams, int(numbers[0]), int(numbers[1]))
            print("{}", flush=True)
        elif word == "forget":
            streams.clear()
        else:
            return


if __name__ == "__main__":
    main()
