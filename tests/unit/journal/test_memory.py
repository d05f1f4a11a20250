from __future__ import annotations

import asyncio

import pytest

from listenkey.errors import Refused
from listenkey.events import Event, GreekUpdate
from listenkey.items import GapClosed, GapOpened, Item, Live, Update
from listenkey.journal.item_buffer import DECODED_MAX, ITEM_OVERHEAD_BYTES, TOLD_MAX
from listenkey.journal.memory import BEHIND_WAIT_S, MemoryJournal
from tests.unit.core.making import trade_row


def raw(number: int) -> bytes:
    return b'{"e":"GREEK_UPDATE","E":%d,"T":%d,"G":[]}' % (number, number)


def read(body: bytes) -> Event:
    from listenkey.wire.frames import UnreadableFrame, read_payload

    event = read_payload(body)
    assert not isinstance(event, UnreadableFrame)
    return event


def journal(bytes_max: int = 1 << 20) -> MemoryJournal:
    return MemoryJournal("a3f1", read, lambda: 99, bytes_max)


def append(to: MemoryJournal, number: int) -> None:
    to.append_event(read(raw(number)), raw(number), number)


def losing(of: MemoryJournal) -> bool:
    """Asked anew each time, so that a checker of types does not take it for unchanged."""
    return of.overflow.losing is not None


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
    assert (opened.from_ms, closed.from_ms, closed.recovered) == (112, 112, 0)
    assert "89 events" in closed.unrecoverable[0]
    assert kept.overflow.dropped == 89
    assert [item.seq for item in [*first, *rest]] == list(range(1, 15))


async def test_the_gap_of_a_slow_reader_ends_when_it_has_made_room_also_where_no_event_comes() -> None:
    kept = journal(bytes_max=10 * (len(raw(101)) + ITEM_OVERHEAD_BYTES))
    for number in range(101, 201):
        append(kept, number)
    assert losing(kept)
    while losing(kept):
        await kept.next()
    items = await drain(kept)
    assert isinstance(items[-1], GapClosed)
    assert "89 events" in items[-1].unrecoverable[0]


def unreadable(to: MemoryJournal, at_ms: int, why: str = "not JSON") -> None:
    to.append_told([GapOpened(0, "", at_ms, why), GapClosed(0, "", at_ms, at_ms, 0, (why,))])


def covered(items: list[Item]) -> list[tuple[int, int]]:
    """The spans of the gaps; each beginning has its end."""
    opened = [item.from_ms for item in items if isinstance(item, GapOpened)]
    closed = [item for item in items if isinstance(item, GapClosed)]
    assert opened == [item.from_ms for item in closed]
    return [(item.from_ms, item.to_ms) for item in closed]


