from __future__ import annotations

import pytest

from listenkey.errors import JournalError
from listenkey.journal.jetstream.ownership import OwnershipRecord, fence, owner_of, take_ownership
from tests.nats_server import Cluster
from tests.unit.journal.jetstream.making import LOST, NOT_SENT, linked, refused
from tests.unit.journal.making import ACCOUNT


def record(worker: str) -> OwnershipRecord:
    return OwnershipRecord(worker, f"nonce of {worker}", ACCOUNT, 5)


async def test_the_newest_record_is_the_owners(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        assert await owner_of(link, names) == (0, None)
        first = await take_ownership(link, names, record("a"), print)
        second = await take_ownership(link, names, record("b"), print)
        assert second > first > 0
        assert await owner_of(link, names) == (second, record("b"))
        assert (await link.request(names.events, b"x", fence(names, second))).data.startswith(b'{"stream"')
        assert b"10071" in (await link.request(names.events, b"x", fence(names, first))).data


async def test_a_taking_whose_answer_was_lost_is_found_and_not_done_twice(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        troubles: list[str] = []
        link.fail(".own.", LOST, NOT_SENT)
        token = await take_ownership(link, names, record("a"), troubles.append)
        assert await owner_of(link, names) == (token, record("a"))
        assert troubles == ["the answer was lost"]
        assert await take_ownership(link, names, record("a"), troubles.append) == token


async def test_a_race_is_tried_again_and_a_refusal_that_stays_is_raised(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        troubles: list[str] = []
        link.fail(".own.", refused(10071), refused(10164, 503))
        assert await take_ownership(link, names, record("a"), troubles.append) == 1
        assert troubles == ["no (10071)", "no (10164)"]
        link.fail(".own.", refused(10166))
        with pytest.raises(JournalError, match="10166"):
            await take_ownership(link, names, record("b"), troubles.append)


async def test_a_record_that_cant_be_read_is_somebodys(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        await link.request(names.owner, b"{}")
        assert await owner_of(link, names) == (1, None)
        assert await take_ownership(link, names, record("a"), print) == 2
