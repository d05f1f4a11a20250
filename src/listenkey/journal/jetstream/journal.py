"""
The journal of an account on NATS JetStream: durable before visible, one owner, any number of readers.

What is appended waits in a queue; a task publishes it (`publisher.py`), and only what the servers acknowledged is given to the
reader (`stored_items.py`). Whoever opens the journal becomes the account's owner, and fences the one before (`ownership.py`).
See decisions/0013.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from time import monotonic
from typing import Any, Final, cast

from listenkey.core.gaps import Resumed, Watermark
from listenkey.errors import TimedOut
from listenkey.events import Event
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance
from listenkey.journal.jetstream.known_fills import KnownFills
from listenkey.journal.jetstream.log_marks import LogMarks
from listenkey.journal.jetstream.log_reader import LogReader
from listenkey.journal.jetstream.opened_log import OpenedLog, Takeover
from listenkey.journal.jetstream.ownership import OwnershipRecord
from listenkey.journal.jetstream.publisher import Publisher
from listenkey.journal.jetstream.record_numbering import RecordNumbering
from listenkey.journal.jetstream.servers import LogServers
from listenkey.journal.jetstream.stored_items import StoredItems
from listenkey.journal.reader_signal import ReaderSignal
from listenkey.journal.sqlite.consumer_commits import ConsumerCommits
from listenkey.journal.sqlite.write_queue import QUEUE_BYTES_MAX, WriteQueue
from listenkey.journal.sqlite.writer import Committed
from listenkey.transport.closing import outlast

log = logging.getLogger("listenkey")

OPEN_WITHIN_S: Final = 30.0
"""A cluster that chooses a leader takes five to nine seconds, and one that has just begun up to eight more."""

FINISH_WITHIN_S: Final = 1.2
GIVE_UP_WITHIN_S: Final = 0.4
"""Servers that do not answer must not keep a process from ending within two seconds."""


class JetStreamJournal:
    """
    An account's journal in NATS, with one reader of its own.

    Args:
        servers: Of NATS; shared with other accounts.
        account: The account's name; the journal is found by it.
        wall_ms: Epoch ms.
        consumer: The reader's name: it goes on after what it committed, also in the next process. Without one it starts
            with what comes now.
        after: The reader starts after this number instead.
        auto_commit: Take an item as done when the next one is asked for.
        queue_bytes_max: What may wait for the servers.

    Attributes:
        account: The account's name.
        account_doubt: Empty: the account was named.
        overflow: Decides which event finds room, and tells of those that don't.
        duplicates: Fills that were not kept, because the journal had them.
        recovered: Updates that REST alone brought and that were kept.
        problem: The reason why nothing can be stored at the moment, for people.
    """

    def __init__(
        self,
        servers: LogServers,
        account: str,
        wall_ms: Callable[[], int],
        *,
        consumer: str | None = None,
        after: int | None = None,
        auto_commit: bool = False,
        queue_bytes_max: int = QUEUE_BYTES_MAX,
    ) -> None:
        self.account = account
        self.account_doubt = ""
        self.duplicates = 0
        self.recovered = 0
        self.problem: str | None = None
        self._servers = servers
        self._after = after
        fills = KnownFills()
        names = servers.address.names.of(account)
        reader = LogReader(servers, names)
        self._items = StoredItems(reader)
        self._signal = ReaderSignal()
        numbering, marks = RecordNumbering(account, fills), LogMarks(monotonic)
        self._takeover = Takeover(servers, names, reader, numbering, fills, marks, consumer)
        self._publisher = Publisher(servers, names, numbering, marks, self._on_stored, self._on_problem)
        self._queue = WriteQueue(cast("Any", self._publisher), wall_ms, queue_bytes_max)
        self.overflow = self._queue.overflow
        self._commits = ConsumerCommits(consumer, cast("Any", self._publisher), auto_commit=auto_commit)
        self._on_change: Callable[[], None] = lambda: None
        self._wall_ms = wall_ms
        self._publishing: asyncio.Task[None] | None = None

    # --- life ----------------------------------------------------------------------------------------------------

    async def open(self) -> Resumed:
        """
        Become the account's owner, look at its end, and begin to publish. Who owned it before is fenced by that.

        Raises:
            UsageError: The servers may lose items, or the account ends before `after`.
            Corrupt: Its end is damaged.
            Unreachable, TimedOut, JournalError: The servers don't answer, or refused.
        """
        await self._servers.acquire()
        try:
            opened = await self._take()
            self._items.begin(self._commits.begin(cast("Any", opened), self._after), opened.last_seq)
        except BaseException:
            await self._servers.release()
            raise
        self._publisher.begin(opened.token)
        self.overflow.resume(gap_is_open=opened.left.open_from_ms is not None)
        self._publishing = asyncio.get_running_loop().create_task(self._publisher.run())
        self._publishing.add_done_callback(self._on_finished)
        return opened.left

    async def _take(self) -> OpenedLog:
        troubles = ["no answer"]
        owner = OwnershipRecord(self._servers.worker, secrets.token_hex(11), self.account, self._wall_ms())
        try:
            async with asyncio.timeout(OPEN_WITHIN_S):
                return await self._takeover.open(owner, troubles.append)
        except TimeoutError:
            text = f"{self._servers.where} can't be written to ({troubles[-1]})"
            raise TimedOut(text, OPEN_WITHIN_S) from None

    async def aclose(self) -> None:
        """
        Publish what waits, and let go of the servers; within two seconds, whatever they do.

        What could not be stored by then was shown to nobody, and the next process tells it as a gap.
        """
        publishing = self._publishing
        if publishing is None:
            return
        self._publishing = None
        self._queue.release()
        self._publisher.stop()
        async with AsyncExitStack() as to_do:  # Each step is done, also where one before it is cancelled.
            to_do.push_async_callback(self._servers.release)
            to_do.callback(self._items.let_go)
            to_do.callback(self.end, self._signal.error)
            if not await outlast(publishing, FINISH_WITHIN_S):
                log.error(
                    "%s: %s does not answer; %d items wait", self.account, self._servers.where, self._queue.entries
                )
                publishing.cancel()
                await outlast(publishing, GIVE_UP_WITHIN_S)

    def abandon(self) -> None:
        """Stop publishing, without waiting for it; from any thread."""
        publishing = self._publishing
        if publishing is not None:
            with contextlib.suppress(RuntimeError):  # The loop has closed, and the task with it.
                publishing.get_loop().call_soon_threadsafe(publishing.cancel)

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
        self._on_change = on_change

    @property
    def backlog(self) -> int:
        """Items on their way and items not read yet."""
        return len(self._queue) + self._items.lag

    # --- appending -----------------------------------------------------------------------------------------------

    def append_event(
        self, event: Event, raw: bytes, received_ms: int, provenance: Provenance = "ws", *, late: bool = False
    ) -> None:
        """Put an event on its way to the servers; where too much waits, drop it and tell a gap."""
        self._queue.append_event(event, raw, received_ms, provenance, late=late)

    def append_events(self, events: list[Event], raws: list[bytes], received_ms: int) -> None:
        """The same for a batch; where there may be no room for all of it, one by one."""
        self._queue.append_events(events, raws, received_ms)

    def turn_after_s(self) -> float | None:
        """Return a moment while the servers have plenty to do: data waiting in the system costs no room here."""
        return self._queue.turn_after_s()

    def append_told(self, items: Iterable[Live | GapOpened | GapClosed]) -> None:
        """Queue the lifecycle's items. They always find room; where much waits, gaps are joined."""
        self._queue.append_told(items)

    def heard(self, wall_ms: int, mark: Watermark | None = None) -> None:
        """The stream was whole at this moment; the next process begins its gap there."""
        self._queue.heard(wall_ms, mark)

    def _on_stored(self, report: Committed) -> None:
        self._queue.written(report)
        self.duplicates += report.duplicates
        self.recovered += report.recovered
        self._items.show(report.items, report.last_seq)
        if (
            self.overflow.from_ms is not None or len(self._queue) > self._queue.entries
        ):  # nearly never, so without a call
            self._queue.settle()
        if report.cursor is not None:
            self._commits.written(report.cursor)
        self._signal.wake()

    def _on_problem(self, problem: str | None) -> None:
        self.problem = problem
        self._on_change()

    def _on_finished(self, publishing: asyncio.Task[None]) -> None:
        error = None if publishing.cancelled() else publishing.exception()
        if error is not None:
            log.error("%s: %s", self.account, error)
            self._on_problem(str(error))
            self._signal.end(error)
        self._commits.close(error)
        self._signal.wake()

    # --- reading -------------------------------------------------------------------------------------------------

    async def next(self) -> Item:
        """Return the next item that is stored; raise the error that ended the stream, or StopAsyncIteration."""
        items = self._items
        self._commits.note_read(items.read_seq)
        while not items.window:
            if items.read_seq < items.stored_seq:
                await items.refill()
            elif self._signal.has_ended and (self._queue.entries == 0 or self._is_over):
                self._signal.raise_end()
            else:
                await self._signal.wait()
        return items.take()

    @property
    def _is_over(self) -> bool:
        return self._publishing is None or self._publishing.done()

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
        The consumer is done with everything up to `seq`: returns when that is stored.

        Raises:
            UsageError: There is no consumer, or it has not been given that item.
            JournalError: It could not be stored.
        """
        await self._commits.commit(seq, self._items.read_seq)
