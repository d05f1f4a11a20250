"""Test the journal in a file, beyond the contract in tests/contract/test_journals.py."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from listenkey.core.gaps import Resumed
from listenkey.errors import Corrupt, Fenced, JournalError, UsageError
from listenkey.items import GapClosed, GapOpened, Item, Live, Update
from listenkey.journal.sqlite import durable_items, write_queue, writer_thread
from listenkey.journal.sqlite import writer as writers
from listenkey.journal.sqlite.journal import SqliteJournal
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.retention import Retention
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.write_queue import ENTRY_OVERHEAD_BYTES
from tests.unit.journal.making import (
    ACCOUNT,
    AT_MS,
    BadDisk,
    Wall,
    append,
    fill,
    greeks,
    join,
    journal,
    raws_of,
    read,
    take,
    until,
    written,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


class Gate:
    """Holds every commit until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()
        real = Store.write

        def write(store: Store, *arguments: Any) -> None:
            self.reached.set()
            self.opened.wait(10)
            real(store, *arguments)

        monkeypatch.setattr(Store, "write", write)


async def test_nothing_is_shown_before_it_is_on_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    made = journal(path)
    await made.open()
    append(made, fill(1))
    await asyncio.to_thread(gate.reached.wait, 5)
    assert made.take_ready(10) == []
    assert made.backlog == 1
    reading = asyncio.ensure_future(made.next())
    await asyncio.sleep(0)
    assert not reading.done()
    gate.opened.set()
    assert (await reading).seq == 1
    await made.aclose()


async def test_a_disk_that_does_not_answer_holds_nobody_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    made = journal(path)
    await made.open()
    append(made, fill(1))
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await made.aclose()
    assert loop.time() - began_s < 2
    with pytest.raises(StopAsyncIteration):
        await made.next()
    gate.opened.set()
    await asyncio.to_thread(join, made.writer)


async def test_a_reader_that_is_far_behind_costs_no_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable_items, "WINDOW_BYTES_MAX", 10 * (ENTRY_OVERHEAD_BYTES + len(fill(100))))
    made = journal(path)
    await made.open()
    raws = [fill(number) for number in range(100, 2100)]
    for raw in raws:
        append(made, raw)
        await asyncio.sleep(0)
    await until(lambda: made._queue.entries == 0)
    assert made.backlog == 2000
    assert len(made._items.window) < 600
    items = await take(made, 2000)
    assert raws_of(items) == raws
    append(made, fill(5000))
    assert (await made.next()).seq == 2001
    await made.aclose()


