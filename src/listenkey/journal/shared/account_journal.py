"""The journal of one account in a file of many: what `SqliteJournal` is, without a file, a thread and a lock of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from listenkey.core.gaps import Resumed
from listenkey.items import Item
from listenkey.journal.shared.account_end import AccountEnd
from listenkey.journal.shared.account_view import AccountLeft
from listenkey.journal.shared.account_writer import AccountWriter, Inbox
from listenkey.journal.sqlite.consumer_commits import ConsumerCommits
from listenkey.journal.sqlite.durable_items import DurableItems, ItemReader
from listenkey.journal.sqlite.durable_journal import DurableJournal
from listenkey.journal.sqlite.write_queue import QUEUE_BYTES_MAX, QueueRoom, WriteQueue
from listenkey.journal.sqlite.writer import Committed
from listenkey.journal.sqlite.writer_link import FINISH_WITHIN_S, GIVE_UP_WITHIN_S
from listenkey.transport.closing import outlast

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger("listenkey")


class AccountFile(Protocol):
    """The file, as the journal of one of its accounts sees it."""

    path: Path
    room: QueueRoom
    wall_ms: Callable[[], int]

    @property
    def inbox(self) -> Inbox:
        """The writing thread, as it is seen from the accounts."""

    @property
    def problem(self) -> str | None:
        """The reason why nothing can be written at the moment."""

    def claim(self, journal: AccountJournal) -> None:
        """Take an account's name for this journal. Raises Fenced where another one has it."""

    async def look(self, journal: AccountJournal) -> AccountLeft:
        """Look at the end of an account."""

    def release(self, journal: AccountJournal) -> None:
        """Let another journal have the name."""

    def abandon(self, journal: AccountJournal) -> None:
        """Let go of an account whose event loop is gone; from any thread."""

    def reader(self, account: str) -> ItemReader:
        """Return what reads an account's items from the file."""


class _Opened:
    """The end of an account that was opened, for the commits of its consumer."""

    def __init__(self, path: Path, left: AccountLeft) -> None:
        self.path = path
        self.last_seq = left.end.last_seq
        self.skip = left.end.skip
        self._cursors: Mapping[str, int] = left.cursors

    def cursor(self, name: str) -> int | None:
        return self._cursors.get(name)


