"""One connection through the proxy: two directions, each a queue of bytes with the moment when each may go."""

from __future__ import annotations

import asyncio
import heapq
import random
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from tests.chaos import ws_frames as ws
from tests.chaos.rules import REORDER_FLUSH_S, Direction, Rule, Sending, applied, released

READ_BYTES: Final = 65_536
HEAD_END: Final = b"\r\n\r\n"
How: TypeAlias = Literal["rst", "fin"]


@dataclass(slots=True)
class Shape:
    """The flow of bytes in one direction. `slice_bytes` 0 is whole; `bytes_per_s` 0 is no bound."""

    slice_bytes: int = 0
    bytes_per_s: float = 0.0


class Faults:
    """
    The network's present faults; shared by all connections of a proxy.

    Args:
        draw: Of everything that happens by chance.
        note: Told of every strike: what, and a few words.
        passed: Told of every data frame that went down to the client, with its payload.
    """

    def __init__(
        self, draw: random.Random, note: Callable[[str, str], None], passed: Callable[[Direction, bytes], None]
    ) -> None:
        self.draw = draw
        self.note = note
        self.passed = passed
        self.rules: list[Rule] = []
        self.shapes: dict[Direction, Shape] = {"down": Shape(), "up": Shape()}


class Lane:
    """
    One direction of one connection.

    Args:
        direction: Which.
        reader: Where bytes come from.
        writer: Where they go.
        faults: What happens to them.
    """

    def __init__(
        self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, faults: Faults
    ) -> None:
        self.direction: Direction = direction
        self.reader = reader
        self.writer = writer
        self.is_websocket = False
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.moved_s = time.monotonic()
        self._faults = faults
        self._frames = ws.FrameReader()
        self._queue: list[tuple[float, int, bytes, bytes, bool]] = []
        self._count = 0
        self._in_order_s = 0.0
        self._changed = asyncio.Event()

    def put(self, data: bytes) -> None:
        """Bytes that came in."""
        self.moved_s = time.monotonic()
        if not self.is_websocket:
            self._push(Sending(data), data)
            return
        for frame in self._frames.feed(data):
            self._take(frame)

    async def end(self, how: How = "fin") -> None:
        """Nothing comes any more: pass that on, behind what waits."""
        while self._queue and how == "fin" and not self.writer.is_closing():
            self._changed.clear()
            await self._changed.wait()
        await self.flowing.wait()
        hang_up(self.writer, how)

    async def run(self) -> None:
        """Send what is due, until cancelled or the other side is gone."""
        with suppress(OSError):
            while True:
                await self._wait_for_due()
                await self.flowing.wait()
                _, _, data, payload, ends = heapq.heappop(self._queue)
                await self._emit(data)
                if payload:
                    self._faults.passed(self.direction, payload)
                self._changed.set()
                if ends:
                    hang_up(self.writer, "fin")
                    return

    def _take(self, frame: ws.Frame) -> None:
        for rule in self._faults.rules:
            if rule.direction != self.direction or not rule.strikes(frame, self._faults.draw):
                continue
            sendings = applied(rule, frame, self._faults.draw)
            self._faults.note(rule.kind, f"{self.direction}, {len(frame.raw)} bytes, the {rule.struck}.")
            if rule.kind == "reorder" and len(rule.window_frames) == 1:
                asyncio.get_running_loop().call_later(REORDER_FLUSH_S, self._flush, rule)
            for sending in sendings:
                self._push(sending, sending.payload or _whole(rule, frame))
            return
        self._push(Sending(frame.raw), frame.payload if frame.is_data else b"")

    def _flush(self, rule: Rule) -> None:
        for sending in released(rule, self._faults.draw):
            self._push(sending, sending.payload)

    def _push(self, sending: Sending, payload: bytes) -> None:
        now_s = time.monotonic()
        due_s = now_s + sending.after_s
        if sending.in_order:
            due_s = self._in_order_s = max(due_s, self._in_order_s)
        self._count += 1
        heapq.heappush(self._queue, (due_s, self._count, sending.data, payload, sending.ends))
        self._changed.set()

    async def _wait_for_due(self) -> None:
        while True:
            left_s = self._queue[0][0] - time.monotonic() if self._queue else None
            if left_s is not None and left_s <= 0:
                return
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._changed.wait()

    async def _emit(self, data: bytes) -> None:
        shape = self._faults.shapes[self.direction]
        step = shape.slice_bytes or (max(1, int(shape.bytes_per_s / 50)) if shape.bytes_per_s else len(data))
        for begin in range(0, len(data), step):
            portion = data[begin : begin + step]
            self.writer.write(portion)
            await self.writer.drain()
            if shape.bytes_per_s:
                await asyncio.sleep(len(portion) / shape.bytes_per_s)
            elif shape.slice_bytes:
                await asyncio.sleep(0)  # Each write a segment of its own.


def _whole(rule: Rule, frame: ws.Frame) -> bytes:
    """Return the bytes that count as passed on: the payload, unless the rule destroys it, or a window decides later."""
    whole = rule.kind in ("duplicate", "hold", "delay", "binary", "fragment", "interrupt")
    return frame.payload if whole and frame.is_data else b""


def hang_up(writer: asyncio.StreamWriter, how: How) -> None:
    """End a connection: politely, or by a reset."""
    sock = writer.get_extra_info("socket")
    if how == "rst" and sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()
