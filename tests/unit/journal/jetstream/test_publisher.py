from __future__ import annotations

import asyncio
import logging

import pytest

from listenkey.errors import Fenced, JournalError
from listenkey.items import Live, Update
from listenkey.journal.jetstream import answers, publisher
from listenkey.journal.jetstream.address import log_address
from listenkey.journal.jetstream.link import Reply
from listenkey.journal.jetstream.provisioning import make_streams
from listenkey.journal.sqlite.numbering import EventEntry, NoticeEntry
from tests.nats_server import Cluster
from tests.unit.journal.jetstream.making import LOST, NOT_SENT, VANISHED, OneAccount, linked, refused
from tests.unit.journal.making import ACCOUNT, AT_MS, fill, read, until


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "RETRY_MAX_S", 0.01)
    for name in ("MOMENT_S", "RETRY_S", "FULL_RETRY_S"):
        monkeypatch.setattr(answers, name, 0.001)


def put(account: OneAccount, *numbers: int) -> None:
    account.publisher.put_all([EventEntry(read(fill(number)), fill(number), AT_MS) for number in numbers])


def trades(account: OneAccount) -> list[int]:
    return [item.event.trade_id for item in account.items if isinstance(item, Update)]  # type: ignore[union-attr]


async def kept(account: OneAccount) -> list[int]:
    """The fills that are stored, read back by somebody else, who checks each number and link."""
    reader = OneAccount(account.link, account.names, "reader").reader
    found = [stored.item for stored in await reader.read(0)]
    assert [item.seq for item in found] == list(range(1, len(found) + 1))
    return [item.event.trade_id for item in found if isinstance(item, Update)]  # type: ignore[union-attr]


