from __future__ import annotations

import asyncio
import random
import sqlite3
from pathlib import Path

import pytest

from listenkey.errors import Corrupt, Fenced, JournalError, UsageError
from listenkey.items import Item, Update
from listenkey.journal.files import beside
from listenkey.journal.sqlite import salvage as module
from listenkey.journal.sqlite.group import Group
from listenkey.journal.sqlite.hash_chain import seal
from listenkey.journal.sqlite.lock import Lock, lock_path
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.row_codec import update_values
from listenkey.journal.sqlite.salvage import MISSING_TOLD, Salvaged, salvage_journal
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.verify import damage_of, verify_journal
from tests.unit.journal.making import ACCOUNT, AT_MS, fill, greeks, group, raws_of, read, rows, written

COUNT = 801


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[Item]]:
    path = tmp_path_factory.mktemp("good") / "a.db"
    raws = [fill(number) if number % 2 else greeks(number) for number in range(1, COUNT + 1)]
    raws[400] = raws[400].replace(b'"V":"EXPIRE_MAKER"', b'"V":"%s"' % (b"x" * 20_000))  # on pages of its own
    items = asyncio.run(written(path, raws, consumer="book"))
    return path.read_bytes(), items


def saved(path: Path) -> tuple[Salvaged, list[Item]]:
    into = path.with_name("saved.db")
    steps: list[tuple[int, int]] = []
    found = salvage_journal(path, into, lambda done, total: steps.append((done, total)))
    assert steps[-1][0] == steps[-1][1] > 0
    assert verify_journal(into).whole
    reader = JournalReader(into)
    items = reader.read(reader.read(0, 1)[0].seq - 1, 10_000)
    reader.close()
    assert len(items) == found.items == verify_journal(into).items
    return found, items


