from __future__ import annotations

import asyncio

import pytest

from listenkey.core.gaps import Resumed
from listenkey.items import GapOpened, Live
from listenkey.journal.jetstream import log_end, opened_log
from listenkey.journal.sqlite.numbering import EventEntry, NoticeEntry
from tests.nats_server import Cluster
from tests.unit.journal.jetstream.making import LOST, NOT_SENT, OneAccount, linked
from tests.unit.journal.making import AT_MS, fill, greeks, read


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened_log, "RETRY_S", 0.001)


async def test_the_first_owner_begins_with_nothing(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        opened = await OneAccount(link, names).open()
        assert (opened.last_seq, opened.skip, opened.left, opened.cursor("book")) == (0, 0, Resumed(), None)
        assert str(opened.path) == names.events


async def test_the_next_owner_goes_on_where_the_one_before_has_stopped(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        first = OneAccount(link, names, "w1")
        await first.open()
        first.publisher.put_all([EventEntry(read(fill(number)), fill(number), AT_MS) for number in (1, 2)])
        first.publisher.put(NoticeEntry(Live(0, "", 5), AT_MS))
        first.publisher.heard(1_000)
        await first.publish()
        second = OneAccount(link, names, "w2")
        opened = await second.open()
        assert (opened.last_seq, opened.left.covered_until_ms, opened.left.began_ms) == (3, 1_000, 5)
        assert [one[1] for one in opened.left.fills] == [1, 2]
        second.publisher.put_all([EventEntry(read(fill(number)), fill(number), AT_MS) for number in (2, 3)])
        await second.publish()
        assert [item.seq for item in second.items] == [4]
        assert second.numbering.began_ms == 5


async def test_the_end_is_read_from_the_mark_on_however_long_it_is(
    nats_node: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened_log, "TAIL_ITEMS_MAX", 20)
    async with linked(nats_node) as (link, names):
        first = OneAccount(link, names, "w1")
        await first.open()
        first.publisher.put(NoticeEntry(GapOpened(0, "", 7, "lost"), AT_MS))
        first.publisher.put_all([EventEntry(read(greeks(number)), greeks(number), AT_MS) for number in range(700)])
        first.publisher.heard(1_000)
        await first.publish()
        link.seen.clear()
        second = OneAccount(link, names, "w2")
        left = (await second.open()).left
        assert left.open_from_ms == 7
        assert second.numbering.seq == 701
        assert log_end.TAIL_ITEMS_MAX > 20


async def test_servers_that_answer_late_delay_it(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        link.fail("$KV", NOT_SENT, LOST, LOST)
        link.fail("MSG.GET.KV", NOT_SENT)
        await account.open("book")
        assert "the bucket of the state takes nothing" in account.troubles
        assert "nobody answers" in account.troubles


async def test_a_position_that_the_owner_before_still_moves_is_taken_as_it_is(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        first = OneAccount(link, names, "w1")
        await first.open("book")
        request = link.request
        interfered: list[str] = []

        async def interfere(subject: str, *more: object) -> object:
            if names.names.cursors in subject and subject.startswith("$KV") and not interfered:
                interfered.append(subject)
                first.marks.done(7, urgent=True)
                await first.marks.write_due(first.numbering, final=False)
            return await request(subject, *more)  # type: ignore[arg-type]

        link.request = interfere  # type: ignore[assignment, method-assign]
        second = OneAccount(link, names, "w2")
        assert (await second.open("book")).consumed == 7
        assert "the owner before has written once more" in second.troubles


async def test_an_owner_before_that_still_writes_marks_is_overtaken_in_the_end(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        first = OneAccount(link, names, "w1")
        await first.open()
        request = link.request
        interfered: list[str] = []

        async def interfere(subject: str, *more: object) -> object:
            if subject.startswith("$KV") and not interfered:
                interfered.append(subject)
                first.marks.heard(1_000)
                await first.marks.write_due(first.numbering, final=True)
            return await request(subject, *more)  # type: ignore[arg-type]

        link.request = interfere  # type: ignore[assignment, method-assign]
        second = OneAccount(link, names, "w2")
        opened = await second.open()
        assert opened.left.covered_until_ms == 1_000


async def test_a_replica_behind_the_one_that_was_asked_first_is_waited_for(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        first = OneAccount(link, names, "w1")
        await first.open()
        first.publisher.put_all([EventEntry(read(fill(number)), fill(number), AT_MS) for number in (1, 2)])
        await first.publish()
        second = OneAccount(link, names, "w2")
        read_on, looks = second.reader.read, []

        async def behind(after: int) -> object:
            looks.append(after)
            return [] if len(looks) == 1 else await read_on(after)

        second.reader.read = behind  # type: ignore[assignment, method-assign]
        assert (await asyncio.wait_for(second.open(), 10)).last_seq == 2
        assert looks == [0, 0]
