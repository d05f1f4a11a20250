from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import msgspec
import pytest

from listenkey.errors import JournalError, TooOld, UsageError
from listenkey.gateway.journals import Journals
from listenkey.items import Item
from listenkey.journal.jetstream import account_journals
from listenkey.journal.jetstream.account_journals import JetStreamJournals
from listenkey.journal.jetstream.fact_cell import FactCell
from listenkey.journal.jetstream.link import Reply, Unanswered
from listenkey.journal.jetstream.servers import LogServers
from tests.nats_server import Cluster, made
from tests.unit.journal.making import AT_MS, Wall, fill, read, until


@pytest.fixture
async def journals(nats_node: Cluster, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[JetStreamJournals]:
    monkeypatch.setattr(account_journals, "RETRY_S", 0.001)
    one = JetStreamJournals(LogServers(await made(nats_node.address())), Wall())
    await one.open()
    yield one
    await one.aclose()


async def store(journals: JetStreamJournals, account: str, count: int) -> list[Item]:
    """Store some items by the journal of an account, and return what was given to its function."""
    given: list[Item] = []
    journal = journals.journal(account, on_items=given.extend)
    await journal.open()
    for number in range(1, count + 1):
        journal.append_event(read(fill(number)), fill(number), AT_MS)
    await until(lambda: len(given) == count)
    await journal.aclose()
    return given


async def test_each_account_has_its_own_items_and_any_can_be_read(journals: JetStreamJournals) -> None:
    as_the_gateway_has_them: Journals = journals
    assert await as_the_gateway_has_them.kept("desk-1") == (1, 0)
    assert await journals.read("desk-1", 0, 10) == []
    given = await store(journals, "desk-1", 5)
    await store(journals, "desk 2", 2)
    assert await journals.kept("desk-1") == (1, 5)
    assert await journals.read("desk-1", 0, 10) == given
    assert await journals.read("desk-1", 2, 2) == given[2:4]
    assert [item.account for item in await journals.read("desk 2", 0, 10)] == ["desk 2", "desk 2"]
    assert journals.beside("desk-1") is None


async def test_items_that_are_deleted_are_too_old(journals: JetStreamJournals) -> None:
    await store(journals, "desk-1", 5)
    names = journals.servers.address.names
    purge = msgspec.json.encode({"filter": names.of("desk-1").events, "keep": 2})
    await journals.servers.request(f"$JS.API.STREAM.PURGE.{names.stream}", purge)
    assert await journals.kept("desk-1") == (4, 5)
    for after in (0, 1):
        with pytest.raises(TooOld, match="the oldest is 4"):
            await journals.read("desk-1", after, 10)
    assert [item.seq for item in await journals.read("desk-1", 3, 10)] == [4, 5]


async def test_a_consumers_position_is_kept_and_never_goes_back(journals: JetStreamJournals) -> None:
    await store(journals, "desk-1", 5)
    assert await journals.cursor("desk-1", "book") is None
    await journals.commit("desk-1", "book", 3)
    await journals.commit("desk-1", "book", 2)
    assert await journals.cursor("desk-1", "book") == 3
    await asyncio.gather(*(journals.commit("desk-1", "book", seq) for seq in (5, 4, 5)))
    assert await journals.cursor("desk-1", "book") == 5
    for seq in (0, 6):
        with pytest.raises(UsageError, match="has no item"):
            await journals.commit("desk-1", "book", seq)


async def test_a_position_is_written_again_until_it_is_stored(
    journals: JetStreamJournals, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store(journals, "desk-1", 5)
    write, tries = FactCell.write, list[int]()

    async def late(cell: FactCell, value: bytes) -> bool:
        tries.append(1)
        return len(tries) > 2 and await write(cell, value)

    read_cell = FactCell.read

    async def read_late(cell: FactCell) -> bytes | None:
        tries.append(1)
        if len(tries) == 1:
            raise Unanswered("no answer", was_sent=False)
        return await read_cell(cell)

    monkeypatch.setattr(FactCell, "read", read_late)
    assert await journals.cursor("desk-1", "book") is None
    monkeypatch.undo()
    tries.clear()
    monkeypatch.setattr(account_journals, "RETRY_S", 0.001)
    monkeypatch.setattr(FactCell, "write", late)
    await journals.commit("desk-1", "book", 5)
    assert (len(tries), await journals.cursor("desk-1", "book")) == (3, 5)


async def test_servers_that_do_not_answer_are_told(
    journals: JetStreamJournals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> Awaitable[Reply]:
        raise Unanswered("no answer", was_sent=False)

    monkeypatch.setattr(account_journals, "ASK_WITHIN_S", 0.05)
    monkeypatch.setattr(journals.servers, "request", silent)
    with pytest.raises(JournalError, match=r"does not answer within 0.05 s"):
        await journals.cursor("desk-1", "book")


async def test_only_so_many_places_are_remembered(journals: JetStreamJournals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_journals, "READERS_MAX", 2)
    for account in ("a", "b", "a", "c"):
        await journals.kept(account)
    assert list(journals._readers) == ["a", "c"]
    assert JetStreamJournals(journals.servers, Wall(), beside=Path("x")).beside("a") == Path("x")


async def test_nothing_ends_all_accounts_at_once(journals: JetStreamJournals) -> None:
    ended = asyncio.ensure_future(journals.ended())
    await store(journals, "desk-1", 1)
    assert not ended.done()
    ended.cancel()
