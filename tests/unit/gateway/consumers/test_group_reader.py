from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from listenkey.errors import Corrupt, UsageError
from listenkey.gateway.consumers.batch import ItemBatch
from listenkey.gateway.consumers.durable_consumer import ACK
from listenkey.gateway.consumers.group_reader import GroupReader
from listenkey.items import Item
from listenkey.journal.jetstream.address import log_address
from listenkey.journal.jetstream.link import Outgoing, Reply
from tests.nats_server import Cluster
from tests.unit.gateway.consumers.making import ENOUGH_S, by_account, die, linked, log_of, member, take, write
from tests.unit.journal.making import until


async def test_a_member_reads_every_account_in_order_and_goes_on_where_it_stopped(nats_node: Cluster) -> None:
    address = await log_of(nats_node, {f"a{number}": 20 for number in range(8)})
    async with member(address) as first:
        items = await take(first, 110)
    async with member(address) as second:
        items += await take(second, 50)
    assert by_account(items) == {f"a{number}": list(range(1, 21)) for number in range(8)}


async def test_a_group_of_one_account_and_another_group_have_cursors_of_their_own(nats_node: Cluster) -> None:
    address = await log_of(nats_node, {"x": 5, "y": 5})
    for options in ({"account": "x"}, {"account": "x", "group": "other"}):
        async with member(address, **options) as reader:
            assert by_account(await take(reader, 5)) == {"x": [1, 2, 3, 4, 5]}
    async with member(address) as whole:
        assert by_account(await take(whole, 10)) == {"x": [1, 2, 3, 4, 5], "y": [1, 2, 3, 4, 5]}


async def test_a_group_may_begin_with_what_comes(nats_node: Cluster) -> None:
    address = await log_of(nats_node, {"x": 5})
    async with member(address, account="x", start="newest") as reader:
        await until_pinned_or_waiting(reader)
        await write(log_address(address), "x", range(6, 9))
        assert by_account(await take(reader, 3)) == {"x": [6, 7, 8]}


async def until_pinned_or_waiting(reader: GroupReader) -> None:
    """Wait until the cursor of a new group is stored."""
    async with asyncio.timeout(ENOUGH_S):
        while True:
            if (await reader._store.load(reader._partitions[0])).writes:
                return
            await asyncio.sleep(0.02)


async def batch_of(reader: GroupReader) -> ItemBatch:
    async with asyncio.timeout(ENOUGH_S):
        async for batch in reader.batches():
            return batch
    raise AssertionError


async def test_a_dead_members_items_come_to_another_in_order_and_its_late_acknowledgement_has_no_effect(
    nats_node: Cluster,
) -> None:
    address = await log_of(nats_node, {"x": 40})
    dead = member(address, account="x")
    await dead.__aenter__()
    reader = await reader_of(dead)
    batch = await batch_of(dead)
    assert await batch.commit(10)
    assert reader._sequence._newest["x"] == 40
    await die(dead)
    await write(log_address(address), "x", range(41, 61))
    async with member(address, account="x") as other, linked(address) as link:
        first = await batch_of(other)
        for place in range(1, 61):  # The dead one's, of all that it had, and of what it could not have had.
            await link.send([Outgoing(late_ack(other, place), ACK, {})])
        items = [*first.items]
        assert await first.commit()
        items += await take(other, 50 - len(items)) if len(items) < 50 else []
        assert by_account(items) == {"x": list(range(11, 61))}


def late_ack(reader: GroupReader, place: int) -> str:
    partition = reader._partitions[0]
    return f"$JS.ACK.{partition.stream}.{partition.durable}.1.{place}.{place}.1796073746075608882.0"


async def reader_of(group: GroupReader) -> Any:
    await until(lambda: bool(group._readers), ENOUGH_S)
    return next(iter(group._readers.values()))[0]


async def test_items_whose_acknowledgement_was_lost_are_not_doubled(nats_node: Cluster) -> None:
    address = await log_of(nats_node, {"x": 30})
    async with member(address, account="x") as group:
        reader = await reader_of(group)
        lost: list[int] = []

        async def lose(messages: list[Reply]) -> None:
            lost.append(len(messages))

        reader._consumer.acknowledge = lose
        items = await take(group, 30)
        again: list[int] = []
        admit = reader._sequence.admit

        async def note(messages: list[Reply]) -> object:
            again.append(len(messages))
            return await admit(messages)

        reader._sequence.admit = note
        await until(lambda: sum(again) >= 30, ENOUGH_S)  # They come again after a second, and are dropped.
        await write(log_address(address), "x", range(31, 36))
        items += await take(group, 5)
    assert by_account(items) == {"x": list(range(1, 36))}
    assert sum(lost) >= 30


async def test_two_members_share_the_accounts_and_each_item_comes_once_in_order(nats_node: Cluster) -> None:
    accounts = {f"a{number}": 5 for number in range(12)}
    address = await log_of(nats_node, accounts)
    at = log_address(address)
    items: dict[int, list[Item]] = {1: [], 2: []}

    async def read(number: int, group: GroupReader) -> None:
        async for item in group:
            items[number].append(item)

    def have(count: int) -> Callable[[], bool]:
        return lambda: len(items[1]) + len(items[2]) >= count

    async with member(address) as first:
        reading = [asyncio.create_task(read(1, first))]
        await until(have(60), ENOUGH_S)
        async with member(address) as second:
            reading.append(asyncio.create_task(read(2, second)))
            await until(lambda: len(first._readers) == len(second._readers) == 16, ENOUGH_S)
            for account in accounts:
                await write(at, account, range(6, 11))
            await until(have(120), ENOUGH_S)
            assert items[2]
            reading.pop().cancel()
        for account in accounts:
            await write(at, account, range(11, 16))
        await until(have(180), ENOUGH_S)
        reading.pop().cancel()
    assert len(items[1]) + len(items[2]) == 180
    parts = [by_account(items[number]) for number in (1, 2)]
    for account in accounts:
        seqs = [seq for part in parts for seq in part.get(account, [])]
        assert sorted(seqs) == list(range(1, 16))
        assert all(part.get(account, []) == sorted(part.get(account, [])) for part in parts)


async def test_what_ends_a_partition_is_raised_where_the_items_are_read(nats_node: Cluster) -> None:
    address = await log_of(nats_node, {"x": 3})
    async with linked(address) as link:
        await link.request(log_address(address).names.of("x").events, b"no item")
    async with member(address, account="x") as group:
        for _ in range(2):
            with pytest.raises(Corrupt, match="without the headers"):
                await take(group, 4)


def test_wrong_arguments_are_told() -> None:
    for address, group, options, words in (
        ("/var/lib/x", "book", {}, "nats://"),
        ("nats://h", "bo ok", {}, "group's name"),
        ("nats://h", "book", {"start": "then"}, "oldest or newest"),
    ):
        with pytest.raises(UsageError, match=words):
            member(address, group, **options)
