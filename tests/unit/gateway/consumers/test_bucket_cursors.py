from __future__ import annotations

import pytest

from listenkey.errors import Corrupt
from listenkey.gateway.consumers.bucket_cursors import BucketCursors
from listenkey.gateway.consumers.group_cursor import NOTHING_READ, GroupCursor, Portion
from listenkey.gateway.consumers.group_names import group_partitions
from listenkey.journal.jetstream.address import log_address
from listenkey.journal.jetstream.fact_cell import Overtaken
from listenkey.journal.jetstream.names import bucket_subject
from tests.nats_server import Cluster
from tests.unit.gateway.consumers.making import linked, log_of
from tests.unit.journal.jetstream.making import LOST, NOT_SENT, FaultyLink


async def test_a_cursor_is_stored_once_whatever_is_lost_on_the_way(nats_node: Cluster) -> None:
    address = await log_of(nats_node, {})
    names = log_address(address).names
    partition = group_partitions(names, "book")[0]
    first, second = GroupCursor(5, 0, {"x": 5}, 1), GroupCursor(9, 0, {"x": 9}, 2)
    async with linked(address) as connection:
        link = FaultyLink(connection)
        cursors = BucketCursors(link, names.cursors, "m1")
        link.fail("STREAM.MSG.GET", NOT_SENT)
        assert await cursors.load(partition) == NOTHING_READ
        link.fail("$KV", NOT_SENT)
        await cursors.store(Portion(partition, (), NOTHING_READ, first))
        link.fail("$KV", LOST)
        await cursors.store(Portion(partition, (), first, second))
        assert await cursors.load(partition) == second


async def test_of_two_members_only_one_stores(nats_node: Cluster) -> None:
    address = await log_of(nats_node, {})
    names = log_address(address).names
    partition = group_partitions(names, "book")[0]
    async with linked(address) as link:
        one, two = BucketCursors(link, names.cursors, "m1"), BucketCursors(link, names.cursors, "m2")
        await one.load(partition)
        await two.load(partition)
        await two.store(Portion(partition, (), NOTHING_READ, GroupCursor(3, 0, {}, 1)))
        with pytest.raises(Overtaken):
            await one.store(Portion(partition, (), NOTHING_READ, GroupCursor(4, 0, {}, 1)))
        assert (await one.load(partition)).stream_seq == 3


async def test_what_is_no_cursor_is_told(nats_node: Cluster) -> None:
    address = await log_of(nats_node, {})
    names = log_address(address).names
    partition = group_partitions(names, "book")[0]
    async with linked(address) as link:
        cursors = BucketCursors(link, names.cursors, "m1")
        await cursors.load(partition)
        await link.request(bucket_subject(names.cursors, partition.cursor), b"nonsense")
        with pytest.raises(Overtaken):
            await cursors.store(Portion(partition, (), NOTHING_READ, GroupCursor(4, 0, {}, 1)))
        with pytest.raises(Corrupt, match="book-00"):
            await cursors.load(partition)
