"""
The journal in a file: durable before visible, one writer, any number of readers.

What is appended waits in a queue; a thread commits it (`writer.py`), and only then does the reader get it. A reader
that is near the end is served from memory. One that falls behind is served from the file, so its lag costs no memory.
See decisions/0007.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, assert_never

from listenkey.core.gaps import Resumed, Watermark
from listenkey.errors import Corrupt, JournalError, UsageError
from listenkey.events import Event
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance, Update
from listenkey.journal.gap_coalescer import HeldBack
from listenkey.journal.overflow import Overflow
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.retention import Retention
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.writer import Arrived, Committed, Finished, Report, Told, Troubled, Writer
from listenkey.outcomes import GapCause, Reason
from listenkey.transport.closing import outlast

log = logging.getLogger("listenkey")

QUEUE_BYTES_MAX: Final = 64 * 1024 * 1024
"""The bytes that may wait for the disk: five seconds of a stalled one at twenty thousand events per second."""

ENTRY_OVERHEAD_BYTES: Final = 700
"""The memory of a waiting event beside its JSON: the decoded event, mostly."""

WAITING_MAX: Final = 1_000
"""The entries that may wait before the lifecycle's items are held, so that adjoining gaps become one."""

TURN_BYTES: Final = 16 * 1024 * 1024
"""The waiting bytes at which reading pauses: two dozen groups. More would not be written sooner."""

TURN_AFTER_S: Final = 0.002
"""The pause in reading: meanwhile the disk takes some dozens of events."""

WINDOW_BYTES_MAX: Final = 8 * 1024 * 1024
"""Durable items kept in memory for a reader that is near the end."""

READ_AGAIN_AFTER_S: Final = 0.2
"""A reader that is far behind tries again after this, while the file can't be opened."""

FINISH_WITHIN_S: Final = 1.2
GIVE_UP_WITHIN_S: Final = 0.4
"""A disk that does not answer must not keep a process from ending within two seconds."""

