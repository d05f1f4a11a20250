from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from listenkey.errors import Corrupt, JournalError
from listenkey.gateway.consumers import item_sequence
from listenkey.gateway.consumers.durable_consumer import DurableConsumer
from listenkey.gateway.consumers.group_cursor import NOTHING_READ, GroupCursor
from listenkey.gateway.consumers.group_names import group_partitions
from listenkey.gateway.consumers.item_sequence import ItemSequence, place_of
from listenkey.journal.jetstream import log_reader
from listenkey.journal.jetstream.address import log_address
from listenkey.journal.jetstream.link import Reply
from listenkey.journal.jetstream.record_codec import Stored
from tests.nats_server import Cluster
from tests.unit.gateway.consumers.making import QUICK, linked, log_of, write
from tests.unit.journal.jetstream.making import NOT_SENT, FaultyLink


class Delivered:
    """The messages of one account as a consumer gives them, and what is made of them."""

    def __init__(self, link: FaultyLink, sequence: ItemSequence, messages: list[Reply]) -> None:
        self.link = link
        self.sequence = sequence
        self.messages = messages

    async def admit(self, *numbers: int) -> list[int]:
        """Deliver these items, and return those that are let through."""
        return [stored.item.seq for stored in await self.admit_all(*numbers)]

    async def admit_all(self, *numbers: int) -> list[Stored]:
        return await self.sequence.admit([self.messages[number - 1] for number in numbers])


@asynccontextmanager
async def delivered(node: Cluster, count: int = 12) -> AsyncIterator[Delivered]:
    address = await log_of(node, {"other": 3})
    at = log_address(address)
    await write(at, "x", range(1, count + 1))
    partition = group_partitions(at.names, "g", "x")[0]
    async with linked(address) as connection:
        consumer = DurableConsumer(connection, partition, 1, QUICK)
        await consumer.make()
        messages = (await consumer.pull("", count)).messages
        assert len(messages) == count
        link = FaultyLink(connection)
        sequence = ItemSequence(link, at.names, partition)
        sequence.begin(NOTHING_READ)
        yield Delivered(link, sequence, messages)


async def test_what_was_had_is_dropped_whatever_the_order(nats_node: Cluster) -> None:
    async with delivered(nats_node) as log:
        assert await log.admit(1, 2, 3, 2, 1, 4) == [1, 2, 3, 4]
        assert await log.admit(4, 3, 5) == [5]
        log.sequence.begin(GroupCursor(0, 0, {"x": 7}, 1))
        assert await log.admit(6, 7, 8) == [8]
        assert log.sequence.refetched == 0


async def test_what_the_consumer_left_out_is_read_from_the_log_in_its_place_and_told(
    nats_node: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    async with delivered(nats_node) as log:
        log.link.fail("DIRECT.GET", NOT_SENT)
        assert await log.admit(1, 2, 6) == [1, 2, 3, 4, 5, 6]
        places = [stored.stream_seq for stored in await log.admit_all(9)]
        assert places == sorted(places)
        assert log.sequence.refetched == 5
        assert await log.admit(7, 8, 9, 10) == [10]
    assert "the consumer left out items 3 to 5 of x; they are read from the log" in caplog.text


async def test_what_is_missing_before_the_first_is_read_as_well(nats_node: Cluster) -> None:
    async with delivered(nats_node) as log:
        assert await log.admit(4) == [1, 2, 3, 4]
        began = place_of(log.messages[1].reply_to)
        log.sequence.begin(GroupCursor(began, began, {}, 1))
        log.link.fail("DIRECT.GET", NOT_SENT)
        assert await log.admit(5) == [3, 4, 5]
        log.sequence.begin(GroupCursor(1, 1, {}, 1))  # It began before the account did.
        assert await log.admit(3) == [1, 2, 3]


async def test_what_no_server_has_ends_it_in_words(nats_node: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "RETRY_S", 0)
    monkeypatch.setattr(item_sequence, "RETRY_S", 0)
    async with delivered(nats_node) as log:
        log.sequence.begin(GroupCursor(0, 0, {"x": 0}, 1))
        log.link.fail("DIRECT.GET", *[Reply("404", {}, b"")] * 200)
        with pytest.raises(JournalError, match="items 1 to 2 of x, and no server has them"):
            await log.admit(3)
        log.link.faults.clear()
        log.link.fail("DIRECT.GET", *[Reply("", {}, b"")] * 200)
        with pytest.raises(Corrupt, match="items 1 to 3 of x, and they can't be read"):
            await log.admit(4)
        log.link.faults.clear()
        log.link.fail("DIRECT.GET", *[NOT_SENT] * 500)
        with pytest.raises(JournalError, match="does not answer"):
            await log.admit(4)


def test_the_number_is_read_from_either_form_of_address() -> None:
    assert place_of("$JS.ACK.S.C.1.17.2.99.0") == 17
    assert place_of("$JS.ACK.domain.hash.S.C.1.18.2.99.0") == 18
    assert place_of("$JS.ACK.domain.hash.S.C.1.18.2.99.0.random") == 18
    for wrong in ("", "$JS.ACK", "$JS.ACK.S.C.1.x.2.99.0"):
        with pytest.raises(Corrupt, match="without its number"):
            place_of(wrong)
