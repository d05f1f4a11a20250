"""Test the numbers, and which fills get none; what is written of it is shown in test_writer.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from listenkey.items import GapClosed, GapOpened
from listenkey.journal.sqlite.group import Group
from listenkey.journal.sqlite.numbering import Entry, EventEntry, NoticeEntry, number_entries
from listenkey.journal.sqlite.store import Store
from tests.unit.journal.making import ACCOUNT, AT_MS, fill, greeks, read


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "a.db", ACCOUNT)
    made.open()
    yield made
    made.close()


def arrived(raw: bytes, provenance: str = "ws") -> EventEntry:
    return EventEntry(read(raw), raw, AT_MS, provenance)  # type: ignore[arg-type]


def test_each_entry_gets_the_next_number_and_a_known_fill_none(store: Store) -> None:
    store.last_seq, store.skip = 6, 2
    group, known = Group(), {("x", 0, 0)}
    raws = (fill(1), fill(1), greeks(1), fill(2), fill(2))
    numbered = number_entries(map(arrived, raws), store, group, known)
    assert [item.seq for item in numbered.items] == [9, 10, 11]
    assert (numbered.duplicates, len(group.rows)) == (2, 3)


def test_a_gap_counts_what_rest_brought_within_it(store: Store) -> None:
    opened, closed = GapOpened(0, "", AT_MS, "lost"), GapClosed(0, "", AT_MS, AT_MS, 0, ())
    entries: list[Entry] = [
        NoticeEntry(opened, AT_MS),
        arrived(fill(1), "rest"),
        arrived(fill(2)),
        NoticeEntry(closed, AT_MS),
    ]
    numbered = number_entries(entries, store, Group(), set())
    end = numbered.items[-1]
    assert isinstance(end, GapClosed)
    assert (numbered.recovered, end.recovered, end.seq, end.account) == (1, 1, 4, ACCOUNT)
    assert store.recovered.updates == 0, "not before it is on the disk"
