from __future__ import annotations

import asyncio

from listenkey.gateway.consumers.group_names import group_partitions
from listenkey.gateway.consumers.membership import Membership, partitions_of
from listenkey.journal.jetstream.address import log_address
from listenkey.journal.jetstream.names import StreamNames
from tests.nats_server import Cluster
from tests.unit.gateway.consumers.making import ENOUGH_S, linked, log_of

PARTITIONS = group_partitions(StreamNames(), "book")


def test_each_partition_has_one_member_and_each_member_as_many_as_the_others() -> None:
    for count in (1, 2, 3, 5, 32, 40):
        members = {f"m{number}" for number in range(count)}
        parts = [partitions_of(member, members, PARTITIONS) for member in members]
        assert sorted(key for part in parts for key in part) == [partition.key for partition in PARTITIONS]
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_member_that_goes_leaves_most_partitions_where_they_were() -> None:
    members = {"m1", "m2", "m3", "m4"}
    before = {key: member for member in members for key in partitions_of(member, members, PARTITIONS)}
    after = {key: member for member in members - {"m4"} for key in partitions_of(member, members - {"m4"}, PARTITIONS)}
    moved = [key for key in before if before[key] != "m4" and before[key] != after[key]]
    assert len(moved) <= 8


async def test_members_see_each_other_until_they_leave_or_are_not_heard_of(nats_node: Cluster) -> None:
    address = await log_of(nats_node, {})
    bucket = log_address(address).names.sessions
    async with linked(address) as link:
        one, two, three, strange = (
            Membership(link, bucket, group, member, 1)
            for group, member in (("g", "1"), ("g", "2"), ("g", "3"), ("h", "4"))
        )
        for each in (one, two, three, strange):
            await each.renew()
        assert await one.members() == {"1", "2", "3"}
        await two.leave()
        assert await one.members() == {"1", "3"}
        async with asyncio.timeout(ENOUGH_S):
            while await one.members() != {"1"}:
                await one.renew()
                await asyncio.sleep(0.05)
