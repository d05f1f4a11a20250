"""Workers see each other's notes in real servers of NATS, and none replaces one that it has not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from listenkey.gateway.cluster.lease import AccountLease, WorkerSession, encode
from listenkey.gateway.cluster.lease_board import CHUNK, LeaseBoard
from listenkey.journal.jetstream.link import Unanswered
from listenkey.journal.jetstream.names import bucket_subject
from tests.nats_server import Cluster
from tests.unit.journal.jetstream.making import LOST, NOT_SENT, FaultyLink, linked, refused

WITHIN_S = 40.0
ONE, TWO = WorkerSession("w1", "http://10.0.0.1:8780"), WorkerSession("w2", "http://10.0.0.2:8780")


@asynccontextmanager
async def boards(node: Cluster) -> AsyncIterator[tuple[FaultyLink, LeaseBoard, LeaseBoard]]:
    async with linked(node) as (link, names):
        yield link, LeaseBoard(link, names.names, "a"), LeaseBoard(link, names.names, "b")


async def test_a_session_is_seen_until_it_ends_or_is_not_renewed(nats_node: Cluster) -> None:
    async with boards(nats_node) as (_, one, two):
        await one.refresh()
        assert (one.sessions, one.leases) == ({}, {})
        await one.renew(ONE, 60)
        await two.renew(TWO, 1)
        await one.refresh()
        assert one.sessions == {"a": ONE, "b": TWO}
        await one.leave(60)
        async with asyncio.timeout(WITHIN_S):
            while one.sessions:
                await one.refresh()
                await asyncio.sleep(0.05)


async def test_a_lease_is_replaced_by_one_that_knows_it(nats_node: Cluster) -> None:
    async with boards(nats_node) as (_, one, two):
        lease = AccountLease("desk-1", "a", "w1")
        assert await one.put(lease)
        assert not await two.put(replace(lease, holder="b")), "it has not read that there is one"
        await two.refresh()
        assert two.leases == {"desk-1": lease}
        changes = two.changes
        await two.refresh()
        assert two.changes == changes
        assert await two.put(replace(lease, wanted_by="b"))
        assert not await one.put(replace(lease, risk=(1,)))
        await one.refresh()
        assert one.leases["desk-1"].wanted_by == "b"


async def test_of_many_that_take_one_account_one_has_it(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        many = [LeaseBoard(link, names.names, str(number)) for number in range(20)]
        puts = await asyncio.gather(*(each.put(AccountLease("desk-1", each.own, "w")) for each in many))
        assert sum(puts) == 1


async def test_more_leases_than_one_answer_holds_are_read(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, of_account):
        board, all_names = LeaseBoard(link, of_account.names, "a"), of_account.names
        names = [f"desk-{number}" for number in range(CHUNK + 8)]
        for name in names:  # Behind the board's back, whose own writes have a second each on however slow a disk.
            subject = bucket_subject(all_names.registry, all_names.of(name).lease)
            await link.request(subject, encode(AccountLease(name, "a", "w1")))
        await board.refresh()
        assert set(board.leases) == set(names)


async def test_answers_that_are_lost_or_refusals_are_told(nats_node: Cluster) -> None:
    async with boards(nats_node) as (link, one, two):
        lease = AccountLease("desk-1", "a", "w1")
        link.fail(".lease.", LOST, refused(10077), NOT_SENT)
        assert [await one.put(lease), await one.put(lease), await one.put(lease)] == [False, False, False]
        await one.refresh()
        assert one.leases == {"desk-1": lease}, "the first was carried out"
        link.fail(".worker.", refused(10077))
        with pytest.raises(Unanswered):
            await two.renew(TWO, 60)


async def test_notes_that_cant_be_read_are_passed_over(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        board = LeaseBoard(link, names.names, "a")
        await link.request(f"$KV.{names.names.sessions}.worker.x", b"{}")
        await link.request(f"$KV.{names.names.registry}.lease.00.x", b"{}")
        await board.refresh()
        assert (board.sessions, board.leases) == ({}, {})
