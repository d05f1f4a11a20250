"""The tables of a file of many accounts, as people see them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenkey.errors import UsageError
from listenkey.items import GapClosed, GapOpened
from listenkey.journal.shared.account_view import open_accounts
from listenkey.journal.shared.accounts_schema import FILE_NAME, SHARED, TABLES, VIEWS
from listenkey.journal.sqlite.database import open_reader
from listenkey.journal.sqlite.schema import COLUMNS
from tests.unit.journal.making import fill, resting, written
from tests.unit.journal.shared.shared_making import account, append, opened
from tests.unit.journal.shared.shared_making import written as accounts_written


@pytest.fixture
async def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:  # type: ignore[misc]
    async with opened(tmp_path) as journals:
        for name in ("a", "b"):
            journal = await account(journals, name)
            append(journal, resting(1), fill(1))
            journal.append_told([GapOpened(0, "", 5, "lost"), GapClosed(0, "", 5, 6, 0)])
            journal.append_told([GapOpened(0, "", 9, "again")])
            await journal.aclose()
    made = sqlite3.connect(tmp_path / FILE_NAME)
    yield made
    made.close()


def test_an_item_has_the_columns_of_the_journal_of_one_account(connection: sqlite3.Connection) -> None:
    found = connection.execute("SELECT * FROM items WHERE account = 'b' ORDER BY seq")
    assert [column[0] for column in found.description] == list(COLUMNS)
    assert [row[:3] for row in found.fetchall()[:2]] == [(1, "update", "b"), (2, "update", "b")]


def test_views_keep_accounts_apart(connection: sqlite3.Connection) -> None:
    gaps = "SELECT opened_seq, closed_seq FROM gaps WHERE account = ? ORDER BY 1"
    for name in ("a", "b"):
        assert connection.execute(gaps, (name,)).fetchall() == [(3, 4), (5, None)]
    assert connection.execute("SELECT account, trade_id FROM fills ORDER BY 1").fetchall() == [("a", 1), ("b", 1)]
    orders = "SELECT account, count(*) FROM orders GROUP BY account ORDER BY 1"
    assert connection.execute(orders).fetchall() == [("a", 1), ("b", 1)]
    for view in VIEWS:
        connection.execute(f"SELECT * FROM {view}").fetchall()


def test_the_tables_are_those_that_are_written_down(connection: sqlite3.Connection) -> None:
    found = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    assert found == SHARED.sql == TABLES | VIEWS


async def test_each_kind_of_file_is_refused_where_the_other_is_wanted(tmp_path: Path) -> None:
    await written(tmp_path / "one.db", [fill(1)])
    with pytest.raises(UsageError, match="is the journal of one account"):
        open_accounts(tmp_path / "one.db")
    await accounts_written(tmp_path, a=[fill(1)])
    with pytest.raises(UsageError, match="journals of many accounts; give its folder, and name an account"):
        open_reader(tmp_path / FILE_NAME)
