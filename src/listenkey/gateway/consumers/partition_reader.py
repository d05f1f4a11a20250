"""
One member's reading of one partition: wait for the pin, go to the stored cursor, hand out batches, acknowledge.

Each new pin, and each trouble, leads back to the stored cursor: a server gives a new member what comes behind the items that
the one before had not acknowledged. The acknowledgements save the servers work, and nothing relies on them: one that comes late,
or not at all, changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from listenkey.errors import JournalError
from listenkey.gateway.consumers.batch import ItemBatch
from listenkey.gateway.consumers.durable_consumer import BATCH_ITEMS_MAX, DurableConsumer, Pulled
from listenkey.gateway.consumers.group_cursor import NOTHING_READ, CursorStore, GroupCursor, Portion
from listenkey.gateway.consumers.group_names import GroupPartition
from listenkey.gateway.consumers.item_sequence import ItemSequence
from listenkey.journal.jetstream.answers import RETRY_S
from listenkey.journal.jetstream.fact_cell import Overtaken
from listenkey.journal.jetstream.link import Unanswered

log = logging.getLogger("listenkey")

TROUBLES_TOLD_AFTER: Final = 8
"""Tries in a row; with the wait between them two seconds without answer are an ordinary election."""


class PartitionReader:
    """
    Reads one partition as long as this member is to have it.

    Args:
        partition: The partition.
        consumer: Its durable consumer.
        sequence: Puts the items in order.
        store: Keeps the cursor.
        begin_at: Returns the number in the stream behind which a group begins that has no cursor.
        hand_over: Takes a batch, and returns when there is room for another.

    Attributes:
        pin: The pin of this member; empty where it has none.
    """

    def __init__(
        self,
        partition: GroupPartition,
        consumer: DurableConsumer,
        sequence: ItemSequence,
        store: CursorStore,
        begin_at: Callable[[], Awaitable[int]],
        hand_over: Callable[[ItemBatch], Awaitable[None]],
    ) -> None:
        self.pin = ""
        self._partition = partition
        self._consumer = consumer
        self._sequence = sequence
        self._store = store
        self._begin_at = begin_at
        self._hand_over = hand_over
        self._cursor = NOTHING_READ
        self._is_made = False
        self._is_leaving = False
        self._troubles = 0

    def leave(self) -> None:
        """Stop after the batch that is being worked on."""
        self._is_leaving = True

    async def run(self) -> None:
        """
        Read until told to leave, and give the pin back.

        Raises:
            JournalError: Items are missing or damaged, or the servers refused.
        """
        while not self._is_leaving:
            try:
                await self._step()
                self._troubles = 0
            except Unanswered as trouble:
                self._note(trouble)
                await asyncio.sleep(RETRY_S)
        await self.let_go()

    async def let_go(self) -> None:
        """Give the pin back, if there is one; else it lapses by itself."""
        if self.pin:
            with contextlib.suppress(Unanswered, JournalError):
                await self._consumer.unpin()

    def _note(self, trouble: Unanswered) -> None:
        self._is_made = False
        self._troubles += 1
        if self._troubles == TROUBLES_TOLD_AFTER:
            log.warning("%s: %s; trying on", self._partition.durable, trouble)

    async def _step(self) -> None:
        if not self._is_made:
            await self._consumer.make()
            await (self._go_to_cursor() if self.pin else self._take_up())
            self._is_made = True
        pulled = await self._consumer.pull(self.pin, BATCH_ITEMS_MAX if self.pin else 1)
        if pulled.is_unpinned:
            self.pin = ""
        elif pulled.pin and pulled.pin != self.pin:
            self.pin = pulled.pin
            await self._go_to_cursor()
        elif pulled.messages:
            await self._take(pulled)
        elif not self.pin:
            await self._take_up()

    async def _take_up(self) -> None:
        """Go to the cursor where a member died that had items and no pin is left of it."""
        if await self._consumer.is_left():
            await self._go_to_cursor()

    async def _go_to_cursor(self) -> None:
        """Load the cursor, and have the servers go on behind it."""
        cursor = await self._load()
        await self._consumer.set_to(cursor.stream_seq + 1)
        self._cursor = cursor
        self._sequence.begin(cursor)

    async def _load(self) -> GroupCursor:
        while True:
            cursor = await self._store.load(self._partition)
            if cursor != NOTHING_READ or not (place := await self._begin_at()):
                return cursor
            with contextlib.suppress(Overtaken):
                await self._store.store(Portion(self._partition, (), cursor, GroupCursor(place, place, {}, 1)))

    async def _take(self, pulled: Pulled) -> None:
        admitted = await self._sequence.admit(pulled.messages)
        if admitted:
            batch = ItemBatch(self._partition, admitted, self._cursor, self._store)
            await self._hand_over(batch)
            cursor = await batch.end()
            if cursor is None:
                await self._go_to_cursor()
                return
            self._cursor = cursor
        await self._consumer.acknowledge(pulled.messages)
