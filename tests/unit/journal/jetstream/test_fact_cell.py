from __future__ import annotations

import pytest

from listenkey.journal.jetstream.fact_cell import FactCell, Overtaken
from listenkey.journal.jetstream.names import bucket_subject
from tests.nats_server import Cluster
from tests.unit.journal.jetstream.making import LOST, NOT_SENT, FaultyLink, linked, refused


def cell(link: FaultyLink, bucket: str, owner: bytes = b"a") -> FactCell:
    return FactCell(link, bucket, "key", lambda value: value.startswith(owner))


async def test_a_fact_is_written_over_the_one_that_was_read(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        ours = cell(link, names.names.state)
        assert await ours.read() is None
        assert await ours.write(b"a1")
        assert await ours.write(b"a2")
        assert await cell(link, names.names.state).read() == b"a2"


async def test_whoever_wrote_last_is_not_written_over(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        ours, theirs = cell(link, names.names.state), cell(link, names.names.state, b"b")
        await ours.read()
        await theirs.read()
        assert await theirs.write(b"b1")
        with pytest.raises(Overtaken):
            await ours.write(b"a1")


async def test_a_write_whose_answer_was_lost_is_found(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        ours = cell(link, names.names.state)
        await ours.read()
        link.fail("$KV", LOST)
        assert not await ours.write(b"a1")
        assert await ours.write(b"a1")
        link.fail("$KV", LOST, LOST)
        assert not await ours.write(b"a2")
        assert not await ours.write(b"a3")  # It was refused, as the second is there; that is known with the next try.
        assert not await ours.write(b"a3")
        assert await ours.write(b"a3")
        assert await cell(link, names.names.state).read() == b"a3"


async def test_what_passes_is_no_error(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        ours = cell(link, names.names.state)
        link.fail("$KV", NOT_SENT, refused(10077, 503))
        assert not await ours.write(b"a1")
        assert not await ours.write(b"a1")
        link.fail("$KV", refused(10071))
        link.fail("MSG.GET", NOT_SENT)
        assert not await ours.write(b"a1")
        assert await ours.write(b"a1")


async def test_a_key_that_was_deleted_is_none_and_is_written_again(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        ours = cell(link, names.names.state)
        await ours.read()
        await ours.write(b"a1")
        await link.request(bucket_subject(names.names.state, "key"), b"", {"KV-Operation": "DEL"})
        with pytest.raises(Overtaken):
            await ours.write(b"a2")
        assert await ours.read() is None
        assert await ours.write(b"a2")