class SlowFile:
    """Holds every look into the file until it is opened; counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = threading.Event()
        self.looks = 0
        real = JournalReader.read

        def read(reader: JournalReader, *arguments: Any) -> list[Item]:
            self.looks += 1
            self.opened.wait(10)
            return real(reader, *arguments)

        monkeypatch.setattr(JournalReader, "read", read)


async def test_a_reader_that_gives_up_while_the_file_is_read_loses_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(path, [fill(number) for number in range(1, 4)])
    file = SlowFile(monkeypatch)
    made = journal(path, after=0)
    await made.open()
    for _ in range(2):
        waiting = asyncio.ensure_future(made.next())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    file.opened.set()
    assert [item.seq for item in await take(made, 4)] == [1, 2, 3, 4]
    assert file.looks == 1
    await made.aclose()


async def test_a_reader_that_closes_while_the_file_is_read_leaves_nothing_open(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(path, [fill(1)])
    file = SlowFile(monkeypatch)
    made = journal(path, after=0)
    await made.open()
    waiting = asyncio.ensure_future(made.next())
    await until(lambda: file.looks == 1)
    closing = asyncio.ensure_future(made.aclose())
    await until(lambda: made._link.is_over)
    assert not closing.done(), "a connection that reads can't be closed under its reader"
    file.opened.set()
    await closing
    assert made._items._file is None
    assert (await waiting).seq == 1


async def test_a_look_into_the_file_that_hangs_keeps_nobody_from_closing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(path, [fill(1)])
    file = SlowFile(monkeypatch)
    made = journal(path, after=0)
    await made.open()
    waiting = asyncio.ensure_future(made.next())
    await until(lambda: file.looks == 1)
    await made.aclose()
    assert made._items._file is not None, "a connection that reads can't be closed under its reader"
    file.opened.set()
    assert (await waiting).seq == 1
    assert made._items._file is None


class LateReports:
    """Stands where the loop is; keeps what the thread reports until it is let through."""

    def __init__(self) -> None:
        self.kept: list[tuple[Callable[[Any], None], Any]] = []

    def call_soon_threadsafe(self, what: Callable[[Any], None], report: Any) -> None:
        self.kept.append((what, report))


async def test_what_the_reader_found_in_the_file_before_it_was_announced_is_shown_once(path: Path) -> None:
    await written(path, [fill(1)])
    made = journal(path, after=0)
    await made.open()
    loop, late = made._link._loop, LateReports()
    made._link._loop = late  # type: ignore[assignment]
    append(made, fill(2))
    await until(lambda: any(isinstance(report, writers.Committed) for _, report in late.kept))
    assert [item.seq for item in await take(made, 3)] == [1, 2, 3], "it is durable, so it may be shown"
    made._link._loop = loop
    for what, report in late.kept:
        what(report)
    append(made, fill(3))
    assert (await made.next()).seq == 4
    await made.aclose()


async def test_a_disk_that_is_full_waits_tells_and_heals(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_thread, "RETRY_MAX_S", 0.02)
    disk, wall = BadDisk(monkeypatch, "SQLITE_FULL"), Wall()
    size = len(fill(100)) + ENTRY_OVERHEAD_BYTES
    made = journal(path, queue_bytes_max=4 * size, wall_ms=wall)
    await made.open()
    append(made, fill(100))
    assert (await made.next()).seq == 1
    disk.dead = True
    for number in range(101, 121):
        append(made, fill(number), at_ms=AT_MS + number)
    await until(lambda: made.problem is not None)
    assert "disk is full" in str(made.problem)
    assert made.take_ready(10) == []
    assert made.overflow.dropped == 15
    wall.ms = AT_MS + 500
    disk.dead = False
    items = await take(made, 7)
    assert made.problem is None
    opened, closed = [item for item in items if not isinstance(item, Update)]
    assert isinstance(opened, GapOpened)
    assert isinstance(closed, GapClosed)
    assert (opened.from_ms, closed.to_ms) == (AT_MS + 106, AT_MS + 500)
    assert closed.unrecoverable == ("15 events were dropped before the journal could be written again",)
    assert raws_of(items) == [fill(number) for number in range(101, 106)]
    append(made, fill(200))
    assert (await made.next()).seq == 9
    await made.aclose()


async def test_damage_ends_the_stream_with_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = BadDisk(monkeypatch, "SQLITE_CORRUPT")
    made = journal(path, consumer="book")
    await made.open()
    append(made, fill(1))
    await made.next()
    disk.dead = True
    append(made, fill(2))
    with pytest.raises(Corrupt, match="damaged"):
        await made.next()
    assert "damaged" in str(made.problem)
    with pytest.raises(JournalError, match="closed"):
        await made.commit(1)
    await made.aclose()


async def test_commits_that_cant_be_written_raise(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = BadDisk(monkeypatch, "SQLITE_IOERR_WRITE")
    made = journal(path, consumer="book")
    await made.open()
    append(made, fill(1), fill(2))
    await take(made, 2)
    disk.dead = True
    waiting = [asyncio.ensure_future(made.commit(seq)) for seq in (1, 2)]
    await until(lambda: made.problem is not None)
    waiting[0].cancel()
    await made.aclose()
    with pytest.raises(JournalError):
        await waiting[1]


async def test_a_consumer_goes_on_after_what_it_committed(path: Path) -> None:
    made = journal(path, consumer="book")
    await made.open()
    append(made, *(fill(number) for number in range(1, 6)))
    items = await take(made, 5)
    await asyncio.gather(made.commit(2), made.commit(3))
    await made.commit(1)  # less than before is no step back
    await made.aclose()
    again = journal(path, consumer="book")
    await again.open()
    assert await take(again, 2) == items[3:]
    await again.aclose()


async def test_a_new_consumer_reads_everything_and_a_reader_without_a_name_what_comes(path: Path) -> None:
    await written(path, [fill(1)])
    for options, first in (({"consumer": "new"}, 1), ({"after": 1}, 2), ({}, 3)):
        made = journal(path, **options)
        await made.open()
        if first == 3:
            append(made, fill(2))
        assert (await made.next()).seq == first
        await made.aclose()


async def test_an_item_is_done_when_the_next_is_asked_for_if_so_wanted(path: Path) -> None:
    made = journal(path, consumer="book", auto_commit=True)
    await made.open()
    append(made, *(fill(number) for number in range(1, 6)))
    assert (await made.next()).seq == 1
    await until(lambda: made.backlog == 4 and len(made._items.window) == 4)
    assert made.take_ready(0) == []
    assert [item.seq for item in made.take_ready(2)] == [2, 3]
    assert (await made.next()).seq == 4
    await made.aclose()
    again = journal(path, consumer="book", auto_commit=True)
    await again.open()
    assert (await again.next()).seq == 4
    await again.aclose()


async def test_what_cant_be_committed_is_a_mistake(path: Path) -> None:
    made = journal(path)
    await made.open()
    with pytest.raises(UsageError, match="name the reader"):
        await made.commit(1)
    await made.aclose()
    named = journal(path, consumer="book")
    await named.open()
    with pytest.raises(UsageError, match="not read yet"):
        await named.commit(1)
    await named.aclose()
    for options in ({"auto_commit": True}, {"consumer": ""}):
        with pytest.raises(UsageError, match="name"):
            journal(path, **options)


async def test_a_cursor_beyond_the_journal_is_told(path: Path) -> None:
    await written(path, [fill(1)])
    with pytest.raises(UsageError, match="ends at item 2, before the reader's position 5"):
        await journal(path, after=5).open()
    await written(path, [fill(2)])  # it let go


async def test_a_second_writer_is_refused_at_once(path: Path) -> None:
    first = journal(path)
    await first.open()
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    with pytest.raises(Fenced):
        await journal(path).open()
    assert loop.time() - began_s < 1
    await first.aclose()


async def test_the_next_process_knows_until_when_the_stream_was_whole(path: Path) -> None:
    made = journal(path)
    assert await made.open() == Resumed()
    made.append_told([Live(0, "", AT_MS)])
    made.heard(AT_MS)
    append(made, fill(1))
    await take(made, 2)
    made.heard(AT_MS + 40)
    await made.aclose()
    again = journal(path)
    assert await again.open() == Resumed(AT_MS + 40)
    again.append_told([GapOpened(0, "", AT_MS + 40, "the process was not running")])
    await take(again, 1)
    await again.aclose()
    third = journal(path)
    assert await third.open() == Resumed(AT_MS + 40, AT_MS + 40)
    await third.aclose()


async def test_closing_leaves_one_file_and_its_lock(path: Path) -> None:
    await written(path, [fill(1)])
    assert sorted(one.name for one in path.parent.iterdir()) == ["a.db", "a.db-lock"]
    await journal(path).aclose()  # never opened: nothing to do


async def test_opening_that_is_given_up_lets_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began, go_on = threading.Event(), threading.Event()
    real = Store.open

    def slow(store: Store) -> Resumed:
        began.set()
        go_on.wait(5)
        return real(store)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "open", slow)
        opening = asyncio.ensure_future(journal(path).open())
        await asyncio.to_thread(began.wait, 5)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        go_on.set()
    await until_free(path)


async def test_opening_that_is_given_up_waits_for_the_disk_that_answers(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()
    real = Store.open

    def slow(store: Store) -> Resumed:
        began.set()
        go_on.wait(5)
        return real(store)

    for refuses in (False, True):
        began.clear()
        go_on.clear()
        holder = Store(path, ACCOUNT)
        if refuses:
            holder.open()
        with monkeypatch.context() as patched:
            patched.setattr(Store, "open", slow)
            opening = asyncio.ensure_future(journal(path).open())
            await asyncio.to_thread(began.wait, 5)
            opening.cancel()
            await asyncio.sleep(0)
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await opening
        holder.close()
        free = Store(path, ACCOUNT)
        free.open()
        free.close()


async def until_free(path: Path) -> None:
    free = Store(path, ACCOUNT)

    def is_free() -> bool:
        try:
            free.open()
        except Fenced:
            return False
        return True

    await until(is_free)
    free.close()


async def test_what_is_old_goes_when_it_was_read(path: Path) -> None:
    wall = Wall()
    made = journal(path, wall_ms=wall, retention=Retention(keep_days=1))
    await made.open()
    append(made, *(greeks(number) for number in range(5)), at_ms=AT_MS)
    wall.ms += 2 * 86_400_000
    append(made, greeks(wall.ms), at_ms=wall.ms)
    await take(made, 3)
    reader = JournalReader(path)

    def gone() -> bool:
        made.writer._pruner._at_s = 0.0  # it would look again in half a minute
        made.writer.wake.set()
        return [item.seq for item in reader.read(0)] == [4, 5, 6]

    await until(gone)
    reader.close()
    assert [item.seq for item in await take(made, 3)] == [4, 5, 6]
    await made.aclose()


def test_a_loop_that_is_gone_is_nobody_to_tell(path: Path) -> None:
    made: list[SqliteJournal] = []

    async def start() -> None:
        made.append(journal(path))
        await made[0].open()

    asyncio.run(start())
    made[0].abandon()
    join(made[0].writer)


async def test_commits_behind_one_that_is_on_its_way_wait_for_their_own(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = journal(path, consumer="book")
    await made.open()
    append(made, fill(1), fill(2))
    await take(made, 2)
    gate = Gate(monkeypatch)
    first = asyncio.ensure_future(made.commit(1))
    await asyncio.to_thread(gate.reached.wait, 5)
    second = asyncio.ensure_future(made.commit(2))
    await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.gather(first, second)
    assert made.store.cursor("book") == 2
    await made.aclose()


async def test_while_events_are_dropped_nothing_is_called_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    made = journal(path, queue_bytes_max=1)
    await made.open()
    made.heard(AT_MS)
    append(made, fill(1))
    append(made, fill(2))
    assert made.overflow.dropped == 1
    made.heard(AT_MS + 99)
    assert made.writer.marks.heard_ms == AT_MS
    gate.opened.set()
    await made.aclose()


async def test_gaps_without_end_wait_as_one_for_a_disk_that_stalls(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    made = journal(path)
    await made.open()
    made.heard(AT_MS)
    for number in range(20_000):
        made.append_told([GapOpened(0, "", number, "dropped")])
        made.append_told([GapClosed(0, "", number, number + 1, 1, ("totals",)), Live(0, "", number + 1)])
    assert made.backlog <= write_queue.WAITING_MAX + 3
    made.heard(AT_MS + 99)
    assert made.writer.marks.heard_ms == AT_MS, "not before the gaps are written"
    append(made, fill(1))
    made.append_told([GapOpened(0, "", 30_000, "dropped")])
    waiting = made.backlog
    assert waiting <= write_queue.WAITING_MAX + 5
    gate.opened.set()
    items = await take(made, waiting)
    made.end(None)
    await made.aclose()
    assert [type(item) for item in items[-5:]] == [GapOpened, GapClosed, Live, Update, GapOpened]
    ends = [item for item in items if isinstance(item, GapClosed)]
    assert (ends[0].from_ms, ends[-1].to_ms) == (0, 20_000)
    assert all(end.from_ms <= before.to_ms for before, end in pairwise(ends)), "none is left out"


async def test_a_file_that_others_emptied_is_told(path: Path) -> None:
    await written(path, [fill(1)])
    made = journal(path, after=0)
    await made.open()
    made.store.connection.execute("DELETE FROM items")
    for _ in range(2):
        with pytest.raises(Corrupt, match="no longer holds the items from 1 on"):
            await made.next()
    await made.aclose()


async def test_a_batch_is_kept_as_its_events_one_by_one_and_waits_where_the_queue_fills(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    size = len(greeks(101)) + ENTRY_OVERHEAD_BYTES
    made = journal(path, queue_bytes_max=8 * size)
    await made.open()
    for first, count, turn in ((101, 4, None), (105, 2, write_queue.TURN_AFTER_S), (107, 5, write_queue.TURN_AFTER_S)):
        raws = [greeks(number) for number in range(first, first + count)]
        made.append_events([read(raw) for raw in raws], raws, AT_MS)
        assert made.turn_after_s() == turn
    assert made.overflow.dropped > 0
    gate.opened.set()
    kept = 11 - made.overflow.dropped
    assert raws_of(await take(made, kept)) == [greeks(number) for number in range(101, 101 + kept)]
    made.end(None)
    await made.aclose()


async def test_a_function_gets_every_item_and_what_it_does_not_take_stays(path: Path) -> None:
    made = journal(path, consumer="book", auto_commit=True)
    await made.open()
    append(made, *(greeks(number) for number in range(1, 6)))
    got: list[int] = []

    def takes_two(item: Item) -> None:
        got.append(item.seq)
        if item.seq == 2:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await made.deliver(takes_two)
    made.end(None)
    await made.deliver(lambda item: got.append(item.seq))
    assert got == [1, 2, 3, 4, 5]
    await made.aclose()


async def test_who_watches_is_told_when_the_disk_is_full_and_when_it_is_not(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_thread, "RETRY_MAX_S", 0.02)
    disk, made = BadDisk(monkeypatch, "SQLITE_FULL"), journal(path)
    seen: list[str | None] = []
    made.watch(lambda: seen.append(made.problem))
    await made.open()
    assert (made.account, made.overflow.from_ms) == (ACCOUNT, None)
    disk.dead = True
    append(made, fill(1))
    await until(lambda: made.problem is not None)
    disk.dead = False
    await until(lambda: made.problem is None)
    assert [problem is not None for problem in seen] == [True, False]
    await made.aclose()
