from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from listenkey.errors import Corrupt, UsageError
from listenkey.items import GapOpened, Item
from listenkey.journal.sqlite import reader as readers
from listenkey.journal.sqlite.hash_chain import seal
from listenkey.journal.sqlite.lock import lock_path
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.salvage import salvage_journal
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.verify import verify_journal
from listenkey.wire.frames import OddRaw
from tests.unit.journal.making import (
    ACCOUNT,
    AT_MS,
    append,
    fill,
    greeks,
    group,
    journal,
    raws_of,
    read,
    rows,
    take,
    written,
)


def move(one: Path, other: Path) -> None:
    one.rename(other)


def denied(_: Path) -> None:
    raise PermissionError(13, "Permission denied")


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
        ("UPDATE items SET raw = CAST(raw AS BLOB) WHERE seq = 3", "item 3 .* was changed"),
        ("UPDATE items SET symbol = CAST(x'ff' AS TEXT) WHERE seq = 3", "item 3 .* was changed"),
        ("UPDATE items SET symbol = NULL WHERE seq = 3", "item 3 .* was changed"),
        ("UPDATE items SET account = 'other' WHERE seq = 3", "item 3 .* was changed"),
        ("UPDATE items SET late = 1 WHERE seq = 3", "item 3 .* was changed"),
        ("UPDATE items SET why = 'x' WHERE seq = 3", "item 3 .* was changed"),
        ("DELETE FROM items WHERE seq = 3", "lacks the items 3 to 3"),
        ("DELETE FROM items WHERE seq < 3", "lacks the items 1 to 2"),
    ],
)
async def test_damage_raises_and_is_never_skipped(damage: str, words: str, tmp_path: Path) -> None:
    await written(tmp_path / "a.db", [fill(number) for number in range(1, 6)])
    change(tmp_path / "a.db", damage)
    reader = JournalReader(tmp_path / "a.db")
    whole = [] if "seq < 3" in damage else [1, 2]
    assert whole == [item.seq for item in (reader.read(0) if whole else [])], "all before the damage is shown"
    with pytest.raises(Corrupt, match=words):
        reader.read(len(whole))
    reader.close()


async def test_all_before_a_damaged_page_is_shown_as_far_as_verify_counts(tmp_path: Path) -> None:
    await written(tmp_path / "a.db", [fill(number) for number in range(1, 101)])
    path = tmp_path / "b.db"
    content = bytearray((tmp_path / "a.db").read_bytes())
    at = content.index(b'"t":60,') // 4096 * 4096
    content[at : at + 4096] = bytes(4096)
    path.write_bytes(content)
    reader = JournalReader(path)
    seen: list[int] = []
    while items := _until_damage(reader, len(seen)):
        seen += [item.seq for item in items]
    with pytest.raises(Corrupt, match="is damaged"):
        reader.read(len(seen))
    reader.close()
    checked, saved = verify_journal(path), salvage_journal(path, tmp_path / "c.db", lambda *_: None)
    assert seen == list(range(1, checked.items + 1))
    assert checked.items == saved.items_before_missing == saved.missing[0][0] - 1 > 10
    assert checked.first_bad_seq == saved.missing[0][0]


async def test_a_number_where_the_json_should_be_is_damage(tmp_path: Path) -> None:
    await written(tmp_path / "a.db", [fill(1)])
    change(tmp_path / "a.db", "UPDATE items SET raw = x'05' WHERE seq = 2")
    reader = JournalReader(tmp_path / "a.db")
    assert len(reader.read(0)) == 1
    with pytest.raises(Corrupt, match=r"item 2 .* was changed"):
        reader.read(1)
    reader.close()


