from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from listenkey.errors import Corrupt
from listenkey.items import GapClosed, GapOpened, Live
from listenkey.journal.sqlite import row_shape, schema
from listenkey.journal.sqlite.hash_chain import BEGINNING, Row, seal
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.row_codec import told_values, update_values
from listenkey.journal.sqlite.row_shape import is_well_formed, is_whole_number
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.verify import verify_journal
from tests.unit.journal.making import ACCOUNT, AT_MS, fill, greeks, read, written

MADE = [
    update_values(1, ACCOUNT, read(fill(1)), fill(1), AT_MS),
    update_values(1, ACCOUNT, read(greeks(1)), greeks(1), AT_MS),
    told_values(Live(1, ACCOUNT, AT_MS), AT_MS),
    told_values(GapOpened(1, ACCOUNT, AT_MS, "why"), AT_MS),
    told_values(GapClosed(9, ACCOUNT, AT_MS, AT_MS, 3, ("lost",)), AT_MS, 5),
]


def changed(values: tuple[object, ...], name: str, value: object) -> Row:
    made = list(values)
    made[schema.COLUMNS.index(name)] = value
    return seal(made, BEGINNING)


def test_what_is_written_is_well_formed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_shape, "_SEEN", set())
    monkeypatch.setattr(row_shape, "SEEN_MAX", 1)
    for _ in range(2):
        assert all(is_well_formed(seal(values, BEGINNING)) for values in MADE)


DAMAGE = [
    ("seq", 0),
    ("seq", 2**63 - 1),
    ("received_ms", "1795330000000"),
    ("received_ms", 10**18),
    ("received_ms", -1),
    ("kind", 5),
    ("account", b"a3f1"),
    ("event_ms", 1.5),
    ("raw", b"{}"),
    ("from_ms", "yesterday"),
    ("recovered", "3"),
    ("skipped", -1),
    ("skipped", 1),
    ("skipped", "2"),
]


@pytest.mark.parametrize(("name", "value"), DAMAGE)
def test_a_value_of_another_kind_is_none_of_ours(name: str, value: object) -> None:
    assert not is_well_formed(changed(MADE[0], name, value))


def test_a_whole_number_is_no_truth_and_no_fraction() -> None:
    assert is_whole_number(0, 5)
    assert not any(is_whole_number(value, 5) for value in (6, -1, True, 1.0, "1", None))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(one for one in DAMAGE if one[0] not in {"seq", "skipped"}),
        ("provenance", "somewhere"),
        ("late", 7),
        ("kind", "none"),
        ("kind", "live"),
        ("kind", "gap_opened"),
        ("kind", "gap_closed"),
        ("raw", None),
        ("raw", "{"),
    ],
)
async def test_damage_with_a_right_checksum_is_damage_to_all_who_read(name: str, value: object, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await written(path, [fill(1)])
    connection = sqlite3.connect(path, isolation_level=None)
    before = connection.execute("SELECT * FROM items WHERE seq = 2").fetchone()
    chain = connection.execute("SELECT chain FROM items WHERE seq = 1").fetchone()[0]
    row = list(before[:-2])
    row[schema.COLUMNS.index(name)] = value
    made = seal(row, chain)
    places = ", ".join(f"{column} = ?" for column in schema.COLUMNS[1:])
    connection.execute(f"UPDATE items SET {places} WHERE seq = 2", made[1:])
    stored = connection.execute("SELECT * FROM items WHERE seq = 2").fetchone()
    connection.close()
    reader = JournalReader(path)
    assert len(reader.read(0)) == 1
    with pytest.raises(Corrupt, match="item 2"):
        reader.read(1)
    reader.close()
    if not is_well_formed(stored):
        assert verify_journal(path).first_bad_seq == 2
        with pytest.raises(Corrupt):
            Store(path, ACCOUNT).open()
