"""Test the behaviour that all journals share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from listenkey.core.gaps import Resumed
from listenkey.errors import Refused
from listenkey.events import RecoveredFill, RecoveredOrder
from listenkey.items import GapClosed, GapOpened, Item, Live, Update
from listenkey.journal.base import Journal
from listenkey.journal.jetstream.journal import JetStreamJournal
from listenkey.journal.jetstream.servers import LogServers
from listenkey.journal.memory import MemoryJournal
from listenkey.journal.shared.account_journal import AccountJournal
from listenkey.journal.shared.shared_journals import SharedJournals
from listenkey.journal.sqlite.journal import SqliteJournal
from listenkey.journal.sqlite.write_queue import ENTRY_OVERHEAD_BYTES
from listenkey.outcomes import GapCause, Loss
from tests.nats_server import made
from tests.unit.core.making import order_row, trade_row
from tests.unit.journal.making import ACCOUNT, AT_MS, Wall, fill, greeks, read

Kind = str


class AloneInFile(AccountJournal):
    """One account of a file of many, which is opened and closed with it."""

    __slots__ = ("journals",)

    def __init__(self, folder: Path, bytes_max: int) -> None:
        self.journals = SharedJournals(folder, Wall())
        super().__init__(self.journals, ACCOUNT, queue_bytes_max=bytes_max)

    async def open(self) -> Resumed:
        await self.journals.open()
        return await super().open()

    async def aclose(self) -> None:
        await super().aclose()
        await self.journals.aclose()


Make = Callable[[int], Awaitable[Journal]]


@pytest.fixture(params=["memory", "sqlite", "shared", "jetstream"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return str(request.param)


@pytest.fixture
def make(kind: Kind, tmp_path: Path, request: pytest.FixtureRequest) -> Make:
    """Make a journal that may keep so many bytes waiting."""

    async def of_kind(bytes_max: int) -> Journal:
        if kind == "memory":
            return MemoryJournal(ACCOUNT, read, Wall(), bytes_max)
        if kind == "sqlite":
            return SqliteJournal(tmp_path / "a.db", ACCOUNT, Wall(), queue_bytes_max=bytes_max)
        if kind == "shared":
            return AloneInFile(tmp_path, bytes_max)
        address = await made(request.getfixturevalue("nats_node").address())
        return JetStreamJournal(LogServers(address), ACCOUNT, Wall(), queue_bytes_max=bytes_max)

    return of_kind


@pytest.fixture
async def journal(make: Make) -> AsyncIterator[Journal]:
    one = await make(64 << 20)
    assert await one.open() == Resumed()
    yield one
    await one.aclose()


def append(to: Journal, *raws: bytes) -> None:
    for raw in raws:
        to.append_event(read(raw), raw, AT_MS)


async def take(of: Journal, count: int) -> list[Item]:
    items: list[Item] = []
    async with asyncio.timeout(20):
        while len(items) < count:
            items.append(await of.next())
            items.extend(of.take_ready(count - len(items)))
    return items


async def test_items_come_back_in_order_numbered_without_holes(journal: Journal) -> None:
    append(journal, *(fill(number) for number in range(1, 2001)))
    journal.append_told([GapOpened(0, "", 5, "lost"), GapClosed(0, "", 5, 6, 0, ("all",)), Live(0, "", 7)])
    append(journal, greeks(1))
    items = await take(journal, 2004)
    assert [item.seq for item in items] == list(range(1, 2005))
    assert {item.account for item in items} == {ACCOUNT}
    assert items[0] == Update(1, ACCOUNT, read(fill(1)), AT_MS, fill(1))
    assert items[2000:2003] == [
        GapOpened(2001, ACCOUNT, 5, "lost"),
        GapClosed(2002, ACCOUNT, 5, 6, 0, ("all",)),
        Live(2003, ACCOUNT, 7),
    ]
    assert (journal.backlog, journal.overflow.dropped, journal.duplicates, journal.problem) == (0, 0, 0, None)
    assert journal.account_doubt == ""


def bring_back(to: Journal, *events: RecoveredFill | RecoveredOrder) -> None:
    for event in events:
        to.append_event(event, b"{}", AT_MS, "rest")


async def test_the_end_of_a_gap_counts_the_recovered_items_between_its_beginning_and_it(journal: Journal) -> None:
    order = order_row(1, "CANCELED", "1").order
    bring_back(journal, trade_row(1).fill)
    journal.append_told([GapOpened(0, "", 5, "lost")])
    bring_back(journal, trade_row(2).fill, order)
    append(journal, fill(7))
    journal.append_event(read(fill(8)), fill(8), AT_MS, "ws+rest")
    journal.append_told([GapOpened(0, "", 3, "it had begun earlier")])
    bring_back(journal, trade_row(3).fill)
    journal.append_told([GapClosed(0, "", 3, 6, 0), Live(0, "", 6)])
    journal.append_told([GapOpened(0, "", 8, "again")])
    bring_back(journal, order, order)
    journal.append_told([GapClosed(0, "", 8, 9, 0)])
    journal.append_told([GapOpened(0, "", 9, "once more"), GapClosed(0, "", 9, 9, 0)])
    ends = [item for item in await take(journal, 16) if isinstance(item, GapClosed)]
    assert [(end.recovered, end.recovered_fills, end.recovered_orders) for end in ends] == [
        (3, 2, 1),
        (2, 0, 2),
        (0, 0, 0),
    ]
    assert journal.recovered == 6


async def test_where_it_was_seen_and_that_it_is_late_come_back(journal: Journal) -> None:
    journal.append_event(read(fill(1)), b'{"id":1}', AT_MS, "rest", late=True)
    (item,) = await take(journal, 1)
    assert item == Update(1, ACCOUNT, read(fill(1)), AT_MS, b'{"id":1}', "rest", late=True)


async def test_snapshots_that_are_alike_are_all_kept(journal: Journal) -> None:
    append(journal, greeks(1), greeks(1))
    assert len(await take(journal, 2)) == 2


async def test_a_reader_that_waits_is_woken(journal: Journal) -> None:
    waiting = asyncio.ensure_future(journal.next())
    await asyncio.sleep(0)
    append(journal, fill(1))
    assert (await asyncio.wait_for(waiting, 5)).seq == 1


async def test_a_reader_that_gives_up_waiting_loses_nothing(journal: Journal) -> None:
    waiting = asyncio.ensure_future(journal.next())
    await asyncio.sleep(0)
    append(journal, fill(1))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert [item.seq for item in await take(journal, 1)] == [1]


async def test_after_the_end_comes_what_is_there_and_then_the_end(journal: Journal) -> None:
    append(journal, *(fill(number) for number in range(1, 100)))
    journal.end(None)
    assert len(await take(journal, 99)) == 99
    for _ in range(2):
        with pytest.raises(StopAsyncIteration):
            await journal.next()


async def test_after_the_end_comes_what_is_there_and_then_the_error(journal: Journal) -> None:
    append(journal, fill(1))
    journal.end(Refused(401, -2015))
    assert len(await take(journal, 1)) == 1
    with pytest.raises(Refused):
        await journal.next()


async def test_a_reader_that_waits_is_told_the_end(journal: Journal) -> None:
    waiting = asyncio.ensure_future(journal.next())
    await asyncio.sleep(0)
    journal.end(Refused(401, -2015))
    with pytest.raises(Refused):
        await asyncio.wait_for(waiting, 5)


async def test_what_finds_no_room_is_told_as_a_gap_in_its_place(make: Make) -> None:
    journal = await make(20 * (len(fill(1)) + ENTRY_OVERHEAD_BYTES))
    await journal.open()
    count = 5000
    append(journal, *(fill(number) for number in range(1, count + 1)))
    # Nothing was read and the loop has not run, so no journal can have made room.
    assert 0 < journal.overflow.dropped < count
    journal.end(None)
    items = await take(journal, journal.backlog)
    with pytest.raises(StopAsyncIteration):
        await journal.next()
    kept = [item.event.trade_id for item in items if isinstance(item, Update)]  # type: ignore[union-attr]
    (opened,) = [item for item in items if isinstance(item, GapOpened)]
    (closed,) = [item for item in items if isinstance(item, GapClosed)]
    assert kept == list(range(1, count - journal.overflow.dropped + 1))
    assert opened.from_ms == AT_MS
    assert closed.unrecoverable[0].startswith(f"{journal.overflow.dropped} events")
    assert opened.cause in {GapCause.SLOW_READER, GapCause.JOURNAL_STUCK}
    assert closed.lost == {Loss.DROPPED}
    assert not closed.fills_complete
    assert [item.seq for item in items] == list(range(1, len(items) + 1))
    await journal.aclose()


async def test_live_is_never_told_within_a_gap_of_what_found_no_room(make: Make) -> None:
    journal = await make(20 * (len(fill(1)) + ENTRY_OVERHEAD_BYTES))
    await journal.open()
    append(journal, *(fill(number) for number in range(1, 1001)))
    losing = [journal.overflow.losing]
    journal.append_told([GapOpened(0, "", 5, "lost"), GapClosed(0, "", 5, 6, 0, ("all",)), Live(0, "", 7)])
    items: list[Item] = []
    async with asyncio.timeout(20):
        while not items or not isinstance(items[-1], Live):
            items.append(await journal.next())
    losing.append(journal.overflow.losing)
    assert [why is not None for why in losing] == [True, False]
    open_gaps = 0
    for item in items:
        open_gaps += isinstance(item, GapOpened) - isinstance(item, GapClosed)
        assert open_gaps == 0 or not isinstance(item, Live)
    journal.end(None)
    await journal.aclose()
