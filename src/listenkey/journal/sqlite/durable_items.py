"""
The items that are on the disk, on their way to the reader.

A reader that is near the end is served from memory. One that falls behind is served from the file, so its lag costs no
memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from listenkey.errors import Corrupt
from listenkey.items import Item, Update
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.write_queue import ENTRY_OVERHEAD_BYTES
from listenkey.transport.closing import outlast

WINDOW_BYTES_MAX: Final = 8 * 1024 * 1024
"""Durable items kept in memory for a reader that is near the end."""


class ItemReader(Protocol):
    """The file as a reader that is far behind sees it."""

    def read(self, after: int) -> list[Item]:
        """Return the next items behind a number."""

    def close(self) -> None:
        """Let go of it."""


class DurableItems:
    """
    Hands the reader one item after the other, from memory or from the file.

    Args:
        path: The file.
        open_reader: Opens it for a reader that is far behind.

    Attributes:
        window: The next items, as far as they are in memory.
        read_seq: The item that the reader got last.
        durable_seq: The newest item that it may get.
    """

    __slots__ = ("_file", "_open_reader", "_path", "_refilling", "_window_bytes", "_window_end", "durable_seq", "read_seq", "window")  # fmt: skip

    def __init__(self, path: Path, open_reader: Callable[[], ItemReader] | None = None) -> None:
        # Nothing yet: an empty deque takes six hundred bytes, and of many accounts most are quiet.
        self.window: deque[Item] | tuple[()] = ()
        self.read_seq = 0
        self.durable_seq = 0
        self._path = path
        self._open_reader = open_reader or self._open_file
        self._window_bytes = 0
        self._window_end = 0
        self._file: ItemReader | None = None
        self._refilling: asyncio.Future[list[Item]] | None = None

    def begin(self, read_seq: int, durable_seq: int) -> None:
        """Begin behind the item that the reader had last; the newest one is `durable_seq`."""
        self.read_seq = self._window_end = read_seq
        self.durable_seq = durable_seq

    @property
    def lag(self) -> int:
        """The number of durable items that the reader has not got."""
        return max(0, self.durable_seq - self.read_seq)

    def take(self) -> Item:
        """Take the next item out of memory."""
        assert self.window, "there is one in memory"
        item = self.window.popleft()
        self._window_bytes -= _sizes((item,))
        self.read_seq = item.seq
        return item

    def take_some(self, most: int) -> list[Item]:
        """Take the items in memory, at most so many."""
        if not self.window:
            return []
        take = self.window.popleft
        items = [take() for _ in range(min(most, len(self.window)))]
        self._window_bytes -= _sizes(items)
        if items:
            self.read_seq = items[-1].seq
        return items

    def show(self, items: list[Item], last_seq: int) -> None:
        """Keep items in memory where they continue the window and fit; else the reader finds them in the file."""
        if items and items[0].seq <= self._window_end:
            items = [item for item in items if item.seq > self._window_end]
        if self._window_end >= self.durable_seq and self._window_bytes < WINDOW_BYTES_MAX and items:
            self._extend(items)
            self._window_end = last_seq
        self.durable_seq = max(self.durable_seq, last_seq)

    async def refill(self) -> None:
        """
        Get the next items from the file. A reader that gives up waiting finds them here next time.

        Raises:
            Corrupt: They are gone, or were changed.
            UsageError, JournalError: The file can't be read.
        """
        if self._refilling is None:
            self._refilling = asyncio.get_running_loop().run_in_executor(None, self._read_file, self.read_seq)
        refilling = self._refilling
        await asyncio.wait({refilling})
        self._refilling = None
        items = refilling.result()
        if not items:
            raise Corrupt(f"the journal {self._path} no longer holds the items from {self.read_seq + 1} on")
        self._extend(items)
        # What was committed while the file was read may be among them, and then has not been announced yet.
        self._window_end = items[-1].seq
        self.durable_seq = max(self.durable_seq, self._window_end)

    def _extend(self, items: list[Item]) -> None:
        if self.window:
            self.window.extend(items)
        else:
            self.window = deque(items)
        self._window_bytes += _sizes(items)

    async def stop(self, within_s: float) -> None:
        """Wait for the look into the file that is under way, at most so long."""
        if self._refilling is not None:
            await outlast(self._refilling, within_s)

    def let_go(self) -> None:
        """Close the file, now or when the look into it is over. What is in memory can still be taken."""
        if self._refilling is not None and not self._refilling.done():
            # The disk does not answer; a thread waits for it.
            self._refilling.add_done_callback(lambda _: self._close_file())
        else:
            self._close_file()
        self.durable_seq = self._window_end  # what is only in the file is read from there

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read_file(self, after: int) -> list[Item]:
        if self._file is None:
            self._file = self._open_reader()
        return self._file.read(after)

    def _open_file(self) -> JournalReader:
        return JournalReader(self._path)


def _sizes(items: Sequence[Item]) -> int:
    return ENTRY_OVERHEAD_BYTES * len(items) + sum([len(item.raw) for item in items if type(item) is Update])
