from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from listenkey.errors import Corrupt, UsageError
from listenkey.journal import reader as readers
from listenkey.journal.reader import JournalReader
from listenkey.journal.store import Store
from tests.unit.journal.making import ACCOUNT, append, fill, greeks, group, journal, rows, take, written


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


async def test_everything_comes_back_as_it_was_given_in_portions(tmp_path: Path) -> None:
    items = await written(tmp_path / "a.db", [fill(number) for number in range(1, 41)])
    reader = JournalReader(tmp_path / "a.db")
    assert reader.read(0, 10) + reader.read(10, 1000) == items
    assert reader.read(41) == []
    assert reader.last_seq() == 41
    reader.close()


async def test_a_portion_ends_where_it_gets_heavy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await written(tmp_path / "a.db", [fill(number) for number in range(1, 11)])
    monkeypatch.setattr(readers, "CHUNK_BYTES", 3 * len(fill(1)))
    reader = JournalReader(tmp_path / "a.db")
    assert len(reader.read(1)) == 4
    reader.close()


async def test_it_follows_a_writer(tmp_path: Path) -> None:
    made = journal(tmp_path / "a.db")
    await made.open()
    reader = JournalReader(tmp_path / "a.db")
    before = reader.changes()
    assert reader.changes() == before
    for number in range(1, 20):
        append(made, fill(number))
        given = await take(made, 1)
        assert reader.changes() != before
        before = reader.changes()
        assert reader.read(number - 1) == given
    reader.close()
    await made.aclose()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE items SET raw = replace(raw, '3660', '3661') WHERE seq = 3", "item 3 .* was changed"),
        ("UPDATE items SET received_ms = 1 WHERE seq = 3", "item 3 .* was changed"),
        ("UPDATE items SET raw = CAST(x'ff' AS TEXT) WHERE seq = 3", "item 3 .* was changed"),
        ("DELETE FROM items WHERE seq = 3", "lacks the items 3 to 3"),
        ("DELETE FROM items WHERE seq < 3", "lacks the items 1 to 2"),
    ],
)
async def test_damage_raises_and_is_never_skipped(damage: str, words: str, tmp_path: Path) -> None:
    await written(tmp_path / "a.db", [fill(number) for number in range(1, 6)])
    change(tmp_path / "a.db", damage)
    reader = JournalReader(tmp_path / "a.db")
    with pytest.raises(Corrupt, match=words):
        reader.read(0)
    reader.close()


async def test_what_retention_took_away_is_not_missed(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    store.write(group(*rows([greeks(number) for number in range(5)], store)))
    store.prune(2)
    reader = JournalReader(tmp_path / "a.db")
    assert [item.seq for item in reader.read(0)] == [3, 4, 5]
    assert [item.seq for item in reader.read(3)] == [4, 5]
    store.close()
    change(tmp_path / "a.db", "DELETE FROM items WHERE seq = 3")
    with pytest.raises(Corrupt, match="lacks the items 1 to 3"):
        reader.read(0)
    reader.close()


async def test_numbers_that_a_row_says_were_lost_are_not_missed(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await written(path, [fill(1), fill(2), fill(3)])
    change(path, "DELETE FROM items WHERE seq > 2")
    made = journal(path)
    await made.open()
    append(made, fill(4), fill(5))
    assert [item.seq for item in await take(made, 2)] == [5, 6]
    await made.aclose()
    reader = JournalReader(path)
    assert [item.seq for item in reader.read(0)] == [1, 2, 5, 6]
    # A consumer that had read what was lost goes on behind it.
    assert [[item.seq for item in reader.read(after)] for after in (2, 3, 4)] == [[5, 6]] * 3
    reader.close()


def test_there_must_be_a_journal(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        JournalReader(tmp_path / "a.db")