async def test_a_reader_that_has_seen_good_rows_finds_damage_as_well(tmp_path: Path) -> None:
    await written(tmp_path / "a.db", [fill(number) for number in range(1, 6)])
    reader = JournalReader(tmp_path / "a.db")
    assert len(reader.read(0, 2)) == len(reader.read(2, 2)) == 2
    whole = (tmp_path / "a.db").read_bytes()
    text = b'"L":"3660.000"'
    places = [place for place in range(len(whole)) if whole.startswith(text, place)]
    assert len(places) >= 5
    for at in places:
        changed = bytearray(whole)
        changed[at + 5] ^= 1
        other = tmp_path / f"{at}.db"
        other.write_bytes(changed)
        with pytest.raises(Corrupt, match="was changed"):
            _read_all(other)
    assert [item.seq for item in reader.read(0)] == [1, 2, 3, 4, 5, 6]
    reader.close()


def _until_damage(reader: JournalReader, after: int) -> list[Item]:
    try:
        return reader.read(after)
    except Corrupt:
        return []


def _read_all(path: Path) -> None:
    reader = JournalReader(path)
    try:
        for after in range(6):
            reader.read(after, 1)
    finally:
        reader.close()


async def test_rows_of_every_kind_come_back_in_their_order(tmp_path: Path) -> None:
    made = journal(tmp_path / "a.db")
    await made.open()
    for number in range(1, 10):
        append(made, fill(number))
        match number:
            case 2:
                made.append_told([GapOpened(0, "", AT_MS, "=lost")])
            case 4:
                made.append_event(read(greeks(1)), greeks(1), AT_MS, "ws+rest", late=True)
            case 6 | 8:
                odd = b'{"e":"NEW_THING","E":%d}' % number
                made.append_event(read(odd), OddRaw(odd), AT_MS)
    items = await take(made, 13)
    await made.aclose()
    reader = JournalReader(tmp_path / "a.db")
    for most in (1, 2, 3, 5, 100):
        found: list[Item] = []
        while more := reader.read(len(found), most):
            found += more
        assert found == items
    reader.close()


def test_a_row_that_is_whole_and_holds_no_event_is_damage(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    good = rows([greeks(1), greeks(2)], store)
    values = list(good[1][:-2])
    values[12] = "no JSON"
    store.write(group(good[0], seal(values, good[0][-1])))
    store.close()
    reader = JournalReader(tmp_path / "a.db")
    assert [item.seq for item in reader.read(0, 1)] == [1]
    with pytest.raises(Corrupt, match="item 2 can't be read"):
        reader.read(1)
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


async def test_the_journal_that_takes_its_place_is_read_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, away = tmp_path / "a.db", tmp_path / "away.db"
    await written(path, [fill(1), fill(2)])
    reader = JournalReader(path)
    assert reader.renewed(3) is None
    move(path, away)
    assert reader.renewed(3) is None, "there is none yet"
    path.touch()
    assert reader.renewed(3) is None, "it is being made"
    path.unlink()
    lock_path(path).unlink()
    await written(path, [fill(7)])
    renewed = reader.renewed(3)
    assert renewed is not None
    assert renewed[1] == 0
    assert raws_of(renewed[0].read(0)) == [fill(7)]
    renewed[0].close()
    with monkeypatch.context() as patched:
        patched.setattr(readers, "identity_of", denied)
        assert reader.renewed(3) is None
    reader.close()


async def test_a_copy_in_its_place_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await written(path, [fill(1), fill(2)])
    reader = JournalReader(path)
    (tmp_path / "copy.db").write_bytes(path.read_bytes())
    move(tmp_path / "copy.db", path)
    renewed = reader.renewed(3)
    assert renewed is not None
    assert renewed[1] == 3
    renewed[0].close()
    reader.close()


async def test_a_copy_of_which_nothing_is_known_is_read_from_its_beginning(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.db", tmp_path / "copy.db"
    await written(path, [fill(1), fill(2)])
    copy.write_bytes(path.read_bytes())
    await written(path, [fill(3)])
    store = Store(path, ACCOUNT)
    store.open()
    store.prune(3)
    store.close()
    reader = JournalReader(path)
    move(copy, path)
    renewed = reader.renewed(4)
    assert renewed is not None
    assert renewed[1] == 0
    renewed[0].close()
    reader.close()
