from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from listenkey.events import RecoveredCash, RecoveredFill, RecoveredOrder
from listenkey.items import GapClosed, GapOpened, Live
from listenkey.journal.recovered import RecoveredCount, recovered_so_far
from listenkey.journal.sqlite import schema
from listenkey.journal.sqlite.hash_chain import BEGINNING, seal
from listenkey.journal.sqlite.journal import SqliteJournal
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.row_codec import told_values, update_values
from tests.unit.core.making import order_row, trade_row
from tests.unit.journal.making import ACCOUNT, AT_MS, BadDisk, fill, journal, read, take, until

CASH = RecoveredCash(1, "TRANSFER", "5", "USDT", "", AT_MS)
OPENED, CLOSED = GapOpened(0, "", 5, "lost"), GapClosed(0, "", 5, 9, 99, ("totals",), 99, 99)


def end_of(count: RecoveredCount) -> tuple[int, int, int]:
    closed = count.noted(CLOSED)
    assert isinstance(closed, GapClosed)
    assert closed.unrecoverable == ("totals",)
    return closed.recovered, closed.recovered_fills, closed.recovered_orders


def test_the_end_says_what_came_since_the_beginning_was_first_reported() -> None:
    count = RecoveredCount()
    count.add(trade_row(1).fill)
    count.noted(OPENED)
    count.add(trade_row(2).fill)
    assert count.noted(GapOpened(0, "", 3, "earlier")) == GapOpened(0, "", 3, "earlier")
    for event in (trade_row(3).fill, order_row(3, "CANCELED", "1").order, CASH):
        count.add(event)
    assert end_of(count) == (4, 2, 1)
    assert count.noted(Live(0, "", 9)) == Live(0, "", 9)
    count.noted(OPENED)
    assert end_of(count) == (0, 0, 0)


def test_a_gap_whose_end_is_taken_back_is_counted_on() -> None:
    count = RecoveredCount()
    count.noted(OPENED)
    count.add(trade_row(1).fill)
    closed = count.noted(CLOSED)
    assert isinstance(closed, GapClosed)
    count.reopened(closed)
    count.noted(OPENED)
    count.add(order_row(3, "CANCELED", "1").order)
    assert end_of(count) == (2, 1, 1)


@pytest.fixture
def connection() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:")
    for statement in schema.TABLES.values():
        made.execute(statement)
    return made


def put(connection: sqlite3.Connection, *entries: object) -> None:
    seq, chain = 0, BEGINNING
    for seq, entry in enumerate(entries, start=1):
        match entry:
            case bytes():
                values = update_values(seq, ACCOUNT, read(entry), entry, AT_MS)
            case Live() | GapOpened() | GapClosed():
                values = (seq, *told_values(entry, AT_MS)[1:])
            case _:
                values = update_values(seq, ACCOUNT, entry, b"{}", AT_MS, "rest")  # type: ignore[arg-type]
        row = seal(values, chain)
        chain = row[-1]
        connection.execute(f"INSERT INTO items VALUES ({','.join('?' * len(row))})", row)


def test_a_process_goes_on_counting_in_the_gap_that_an_earlier_one_left(connection: sqlite3.Connection) -> None:
    assert recovered_so_far(connection) == RecoveredCount()
    before = (OPENED, trade_row(1).fill, CLOSED, Live(0, "", 5), trade_row(2).fill)
    inside = (trade_row(3).fill, fill(4), GapOpened(0, "", 3, "earlier"), order_row(3, "CANCELED", "1").order, CASH)
    put(connection, *before, OPENED, *inside)
    assert recovered_so_far(connection) == RecoveredCount(3, 1, 1, is_open=True)


def test_where_no_gap_is_open_there_is_nothing_to_go_on_with(connection: sqlite3.Connection) -> None:
    put(connection, OPENED, trade_row(1).fill, CLOSED, Live(0, "", 5), fill(4))
    assert recovered_so_far(connection) == RecoveredCount()


def bring_back(to: SqliteJournal, *events: RecoveredFill | RecoveredOrder) -> None:
    for event in events:
        to.append_event(event, b"{}", AT_MS, "rest")


async def test_a_gap_over_a_restart_counts_what_both_processes_brought_back_and_nothing_twice(tmp_path: Path) -> None:
    made = journal(tmp_path / "a.db")
    await made.open()
    made.heard(AT_MS)
    made.append_told([Live(0, "", AT_MS), GapOpened(0, "", AT_MS + 5, "dropped")])
    bring_back(made, trade_row(1).fill, order_row(1, "CANCELED", "1").order)
    await take(made, 4)
    await made.aclose()
    again = journal(tmp_path / "a.db")
    assert (await again.open()).open_from_ms == AT_MS + 5
    bring_back(again, trade_row(1).fill, trade_row(2).fill, trade_row(2).fill)
    again.append_told([GapClosed(0, "", AT_MS + 5, AT_MS + 9, 0), Live(0, "", AT_MS + 9)])
    _, closed, _ = await take(again, 3)
    assert isinstance(closed, GapClosed)
    assert (closed.recovered, closed.recovered_fills, closed.recovered_orders) == (3, 2, 1)
    assert (again.recovered, again.duplicates) == (1, 2)
    await again.aclose()
    reader = JournalReader(tmp_path / "a.db")
    assert reader.read(closed.seq - 1)[0] == closed, "for one who begins in the middle"
    reader.close()


async def test_a_commit_that_fails_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = BadDisk(monkeypatch)
    made = journal(tmp_path / "a.db")
    await made.open()
    made.append_told([GapOpened(0, "", AT_MS, "dropped")])
    await take(made, 1)
    bad.dead = True
    bring_back(made, trade_row(1).fill)
    made.append_told([GapClosed(0, "", AT_MS, AT_MS + 9, 0)])
    await until(lambda: made.problem is not None)
    bad.dead = False
    _, closed = await take(made, 2)
    assert isinstance(closed, GapClosed)
    assert (closed.recovered, made.recovered) == (1, 1)
    await made.aclose()


def test_a_copy_of_a_count_goes_on_by_itself() -> None:
    one = RecoveredCount(3, 2, 1, is_open=True)
    other = one.copied()
    assert other == one
    other.add(trade_row(1).fill)
    assert (one.updates, other.updates, other.fills) == (3, 4, 3)
