"""
The journal in a file: durable before visible, one writer, any number of readers.

What is appended waits in a queue (`write_queue.py`); a thread commits it (`writer.py`, heard through `writer_link.py`),
and only then does the reader get it (`durable_items.py`). See decisions/0007.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from listenkey.core.gaps import Resumed, Watermark
from listenkey.errors import Corrupt, JournalError, UsageError
from listenkey.events import Event
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance
from listenkey.journal.reader_signal import ReaderSignal
from listenkey.journal.sqlite.consumer_commits import ConsumerCommits
from listenkey.journal.sqlite.durable_items import DurableItems
from listenkey.journal.sqlite.retention import Retention
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.write_queue import QUEUE_BYTES_MAX, WriteQueue
from listenkey.journal.sqlite.writer import Committed, Writer
from listenkey.journal.sqlite.writer_link import GIVE_UP_WITHIN_S, WriterLink
from listenkey.transport.threads import SYSTEM, Threads

log = logging.getLogger("listenkey")

READ_AGAIN_AFTER_S: Final = 0.2
"""A reader that is far behind tries again after this, while the file can't be opened."""


class SqliteJournal:
    """
    A journal in an SQLite file, with one reader of its own.

    Args:
        path: The file; made where there is none.
        account: The alias that items carry. A journal is one account's.
        account_is_named: Whether somebody named it. An alias that stands for an API key gives way to the journal's: a
            journal belongs to an account, and an account's key is replaced now and then.
        wall_ms: Epoch ms.
        consumer: The reader's name: it goes on after what it committed, also in the next process. Without one it starts
            with what comes now.
        after: The reader starts after this number instead.
        auto_commit: Take an item as done when the next one is asked for.
        retention: What may be taken away at the beginning.
        queue_bytes_max: What may wait for the disk.
        store: The file, held for writing; the simulation has another one.
        threads: Where the writer's thread is from.

    Attributes:
        path: The file.
        store: It, held for writing.
        writer: The thread that writes it.
        overflow: Decides which event finds room, and tells of those that don't.
        duplicates: Fills that were not kept, because the journal had them.
        recovered: Updates that REST alone brought and that were kept.
    """

    def __init__(
        self,
        path: Path,
        account: str,
        wall_ms: Callable[[], int],
        *,
        account_is_named: bool = True,
        consumer: str | None = None,
        after: int | None = None,
        auto_commit: bool = False,
        retention: Retention | None = None,
        queue_bytes_max: int = QUEUE_BYTES_MAX,
        store: Store | None = None,
        threads: Threads = SYSTEM,
    ) -> None:
        self.path = path
        self.duplicates = 0
        self.recovered = 0
        self.store = store or Store(path, account, account_is_named=account_is_named)
        self._after = after
        self._items = DurableItems(path)
        self._signal = ReaderSignal()
        self._link = WriterLink(self.store, self._on_committed, self._on_finished)
        self.writer = Writer(
            self.store,
            self._link.report,
            consumer,
            retention or Retention(),
            wall_ms,
            lambda: self._items.read_seq,
            threads,
        )
        self._queue = WriteQueue(self.writer, wall_ms, queue_bytes_max)
        self.overflow = self._queue.overflow
        self._commits = ConsumerCommits(consumer, self.writer, auto_commit=auto_commit)

    # --- life ----------------------------------------------------------------------------------------------------

    async def open(self) -> Resumed:
        """
        Lock the file, look at its end, and begin to write.

        Raises:
            Fenced: Another process writes to it.
            UsageError: It is no journal, another account's, or ends before `after`.
            Corrupt: Its end is damaged.
            Full, JournalError: It can't be made or read.
        """
        left = await self._link.open()
        try:
            read_seq = self._commits.begin(self.store, self._after)
        except BaseException:
            self.store.close()
            raise
        self._items.begin(read_seq, self.store.last_seq)
        self.overflow.resume(gap_is_open=left.open_from_ms is not None)
        self._link.start(self.writer)
        return left

    async def aclose(self) -> None:
        """
        Write what waits, move it into the one file, let go of it; within two seconds, whatever the disk does.

        What could not be written by then was shown to nobody, and the next process tells it as a gap.
        """
        if not self._link.has_started:
            return
        self._queue.release()
        self.writer.stop()
        async with AsyncExitStack() as to_do:  # Each step is done, also where one before it is cancelled.
            to_do.callback(self._link.close)
            to_do.callback(self._items.let_go)
            to_do.push_async_callback(self._items.stop, GIVE_UP_WITHIN_S)
            to_do.callback(self.end, self._signal.error)
            if not await self._link.join():
                log.error("journal %s: the disk does not answer; %d items wait", self.path, self._queue.entries)

    def abandon(self) -> None:
        """Stop writing, without waiting for it; from any thread."""
        self.writer.give_up()

    def end(self, error: BaseException | None) -> None:
        """End the journal; the first error counts."""
        if self._signal.has_ended:
            return
        self._queue.close()
        self._signal.end(error)
        self._signal.wake()

    # --- status --------------------------------------------------------------------------------------------------

    def watch(self, on_change: Callable[[], None]) -> None:
        """Call a function whenever `problem` or `overflow.losing` has changed."""
        self.overflow.on_change = on_change
        self._link.on_change = on_change

    @property
    def account(self) -> str:
        """The alias that items carry; the journal's own, once it is open."""
        return self.store.account

    @property
    def account_doubt(self) -> str:
        """The reason to doubt that the API key is this account's, for people; empty without one."""
        return self.store.account_doubt

    @property
    def problem(self) -> str | None:
        """The reason why nothing can be written at the moment, for people; None while all is well."""
        return self._link.problem

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

    def _on_finished(self, error: BaseException | None) -> None:
        if error is not None:
            self._signal.end(error)
        self._commits.close(error)
        self._signal.wake()

    # --- reading -------------------------------------------------------------------------------------------------

    async def next(self) -> Item:
        """Return the next item that is on the disk; raise the error that ended the stream, or StopAsyncIteration."""
        items = self._items
        self._commits.note_read(items.read_seq)
        while not items.window:
            if items.read_seq < items.durable_seq:
                await self._refill()
            elif self._signal.has_ended and (self._queue.entries == 0 or self._link.is_over):
                self._signal.raise_end()
            else:
                await self._signal.wait()
        return items.take()

    async def _refill(self) -> None:
        try:
            await self._items.refill()
        except (JournalError, UsageError) as error:
            if self._link.is_over or isinstance(error, Corrupt):
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