async def test_what_waits_is_stored_in_order_and_then_reported(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        await account.open()
        put(account, *range(1, 601))
        account.publisher.put(NoticeEntry(Live(0, "", 5), AT_MS))
        await account.publish()
        assert trades(account) == list(range(1, 601)) == [*await kept(account), *range(513, 601)]
        assert [report.entries for report in account.stored] == [256, 256, 89]
        assert account.stored[0].raw_bytes == sum(len(fill(number)) for number in range(1, 257))
        assert account.problems == []


SINGLE = (7,)
BATCH = (7, 8, 9)


@pytest.mark.parametrize("numbers", [SINGLE, BATCH])
@pytest.mark.parametrize(
    "fault",
    [
        LOST,
        VANISHED,
        NOT_SENT,
        refused(10158),
        refused(10164),
        refused(10176),
        refused(10201),
        refused(10077),
        refused(10023),
    ],
)
async def test_whatever_the_servers_answer_each_item_is_stored_once(
    nats_node: Cluster, numbers: tuple[int, ...], fault: Reply
) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        await account.open()
        link.fail(names.events, fault)
        put(account, 1, 2)
        await account.publisher._publish_some()
        link.fail(names.events, fault, fault)
        put(account, *numbers)
        await account.publish()
        assert trades(account) == await kept(account) == [1, 2, *numbers]


async def test_a_batch_is_refused_whole_where_part_of_it_is_known_and_the_rest_is_sent_anew(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        await account.open()
        entries = [EventEntry(read(fill(number)), fill(number), AT_MS) for number in (1, 2, 3)]
        records = account.numbering.number(entries).records
        await account.publisher._store(records[:2])
        await account.publisher._store(records)
        assert await kept(account) == [1, 2, 3]


async def test_a_look_that_fails_costs_nothing(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        await account.open()
        link.fail(names.events, LOST)
        link.fail("MSG.GET", NOT_SENT, refused(10099))
        put(account, 1, 2)
        await account.publish()
        assert trades(account) == await kept(account) == [1, 2]


async def test_trouble_is_told_once_and_so_is_its_end(nats_node: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        await account.open()
        link.fail(names.events, NOT_SENT, NOT_SENT, refused(10164), refused(10077))
        put(account, 1)
        with caplog.at_level(logging.WARNING, "listenkey"):
            await account.publish()
        problem, full, over = account.problems
        assert problem == "nats://test: no answer: the servers may be choosing a leader; items wait and are sent again"
        assert full is not None
        assert "full" in full
        assert over is None
        assert "stored again" in caplog.messages[-1]


async def test_an_owner_that_was_overtaken_stores_nothing_more(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        zombie, owner = OneAccount(link, names, "w1"), OneAccount(link, names, "w2")
        await zombie.open()
        put(zombie, 1, 2)
        await zombie.publisher._publish_some()
        await owner.open()
        for numbers in (SINGLE, BATCH):
            put(zombie, *numbers)
            with pytest.raises(Fenced, match="w2 has taken over the account in NATS"):
                await zombie.publisher._publish_some()
        put(owner, 3)
        await owner.publish()
        assert await kept(owner) == [1, 2, 3]
        assert trades(zombie) == [1, 2]


async def test_an_owner_without_traffic_learns_it_from_its_mark(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        zombie = OneAccount(link, names, "w1")
        await zombie.open()
        running = asyncio.ensure_future(zombie.publisher.run())
        await OneAccount(link, names, "w2").open()
        link.fail("MSG.GET", NOT_SENT)
        zombie.publisher.heard(1_000)
        with pytest.raises(Fenced, match=r"w2 has taken over"):
            await asyncio.wait_for(running, 10)


async def test_a_stale_item_of_the_same_number_is_not_taken_for_ones_own(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        zombie, owner = OneAccount(link, names, "w1"), OneAccount(link, names, "w2")
        await zombie.open()
        await owner.open()
        put(owner, 5)
        await owner.publisher._publish_some()
        put(zombie, 4)
        link.fail(names.events, NOT_SENT, LOST)  # It looks, and finds an item 1 that is not its own.
        link.fail(".own.", NOT_SENT)
        link.fail("MSG.GET", NOT_SENT)
        with pytest.raises(Fenced):
            await zombie.publisher._publish_some()
        assert await kept(owner) == [5]
        assert zombie.stored == []


async def test_an_owner_whose_record_cant_be_asked_for_is_another_process(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        zombie = OneAccount(link, names, "w1")
        await zombie.open()
        await OneAccount(link, names, "w2").open()
        put(zombie, 1)
        link.fail("MSG.GET", NOT_SENT)
        with pytest.raises(Fenced, match="another process has taken over"):
            await zombie.publisher._publish_some()


async def test_a_stream_that_was_emptied_is_told_as_that(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        await account.open()
        await link.request(f"$JS.API.STREAM.PURGE.{names.names.stream}")
        put(account, 1)
        with pytest.raises(Fenced, match=r"own.08.a3f1 is gone.*emptied"):
            await account.publisher._publish_some()


async def test_a_batch_whose_ids_are_known_and_whose_items_are_gone_is_no_busy_loop(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        await account.open()
        put(account, 1, 2)
        await account.publisher._publish_some()
        link.fail(names.events, *[refused(10201)] * 5)
        put(account, 3, 4)
        began_s = asyncio.get_running_loop().time()
        await account.publisher._publish_some()
        assert asyncio.get_running_loop().time() - began_s > 0.005


async def test_what_is_put_while_it_publishes_comes_behind(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        await account.open("book")
        running = asyncio.ensure_future(account.publisher.run())
        for number in range(1, 40):
            put(account, number)
            if number % 7 == 0:
                await asyncio.sleep(0.001)
        account.publisher.done(3, urgent=True)
        account.publisher.done(4, urgent=False)
        account.publisher.stop()
        await asyncio.wait_for(running, 10)
        assert trades(account) == await kept(account) == list(range(1, 40))
        assert [report.cursor for report in account.stored if report.cursor] == [4]


async def test_a_refusal_that_stays_is_raised(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        await account.open()
        entry = EventEntry(read(fill(1)), b'"' + bytes(2 << 20).hex().encode() + b'"', AT_MS)
        account.publisher.put(entry)

        async def too_large(*_: object) -> Reply:
            raise JournalError("takes no message above")

        link.request = too_large  # type: ignore[assignment, method-assign]
        with pytest.raises(JournalError, match="takes no message"):
            await account.publish()
        assert ACCOUNT


async def test_a_commit_that_comes_while_another_is_written_is_written_at_once(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        await account.open("book")
        running = asyncio.ensure_future(account.publisher.run())
        for seq in range(1, 9):
            account.publisher.done(seq, urgent=True)
            await asyncio.sleep(0)
        async with asyncio.timeout(0.9):  # Less than `CURSOR_EVERY_S`.
            while not account.stored or account.stored[-1].cursor != 8:  # noqa: ASYNC110 - nobody else is told
                await asyncio.sleep(0.001)
        account.publisher.stop()
        await running


@pytest.mark.parametrize("numbers", [SINGLE, BATCH])
async def test_a_full_stream_takes_nothing_until_there_is_room(nats_node: Cluster, numbers: tuple[int, ...]) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        await account.open()
        address = log_address(nats_node.address(prefix=names.names.prefix))
        await make_streams(link, address, bytes_max=20_000)
        for number in range(100, 200):
            await link.request(f"{names.events}x", fill(number))
        put(account, *numbers)
        running = asyncio.ensure_future(account.publish())
        await until(lambda: bool(account.problems) or running.done())
        assert "the stream is full: maximum bytes exceeded (10077)" in str(account.problems)
        assert account.stored == []
        await make_streams(link, address, bytes_max=64 << 20)
        await asyncio.wait_for(running, 20)
        assert trades(account) == await kept(account) == list(numbers)
        assert account.problems[-1] is None
