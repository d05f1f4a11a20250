"""
The items that are acknowledged, on their way to the reader of this process.

A reader that is near the end is served from memory. One that falls behind is served from the servers, so its lag costs no memory.
"""

from __future__ import annotations

from pathlib import Path

from listenkey.errors import Corrupt
from listenkey.journal.jetstream.log_reader import LogReader
from listenkey.journal.sqlite.durable_items import DurableItems


class StoredItems(DurableItems):
    """
    The same as `DurableItems`, with servers in the place of the file.

    Args:
        reader: Reads items back.
    """

    __slots__ = ("_reader",)

    def __init__(self, reader: LogReader) -> None:
        super().__init__(Path())
        self._reader = reader

    async def refill(self) -> None:
        """
        Get the next items from the servers.

        Raises:
            Corrupt: They are gone, or were changed.
            TooOld: They were deleted for their age.
            JournalError: They can't be read.
        """
        after = self.read_seq
        items = [stored.item for stored in await self._reader.read(after)]
        if self.window or self.read_seq != after:
            return
        if not items:
            raise Corrupt(f"NATS no longer holds the items from {after + 1} on")
        self._extend(items)
        self._window_end = items[-1].seq
        self.durable_seq = max(self.durable_seq, self._window_end)

    def let_go(self) -> None:
        """Forget what is not in memory: it is read from the servers by others. What is in memory can still be taken."""
        self.durable_seq = self._window_end
