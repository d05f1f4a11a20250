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
from collections.abc import Callable
from contextlib import AsyncExitStack
from time import monotonic
from typing import Final

from listenkey.core.gaps import Resumed
from listenkey.errors import Corrupt, JournalError, TimedOut, TooOld
from listenkey.items import Item
from listenkey.journal.jetstream.advice import advised
from listenkey.journal.jetstream.checkpoint import AccountMemory, CheckpointWriter
from listenkey.journal.jetstream.log_marks import LogMarks
from listenkey.journal.jetstream.log_reader import LogReader
from listenkey.journal.jetstream.opened_log import OpenedLog, Takeover
from listenkey.journal.jetstream.ownership import OwnershipRecord
from listenkey.journal.jetstream.publisher import Publisher
from listenkey.journal.jetstream.record_numbering import RecordNumbering
from listenkey.journal.jetstream.servers import LogServers
from listenkey.journal.jetstream.stored_items import StoredItems
from listenkey.journal.sqlite.consumer_commits import ConsumerCommits
from listenkey.journal.sqlite.durable_journal import READ_AGAIN_AFTER_S, DurableJournal
from listenkey.journal.sqlite.write_queue import QUEUE_BYTES_MAX, QueueRoom, WriteQueue
from listenkey.journal.sqlite.writer import Committed
from listenkey.transport.closing import outlast

log = logging.getLogger("listenkey")

OPEN_WITHIN_S: Final = 30.0
"""A cluster that chooses a leader takes five to nine seconds, and one that has just begun up to eight more."""

FINISH_WITHIN_S: Final = 1.2
GIVE_UP_WITHIN_S: Final = 0.4
"""Servers that do not answer must not keep a process from ending within two seconds."""


class JetStreamJournal(DurableJournal):
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
        on_items: Called in the event loop with items when they are acknowledged. They are then taken as read: `next` gets
            none of them.
        queue_bytes_max: What may wait for the servers.
        room: The memory for what waits, where it is shared with other accounts.

    Attributes:
        account: The account's name.
        account_doubt: Empty: the account was named.
        problem: The reason why nothing can be stored at the moment, for people.
    """

    __slots__ = (
        "_after",
        "_on_change",
        "_on_items",
        "_publisher",
        "_publishing",
        "_servers",
        "_takeover",
        "_wall_ms",
        "account",
        "account_doubt",
        "problem",
    )

    def __init__(
        self,
        servers: LogServers,
        account: str,
        wall_ms: Callable[[], int],
        *,
        consumer: str | None = None,
        after: int | None = None,
        auto_commit: bool = False,
        on_items: Callable[[list[Item]], object] | None = None,
        queue_bytes_max: int = QUEUE_BYTES_MAX,
        room: QueueRoom | None = None,
    ) -> None:
        self.account = account
        self.account_doubt = ""
        self.problem: str | None = None
        self._servers = servers
        self._wall_ms = wall_ms
        self._after = after
        self._on_items = on_items
        self._on_change: Callable[[], None] = lambda: None
        self._publishing: asyncio.Task[None] | None = None
        names, memory = servers.address.names.of(account), AccountMemory()
        reader, numbering, marks = LogReader(servers, names), RecordNumbering(account, memory), LogMarks(monotonic)
        checkpoints = CheckpointWriter(memory)
        self._takeover = Takeover(servers, names, reader, numbering, marks, checkpoints, consumer)
        self._publisher = Publisher(servers, names, numbering, marks, checkpoints, self._on_stored, self._on_problem)
        super().__init__(
            StoredItems(reader),
            WriteQueue(self._publisher, wall_ms, queue_bytes_max, room),
            ConsumerCommits(consumer, self._publisher, auto_commit=auto_commit),
        )

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
            read_seq = self._commits.begin(opened, self._after)
        except BaseException:
            await self._servers.release()
            raise
        self._items.begin(opened.last_seq if self._on_items else read_seq, opened.last_seq)
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
            raise advised(TimedOut(text, OPEN_WITHIN_S)) from None

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

    # --- status --------------------------------------------------------------------------------------------------

    def watch(self, on_change: Callable[[], None]) -> None:
        """Call a function whenever `problem` or `overflow.losing` has changed."""
        self.overflow.on_change = on_change
        self._on_change = on_change

    @property
    def _is_over(self) -> bool:
        return self._publishing is None or self._publishing.done()

    def _on_stored(self, report: Committed) -> None:
        if self._on_items is not None:
            self._items.begin(report.last_seq, report.last_seq)
        self._on_committed(report)
        if self._on_items is not None and report.items:
            self._on_items(report.items)

    def _on_problem(self, problem: str | None) -> None:
        self.problem = problem
        self._on_change()

    def _on_finished(self, publishing: asyncio.Task[None]) -> None:
        error = None if publishing.cancelled() else publishing.exception()
        self._queue.leave()
        if error is not None:
            log.error("%s: %s", self.account, error)
            self._on_problem(str(error))
            self._signal.end(error)
        self._commits.close(error)
        self._signal.wake()

    async def _refill(self) -> None:
        try:
            await self._items.refill()
        except JournalError as error:
            if self._is_over or isinstance(error, Corrupt | TooOld):
                raise
            await asyncio.sleep(READ_AGAIN_AFTER_S)  # The servers don't answer: the publisher says so, and waits too.
