"""
A member of a consumer group: the items of its partitions, in the order of each account, across the members' deaths.

    async with listenkey.consume("nats://a:4222,b:4222,c:4222", group="book") as items:
        async for item in items:
            ...
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Final, Self

from listenkey.errors import UsageError
from listenkey.gateway.consumers.batch import ItemBatch
from listenkey.gateway.consumers.bucket_cursors import BucketCursors
from listenkey.gateway.consumers.durable_consumer import DurableConsumer, GroupTiming
from listenkey.gateway.consumers.group_cursor import CursorStore
from listenkey.gateway.consumers.group_names import GroupPartition, group_partitions
from listenkey.gateway.consumers.item_sequence import ItemSequence
from listenkey.gateway.consumers.membership import Membership, partitions_of
from listenkey.gateway.consumers.partition_reader import PartitionReader
from listenkey.items import Item
from listenkey.journal.jetstream.address import is_log_address, log_address
from listenkey.journal.jetstream.answers import RETRY_S
from listenkey.journal.jetstream.api import ask
from listenkey.journal.jetstream.link import Unanswered
from listenkey.journal.jetstream.servers import LogServers

RENEWALS_A_SESSION: Final = 3
LEAVE_WITHIN_S: Final = 1.0
MEMBER_BYTES: Final = 8


class GroupReader:
    """
    A member of a consumer group. Use it as `async with`, and read it with `async for`.

    An item is taken as done when the next one is asked for, and the cursor is stored once its batch is done, or with `commit`.

    Args:
        address: Of NATS, as in a journal's name: `nats://a:4222,b:4222,c:4222`.
        group: The group's name. Its members share the accounts, and go on where the group stopped.
        account: Only this account; by default all.
        start: Where a group begins that has no cursor yet: with the `oldest` item that is kept, or with the `newest`, which is
            the first that comes from now on.
        store: Keeps the cursor with the effect; by default the cursor alone is kept, in NATS.
        timing: How soon a member is taken for dead.

    Attributes:
        member: The name of this member.

    Raises:
        UsageError: An argument is wrong.
    """

    def __init__(
        self,
        address: str,
        group: str,
        *,
        account: str | None = None,
        start: str = "oldest",
        store: CursorStore | None = None,
        timing: GroupTiming | None = None,
    ) -> None:
        if not is_log_address(address):
            raise UsageError(f"a group reads a log in NATS: nats://HOST:4222,..., and not {address!r}")
        if start not in {"oldest", "newest"}:
            raise UsageError(f"start is oldest or newest, and not {start!r}")
        at = log_address(address)
        self.member: str = secrets.token_hex(MEMBER_BYTES)
        self._timing = timing or GroupTiming()
        self._servers = LogServers(at)
        self._partitions = group_partitions(at.names, group, account)
        self._starts_newest = start == "newest"
        self._store = store or BucketCursors(self._servers, at.names.cursors, self.member)
        suffix = "" if account is None else f"-{self._partitions[0].key}"
        self._membership = Membership(
            self._servers, at.names.sessions, group + suffix, self.member, self._timing.session_s
        )
        self._readers: dict[str, tuple[PartitionReader, asyncio.Task[None]]] = {}
        self._batches: asyncio.Queue[ItemBatch | None] = asyncio.Queue()
        self._assigning: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._current: ItemBatch | None = None
        self._given = 0

    async def __aenter__(self) -> Self:
        """
        Join the group.

        Raises:
            UsageError: The servers may lose items, or the package is missing.
            Unreachable, TimedOut, JournalError: The servers don't answer, or refused.
        """
        await self._servers.acquire()
        self._assigning = asyncio.get_running_loop().create_task(self._assign_always(), name="listenkey group member")
        self._assigning.add_done_callback(self._on_finished)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the group. What was not committed comes again, at another member."""
        readers = [reader for reader, task in self._readers.values() if not task.done()]
        tasks = [task for _, task in self._readers.values()]
        if self._assigning is not None:
            tasks.append(self._assigning)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        with contextlib.suppress(Unanswered, TimeoutError):
            async with asyncio.timeout(LEAVE_WITHIN_S):
                await self._membership.leave()
                await asyncio.gather(*(reader.let_go() for reader in readers))
        await self._servers.release()

    # --- the partitions of this member ---------------------------------------------------------------------------

    async def _assign_always(self) -> None:
        while True:
            try:
                await self._membership.renew()
                members = await self._membership.members()
            except Unanswered:
                await asyncio.sleep(RETRY_S)  # Nobody is known to be gone: everyone keeps what it has.
                continue
            self._assign(partitions_of(self.member, members, self._partitions))
            await asyncio.sleep(self._timing.session_s / RENEWALS_A_SESSION)

    def _assign(self, wanted: dict[str, GroupPartition]) -> None:
        for key, (reader, task) in list(self._readers.items()):
            if task.done():
                del self._readers[key]
            elif key not in wanted:
                reader.leave()
        for key, partition in wanted.items():
            if key not in self._readers:
                reader = self._reader(partition)
                task = asyncio.get_running_loop().create_task(reader.run(), name=f"listenkey {partition.durable}")
                task.add_done_callback(self._on_finished)
                self._readers[key] = reader, task

    def _reader(self, partition: GroupPartition) -> PartitionReader:
        at = self._servers.address
        consumer = DurableConsumer(self._servers, partition, at.replicas, self._timing)
        sequence = ItemSequence(self._servers, at.names, partition)
        return PartitionReader(partition, consumer, sequence, self._store, self._begin_at, self._batches.put)

    async def _begin_at(self) -> int:
        """Return the number in the stream behind which a new group begins. Raises Unanswered, JournalError."""
        if not self._starts_newest:
            return 0
        stream = await ask(self._servers, f"STREAM.INFO.{self._servers.address.names.stream}")
        return int(stream["state"]["last_seq"])

    def _on_finished(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._error = self._error or error
            self._batches.put_nowait(None)

    # --- reading -------------------------------------------------------------------------------------------------

    async def batches(self) -> AsyncIterator[ItemBatch]:
        """
        Yield batches of items of one partition each: for those that store the effect of many at once.

        Commit each one before the next one of its partition can come.

        Raises:
            JournalError: Items are missing or damaged, or the servers refused.
        """
        while True:
            batch = await self._batches.get()
            if batch is None:
                self._batches.put_nowait(None)
                assert self._error is not None
                raise self._error
            yield batch

    async def __aiter__(self) -> AsyncIterator[Item]:
        """
        Yield the items one by one.

        Raises:
            JournalError: Items are missing or damaged, or the servers refused.
        """
        async for batch in self.batches():
            self._current, self._given = batch, 0
            for item in batch.items:
                self._given += 1
                yield item
            await batch.commit()

    async def commit(self) -> bool:
        """
        Store that all items are done that were given so far.

        Returns:
            False where another member has gone on with this partition: it has the items of this batch as well.
        """
        return True if self._current is None else await self._current.commit(self._given)


def consume(
    address: str,
    group: str,
    *,
    account: str | None = None,
    start: str = "oldest",
    store: CursorStore | None = None,
    timing: GroupTiming | None = None,
) -> GroupReader:
    """
    Read a cluster's log as a member of a consumer group: each item once, in the order of each account.

    The arguments are those of `GroupReader`.
    """
    return GroupReader(address, group, account=account, start=start, store=store, timing=timing)