async def test_a_flood_of_gaps_that_nobody_reads_is_told_as_few_that_cover_them_all() -> None:
    kept = journal()
    for number in range(100_000):
        unreadable(kept, number, f"kind {number % 7}")
    assert kept.backlog <= TOLD_MAX
    items = await drain(kept)
    assert [item.seq for item in items] == list(range(1, len(items) + 1))
    spans = covered(items)
    assert spans[:3] == [(0, 0), (1, 1), (2, 2)], "the first are told one by one"
    assert spans[-1] == (TOLD_MAX // 2 - 1, 99_999)
    assert isinstance(items[-1], GapClosed)
    assert {f"kind {number}" for number in range(7)} < set(items[-1].unrecoverable)
    assert f"{100_000 - TOLD_MAX // 2 + 1} gaps are reported as one" in items[-1].unrecoverable[-1]


async def test_gaps_with_events_between_them_are_bounded_as_well() -> None:
    kept = journal(bytes_max=1 << 20)
    for number in range(20_000):
        unreadable(kept, number)
        append(kept, number)
    assert kept.overflow.losing is not None
    assert kept.backlog < 6_000
    assert kept._buffer.bytes < 1.1 * (1 << 20)
    items = await drain(kept)
    assert kept._buffer.bytes == kept._buffer.told == 0
    spans = covered(items)
    assert max(to_ms for _, to_ms in spans) >= 19_999


async def test_reconnects_that_nobody_reads_are_told_as_one_and_live_once() -> None:
    kept = journal()
    for number in range(5_000):
        kept.append_told([GapOpened(0, "", number, "dropped")])
        kept.append_told([GapClosed(0, "", number, number + 1, 2, ("totals",)), Live(0, "", number + 1)])
    assert kept.backlog <= TOLD_MAX + 3
    items = await drain(kept)
    assert [item.seq for item in items] == list(range(1, len(items) + 1))
    assert [type(item) for item in items[-3:]] == [GapOpened, GapClosed, Live]
    assert items[-1] == Live(items[-1].seq, "a3f1", 5_000)


def bring_back(to: MemoryJournal, *trade_ids: int) -> None:
    for trade_id in trade_ids:
        to.append_event(trade_row(trade_id).fill, b"{}", 5, "rest")


def counts(items: list[Item]) -> list[tuple[int, int, int]]:
    ends = [item for item in items if isinstance(item, GapClosed)]
    return [(end.recovered, end.recovered_fills, end.recovered_orders) for end in ends]


async def test_a_joined_gap_counts_what_was_recovered_in_all_of_it() -> None:
    kept = await crowded()
    kept.append_told([GapOpened(0, "", 9000, "dropped")])
    bring_back(kept, 1, 2)
    kept.append_told([GapClosed(0, "", 9000, 9500, 0), Live(0, "", 9500)])
    kept.append_told([GapOpened(0, "", 9600, "dropped")])
    bring_back(kept, 3)
    kept.append_told([GapClosed(0, "", 9600, 9700, 0), Live(0, "", 9700)])
    assert counts(await drain(kept))[-1] == (3, 3, 0)
    assert kept.recovered == 3


async def test_what_found_no_room_is_not_counted_as_recovered() -> None:
    kept = journal(bytes_max=4 * (2 + ITEM_OVERHEAD_BYTES))
    kept.append_told([GapOpened(0, "", 5, "dropped")])
    bring_back(kept, *range(1, 11))
    items = [await kept.next() for _ in range(kept.backlog)]
    kept.append_told([GapClosed(0, "", 5, 9, 0), Live(0, "", 9)])
    items += await drain(kept)
    inside = sum(isinstance(item, Update) for item in items)
    assert 0 < inside < 10
    assert sum(updates for updates, _, _ in counts(items)) == inside == kept.recovered
    first = next(place for place, item in enumerate(items) if isinstance(item, GapClosed))
    assert counts(items)[0][0] == sum(isinstance(item, Update) for item in items[:first])


async def test_what_a_function_is_called_with_is_counted_too() -> None:
    kept = journal()
    items: list[Item] = []
    delivering = asyncio.create_task(kept.deliver(items.append))
    await asyncio.sleep(0)
    kept.append_told([GapOpened(0, "", 5, "dropped")])
    bring_back(kept, 1, 2)
    kept.append_told([GapClosed(0, "", 5, 9, 0)])
    kept.end(None)
    await delivering
    assert counts(items) == [(2, 2, 0)]


async def crowded() -> MemoryJournal:
    kept = journal()
    for number in range(TOLD_MAX):
        unreadable(kept, 1000 + number)
    return kept


async def test_a_gap_is_joined_only_where_the_one_before_has_not_been_read() -> None:
    kept = await crowded()
    for _ in range(kept.backlog):
        await kept.next()
    unreadable(kept, 9000)
    assert covered(await drain(kept)) == [(9000, 9000)]


async def test_a_reader_may_come_while_a_joined_gap_is_open() -> None:
    kept = await crowded()
    kept.append_told([GapOpened(0, "", 9000, "dropped")])
    before = kept.take_ready(10_000)
    assert isinstance(before[-1], GapOpened)
    kept.append_told([GapClosed(0, "", 9000, 9500, 1, ("totals",)), Live(0, "", 9500)])
    items = [*before, *await drain(kept)]
    assert covered(items)[-1] == (before[-1].from_ms, 9500)
    assert [item.seq for item in items] == list(range(1, len(items) + 1))


async def test_a_joined_gap_that_turns_out_to_have_begun_earlier_is_told_again() -> None:
    kept = await crowded()
    kept.append_told([GapOpened(0, "", 9000, "dropped"), GapOpened(0, "", 8000, "the key had ended")])
    kept.append_told([GapOpened(0, "", 10, "long before")])
    kept.append_told([GapClosed(0, "", 10, 9500, 0, ())])
    items = await drain(kept)
    assert isinstance(items[-2], GapOpened)
    assert isinstance(items[-1], GapClosed)
    assert (items[-2].from_ms, items[-1].from_ms, items[-1].to_ms) == (10, 10, 9500)


async def test_a_gap_that_begins_before_an_unread_one_is_told_by_itself() -> None:
    kept = await crowded()
    unreadable(kept, 5)
    assert covered(await drain(kept))[-1] == (5, 5)


async def test_a_gap_that_is_open_is_told_again_when_it_turns_out_longer_however_much_waits() -> None:
    kept = await crowded()
    append(kept, 1)
    kept.append_told([GapOpened(0, "", 9000, "dropped"), GapOpened(0, "", 8000, "the key had ended")])
    kept.append_told([GapClosed(0, "", 8000, 9500, 0, ())])
    items = await drain(kept)
    assert [item.from_ms for item in items[-3:]] == [9000, 8000, 8000]  # type: ignore[union-attr]


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


def batch(of: range) -> tuple[list[Event], list[bytes], int]:
    return [read(raw(number)) for number in of], [raw(number) for number in of], 5


@pytest.mark.parametrize("waiting", [0, DECODED_MAX])
async def test_a_batch_is_kept_as_its_events_one_by_one(waiting: int) -> None:
    alone, together = journal(), journal()
    for kept in (alone, together):
        for number in range(waiting):
            append(kept, number)
    for number in range(100, 107):
        alone.append_event(read(raw(number)), raw(number), 5)
    together.append_events(*batch(range(100, 107)))
    assert together._buffer.bytes == alone._buffer.bytes
    assert await drain(together) == await drain(alone)
    assert together._buffer.bytes == 0


async def test_a_batch_wakes_a_reader_that_waits() -> None:
    kept = journal()
    reading = asyncio.ensure_future(kept.next())
    await asyncio.sleep(0)
    kept.append_events(*batch(range(1, 3)))
    assert (await reading).seq == 1


async def test_a_batch_for_which_there_is_no_room_is_kept_as_far_as_there_is() -> None:
    alone, together = journal(bytes_max=1000), journal(bytes_max=1000)
    for number in range(100, 120):
        alone.append_event(read(raw(number)), raw(number), 5)
    together.append_events(*batch(range(100, 120)))
    assert together.overflow.dropped == alone.overflow.dropped > 0
    assert await drain(together) == await drain(alone)


async def test_a_function_gets_what_waits_and_then_what_comes_when_it_comes() -> None:
    kept = journal()
    append(kept, 1)
    got: list[int] = []
    delivering = asyncio.ensure_future(kept.deliver(lambda item: got.append(item.seq)))
    await asyncio.sleep(0)
    assert got == [1]
    kept.append_events(*batch(range(2, 4)))
    append(kept, 4)
    kept.append_told([Live(0, "", 5)])
    assert got == [1, 2, 3, 4, 5], "nobody had to wake"
    assert kept.backlog == kept._buffer.bytes == 0
    kept.end(None)
    await delivering


async def test_what_the_function_raises_is_raised_to_who_waits_and_the_rest_stays() -> None:
    kept = journal()

    def fails_at_2(item: Item) -> None:
        if item.seq == 2:
            raise ZeroDivisionError

    delivering = asyncio.ensure_future(kept.deliver(fails_at_2))
    await asyncio.sleep(0)
    kept.append_events(*batch(range(1, 5)))
    append(kept, 5)
    with pytest.raises(ZeroDivisionError):
        await delivering
    assert [item.seq for item in await drain(kept)] == [3, 4, 5]
    assert kept._buffer.bytes == 0


async def test_an_interrupt_in_the_function_goes_where_python_sends_it() -> None:
    kept = journal()

    def interrupted(_: Item) -> None:
        raise KeyboardInterrupt

    delivering = asyncio.ensure_future(kept.deliver(interrupted))
    await asyncio.sleep(0)
    with pytest.raises(KeyboardInterrupt):
        kept.append_events(*batch(range(1, 3)))
    delivering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivering
    assert kept.backlog == 1


async def test_a_function_is_told_of_the_end_and_of_its_error() -> None:
    kept = journal()
    delivering = asyncio.ensure_future(kept.deliver(lambda _: None))
    await asyncio.sleep(0)
    kept.end(Refused(401, -2015))
    with pytest.raises(Refused):
        await delivering
    over = journal()
    over.end(None)
    await over.deliver(lambda _: None)


async def test_what_a_function_brings_about_has_its_turn() -> None:
    kept = journal()
    got: list[int] = []

    def appends(item: Item) -> None:
        got.append(item.seq)
        if item.seq < 3:
            append(kept, item.seq)

    delivering = asyncio.ensure_future(kept.deliver(appends))
    await asyncio.sleep(0)
    append(kept, 0)
    assert got == [1, 2, 3]
    kept.end(None)
    await delivering


async def test_the_reader_has_a_turn_while_something_waits_for_him() -> None:
    kept = journal()
    assert kept.turn_after_s() is None
    append(kept, 0)
    assert kept.turn_after_s() == 0.0


async def test_who_is_far_behind_gets_time_before_more_is_read() -> None:
    kept = journal(bytes_max=40_000)
    for number in range(100):
        append(kept, number)
        if kept.turn_after_s():
            break
    assert 10_000 < kept._buffer.bytes < 12_000
    assert kept.turn_after_s() == BEHIND_WAIT_S
    await kept.next()
    await kept.next()
    assert kept.turn_after_s() == 0.0


async def test_who_watches_is_told_when_a_slow_reader_begins_to_lose_and_ceases_to() -> None:
    made = journal(bytes_max=10_000)
    seen: list[int | None] = []
    made.watch(lambda: seen.append(made.overflow.from_ms))
    number = 0
    while not losing(made):
        number += 1
        append(made, number)
    await drain(made)
    assert seen == [number, None]
    assert made.account == "a3f1"


async def test_an_event_that_finds_room_again_stands_behind_the_end_of_the_gap() -> None:
    kept = journal(1_000)
    number = 0
    while not losing(kept):
        append(kept, number := number + 1)
    kept.overflow.bytes_max = 1 << 20
    append(kept, number + 1)
    assert not losing(kept)
    assert [type(item) for item in await drain(kept)][-3:] == [GapOpened, GapClosed, Update]
