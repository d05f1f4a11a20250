from __future__ import annotations

import asyncio

from listenkey.gateway.consumers.batch import ItemBatch
from listenkey.gateway.consumers.group_cursor import NOTHING_READ, GroupCursor, Portion
from listenkey.gateway.consumers.group_names import GroupPartition, group_partitions
from listenkey.items import Live
from listenkey.journal.jetstream.fact_cell import Overtaken
from listenkey.journal.jetstream.names import StreamNames
from listenkey.journal.jetstream.record_codec import Stored

PARTITION = group_partitions(StreamNames(), "book")[0]


class Kept:
    """A store that keeps what it is given, until it is taken over."""

    def __init__(self) -> None:
        self.portions: list[Portion] = []
        self.is_overtaken = False

    async def load(self, partition: GroupPartition) -> GroupCursor:
        assert partition is PARTITION
        return self.portions[-1].behind if self.portions else NOTHING_READ

    async def store(self, portion: Portion) -> None:
        if self.is_overtaken or portion.before != await self.load(portion.partition):
            raise Overtaken
        self.portions.append(portion)


def batch_of(store: Kept, count: int = 5) -> ItemBatch:
    stored = [Stored(Live(seq, "x", 1), b"", 10 * seq, 1, 0) for seq in range(1, count + 1)]
    return ItemBatch(PARTITION, stored, NOTHING_READ, store)


async def test_a_batch_is_stored_in_parts_and_ends_with_the_last() -> None:
    store = Kept()
    batch = batch_of(store)
    end = asyncio.create_task(batch.end())
    assert await batch.commit(0)
    assert await batch.commit(2)
    assert await batch.commit(2)
    assert not end.done()
    assert await batch.commit(4)
    assert await batch.commit()
    assert await batch.commit()
    assert [[one.item.seq for one in portion.items] for portion in store.portions] == [[1, 2], [3, 4], [5]]
    assert await end == GroupCursor(50, 0, {"x": 5}, 3)


async def test_a_batch_of_a_member_that_was_overtaken_is_abandoned() -> None:
    store = Kept()
    batch = batch_of(store)
    assert await batch.commit(1)
    store.is_overtaken = True
    assert not await batch.commit()
    assert not await batch.commit()
    assert await batch.end() is None
    assert len(store.portions) == 1
    batch.abandon()
