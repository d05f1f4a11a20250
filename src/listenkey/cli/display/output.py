"""
Bytes to stdout from an event loop that must not wait for whoever reads them.

A pipe that nobody empties, or a terminal held with Ctrl-S, blocks a write for as long as it pleases. In the event
loop's thread that would silence the stream: no pings, no renewals. So a thread of its own writes, and the loop only
waits, without blocking, while too much is on its way.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import queue
import select
import threading
from collections.abc import Callable
from typing import Final

PENDING_BYTES_MAX: Final = 1024 * 1024
"""More than this on its way, and `room()` waits."""

CHUNK_BYTES: Final = 64 * 1024
"""The size of a pipe on Linux; more in one write gains nothing."""

READER_LEFT: Final = frozenset({errno.EPIPE, errno.EIO, errno.EBADF, errno.ECONNRESET})
"""The errors of a write whose other end (a pipe, terminal or socket) has gone."""


class Output:
    """
    A descriptor that is written in the background, in order.

    Args:
        descriptor: Where to; it stays open.
        on_closed: Called once, in the event loop, when nobody reads any more or writing fails.
    """

    def __init__(self, descriptor: int, on_closed: Callable[[], None]) -> None:
        self.error: OSError | None = None
        self.pending_bytes = 0
        self._descriptor = descriptor
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._queue: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        # A daemon, and not the loop's executor: Python waits for the executor's threads before it ends, and this one
        # may be inside a write that never returns.
        self._thread = threading.Thread(target=self._write_for_ever, name="listenkey output", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Put bytes on their way. Never waits."""
        if self.error is None:
            self.pending_bytes += len(data)
            self._queue.put(data)

    @property
    def is_full(self) -> bool:
        """True where `room()` would wait."""
        return self.pending_bytes > PENDING_BYTES_MAX

    async def room(self) -> None:
        """Wait until there is room for more, or writing has failed."""
        while self.is_full and self.error is None:
            await self._change()

    async def flushed(self, within_s: float) -> bool:
        """Wait until all is written, at most so long; whether it is."""
        try:
            async with asyncio.timeout(within_s):
                while self.pending_bytes and self.error is None:
                    await self._change()
        except TimeoutError:
            return False
        return self.error is None

    @property
    def failure(self) -> OSError | None:
        """The error that ended writing, for example of a full disk; a reader that has left is no failure."""
        return self.error if self.error is not None and self.error.errno not in READER_LEFT else None

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _write_for_ever(self) -> None:
        try:
            while True:
                chunk = self._next_chunk()
                write_all(self._descriptor, chunk)
                self._tell_loop(self._written, len(chunk))
        except OSError as error:
            self._tell_loop(self._failed, error)

    def _next_chunk(self) -> bytes:
        parts = [self._queue.get()]
        size = len(parts[0])
        while size < CHUNK_BYTES:
            try:
                parts.append(self._queue.get_nowait())
            except queue.Empty:
                break
            size += len(parts[-1])
        return b"".join(parts)

    def _tell_loop(self, function: Callable[..., None], value: object) -> None:
        with contextlib.suppress(RuntimeError):  # The loop has closed: nobody is left to tell.
            self._loop.call_soon_threadsafe(function, value)

    def _written(self, count: int) -> None:
        self.pending_bytes -= count
        self._changed.set()

    def _failed(self, error: OSError) -> None:
        self.error = error
        self.pending_bytes = 0
        self._changed.set()
        self._on_closed()


def write_all(descriptor: int, data: bytes) -> None:
    """Write everything, also where somebody made the descriptor non-blocking."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
