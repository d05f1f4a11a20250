from __future__ import annotations

import asyncio

import pytest

from listenkey.errors import Refused
from listenkey.events import Event, GreekUpdate
from listenkey.items import GapClosed, GapOpened, Item, Live, Update
from listenkey.journal.memory import DECODED_MAX, ITEM_OVERHEAD_BYTES, MemoryJournal


def raw(number: int) -> bytes:
    return b'{"e":"GREEK_UPDATE","E":%d,"T":%d,"G":[]}' % (number, number)


def read(body: bytes) -> Event:
    from listenkey.wire.frames import Unreadable, read_payload

    event = read_payload(body)
    assert not isinstance(event, Unreadable)
    return event


def journal(bytes_max: int = 1 << 20) -> MemoryJournal:
    return MemoryJournal("a3f1", read, lambda: 99, bytes_max)


def append(to: MemoryJournal, number: int) -> None:
    to.append_event(read(raw(number)), raw(number), number)


async def drain(of: MemoryJournal) -> list[Item]:
    of.end(None)
    items = [await of.next() for _ in range(of.backlog)]
    with pytest.raises(StopAsyncIteration):
        await of.next()
    return items


async def test_items_are_numbered_from_one_without_holes_and_carry_the_alias() -> None:
    kept = journal()
    kept.append_told([Live(0, "", 5)])
    append(kept, 1)
    kept.append_told([GapOpened(0, "", 1, "dropped")])
    items = await drain(kept)
    assert [item.seq for item in items] == [1, 2, 3]
    assert {item.account for item in items} == {"a3f1"}


async def test_a_backlog_of_any_length_gives_back_the_same_events() -> None:
    kept = journal()
    count = DECODED_MAX * 3
    for number in range(count):
        append(kept, number)
    assert kept.backlog == count
    items = await drain(kept)
    events = [item.event for item in items if isinstance(item, Update)]
    assert all(isinstance(event, GreekUpdate) for event in events)
    assert [event.event_ms for event in events] == list(range(count))
    assert [item.raw for item in items if isinstance(item, Update)] == [raw(number) for number in range(count)]


async def test_a_reader_that_waits_is_woken() -> None:
    kept = journal()
    waiting = asyncio.ensure_future(kept.next())
    await asyncio.sleep(0)
    append(kept, 7)
    assert (await waiting).seq == 1


async def test_a_reader_that_gives_up_waiting_loses_nothing() -> None:
    kept = journal()
    waiting = asyncio.ensure_future(kept.next())
    await asyncio.sleep(0)
    append(kept, 7)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await kept.next()).seq == 1


async def test_what_does_not_fit_is_told_as_a_gap_in_its_place_and_the_stream_goes_on() -> None:
    size = len(raw(101)) + ITEM_OVERHEAD_BYTES
    kept = journal(bytes_max=10 * size)
    for number in range(101, 201):
        append(kept, number)
    first = [await kept.next() for _ in range(11)]
    append(kept, 500)
    rest = await drain(kept)
    updates = [item for item in [*first, *rest] if isinstance(item, Update)]
    assert [item.received_ms for item in updates] == [*range(101, 112), 500]
    opened, closed = [item for item in rest if not isinstance(item, Update)]
    assert isinstance(opened, GapOpened)
    assert isinstance(closed, GapClosed)
    assert (opened.from_ms, closed.from_ms, closed.to_ms, closed.recovered) == (112, 112, 500, 0)
    assert "89 events" in closed.unrecoverable[0]
    assert kept.dropped == 89
    assert [item.seq for item in [*first, *rest]] == list(range(1, 15))


async def test_a_gap_that_is_open_when_the_stream_ends_is_closed() -> None:
    kept = journal(bytes_max=0)
    append(kept, 1)
    append(kept, 2)
    items = await drain(kept)
    assert [type(item) for item in items] == [Update, GapOpened, GapClosed]


async def test_the_error_that_ended_a_stream_comes_after_what_is_there() -> None:
    kept = journal()
    append(kept, 1)
    kept.end(Refused(401, -2015))
    assert isinstance(await kept.next(), Update)
    with pytest.raises(Refused):
        await kept.next()


async def test_the_first_word_on_the_end_counts() -> None:
    kept = journal()
    kept.end(None)
    kept.end(Refused(401, -2015))
    with pytest.raises(StopAsyncIteration):
        await kept.next()


async def test_batches_take_what_is_ready_and_no_more() -> None:
    kept = journal()
    for number in range(5):
        append(kept, number)
    assert len(kept.take_ready(3)) == 3
    assert len(kept.take_ready(100)) == 2
    assert kept.take_ready(100) == []
