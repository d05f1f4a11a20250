"""Items of one partition that a member got together, until their effect is stored."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from listenkey.gateway.consumers.group_cursor import CursorStore, GroupCursor, Portion
from listenkey.gateway.consumers.group_names import GroupPartition
from listenkey.items import Item
from listenkey.journal.jetstream.fact_cell import Overtaken
from listenkey.journal.jetstream.record_codec import Stored

log = logging.getLogger("listenkey")


class ItemBatch:
    """
    Items of one partition, in the order of each account.

    Attributes:
        key: The partition's name within the group.
        items: The items.
    """

    def __init__(
        self, partition: GroupPartition, stored: Sequence[Stored], cursor: GroupCursor, store: CursorStore
    ) -> None:
        self.key = partition.key
        self.items: tuple[Item, ...] = tuple(one.item for one in stored)
        self._partition = partition
        self._left = tuple(stored)
        self._cursor = cursor
        self._store = store
        self._end: asyncio.Future[GroupCursor | None] = asyncio.get_running_loop().create_future()

    async def commit(self, count: int | None = None) -> bool:
        """
        Store the cursor behind the items, with their effect where the store has one.

        Args:
            count: Only of the first so many of `items`; in later calls more.

        Returns:
            False where another member has gone on with this partition in the meantime: nothing was stored, and that member has
            these items as well.

        Raises:
            JournalError: It could not be stored, for a reason that does not pass.
        """
        done = len(self.items) - len(self._left)
        part = self._left[: None if count is None else max(0, count - done)]
        if self._end.done():
            return self._end.result() is not None
        if not part:
            return True
        behind = self._cursor.behind(part)
        try:
            await self._store.store(Portion(self._partition, part, self._cursor, behind))
        except Overtaken:
            log.warning("%s: another member has gone on with this partition", self._partition.durable)
            self.abandon()
            return False
        self._cursor, self._left = behind, self._left[len(part) :]
        if not self._left:
            self._end.set_result(behind)
        return True

    def abandon(self) -> None:
        """Let it be: what was not committed comes again, here or at another member."""
        if not self._end.done():
            self._end.set_result(None)

    async def end(self) -> GroupCursor | None:
        """Return the cursor behind it once all of it is stored; None once it is abandoned."""
        return await asyncio.shield(self._end)
