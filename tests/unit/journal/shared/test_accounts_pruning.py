"""Old rows of a file of many accounts, taken away by hand."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from listenkey.errors import Fenced
from listenkey.journal.shared import accounts_pruner
from listenkey.journal.shared.accounts_pruning import prune_accounts
from listenkey.journal.shared.accounts_schema import FILE_NAME
from listenkey.journal.sqlite.retention import DAY_MS, Retention
from tests.unit.journal.making import AT_MS, fill
from tests.unit.journal.shared.shared_making import change, opened, written


async def test_items_go_by_their_age_and_wait_for_consumers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts_pruner, "PORTION_ROWS", 2)
    await written(tmp_path, a=[fill(number) for number in range(1, 8)], b=[fill(1), fill(2)])
    async with opened(tmp_path) as journals:
        await journals.commit("a", "book", 3)
        with pytest.raises(Fenced):
            prune_accounts(tmp_path / FILE_NAME, Retention(1.0), AT_MS, print)
    change(tmp_path, "UPDATE rows SET event_ms = NULL")
    seen: list[tuple[int, int]] = []
    found = prune_accounts(tmp_path / FILE_NAME, Retention(1.0), AT_MS, lambda *told: seen.append(told))
    assert (found.items, found.left, found.held_back) == (0, 11, ())
    found = prune_accounts(tmp_path / FILE_NAME, Retention(1.0), AT_MS + 2 * DAY_MS, lambda *told: seen.append(told))
    assert (found.items, found.left, found.held_back) == (5, 6, ("a",))
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        kept = connection.execute("SELECT account_no, seq FROM rows ORDER BY 1, 2").fetchall()
    connection.close()
    assert kept == [(1, 4), (1, 5), (1, 6), (1, 7), (1, 8), (2, 3)]
    assert seen[-1][1] == 11
