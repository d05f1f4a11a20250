from __future__ import annotations

import zlib

import pytest

from listenkey.events import RecoveredCash
from listenkey.items import Item, Update
from listenkey.journal.jetstream import checkpoint as checkpoints
from listenkey.journal.jetstream.checkpoint import (
    AccountMemory,
    CheckpointWriter,
    checkpoint_bytes,
    read_checkpoint,
)
from listenkey.journal.jetstream.fact_cell import FactCell
from listenkey.journal.sqlite.numbering import EventEntry
from tests.nats_server import Cluster
from tests.unit.core.making import order_row
from tests.unit.journal.jetstream.making import NOT_SENT, OneAccount, linked
from tests.unit.journal.making import ACCOUNT, AT_MS, fill, greeks, read, resting


def remembered(*raws: bytes) -> AccountMemory:
    memory = AccountMemory()
    for number, raw in enumerate(raws, 1):
        memory.note(Update(number, ACCOUNT, read(raw), AT_MS, raw))
    return memory


def test_a_memory_comes_back_from_its_checkpoint() -> None:
    memory = remembered(fill(1), resting(2), resting(3), greeks(1), fill(3))
    memory.note(Update(6, ACCOUNT, order_row(7, "NEW", "0").order, AT_MS, b"{}", "rest"))
    memory.note(Update(7, ACCOUNT, RecoveredCash(1, "TRANSFER", "5", "USDT", "", AT_MS), AT_MS, b"{}", "rest"))
    written = memory.checkpoint(7, b"c" * 16)
    assert read_checkpoint(checkpoint_bytes(written)) == written
    assert (written.seq, written.chain, len(written.fills), len(written.orders), len(written.ended)) == (
        7, (b"c" * 16).hex(), 2, 2, 2,
    )  # fmt: skip
    other = AccountMemory()
    other.restore(written)
    assert other.checkpoint(7, b"c" * 16) == written
    other.note(Update(8, ACCOUNT, read(resting(3)), AT_MS, resting(3)))
    assert other.orders == memory.orders, "it had ended"


@pytest.mark.parametrize("value", [None, b"", b"{}", zlib.compress(b"{}"), zlib.compress(b'{"seq":"x"}')])
def test_a_checkpoint_that_could_not_be_meant_is_none(value: bytes | None) -> None:
    assert read_checkpoint(value) is None


def test_a_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "ORDERS_ENDED_MAX", 2)
    memory = remembered(fill(1), fill(2), fill(3))
    assert len(memory.checkpoint(3, b"").ended) == 2


async def put_and_store(account: OneAccount, first: int, last: int) -> None:
    numbers = range(first, last + 1)
    account.publisher.put_all([EventEntry(read(resting(number)), resting(number), AT_MS) for number in numbers])
    while account.publisher._entries:
        await account.publisher._publish_some()


async def test_the_next_owner_reads_what_came_behind_it(nats_node: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINT_ITEMS", 300)
    async with linked(nats_node) as (link, names):
        first = OneAccount(link, names, "w1")
        await first.open()
        await put_and_store(first, 1, 1_000)
        second = OneAccount(link, names, "w2")
        read_on, looks = second.reader.read, list[tuple[int, int]]()

        async def look(after: int, most: int = 512) -> object:
            found = await read_on(after, most)
            looks.append((after, len(found)))
            return found

        second.reader.read = look  # type: ignore[assignment, method-assign]
        opened = await second.open()
        assert opened.last_seq == 1_000
        assert looks == [(999, 1), (936, 64)]
        second.memory.note(Update(1, ACCOUNT, read(resting(1)), AT_MS, resting(1)))
        assert len(second.memory.orders) == 1_000
        assert second.memory.checkpoint(1, b"").fills == first.memory.checkpoint(1, b"").fills


async def test_one_of_other_items_is_taken_for_nothing(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        first = OneAccount(link, names, "w1")
        await first.open()
        await put_and_store(first, 1, 10)
        cell = FactCell(link, names.names.state, names.checkpoint, lambda _: False)
        await cell.read()
        empty = CheckpointWriter(AccountMemory())
        empty.begin(cell, 0)
        for seq, chain in ((10, b"other"), (11, first.numbering.chain), (0, b"")):
            await empty.write(seq, chain)
            second = OneAccount(link, names, f"of {seq}")
            await second.open()
            assert len(second.memory.orders) == 10, "it was not believed"
        await empty.write(10, first.numbering.chain)
        third = OneAccount(link, names, "w3")
        await third.open()
        assert len(third.memory.orders) == 0, "it was"


async def test_it_is_written_at_an_orderly_end_and_is_no_trouble_where_it_cant_be(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        link.fail("MSG.GET.KV", None, NOT_SENT)
        await account.open()
        await put_and_store(account, 1, 300)
        assert not account.checkpoints.is_due(300)
        assert account.checkpoints.is_due(300, final=True)
        await account.publish()
        assert not account.checkpoints.is_due(300, final=True)
        cell = FactCell(link, names.names.state, names.checkpoint, lambda _: False)
        found = read_checkpoint(await cell.read())
        assert found is not None
        assert found.seq == 300
        other = CheckpointWriter(AccountMemory())
        other.begin(cell, 300)
        await other.write(301, b"")
        await account.checkpoints.write(302, b"")  # Another one was faster; it is known now.
        link.fail("$KV", NOT_SENT)
        await account.checkpoints.write(303, b"")
        await account.checkpoints.write(304, b"")
        found = read_checkpoint(await cell.read())
        assert found is not None
        assert found.seq == 304
        items: list[Item] = account.items
        assert len(items) == 300