def test_of_a_whole_journal_all_is_saved(good: tuple[bytes, list[Item]], tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(good[0])
    assert damage_of(path) is None
    found, items = saved(path)
    assert items == good[1]
    assert found.missing_items == 0
    assert found.notes == []
    assert verify_journal(path).head == verify_journal(tmp_path / "saved.db").head
    assert path.read_bytes() == good[0]


@pytest.mark.parametrize("seed", range(12))
def test_of_a_damaged_journal_every_whole_row_is_saved_and_the_others_are_named(
    seed: int, good: tuple[bytes, list[Item]], tmp_path: Path
) -> None:
    draw = random.Random(seed)
    path, damaged = tmp_path / "a.db", bytearray(good[0])
    at = draw.randrange(len(damaged) - 40) if seed else 0  # the first hit takes the header with it
    damaged[at : at + 40] = draw.randbytes(40)
    path.write_bytes(damaged)
    found, items = saved(path)
    by_seq = {item.seq: item for item in good[1]}
    assert all(by_seq[item.seq] == item for item in items)
    missing = by_seq.keys() - {item.seq for item in items}
    named = {seq for first, last in found.missing for seq in range(first, last + 1)}
    assert found.missing_items == len(named)
    assert {seq for seq in missing if seq <= found.last_seq} == named, "at the end only the lock file could tell"
    assert len(items) > COUNT - 30
    assert found.fills == sum(isinstance(item, Update) and item.event.type == "ORDER_TRADE_UPDATE" for item in items)


def test_a_page_that_is_gone_takes_its_rows_alone(good: tuple[bytes, list[Item]], tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    pages = len(good[0]) // 4096
    worst = 0
    for number in range(1, pages, 7):
        path.write_bytes(good[0][: number * 4096] + bytes(4096) + good[0][(number + 1) * 4096 :])
        found = salvage_journal(path, tmp_path / f"{number}.db", lambda *_: None)
        worst = max(worst, COUNT + 1 - found.items)
    assert worst < 60


async def test_what_is_in_the_log_is_saved_too_and_the_end_that_is_missing_is_named(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.db", tmp_path / "copy.db"
    store = Store(path, ACCOUNT)
    store.open()
    store.write(group(*rows([fill(1), fill(2), fill(3)], store)))
    for ending in ("", "-wal", "-lock"):
        beside(copy, ending).write_bytes(beside(path, ending).read_bytes())
    with pytest.raises(Fenced):
        salvage_journal(path, tmp_path / "x.db", lambda *_: None)
    store.write(group(*rows([fill(4)], store)))
    store.close()
    beside(copy, "-lock").write_bytes(beside(path, "-lock").read_bytes())
    found, items = saved(copy)
    assert raws_of(items) == [fill(1), fill(2), fill(3)]
    assert found.missing == [(4, 4)]


def test_what_stands_beside_the_items_is_saved_and_rows_of_before_are_not_brought_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GROUP_ROWS_MAX", 5)
    path, into = tmp_path / "a.db", tmp_path / "saved.db"
    store = Store(path, ACCOUNT)
    store.open()
    store.write(group(*rows([fill(number) for number in range(1, 10)], store), covered_ms=AT_MS, cursors={"book": 7}))
    store.prune(4)
    store.close()
    found, items = saved(path)
    assert [item.seq for item in items] == [5, 6, 7, 8, 9]
    assert found.missing_items == 0
    again = Store(into, ACCOUNT)
    left = again.open()
    assert (again.last_seq, again.cursor("book"), left.covered_until_ms) == (9, 7, AT_MS)
    assert len(again.known_fills([("BTC-261225-90000-C", 2, 4611875134427365379)])) == 1
    again.close()


def test_of_two_rows_with_one_number_the_one_that_follows_is_taken(tmp_path: Path) -> None:
    """A commit that failed may have left rows that were then written anew, with other numbers or other contents."""
    path = tmp_path / "a.db"
    store = Store(path, ACCOUNT)
    store.open()
    first, second, third = rows([fill(1), fill(2), fill(3)], store)
    taken_back = seal(update_values(2, ACCOUNT, read(fill(3)), fill(3), AT_MS), first[-1])
    store.write(group(first, second, third))
    store.close()
    staging = sqlite3.connect("", isolation_level=None)
    module._gather(path, staging, lambda *_: None)
    places = ", ".join("?" * len(first))
    staging.execute(f"INSERT INTO found VALUES ({places})", taken_back)
    assert list(module._in_order(staging, 0, bytes(16))) == [first, second, third]
    staging.execute("DELETE FROM found WHERE seq = 1")
    assert list(module._in_order(staging, 0, bytes(16))) == [second, third]
    staging.execute("DELETE FROM found WHERE c20 = ?", (second[-1],))
    assert list(module._in_order(staging, 0, bytes(16))) == [third], "its fill was written again under this number"
    other = seal(update_values(2, ACCOUNT, read(greeks(2)), greeks(2), AT_MS), first[-1])
    staging.execute("DELETE FROM found")
    for row in (first, taken_back, other):
        staging.execute(f"INSERT INTO found VALUES ({places})", row)
    assert len(list(module._in_order(staging, 0, bytes(16)))) == 2, "which of the two was the last, nothing tells"
    staging.close()


def test_an_empty_journal_is_told_from_one_of_which_nothing_is_whole(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    store.close()
    with pytest.raises(UsageError, match="holds no item; there is nothing to save"):
        salvage_journal(tmp_path / "a.db", tmp_path / "x.db", lambda *_: None)
    lock_path(tmp_path / "a.db").unlink()
    store = Store(tmp_path / "b.db", ACCOUNT)
    store.open()
    store.write(group(*rows([fill(1)], store)))
    store.close()
    connection = sqlite3.connect(tmp_path / "b.db", isolation_level=None)
    connection.execute("UPDATE items SET why = 'x'")
    connection.close()
    lock_path(tmp_path / "b.db").unlink()
    with pytest.raises(Corrupt, match=r"no item in .* that is whole"):
        salvage_journal(tmp_path / "b.db", tmp_path / "y.db", lambda *_: None)


def test_nothing_is_lacking_where_neither_items_nor_notes_are() -> None:
    assert Salvaged(items=2).lacks_nothing
    assert not Salvaged(items=2, missing=[(3, 4)], missing_items=2).lacks_nothing
    assert not Salvaged(items=2, notes=["not readable: how far consumers had come"]).lacks_nothing


def test_what_cant_be_saved_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no journal at"):
        salvage_journal(tmp_path / "a.db", tmp_path / "x.db", lambda *_: None)
    (tmp_path / "a.db").write_bytes(b"x" * 10_000)
    with pytest.raises(UsageError, match="no SQLite file"):
        damage_of(tmp_path / "a.db")
    with pytest.raises(UsageError, match="is no journal, and no item of one is in it"):
        salvage_journal(tmp_path / "a.db", tmp_path / "x.db", lambda *_: None)
    assert not lock_path(tmp_path / "a.db").exists(), "nothing is made beside a file of somebody else"
    lock = Lock(tmp_path / "a.db")
    lock.note_reached(7)
    lock.release()
    assert "not a database" in str(damage_of(tmp_path / "a.db")), "it was a journal once"
    with pytest.raises(Corrupt, match=r"no item in .* that is whole"):
        salvage_journal(tmp_path / "a.db", tmp_path / "x.db", lambda *_: None)
    store = Store(tmp_path / "b.db", ACCOUNT)
    store.open()
    store.write(group(*rows([fill(1)], store)))
    store.close()

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "write", full)
        with pytest.raises(JournalError, match=r"x\.db can't be written: database or disk is full"):
            salvage_journal(tmp_path / "b.db", tmp_path / "x.db", lambda *_: None)

    def unreadable(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "_gather", unreadable)
    with pytest.raises(JournalError, match=r"b\.db can't be read: Input/output error"):
        salvage_journal(tmp_path / "b.db", tmp_path / "y.db", lambda *_: None)


def test_cursors_and_facts_that_cant_be_read_are_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.db"
    store = Store(path, ACCOUNT)
    store.open()
    store.write(Group(rows([fill(1), fill(2)], store), cursors={"book": 1}))
    store.prune(1)
    store.close()
    change = sqlite3.connect(path, isolation_level=None)
    change.execute("UPDATE meta SET crc32 = 7")
    change.execute("UPDATE consumers SET crc32 = 7")
    change.close()

    def locked(*_: object) -> None:
        raise JournalError("can't be made")

    monkeypatch.setattr(module, "Lock", locked)  # as in a folder that can't be written to
    found, items = saved(path)
    assert [note.partition(":")[0] for note in found.notes] == ["not readable"] * 2
    assert [item.seq for item in items] == [2]
    assert found.missing == [(1, 1)], "whether it was missing or taken away is not known"


def test_so_many_stretches_are_named_and_no_more() -> None:
    found = Salvaged()
    found.lacks(5, 4)
    for number in range(100):
        found.lacks(3 * number + 1, 3 * number + 1)
    assert (len(found.missing), found.missing_items) == (MISSING_TOLD, 100)
