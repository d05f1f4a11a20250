"""Test the reading of a journal's end; whole processes are in test_store.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from listenkey.core.gaps import Resumed
from listenkey.errors import Corrupt
from listenkey.journal.sqlite.hash_chain import BEGINNING
from listenkey.journal.sqlite.journal_end import JournalEnd, newest_rows
from listenkey.journal.sqlite.store import Store
from listenkey.outcomes import GapCause
from tests.unit.journal.making import ACCOUNT, AT_MS, fill, group, live_row, rows


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "a.db", ACCOUNT)
    made.open()
    yield made
    made.close()


def end_of(store: Store, reached: int = 0, noted_ms: int = 0) -> JournalEnd:
    return JournalEnd(store.connection, store.path, reached, noted_ms)


def test_an_empty_journal_leaves_nothing(store: Store) -> None:
    end = end_of(store)
    assert (end.account, end.last_seq, end.chain, end.skip, end.covered_ms) == (ACCOUNT, 0, BEGINNING, 0, 0)
    assert end.left() == Resumed()


def test_the_newest_item_and_the_coverage_are_found(store: Store) -> None:
    store.write(group(*rows([fill(1), fill(2)], store), covered_ms=AT_MS))
    end = end_of(store)
    assert (end.last_seq, end.chain, end.has_pruned) == (2, store.chain, False)
    assert end.left().covered_until_ms == AT_MS
    assert len(end.left().fills) == 2


def test_coverage_that_was_never_noted_is_what_was_told(store: Store) -> None:
    store.write(group(live_row(1, store.chain)))
    assert end_of(store).covered_ms == AT_MS


def test_items_that_were_lost_are_skipped_and_told(store: Store) -> None:
    end = end_of(store, 4, AT_MS)
    assert (end.skip, end.covered_ms) == (4, AT_MS)
    assert end.left().reason.cause is GapCause.JOURNAL_LOST


def test_a_row_that_was_changed_is_damage(store: Store) -> None:
    store.write(group(*rows([fill(1), fill(2)], store)))
    assert [row[0] for row in newest_rows(store.connection, store.path)] == [1, 2]
    store.connection.execute("UPDATE items SET received_ms = 1 WHERE seq = 2")
    with pytest.raises(Corrupt, match=r"item 2 .* was changed"):
        end_of(store)
