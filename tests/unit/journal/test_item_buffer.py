"""Test the buffer of items: numbers, memory, and what is kept as bytes; the rest is in test_memory.py."""

from __future__ import annotations

import pytest

from listenkey.items import GapClosed, GapOpened, Item, Live, Update
from listenkey.journal import item_buffer
from listenkey.journal.item_buffer import DECODED_MAX, ITEM_OVERHEAD_BYTES, TOLD_BYTES, ItemBuffer
from tests.unit.journal.making import ACCOUNT, AT_MS, greeks, read


def drained(buffer: ItemBuffer) -> list[Item]:
    return [buffer.taken(buffer.items.popleft()) for _ in range(len(buffer.items))]


def test_what_is_kept_is_numbered_and_counted() -> None:
    buffer = ItemBuffer(ACCOUNT, read)
    buffer.append(read(greeks(100)), greeks(100), AT_MS, "ws", late=False)
    buffer.tell(Live(0, "", AT_MS))
    assert buffer.bytes == len(greeks(100)) + ITEM_OVERHEAD_BYTES + TOLD_BYTES
    assert buffer.told == 1
    assert [item.seq for item in drained(buffer)] == [1, 2]
    assert buffer.bytes == buffer.told == 0


def test_beyond_a_number_the_bytes_alone_are_kept() -> None:
    buffer = ItemBuffer(ACCOUNT, read)
    raws = [greeks(number) for number in range(DECODED_MAX + 2)]
    events = [read(raw) for raw in raws]
    size = sum(map(len, raws)) + len(raws) * ITEM_OVERHEAD_BYTES
    buffer.append_all(events[:DECODED_MAX], raws[:DECODED_MAX], AT_MS, size)
    buffer.append(events[-2], raws[-2], AT_MS, "ws", late=False)
    buffer.append(events[-1], raws[-1], AT_MS, "rest", late=False)
    buffer.append_all(events[:1], raws[:1], AT_MS, len(raws[0]) + ITEM_OVERHEAD_BYTES)
    assert [type(item) for item in list(buffer.items)[-3:]] == [tuple, Update, tuple]
    assert buffer.recovered == 1
    items = drained(buffer)
    assert [item.seq for item in items] == list(range(1, DECODED_MAX + 4))
    assert [item.event for item in items if isinstance(item, Update)] == [*events, events[0]]


def test_updates_that_were_not_taken_come_first() -> None:
    buffer = ItemBuffer(ACCOUNT, read)
    updates = list(buffer.all_numbered([read(greeks(1)), read(greeks(2))], [greeks(1), greeks(2)], AT_MS))
    buffer.tell(Live(0, "", AT_MS))
    buffer.put_back(updates)
    assert [item.seq for item in drained(buffer)] == [1, 2, 3]
    assert buffer.bytes == 0


def test_where_many_wait_adjoining_gaps_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_buffer, "TOLD_MAX", 1)
    buffer = ItemBuffer(ACCOUNT, read)
    for number in range(4):
        buffer.report(GapOpened(0, "", number, "lost"))
        buffer.report(GapClosed(0, "", number, number + 1, 0, ()))
        buffer.report(Live(0, "", number + 1))
    opened, closed, live = drained(buffer)
    assert isinstance(opened, GapOpened)
    assert isinstance(closed, GapClosed)
    assert (closed.from_ms, closed.to_ms, live.seq) == (0, 4, 3)
    assert buffer.bytes == buffer.told == 0
