"""
The journals of many accounts, kept in one file of a folder.

    journals = SharedJournals(folder, clock.wall_ms)
    await journals.open()
    journal = journals.journal("desk-1", on_items=feed)
    async with UserStream(...): ...
    await journals.aclose()
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from listenkey.errors import Fenced, JournalError, UsageError
from listenkey.items import Item
from listenkey.journal.shared.account_end import AccountEnd
from listenkey.journal.shared.account_journal import AccountJournal
from listenkey.journal.shared.account_view import AccountLeft, account_left
from listenkey.journal.shared.account_writer import Inbox
from listenkey.journal.shared.accounts_pruner import AccountsPruner
from listenkey.journal.shared.accounts_reader import AccountReader, AccountsReader
from listenkey.journal.shared.accounts_schema import FILE_NAME
from listenkey.journal.shared.accounts_store import AccountsStore
from listenkey.journal.shared.shared_writer import GroupCommitted, SharedWriter
from listenkey.journal.sqlite.reader import CHUNK_ROWS
from listenkey.journal.sqlite.retention import Retention
from listenkey.journal.sqlite.write_queue import QUEUE_BYTES_MAX, QueueRoom
from listenkey.journal.sqlite.writer_link import WriterLink
from listenkey.transport.threads import SYSTEM, Threads

ROOM_BYTES_MAX: Final = 256 * 1024 * 1024
"""The bytes that may wait for the disk of all accounts together. While more does, each has an equal share of them."""

NOT_OPEN: Final = "the journals are not open"
NAME_MAX: Final = 128


class SharedJournals:
    """
    The journals of a folder's accounts: one file, one lock, one thread that writes, one fsync for what waits of all.

    Args:
        folder: Where `accounts.db` is, or is made, with the folder.
        wall_ms: Epoch ms.
        threads: Where the writer's thread is from.
        keep_days: Items that are older may be deleted, but none that a named consumer has not committed.

    Attributes:
        path: The file.
        room: The memory for what waits.
    """

    def __init__(
        self, folder: Path, wall_ms: Callable[[], int], *, threads: Threads = SYSTEM, keep_days: float | None = None
    ) -> None:
        self.path = folder / FILE_NAME
        self.wall_ms = wall_ms
        self.room = QueueRoom(ROOM_BYTES_MAX)
        self._store = AccountsStore(self.path)
        self._link: WriterLink[None, GroupCommitted] = WriterLink(self._store, self._on_committed, self._on_finished)
        self._link.on_change = self._on_problem
        self._open: dict[str, AccountJournal] = {}
        self._retention = Retention(keep_days)
        pruner = AccountsPruner(self._store, self._retention, wall_ms, self._open.get)
        self._writer = SharedWriter(self._store, self._link.report, pruner, threads)
        self._commits: deque[asyncio.Future[None]] = deque()  # in the order in which they were put
        self._looking = asyncio.Lock()
        self._ended: asyncio.Future[BaseException] | None = None
        self._openings = AccountsReader(self.path)
        self._readers = AccountsReader(self.path)

    # --- the file --------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """
        Lock the file, and begin to write.

        Raises:
            Fenced: Another process writes to it.
            UsageError: It is another kind of file.
            Corrupt: Its tables are damaged.
            Full, JournalError: It can't be made or read.
        """
        folder = self.path.parent
        try:
            await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"the folder {folder} can't be made: {error.strerror}") from None
        await self._link.open()
        self._ended = asyncio.get_running_loop().create_future()
        self._link.start(self._writer)

    async def aclose(self) -> None:
        """Write what waits of all accounts, and let go of the file; within two seconds, whatever the disk does."""
        if not self._link.has_started:
            return
        self._writer.stop()
        try:
            await self._link.join()
        finally:
            self._link.close()
            for journal in list(self._open.values()):
                journal.let_go(None)
            self._settle(len(self._commits), JournalError(NOT_OPEN))
            for reader in (self._openings, self._readers):
                reader.close()

    async def ended(self) -> BaseException:
        """Return what has ended the writing of all accounts, once that has happened: another process, or damage."""
        assert self._ended is not None, "open the journals first"
        return await asyncio.shield(self._ended)

    def beside(self, _account: str) -> Path:
        """Return the name beside which the files lie that all accounts share."""
        return self.path

    @property
    def inbox(self) -> Inbox:
        """The writing thread, as it is seen from the accounts."""
        return self._writer

    @property
    def problem(self) -> str | None:
        """The reason why nothing can be written at the moment, for people; None while all is well."""
        return self._link.problem

    @property
    def names(self) -> list[str]:
        """The accounts that the file has, open or not, in the order in which they came."""
        return list(self._store.numbers)

    # --- accounts --------------------------------------------------------------------------------------------------

    def journal(
        self,
        account: str,
        *,
        consumer: str | None = None,
        after: int | None = None,
        on_items: Callable[[list[Item]], object] | None = None,
        queue_bytes_max: int = QUEUE_BYTES_MAX,
    ) -> AccountJournal:
        """
        Return the journal of an account, to be opened; one that is new is made when something is written.

        See `AccountJournal`.

        Raises:
            UsageError: It is no name.
        """
        if not account or len(account) > NAME_MAX or not account.isprintable():
            raise UsageError(f"the name of an account has 1 to {NAME_MAX} characters that can be printed")
        return AccountJournal(
            self, account, consumer=consumer, after=after, on_items=on_items, queue_bytes_max=queue_bytes_max
        )

    async def remove(self, account: str) -> None:
        """Let go of an account, where it is open; its items stay in the file."""
        if (journal := self._open.get(account)) is not None:
            journal.end(None)
            await journal.aclose()

    def last_seq(self, account: str) -> int:
        """Return the number of the newest durable item of an account that is open; 0 where it has none."""
        return self._end_of(account).last_seq

    def oldest_seq(self, account: str) -> int:
        """Return the number of its oldest item that is kept; one more than the newest where none is."""
        return self._end_of(account).first_seq

    def _end_of(self, account: str) -> AccountEnd:
        journal = self._open.get(account)
        if journal is None or journal.writer.end is None:
            raise UsageError(f"the journal of the account {account!r} is not open")
        return journal.writer.end

    # --- reading beside the streams --------------------------------------------------------------------------------

    async def kept(self, account: str) -> tuple[int, int]:
        """Return the numbers of an account's oldest and newest items, whether it is open or not; (1, 0) for a new one."""
        if account not in self._store.numbers:
            return 1, 0
        return await asyncio.to_thread(self._readers.kept, self._number_of(account), account)

    async def read(self, account: str, after: int, most: int = CHUNK_ROWS) -> list[Item]:
        """
        Return the items of an account behind a number, oldest first, each compared with its checksum.

        Any account of the file can be read, open or not.

        Raises:
            UsageError: The file has no such account.
            TooOld: Items behind the number were deleted for their age.
            Corrupt: An item was changed, or is missing.
            JournalError: The file can't be read.
        """
        return await asyncio.to_thread(self._readers.read, self._number_of(account), account, after, most)

    async def cursor(self, account: str, consumer: str) -> int | None:
        """Return how far a consumer of an account has come; None where it never committed."""
        if account not in self._store.numbers:
            return None
        cursors = await asyncio.to_thread(self._readers.cursors, self._number_of(account), account)
        return cursors.get(consumer)

    async def commit(self, account: str, consumer: str, seq: int) -> None:
        """
        Keep how far a consumer has come; returns when that is on the disk. It never goes back.

        Raises:
            UsageError: The file has no such account, or the account no such item.
            JournalError: It could not be written.
        """
        number = self._number_of(account)
        _, last_seq = await self.kept(account)
        if not consumer or not 0 < seq <= last_seq:
            raise UsageError(f"the account {account!r} has no item {seq} yet, so {consumer!r} can't be done with it")
        if self._link.is_over:
            raise JournalError(self._link.problem or NOT_OPEN)
        done = asyncio.get_running_loop().create_future()
        self._commits.append(done)
        self._writer.put_cursor((number, consumer, seq))
        await done

    def _number_of(self, account: str) -> int:
        number = self._store.numbers.get(account)
        if number is None:
            raise UsageError(f"there is no account {account!r} in {self.path}")
        return number

    # --- for the journals of accounts ------------------------------------------------------------------------------

    def claim(self, journal: AccountJournal) -> None:
        """
        Take an account's name for this journal.

        Raises:
            Fenced: Another one of this process has it.
            JournalError: The file is not open.
        """
        if self._link.is_over:
            raise JournalError(self._link.problem or NOT_OPEN)
        if self._open.setdefault(journal.account, journal) is not journal:
            raise Fenced(f"another stream of this process writes to the journal of the account {journal.account!r}")
        self.room.accounts = len(self._open)

    def release(self, journal: AccountJournal) -> None:
        """Let another journal have the name."""
        if self._open.get(journal.account) is journal:
            del self._open[journal.account]
        self.room.accounts = len(self._open)

    def abandon(self, journal: AccountJournal) -> None:
        """Let go of an account whose event loop is gone, and with the last one of the file; from any thread."""
        journal.writer.give_up()
        self.release(journal)
        if not self._open:
            self._writer.give_up()

    async def look(self, journal: AccountJournal) -> AccountLeft:
        """Look at the end of an account, in a thread. Raises what `account_left` does."""
        number, is_new = self._store.enrolled(journal.account)
        end = AccountEnd(number, journal.account, is_new=is_new)
        reached, noted_ms = self._store.left(journal.account)
        async with self._looking:  # One at a time: those that wait must not take all threads from who reads.
            left = await asyncio.to_thread(
                self._openings.ask, lambda connection: account_left(connection, self.path, end, reached, noted_ms)
            )
        end.has_pruned |= not self._retention.keeps_all  # What was deleted while it was looked at was not seen.
        return left

    def reader(self, account: str) -> AccountReader:
        """Return what reads an account's items from the file, for its own reader."""
        return AccountReader(self._readers, self._number_of(account), account)

    # --- reports of the thread, in the event loop ------------------------------------------------------------------

    def _on_committed(self, report: GroupCommitted) -> None:
        call = asyncio.get_running_loop().call_soon
        for account, committed in report.parts:
            call(account.owner.written, committed)  # Each by itself: what one raises concerns no other.
        for account in report.ended:
            call(account.owner.let_go, None)
        self._settle(report.cursors, None)

    def _on_finished(self, error: BaseException | None) -> None:
        for journal in list(self._open.values()):
            asyncio.get_running_loop().call_soon(journal.let_go, error)
        if error is not None and self._ended is not None:
            self._ended.set_result(error)
        self._settle(len(self._commits), error or JournalError(NOT_OPEN))

    def _settle(self, count: int, error: BaseException | None) -> None:
        """Let the first of those go on who wait for a commit."""
        for _ in range(count):
            done = self._commits.popleft()
            if done.done():
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

    def _on_problem(self) -> None:
        for journal in list(self._open.values()):
            journal.problem_changed()
