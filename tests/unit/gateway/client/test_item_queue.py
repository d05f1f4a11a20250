"""Items wait in a bounded queue, in order, and what ends it comes behind them."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.gateway.client import item_queue
from listenkey.gateway.client.item_queue import ItemQueue
from tests.unit.gateway.http.making import live, until


async def test_items_come_in_order_and_then_the_end() -> None:
    queue = ItemQueue()
    for seq in (1, 2, 3):
        await queue.put(live(seq), 10)
    queue.end(None)
    assert [(await queue.take()).seq, *(item.seq for item in queue.take_ready(9))] == [1, 2, 3]
    assert queue.taken_seq == 3
    with pytest.raises(StopAsyncIteration):
        await queue.take()


async def test_an_error_comes_behind_what_waits_and_the_first_one_counts() -> None:
    queue = ItemQueue()
    await queue.put(live(1), 10)
    queue.end(ValueError("first"))
    queue.end(None)
    assert (await queue.take()).seq == 1
    for _ in range(2):
        with pytest.raises(ValueError, match="first"):
            await queue.take()


async def test_a_reader_waits_for_what_comes() -> None:
    queue = ItemQueue()
    taking = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    await queue.put(live(1), 10)
    assert (await taking).seq == 1


@pytest.mark.parametrize(("name", "size"), [("ITEMS_MAX", 1), ("BYTES_MAX", 100)])
async def test_what_finds_no_room_waits(monkeypatch: pytest.MonkeyPatch, name: str, size: int) -> None:
    monkeypatch.setattr(item_queue, name, 2 * size)
    queue = ItemQueue()
    putting = asyncio.create_task(put_all(queue, 5, size))
    await until(lambda: len(queue) == 2)
    assert not putting.done()
    assert [(await queue.take()).seq for _ in range(5)] == [1, 2, 3, 4, 5]
    await putting


async def put_all(queue: ItemQueue, count: int, size: int) -> None:
    for seq in range(1, count + 1):
        await queue.put(live(seq), size)