class AccountJournal(DurableJournal):
    """
    The journal of one account, in a file of many. `SharedJournals.journal` makes it.

    Idle it holds some kilobytes: no buffer is made before there is something for it.

    Args:
        file: Where it is kept.
        account: The account's name.
        consumer: The reader's name: it goes on after what it committed, also in the next process. Without one it starts
            with what comes now.
        after: The reader starts after this number instead.
        on_items: Called in the event loop with the items of each group when they are on the disk. They are then taken as
            read: `next` gets none of them.
        queue_bytes_max: What may wait for the disk.

    Attributes:
        path: The file.
        account: The account's name.
        account_doubt: Empty: the name says that the API key is right.
        writer: The thread, as this account sees it.
    """

    __slots__ = (
        "_after",
        "_ended",
        "_file",
        "_is_closed",
        "_on_change",
        "_on_item",
        "account",
        "account_doubt",
        "on_items",
        "writer",
    )

    def __init__(
        self,
        file: AccountFile,
        account: str,
        *,
        consumer: str | None = None,
        after: int | None = None,
        on_items: Callable[[list[Item]], object] | None = None,
        queue_bytes_max: int = QUEUE_BYTES_MAX,
    ) -> None:
        self.account = account
        self.account_doubt = ""
        self.on_items = on_items
        self.writer = AccountWriter(file.inbox, self, consumer)
        self._file = file
        self._after = after
        self._on_change: Callable[[], None] | None = None
        self._on_item: Callable[[Item], None] | None = None
        self._is_closed = True
        self._ended: asyncio.Future[None] | None = None
        super().__init__(
            DurableItems(file.path, self._reader),
            WriteQueue(self.writer, file.wall_ms, queue_bytes_max, file.room),
            ConsumerCommits(consumer, self.writer, auto_commit=False),
        )

    @property
    def path(self) -> Path:
        """The file that the journal is in, with those of others."""
        return self._file.path

    async def open(self) -> Resumed:
        """
        Look at the account's end, and begin to write.

        Raises:
            Fenced: Another stream of this process writes to it.
            UsageError: It ends before `after`.
            Corrupt: Its end is damaged. Those of other accounts are not concerned.
            JournalError: The file is not open, or can't be read.
        """
        self._file.claim(self)
        try:
            left = await self._file.look(self)
            read_seq = self._commits.begin(_Opened(self.path, left), self._after)
        except BaseException:
            self._file.release(self)
            raise
        self.writer.end = left.end
        self._items.begin(left.end.last_seq if self.on_items else read_seq, left.end.last_seq)
        self.overflow.resume(gap_is_open=left.resumed.open_from_ms is not None)
        self._is_closed = False
        return left.resumed

    async def aclose(self) -> None:
        """
        Write what waits, and let go of the account, within two seconds, whatever the disk does; the others go on.

        What could not be written by then was shown to nobody, and the next process tells it as a gap.
        """
        if self._is_closed:
            return
        self._queue.release()
        ended = self._ended = self._ended or asyncio.get_running_loop().create_future()
        self.writer.close()
        async with AsyncExitStack() as to_do:  # Each step is done, also where one before it is cancelled.
            to_do.callback(self._items.let_go)
            to_do.push_async_callback(self._items.stop, GIVE_UP_WITHIN_S)
            to_do.callback(self.end, self._signal.error)
            if not await outlast(ended, FINISH_WITHIN_S):
                self.writer.give_up()
                if not await outlast(ended, GIVE_UP_WITHIN_S):
                    log.error(
                        "journal %s of the account %r: the disk does not answer; %d items wait",
                        self.path, self.account, self._queue.entries,
                    )  # fmt: skip

    async def deliver(self, on_item: Callable[[Item], None]) -> None:
        """
        Call a function with every item, until the end; with those of a group as soon as that is reported.

        A task that is woken for each group would cost more than all else that is done for an item in the event loop.

        Raises:
            What ended the stream, or what the function raised.
        """
        self._on_item = on_item
        try:
            await super().deliver(on_item)
        finally:
            self._on_item = None

    def abandon(self) -> None:
        """Stop writing, without waiting for it; from any thread."""
        self._file.abandon(self)

    def watch(self, on_change: Callable[[], None]) -> None:
        """Call a function whenever `problem` or `overflow.losing` has changed."""
        self.overflow.on_change = on_change
        self._on_change = on_change

    @property
    def problem(self) -> str | None:
        """The reason why nothing can be written at the moment, for people; None while all is well."""
        return self._file.problem

    @property
    def end_of_items(self) -> AccountEnd | None:
        """The account's end; None while it is not open."""
        return self.writer.end

    @property
    def read_seq(self) -> int:
        """The item that the reader got last; retention takes nothing behind it. From any thread."""
        return self._items.read_seq

    @property
    def _is_over(self) -> bool:
        return self._is_closed

    # --- called by the file, in the event loop ---------------------------------------------------------------------

    def problem_changed(self) -> None:
        """The file can't be written any more, or can again."""
        if self._on_change is not None:
            self._on_change()

    def written(self, report: Committed) -> None:
        """Some of what waited is on the disk."""
        if self._is_closed:  # The disk answered too late: nobody may be shown it, and the next one that opens finds it.
            return
        if self.on_items is not None:
            self._items.begin(report.last_seq, report.last_seq)
            self._on_committed(report)
            if report.items:
                self.on_items(report.items)
            return
        waiting = self._signal.waiting
        if self._on_item is None or waiting is None or waiting.done():
            self._on_committed(report)
            return
        self._signal.waiting = None  # It need not be woken for what it is given here.
        self._on_committed(report)
        self._hand_over(self._on_item, waiting)

    def _hand_over(self, on_item: Callable[[Item], None], waiting: asyncio.Future[None]) -> None:
        """Give the function what is there, while its owner waits; wake him where he has more to do."""
        try:
            for item in self.ready():
                on_item(item)
        except Exception as error:  # noqa: BLE001 - the user's function: what it raises is raised where its owner waits
            if not waiting.done():
                waiting.set_exception(error)
        else:
            self._signal.waiting = waiting
            if self._signal.has_ended or self._items.lag:
                self._signal.wake()

    def let_go(self, error: BaseException | None) -> None:
        """Nothing more is written: as asked, or because of an error."""
        if self._is_closed:
            return
        self._is_closed = True
        self._queue.leave()
        self._file.release(self)
        self._signal.end(error)
        self._commits.close(error)
        self._signal.wake()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _reader(self) -> ItemReader:
        return self._file.reader(self.account)
