"""Test a group's statements: what is written is what was in it, whatever its size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from listenkey.core.gaps import Watermark
from listenkey.journal.sqlite import metadata
from listenkey.journal.sqlite.database import transaction
from listenkey.journal.sqlite.group import Group, known_fills
from listenkey.journal.sqlite.store import Store
from tests.unit.journal.making import ACCOUNT, AT_MS, ORDER_ID, SYMBOL, fill, group, live_row, rows


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "a.db", ACCOUNT)
    made.open()
    yield made
    made.close()


def seqs(store: Store) -> list[int]:
    return [seq for (seq,) in store.connection.execute("SELECT seq FROM items ORDER BY seq")]


@pytest.mark.parametrize("count", [1, 3, 8])
def test_rows_alone_are_one_statement(store: Store, count: int) -> None:
    made = group(*rows([fill(number + 1) for number in range(count)], store))
    store.connection.execute(*made.insertion(ACCOUNT))
    assert seqs(store) == list(range(1, count + 1))


def test_rows_that_differ_are_one_statement_too(store: Store) -> None:
    first, second = rows([fill(1), fill(2)], store)
    made = group(first, second, live_row(3, second[-1]))
    store.connection.execute(*made.insertion(ACCOUNT))
    assert seqs(store) == [1, 2, 3]


def test_all_of_it_is_written_within_a_transaction(store: Store) -> None:
    made = Group(rows([fill(1)], store), None, AT_MS, Watermark(AT_MS, "boot", 1), {"book": 1})
    with transaction(store.connection):
        made.write(store.connection, ACCOUNT)
    known = metadata.facts(store.connection)
    assert seqs(store) == [1]
    assert known[metadata.COVERED_MS] == AT_MS
    assert metadata.watermark(known) == made.watermark
    assert metadata.cursors(store.connection) == {"book": 1}
    keys = [(SYMBOL, 1, ORDER_ID + 1), (SYMBOL, 7, 8), (SYMBOL, 9, 9)]
    store.connection.execute("INSERT INTO pruned_fills VALUES (?, ?, ?)", keys[1])
    assert known_fills(store.connection, keys, 1) == set(keys[:2])
    assert known_fills(store.connection, keys, 0) == {keys[1]}, "a row beyond the end is of a commit that failed"


def test_an_empty_group_writes_nothing(store: Store) -> None:
    Group().write(store.connection, ACCOUNT)
    assert seqs(store) == []
