from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from listenkey.errors import JournalError
from listenkey.gateway.consumers import durable_consumer
from listenkey.gateway.consumers.durable_consumer import DurableConsumer, Pulled
from listenkey.gateway.consumers.group_names import group_partitions
from listenkey.gateway.consumers.item_sequence import place_of
from listenkey.journal.jetstream.address import log_address
from listenkey.journal.jetstream.link import Reply, Unanswered
from tests.nats_server import Cluster
from tests.unit.gateway.consumers.making import QUICK, linked, log_of

WITHIN_S = 30.0


@asynccontextmanager
async def two_members(node: Cluster, count: int = 10) -> AsyncIterator[tuple[DurableConsumer, DurableConsumer]]:
    address = await log_of(node, {"x": count})
    partition = group_partitions(log_address(address).names, "g", "x")[0]
    async with linked(address) as one, linked(address) as two:
        consumers = DurableConsumer(one, partition, 1, QUICK), DurableConsumer(two, partition, 1, QUICK)
        for consumer in consumers:
            await consumer.make()
        yield consumers


def places(messages: list[Reply]) -> list[int]:
    return [place_of(message.reply_to) for message in messages]


async def test_only_the_pinned_member_is_given_items_until_its_pin_lapses(nats_node: Cluster) -> None:
    async with two_members(nats_node) as (one, two):
        first = await one.pull("", 2)
        assert len(first.messages) == 2
        assert first.pin
        assert not await two.is_left()
        assert (await two.pull("", 2)).messages == []
        later = await two.pull("", 2)  # 0.8 s have passed, or will.
        while not later.messages:
            later = await two.pull("", 2)
        assert later.pin != first.pin
        assert (await one.pull(first.pin)).is_unpinned
        assert places(later.messages) == [
            place + 2 for place in places(first.messages)
        ]  # Behind: which is why it is set back.
        await two.set_to(places(first.messages)[0])
        again = await two.pull(later.pin)
        assert len(again.messages) == 10
        assert places(again.messages)[:2] == places(first.messages)
        assert (await two.pull(later.pin)).messages == []


async def test_a_pin_can_be_given_back_and_what_is_left_is_seen(nats_node: Cluster) -> None:
    async with two_members(nats_node) as (one, two):
        assert not await one.is_left()
        held = await one.pull("", 10)
        await one.unpin()
        assert await two.is_left()
        await two.acknowledge(held.messages)
        await two.make()
        assert not await two.is_left()


async def test_an_item_above_the_limit_of_a_request_is_asked_for_without_one(
    nats_node: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable_consumer, "BATCH_BYTES_MAX", 300)
    async with two_members(nats_node) as (one, _):
        assert (await one.pull("", 5)).messages == []
        assert len((await one.pull("", 5)).messages) == 5


async def test_what_the_servers_refuse_is_told_by_name(nats_node: Cluster) -> None:
    async with two_members(nats_node) as (one, _):
        one._partition = one._partition._replace(key="99")
        with pytest.raises(JournalError, match="the consumer g-99"):
            await one.is_left()
        with pytest.raises(Unanswered):
            await one.pull("")
        assert one._pulled([Reply("408", {}, b"")]).messages == []
        with pytest.raises(Unanswered, match="409 Consumer Deleted"):
            one._pulled([Reply("409", {"Description": "Consumer Deleted"}, b"")])


async def pulled_at_last(consumer: DurableConsumer) -> Pulled:
    """Pull until the servers have chosen a leader for a consumer that was just made."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            with contextlib.suppress(Unanswered):
                return await consumer.pull("", 20)


async def test_with_three_replicas_every_item_of_a_request_comes_although_its_status_is_first(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, 3)
    try:
        cluster.start()
        address = await log_of(cluster, {"x": 60})
        partition = group_partitions(log_address(address).names, "g", "x")[0]
        async with linked(address) as link:
            consumer = DurableConsumer(link, partition, 3, QUICK)
            await consumer.make()
            pulled = await pulled_at_last(consumer)
            for _ in range(2):
                assert len(pulled.messages) == 20
                pulled = await consumer.pull(pulled.pin, 20)
            assert len(pulled.messages) == 20
    finally:
        cluster.stop()
