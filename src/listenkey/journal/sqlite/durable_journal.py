"""
A journal on a disk, as its stream and its reader see it: what is appended waits, is committed elsewhere, and is shown then.

The kinds differ in who commits: a thread for each file (`journal.py`), or one for many accounts (`journal/shared/`).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from listenkey.core.gaps import Watermark
from listenkey.errors import Corrupt, JournalError, UsageError
from listenkey.events import Event
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance
from listenkey.journal.overflow import Overflow
from listenkey.journal.reader_signal import ReaderSignal
from listenkey.journal.sqlite.consumer_commits import ConsumerCommits
from listenkey.journal.sqlite.durable_items import DurableItems
from listenkey.journal.sqlite.write_queue import WriteQueue
from listenkey.journal.sqlite.writer import Committed

READ_AGAIN_AFTER_S: Final = 0.2
"""A reader that is far behind tries again after this, while the file can't be opened."""


class DurableJournal(ABC):
    """
    The appending and the reading of a journal that is written elsewhere.

    Args:
        items: On their way to the reader.
        queue: On their way to the disk.
        commits: Of the reader.

    Attributes:
        overflow: Decides which event finds room, and tells of those that don't.
        duplicates: Fills that were not kept, because the journal had them.
        recovered: Updates that REST alone brought and that were kept.
    """

    __slots__ = ("_commits", "_items", "_queue", "_signal", "duplicates", "overflow", "recovered")

    def __init__(self, items: DurableItems, queue: WriteQueue, commits: ConsumerCommits) -> None:
        self.duplicates = 0
        self.recovered = 0
        self.overflow: Overflow = queue.overflow
        self._items = items
        self._queue = queue
        self._commits = commits
        self._signal = ReaderSignal()

    @property
    @abstractmethod
    def _is_over(self) -> bool:
        """True where nothing is written any more."""

    def end(self, error: BaseException | None) -> None:
        """End the journal; the first error counts."""
        if self._signal.has_ended:
            return
        self._queue.close()
        self._signal.end(error)
        self._signal.wake()

    @property
    def backlog(self) -> int:
        """Items on their way and items not read yet."""
        return len(self._queue) + self._items.lag

    # --- appending -----------------------------------------------------------------------------------------------

    def append_event(
        self, event: Event, raw: bytes, received_ms: int, provenance: Provenance = "ws", *, late: bool = False
    ) -> None:
        """Put an event on its way to the disk; where too much waits, drop it and tell a gap."""
        self._queue.append_event(event, raw, received_ms, provenance, late=late)

    def append_events(self, events: list[Event], raws: list[bytes], received_ms: int) -> None:
        """The same for a batch; where there may be no room for all of it, one by one."""
        self._queue.append_events(events, raws, received_ms)

    def turn_after_s(self) -> float | None:
        """Return a moment while the disk has plenty to do: data waiting in the system costs no room here."""
        return self._queue.turn_after_s()

    def append_told(self, items: Iterable[Live | GapOpened | GapClosed]) -> None:
        """Queue the lifecycle's items. They always find room; where much waits, gaps are joined."""
        self._queue.append_told(items)

    def heard(self, wall_ms: int, watermark: Watermark | None = None) -> None:
        """The stream was whole at this moment; the next process begins its gap there."""
        self._queue.heard(wall_ms, watermark)

    def _on_committed(self, report: Committed) -> None:
        self._queue.written(report)
        self.duplicates += report.duplicates
        self.recovered += report.recovered
        self._items.show(report.items, report.last_seq)
        self._queue.settle()
        if report.cursor is not None:
            self._commits.written(report.cursor)
        self._signal.wake()

    # --- reading -------------------------------------------------------------------------------------------------

    async def next(self) -> Item:
        """Return the next item that is on the disk; raise the error that ended the stream, or StopAsyncIteration."""
        items = self._items
        self._commits.note_read(items.read_seq)
        while not items.window:
            if items.read_seq < items.durable_seq:
                await self._refill()
            elif self._signal.has_ended and (self._queue.entries == 0 or self._is_over):
                self._signal.raise_end()
            else:
                await self._signal.wait()
        return items.take()

    async def _refill(self) -> None:
        try:
            await self._items.refill()
        except (JournalError, UsageError) as error:
            if self._is_over or isinstance(error, Corrupt):
                raise
            await asyncio.sleep(READ_AGAIN_AFTER_S)  # Moved, or behind closed doors: the writer says so, and waits too.

    def take_ready(self, most: int) -> list[Item]:
        """Take the items in memory, at most so many; a reader that is far behind gets the next part from `next`."""
        if not self._items.window:
            return []
        self._commits.note_read(self._items.read_seq)
        return self._items.take_some(most)

    def ready(self) -> Iterator[Item]:
        """The same, one by one."""
        items, commits = self._items, self._commits
        while items.window:
            commits.note_read(items.read_seq)
            yield items.take()

    async def deliver(self, on_item: Callable[[Item], None]) -> None:
        """
        Call a function with every item, until the end.

        Raises:
            What ended the stream, or what the function raised.
        """
        while True:
            try:
                item = await self.next()
            except StopAsyncIteration:
                return
            on_item(item)
            for item in self.ready():
                on_item(item)

    async def commit(self, seq: int) -> None:
        """
        The consumer is done with everything up to `seq`: returns when that is on the disk.

        Raises:
            UsageError: There is no consumer, or it has not been given that item.
            JournalError: It could not be written.
        """
        await self._commits.commit(seq, self._items.read_seq)
