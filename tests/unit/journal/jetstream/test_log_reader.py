from __future__ import annotations

from typing import Any

import msgspec
import pytest

from listenkey.errors import Corrupt, JournalError, TooOld
from listenkey.journal.jetstream import log_reader
from listenkey.journal.jetstream.link import Reply
from listenkey.journal.jetstream.log_reader import NOWHERE, Ends, LogReader, Place
from listenkey.journal.jetstream.record_codec import LogRecord
from listenkey.journal.sqlite.numbering import EventEntry
from tests.nats_server import Cluster
from tests.unit.journal.jetstream.making import NOT_SENT, FaultyLink, OneAccount, linked
from tests.unit.journal.making import AT_MS, fill, read


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "RETRY_S", 0.001)


def records(account: OneAccount, *numbers: int) -> list[LogRecord]:
    entries = [EventEntry(read(fill(number)), fill(number), AT_MS) for number in numbers]
    return account.numbering.number(entries).records


async def store(link: FaultyLink, subject: str, kept: list[LogRecord], between: int = 0) -> None:
    """Store records as they are, with items of another account between them."""
    for record in kept:
        await link.link.request(subject, record.body, record.headers())
        for _ in range(between):
            await link.link.request(subject + "x", record.body, record.headers())


async def seqs(reader: LogReader, after: int, most: int = 512) -> list[int]:
    return [stored.item.seq for stored in await reader.read(after, most)]


async def test_items_are_read_from_any_number_in_any_portions(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        await store(link, names.events, records(account, *range(1, 31)), between=2)
        assert await account.reader.oldest_seq() == 1
        assert await seqs(account.reader, 0, 4) == [1, 2, 3, 4]
        assert await seqs(account.reader, 4, 2) == [5, 6]
        for after in range(31):
            assert await seqs(LogReader(link, names), after) == list(range(after + 1, 31))
        assert await seqs(account.reader, 17, 3) == [18, 19, 20]
        assert await seqs(account.reader, 30) == await seqs(account.reader, 99) == []


async def test_an_account_without_items_has_none(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        reader = LogReader(link, names)
        assert await reader.ends() == Ends(NOWHERE, 0)
        assert await reader.oldest_seq() == 0
        assert await seqs(reader, 0) == await seqs(reader, 5) == []


async def test_the_ends_are_those_of_one_moment_and_not_of_an_earlier_one(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        opened = await account.open()
        await store(link, names.events, records(account, 1, 2))
        link.fail("DIRECT.GET", NOT_SENT, Reply("404", {}, b""))
        link.seen.clear()
        ends = await account.reader.ends_since(opened.token)
        assert ends == Ends(Place(2, opened.token + 2), opened.token)
        assert len(link.seen) == 3


async def test_a_replica_that_has_a_hole_is_asked_again(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        made = records(account, 1, 2, 3, 4)
        await store(link, names.events, made)
        reader = LogReader(link, names)
        assert await seqs(reader, 0, 1) == [1]
        headers = made[2].headers() | {"Nats-Sequence": "3"}
        link.fail("DIRECT.GET", Reply("", headers, made[2].body), NOT_SENT)
        assert await seqs(reader, 1) == [2, 3, 4]


async def test_a_hole_on_every_replica_is_damage(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        made = records(account, 1, 2, 3, 4)
        await store(link, names.events, [made[0], made[1], made[3]])
        with pytest.raises(Corrupt, match="item 4 in NATS was changed, or one before it is missing"):
            await account.reader.read(0)
        with pytest.raises(Corrupt, match="lacks the items 3 to 3"):
            await account.reader.read(2)


async def test_a_change_is_damage(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        one, two, three = records(account, 1, 2, 3)
        await store(link, names.events, [one, two._replace(body=two.body.replace(b"BUY", b"SEL")), three])
        with pytest.raises(Corrupt, match="item 2 in NATS was changed"):
            await account.reader.read(0)


async def test_an_item_that_is_there_twice_counts_once(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        one, two, three = records(account, 1, 2, 3)
        await store(link, names.events, [one, two, two, three])
        assert await seqs(account.reader, 0) == [1, 2, 3]
        assert await seqs(LogReader(link, names), 2) == [3]


async def test_numbers_that_were_lost_and_told_are_no_hole(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        before = records(account, 1, 2)
        account.numbering.skip = 3
        await store(link, names.events, [*before, *records(account, 6, 7)], between=1)
        assert await seqs(account.reader, 0) == [1, 2, 6, 7]
        for after in (2, 3, 4, 5):
            assert await seqs(LogReader(link, names), after) == [6, 7]


async def test_items_that_are_kept_no_longer_are_told(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        account.numbering.seq = 10
        await store(link, names.events, records(account, 11, 12))
        assert await seqs(account.reader, 0) == [11, 12]
        assert await seqs(LogReader(link, names), 10) == [11, 12]
        with pytest.raises(TooOld, match="behind 5 are no longer kept; the oldest is 11"):
            await LogReader(link, names).read(5)


async def test_items_that_are_deleted_while_they_are_read_are_told(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        await store(link, names.events, records(account, 1, 2, 3, 4))
        assert await seqs(account.reader, 0, 1) == [1]
        purge = msgspec.json.encode({"filter": names.events, "keep": 2})
        assert b"error" not in (await link.link.request(f"$JS.API.STREAM.PURGE.{names.names.stream}", purge)).data
        with pytest.raises(TooOld, match="the oldest is 3"):
            await account.reader.read(1)


async def test_servers_that_do_not_answer_are_told(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        link.fail("DIRECT.GET", *[NOT_SENT] * log_reader.TRIES_MAX)
        with pytest.raises(JournalError, match="does not answer: the items behind 0"):
            await LogReader(link, names).read(0)
        link.fail("DIRECT.GET", NOT_SENT)
        assert await LogReader(link, names).oldest_seq() == 0


class Replies:
    """A link with answers of its own."""

    where = "nats://test"

    def __init__(self, newest: int, first: LogRecord) -> None:
        self._newest, self._first = newest, first

    async def request(self, subject: str, body: bytes = b"", *_: Any) -> Reply:
        if msgspec.json.decode(body)["seq"] == 1:
            return Reply("", self._first.headers() | {"Nats-Sequence": "1"}, self._first.body)
        return Reply("404", {}, b"")

    async def request_many(self, subject: str, body: bytes, *_: Any) -> list[Reply]:
        headers = self._first.headers() | {"Listenkey-Seq": str(self._newest), "Nats-Sequence": "40"}
        return [Reply("", headers, b""), Reply("204", {}, b"")]


async def test_a_newest_item_that_is_not_found_is_damage(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        (first,) = records(OneAccount(link, names), 1)
        with pytest.raises(Corrupt, match="lacks item 9"):
            await LogReader(Replies(9, first), names).read(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("headers", [{}, {"Nats-Sequence": "x"}])
async def test_a_message_without_its_number_is_damage(nats_node: Cluster, headers: dict[str, str]) -> None:
    async with linked(nats_node) as (link, names):
        (first,) = records(OneAccount(link, names), 1)
        replies = Reply("", first.headers() | headers, first.body)
        link.fail("DIRECT.GET", replies)
        with pytest.raises(Corrupt, match="without its number"):
            await LogReader(link, names).ends()
