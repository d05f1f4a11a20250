"""Test the queue before the disk: what it counts, holds back and drops."""

from __future__ import annotations

from pathlib import Path

import pytest

from listenkey.items import GapClosed, GapOpened, Live
from listenkey.journal.sqlite import write_queue
from listenkey.journal.sqlite.numbering import Entry, NoticeEntry
from listenkey.journal.sqlite.retention import Retention
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.write_queue import (
    ENTRY_OVERHEAD_BYTES,
    QUEUE_BYTES_MAX,
    TURN_AFTER_S,
    QueueRoom,
    WriteQueue,
)
from listenkey.journal.sqlite.writer import Committed, Writer
from tests.unit.journal.making import ACCOUNT, AT_MS, Wall, fill, greeks, read

SIZE = len(fill(100)) + ENTRY_OVERHEAD_BYTES


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(Store(tmp_path / "a.db", ACCOUNT), lambda _: None, None, Retention(), Wall(), lambda: 0)


def written(entries: int, raw_bytes: int) -> Committed:
    return Committed([], entries, entries, raw_bytes, 0, None)


def waiting(writer: Writer) -> list[Entry]:
    return writer._take()


def test_what_waits_is_counted_until_it_is_written(writer: Writer) -> None:
    queue = WriteQueue(writer, Wall(), QUEUE_BYTES_MAX)
    queue.append_event(read(fill(100)), fill(100), AT_MS)
    raws = [fill(101), fill(102)]
    queue.append_events([read(raw) for raw in raws], raws, AT_MS)
    queue.append_told([Live(0, "", AT_MS)])
    assert (len(queue), queue.entries) == (4, 4)
    assert queue.bytes == 3 * SIZE + ENTRY_OVERHEAD_BYTES
    assert len(waiting(writer)) == 4
    queue.written(written(4, 3 * len(fill(100))))
    assert queue.entries == queue.bytes == 0


def test_a_queue_that_is_full_drops_and_tells(writer: Writer) -> None:
    wall = Wall()
    queue = WriteQueue(writer, wall, 2 * SIZE)
    assert queue.turn_after_s() is None
    raws = [fill(number) for number in range(100, 106)]
    queue.append_events([read(raw) for raw in raws], raws, AT_MS)
    assert queue.overflow.dropped > 0
    assert queue.turn_after_s() == TURN_AFTER_S
    queue.heard(AT_MS)
    assert writer.marks.heard_ms is None, "not while events are dropped"
    waiting(writer)
    queue.written(written(queue.entries, queue.bytes - queue.entries * ENTRY_OVERHEAD_BYTES))
    wall.ms += 9
    queue.settle()
    (told,) = waiting(writer)
    assert isinstance(told, NoticeEntry)
    assert isinstance(told.item, GapClosed)
    assert told.item.to_ms == AT_MS + 9
    queue.heard(AT_MS + 9)
    assert writer.marks.heard_ms == AT_MS + 9


def test_where_much_waits_gaps_are_joined(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_queue, "WAITING_MAX", 1)
    queue = WriteQueue(writer, Wall(), QUEUE_BYTES_MAX)
    for number in range(10):
        queue.append_told([GapOpened(0, "", number, "lost"), GapClosed(0, "", number, number + 1, 0, ())])
    assert queue.entries == 2
    assert len(queue) == 4
    queue.heard(AT_MS)
    assert writer.marks.heard_ms is None, "not before the gaps are written"
    queue.append_event(read(greeks(1)), greeks(1), AT_MS)
    assert queue.entries == 5
    queue.append_told([GapOpened(0, "", 20, "lost")])
    raws = [greeks(2), greeks(3)]
    queue.append_events([read(raw) for raw in raws], raws, AT_MS)
    assert queue.entries == len(queue) == 8
    queue.close()
    assert queue.entries == 8


def test_the_end_closes_the_gap_and_holds_nothing_back(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_queue, "WAITING_MAX", 0)
    queue = WriteQueue(writer, Wall(), 1)
    queue.append_event(read(fill(1)), fill(1), AT_MS)
    queue.append_event(read(fill(2)), fill(2), AT_MS)
    assert queue.overflow.is_open
    queue.close()
    assert [type(entry.item) for entry in waiting(writer) if isinstance(entry, NoticeEntry)] == [GapOpened, GapClosed]
    assert len(queue) == queue.entries == 3


def test_of_a_room_that_is_full_each_account_has_its_share(writer: Writer) -> None:
    room = QueueRoom(10 * SIZE)
    room.accounts = 2
    loud, quiet = (WriteQueue(writer, Wall(), QUEUE_BYTES_MAX, room) for _ in range(2))
    for number in range(100, 120):
        loud.append_event(read(fill(number)), fill(number), AT_MS)
    assert (loud.overflow.dropped, room.bytes) == (9, loud.bytes)
    raws = [fill(number) for number in range(100, 104)]
    quiet.append_events([read(raw) for raw in raws], raws, AT_MS)
    assert (quiet.overflow.dropped, room.bytes) == (0, loud.bytes + quiet.bytes)
    quiet.append_events([read(raw) for raw in raws], raws, AT_MS)
    assert quiet.overflow.dropped > 0
    loud.leave()
    assert (loud.entries, loud.bytes, room.bytes) == (0, 0, quiet.bytes)
    assert room.limit(QUEUE_BYTES_MAX) == QUEUE_BYTES_MAX