STUCK: Final = Reason(GapCause.JOURNAL_STUCK, "the journal is full or can't be written, and so is the buffer before it")


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
    ) -> None:
        if auto_commit and consumer is None:
            raise UsageError("auto_commit needs the name of a consumer")
        if consumer == "":
            raise UsageError("a consumer needs a name")
        self.path = path
        self.duplicates = 0
        self.recovered = 0
        self.problem: str | None = None
        self._consumer = consumer
        self._after = after
        self._auto_commit = auto_commit
        self._wall_ms = wall_ms
        self._store = Store(path, account, account_is_named=account_is_named)
        self._writer = Writer(self._store, self._on_thread_report, consumer, retention or Retention(), wall_ms)
        self._queue_bytes_max = queue_bytes_max
        self._overflow = Overflow(queue_bytes_max, STUCK, "were dropped before the journal could be written again")
        self._held = HeldBack()
        self._waiting_entries = 0
        self._waiting_bytes = 0
        self._durable_seq = 0
        self._read_seq = 0
        self._window: deque[Item] = deque()
        self._window_bytes = 0
        self._window_end = 0
        self._reader: JournalReader | None = None
        self._refilling: asyncio.Future[list[Item]] | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._commits: list[tuple[int, asyncio.Future[None]]] = []
        self._committed = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finished: asyncio.Future[None] | None = None
        self._ended = False
        self._closed = False
        self._on_trouble: Callable[[], None] = lambda: None
        self._error: BaseException | None = None

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
        self._loop = asyncio.get_running_loop()
        opening = self._loop.run_in_executor(None, self._store.open)
        try:
            await asyncio.wait({opening})
            left = opening.result()
        except asyncio.CancelledError:
            try:
                await outlast(opening, FINISH_WITHIN_S)
            finally:
                if opening.done():
                    self._close_opened(opening)
                else:
                    opening.add_done_callback(self._close_opened)
            raise
        try:
            self._read_seq = self._position()
        except BaseException:
            self._store.close()
            raise
        self._durable_seq = self._store.last_seq
        self._window_end = self._writer.read_seq = self._read_seq
        self._finished = self._loop.create_future()
        self._writer.start()
        return left

    def _close_opened(self, opening: asyncio.Future[Resumed]) -> None:
        """Close a store that was given up while a thread opened it."""
        if not opening.cancelled() and opening.exception() is None:
            self._store.close()

    def _position(self) -> int:
        """Return the number of the item after which the reader starts."""
        last = self._store.last_seq
        kept = None if self._consumer is None else self._store.cursor(self._consumer)
        self._committed = kept or 0
        position = self._after if self._after is not None else kept
        if position is None:
            # A consumer that is new reads everything; a reader without a name reads what comes.
            position = last if self._consumer is None else 0
        if not 0 <= position <= last + self._store.skip:
            raise UsageError(f"the journal {self.path} ends at item {last}, before the reader's position {position}")
        return position

    async def aclose(self) -> None:
        """
        Write what waits, move it into the one file, let go of it; within two seconds, whatever the disk does.

        What could not be written by then was shown to nobody, and the next process tells it as a gap.
        """
        if self._finished is None:
            return
        self._tell_held()
        self._writer.stop()
        async with AsyncExitStack() as to_do:  # Each step is done, also where one before it is cancelled.
            to_do.callback(self._let_go)
            to_do.push_async_callback(self._stop_reading)
            to_do.callback(self.end, self._error)
            if not await outlast(self._finished, FINISH_WITHIN_S):
                self._writer.give_up()
                if not await outlast(self._finished, GIVE_UP_WITHIN_S):
                    log.error("journal %s: the disk does not answer; %d items wait", self.path, self._waiting_entries)

    async def _stop_reading(self) -> None:
        if self._refilling is not None:
            await outlast(self._refilling, GIVE_UP_WITHIN_S)

    def _let_go(self) -> None:
        if self._refilling is not None and not self._refilling.done():
            self._refilling.add_done_callback(
                lambda _: self._close_reader()
            )  # The disk does not answer; a thread waits for it.
        else:
            self._close_reader()
        self._closed = True
        self._durable_seq = self._window_end  # what is only in the file is read from there

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def watch(self, on_change: Callable[[], None]) -> None:
        """Call a function whenever `problem` or `losing` has changed."""
        self._overflow.on_change = on_change
        self._on_trouble = on_change

    @property
    def losing_from_ms(self) -> int | None:
        """The time since which events are dropped, wall clock, epoch ms; None while all are kept."""
        return self._overflow.from_ms

    def abandon(self) -> None:
        """Stop writing, without waiting for it; from any thread."""
        self._writer.give_up()

    @property
    def account(self) -> str:
        """The alias that items carry; the journal's own, once it is open."""
        return self._store.account

    @property
    def account_doubt(self) -> str:
        """The reason to doubt that the API key is this account's, for people; empty without one."""
        return self._store.account_doubt

    # --- appending -----------------------------------------------------------------------------------------------

    def append_event(
        self, event: Event, raw: bytes, received_ms: int, provenance: Provenance = "ws", *, late: bool = False
    ) -> None:
        """Put an event on its way to the disk; where too much waits, drop it and tell a gap."""
        admitted, told = self._overflow.admit(self._waiting_bytes, received_ms)
        if told:
            self.append_told(told)
        if not admitted:
            return
        self._tell_held()
        self._waiting_entries += 1
        self._waiting_bytes += len(raw) + ENTRY_OVERHEAD_BYTES
        self._writer.put(Arrived(event, raw, received_ms, provenance, late))

    def append_events(self, events: list[Event], raws: list[bytes], received_ms: int) -> None:
        """The same for a batch; where there may be no room for all of it, one by one."""
        count = len(events)
        size = sum(map(len, raws)) + count * ENTRY_OVERHEAD_BYTES
        if not self._overflow.has_room(self._waiting_bytes + size):
            for event, raw in zip(events, raws, strict=True):
                self.append_event(event, raw, received_ms)
            return
        self._tell_held()
        self._waiting_entries += count
        self._waiting_bytes += size
        self._writer.put_all([Arrived(event, raw, received_ms) for event, raw in zip(events, raws, strict=True)])

    def turn_after_s(self) -> float | None:
        """Return a moment while the disk has plenty to do: data waiting in the system costs no room here."""
        return TURN_AFTER_S if self._waiting_bytes > min(TURN_BYTES, self._queue_bytes_max // 2) else None

    def append_told(self, items: Iterable[Live | GapOpened | GapClosed]) -> None:
        """Queue the lifecycle's items. They always find room; where much waits, gaps are joined."""
        for item in self._overflow.passes(items):
            self._held.add(item)
        if self._waiting_entries < WAITING_MAX:
            self._tell_held()

    def _tell_held(self) -> None:
        for item in self._held.release() if self._held else ():
            self._waiting_entries += 1
            self._waiting_bytes += ENTRY_OVERHEAD_BYTES
            self._writer.put(Told(item, self._wall_ms()))

    def heard(self, wall_ms: int, mark: Watermark | None = None) -> None:
        """The stream was whole at this moment; the next process begins its gap there."""
        if not self._overflow.is_open and not self._held:
            self._writer.heard(wall_ms, mark)

    def end(self, error: BaseException | None) -> None:
        """End the journal; the first error counts."""
        if self._ended:
            return
        self.append_told(self._overflow.close(self._wall_ms()))
        self._tell_held()
        self._ended = True
        self._error = error
        self._wake()

    @property
    def backlog(self) -> int:
        """Items on their way and items not read yet."""
        return len(self._held) + self._waiting_entries + max(0, self._durable_seq - self._read_seq)

    @property
    def dropped(self) -> int:
        """The events dropped for want of room; each lies in a gap that is reported."""
        return self._overflow.dropped

    @property
    def losing(self) -> str | None:
        """The reason why events are being dropped for want of room."""
        return self._overflow.losing

    # --- reading -------------------------------------------------------------------------------------------------

    async def next(self) -> Item:
        """Return the next item that is on the disk; raise the error that ended the stream, or StopAsyncIteration."""
        self._done_with_read()
        while not self._window:
            if self._read_seq < self._durable_seq:
                await self._refill()
            elif self._ended and (self._waiting_entries == 0 or self._has_finished):
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            else:
                await self._something()
        return self._take()

    def take_ready(self, most: int) -> list[Item]:
        """Take the items in memory, at most so many; a reader that is far behind gets the next part from `next`."""
        if not self._window:
            return []
        self._done_with_read()
        take = self._window.popleft
        items = [take() for _ in range(min(most, len(self._window)))]
        self._window_bytes -= _sizes(items)
        if items:
            self._read_seq = self._writer.read_seq = items[-1].seq
        return items

    def ready(self) -> Iterator[Item]:
        """The same, one by one."""
        while self._window:
            self._done_with_read()
            yield self._take()

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
        if self._consumer is None:
            raise UsageError("name the reader to commit for: UserStream(..., consumer='book')")
        if not 0 < seq <= self._read_seq:
            raise UsageError(f"item {seq} was not read yet, so it can't be done")
        if seq <= self._committed:
            return
        if self._finished is None or self._finished.done():
            raise JournalError("the journal is closed")
        future = self._finished.get_loop().create_future()
        self._commits.append((seq, future))
        self._writer.done(max(self._commits)[0], urgent=True)
        await future

    @property
    def _has_finished(self) -> bool:
        return self._closed or self._finished is None or self._finished.done()

    def _done_with_read(self) -> None:
        if self._auto_commit:
            self._writer.done(self._read_seq, urgent=False)

    def _take(self) -> Item:
        item = self._window.popleft()
        self._window_bytes -= _sizes((item,))
        self._read_seq = self._writer.read_seq = item.seq
        return item

    async def _something(self) -> None:
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    async def _refill(self) -> None:
        """The next items from the file. A reader that gives up waiting finds them here next time."""
        if self._refilling is None:
            self._refilling = asyncio.get_running_loop().run_in_executor(None, self._read_file, self._read_seq)
        refilling = self._refilling
        await asyncio.wait({refilling})
        self._refilling = None
        try:
            items = refilling.result()
        except (JournalError, UsageError) as error:
            if self._has_finished or isinstance(error, Corrupt):
                raise
            await asyncio.sleep(READ_AGAIN_AFTER_S)  # Moved, or behind closed doors: the writer says so, and waits too.
            return
        if not items:
            raise Corrupt(f"the journal {self.path} no longer holds the items from {self._read_seq + 1} on")
        self._window.extend(items)
        self._window_bytes += _sizes(items)
        # What was committed while the file was read may be among them, and then has not been announced yet.
        self._window_end = items[-1].seq
        self._durable_seq = max(self._durable_seq, self._window_end)

    def _read_file(self, after: int) -> list[Item]:
        if self._reader is None:
            self._reader = JournalReader(self.path)
        return self._reader.read(after)

    # --- what the thread reports ---------------------------------------------------------------------------------

    def _on_thread_report(self, report: Report) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # The loop has closed: nobody is left to tell.
            self._loop.call_soon_threadsafe(self._on_report, report)

    def _on_report(self, report: Report) -> None:
        match report:
            case Committed():
                self._on_committed(report)
            case Troubled(problem):
                self.problem = problem
                self._on_trouble()
            case Finished(error):
                self._on_finished(error)
            case _:
                assert_never(report)

    def _on_committed(self, report: Committed) -> None:
        self._waiting_entries -= report.entries
        self._waiting_bytes -= report.raw_bytes + report.entries * ENTRY_OVERHEAD_BYTES
        self.duplicates += report.duplicates
        self.recovered += report.recovered
        items = report.items
        if items and items[0].seq <= self._window_end:
            items = [item for item in items if item.seq > self._window_end]
        self._show(items, report.last_seq)
        self.append_told(self._overflow.settle(self._waiting_bytes, self._wall_ms()))
        if report.cursor is not None:
            self._committed = report.cursor
            self._settle_commits(None)
        self._wake()

    def _show(self, items: list[Item], last_seq: int) -> None:
        """Keep items in memory where they continue the window and fit; else the reader finds them in the file."""
        if self._window_end >= self._durable_seq and self._window_bytes < WINDOW_BYTES_MAX and items:
            self._window.extend(items)
            self._window_bytes += _sizes(items)
            self._window_end = last_seq
        self._durable_seq = max(self._durable_seq, last_seq)

    def _on_finished(self, error: BaseException | None) -> None:
        assert self._finished is not None
        if error is not None:
            log.error("journal %s: %s", self.path, error)
            self.problem = str(error)
            self._on_trouble()
            self._error = self._error or error
            self._ended = True
        self._finished.set_result(None)
        self._settle_commits(error or JournalError("the journal is closed"))
        self._wake()

    def _settle_commits(self, error: BaseException | None) -> None:
        waiting, self._commits = self._commits, []
        for seq, future in waiting:
            if future.done():
                continue
            if seq <= self._committed:
                future.set_result(None)
            elif error is not None:
                future.set_exception(error)
            else:
                self._commits.append((seq, future))

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


def _sizes(items: Sequence[Item]) -> int:
    return ENTRY_OVERHEAD_BYTES * len(items) + sum([len(item.raw) for item in items if type(item) is Update])
