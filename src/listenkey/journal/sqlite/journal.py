"""
The journal in a file: durable before visible, one writer, any number of readers.

What is appended waits in a queue (`write_queue.py`); a thread commits it (`writer.py`, heard through `writer_link.py`),
and only then does the reader get it (`durable_items.py`). See decisions/0007.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from listenkey.core.gaps import Resumed
from listenkey.journal.sqlite.consumer_commits import ConsumerCommits
from listenkey.journal.sqlite.durable_items import DurableItems
from listenkey.journal.sqlite.durable_journal import DurableJournal
from listenkey.journal.sqlite.retention import Retention
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.write_queue import QUEUE_BYTES_MAX, WriteQueue
from listenkey.journal.sqlite.writer import Committed, Writer
from listenkey.journal.sqlite.writer_link import GIVE_UP_WITHIN_S, WriterLink
from listenkey.transport.threads import SYSTEM, Threads

log = logging.getLogger("listenkey")


class SqliteJournal(DurableJournal):
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
        self.store = store or Store(path, account, account_is_named=account_is_named)
        self._after = after
        self._link: WriterLink[Resumed, Committed] = WriterLink(self.store, self._on_committed, self._on_finished)
        self.writer = Writer(
            self.store,
            self._link.report,
            consumer,
            retention or Retention(),
            wall_ms,
            lambda: self._items.read_seq,
            threads,
        )
        super().__init__(
            DurableItems(path),
            WriteQueue(self.writer, wall_ms, queue_bytes_max),
            ConsumerCommits(consumer, self.writer, auto_commit=auto_commit),
        )

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
    def _is_over(self) -> bool:
        return self._link.is_over

    def _on_finished(self, error: BaseException | None) -> None:
        if error is not None:
            self._signal.end(error)
        self._commits.close(error)
        self._signal.wake()
