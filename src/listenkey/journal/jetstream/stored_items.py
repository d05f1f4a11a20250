"""
The items that are acknowledged, on their way to the reader of this process.

A reader that is near the end is served from memory. One that falls behind is served from the servers, so its lag costs no memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from listenkey.errors import Corrupt
from listenkey.items import Item, Update
from listenkey.journal.jetstream.log_reader import LogReader
from listenkey.journal.sqlite.write_queue import ENTRY_OVERHEAD_BYTES

WINDOW_BYTES_MAX: Final = 8 * 1024 * 1024
"""Items kept in memory for a reader that is near the end."""


class StoredItems:
    """
    Hands the reader one item after the other, from memory or from the servers.

    Args:
        reader: Reads them back.

    Attributes:
        window: The next items, as far as they are in memory.
        read_seq: The item that the reader got last.
        stored_seq: The newest item that it may get.
    """

    __slots__ = ("_reader", "_window_bytes", "_window_end", "read_seq", "stored_seq", "window")

    def __init__(self, reader: LogReader) -> None:
        self.window: deque[Item] = deque()
        self.read_seq = 0
        self.stored_seq = 0
        self._reader = reader
        self._window_bytes = 0
        self._window_end = 0

    def begin(self, read_seq: int, stored_seq: int) -> None:
        """Begin behind the item that the reader had last; the newest one is `stored_seq`."""
        self.read_seq = self._window_end = read_seq
        self.stored_seq = stored_seq

    @property
    def lag(self) -> int:
        """The number of stored items that the reader has not got."""
        return max(0, self.stored_seq - self.read_seq)

    def take(self) -> Item:
        """Take the next item out of memory."""
        item = self.window.popleft()
        self._window_bytes -= _sizes((item,))
        self.read_seq = item.seq
        return item

    def take_some(self, most: int) -> list[Item]:
        """Take the items in memory, at most so many."""
        return [self.take() for _ in range(min(most, len(self.window)))]

    def show(self, items: list[Item], last_seq: int) -> None:
        """Keep items in memory where they continue the window and fit; else the reader gets them from the servers."""
        new = items
        if new and new[0].seq <= self._window_end:
            new = [item for item in items if item.seq > self._window_end]
        if new and self._window_end >= self.stored_seq and self._window_bytes < WINDOW_BYTES_MAX:
            self._keep(new)
        self.stored_seq = max(self.stored_seq, last_seq)

    async def refill(self) -> None:
        """
        Get the next items from the servers.

        Raises:
            Corrupt: They are gone, or were changed.
            JournalError: They can't be read.
        """
        after = self.read_seq
        items = [stored.item for stored in await self._reader.read(after)]
        if self.window or self.read_seq != after:
            return
        if not items:
            raise Corrupt(f"NATS no longer holds the items from {after + 1} on")
        self._keep(items)
        self.stored_seq = max(self.stored_seq, self._window_end)

    def let_go(self) -> None:
        """Forget what is not in memory: it is read from the servers by others. What is in memory can still be taken."""
        self.stored_seq = self._window_end

    def _keep(self, items: list[Item]) -> None:
        self.window.extend(items)
        self._window_bytes += _sizes(items)
        self._window_end = items[-1].seq


def _sizes(items: Sequence[Item]) -> int:
    return ENTRY_OVERHEAD_BYTES * len(items) + sum([len(item.raw) for item in items if type(item) is Update])
