from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from listenkey.errors import UsageError
from listenkey.journal.sqlite import schema
from listenkey.journal.sqlite.lock import Lock, lock_path
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.verify import PROBLEMS_MAX, _Look, misplaced_log, verify_journal
from tests.unit.journal.making import ACCOUNT, append, fill, greeks, group, journal, rows, take


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    made = journal(tmp_path / "a.db", consumer="book")
    await made.open()
    made.heard(5)
    append(made, *(fill(number) if number % 2 else greeks(number) for number in range(1, 61)))
    await take(made, 60)
    await made.commit(40)
    await made.aclose()
    return tmp_path / "a.db"


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        assert connection.execute(statement).rowcount != 0
    connection.close()


def test_a_journal_that_nobody_touched_is_whole(path: Path) -> None:
    found = verify_journal(path)
    assert (found.whole, found.items, found.first_seq, found.last_seq) == (True, 60, 1, 60)
    assert verify_journal(path, found.head.upper()).whole


@pytest.mark.parametrize("head", ["", "zz", "12", "0" * 31, "0" * 33, "0" * 31 + "g", " " + "0" * 31])
def test_a_head_that_can_be_none_is_wrong_use(path: Path, head: str) -> None:
    with pytest.raises(UsageError, match="32 hex digits"):
        verify_journal(path, head)


async def test_while_it_is_written_too(tmp_path: Path) -> None:
    made = journal(tmp_path / "a.db")
    await made.open()
    append(made, fill(1))
    await take(made, 1)
    assert verify_journal(tmp_path / "a.db").whole
    await made.aclose()


def test_an_empty_one_is_whole(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    assert verify_journal(tmp_path / "a.db").whole
    store.close()


@pytest.mark.parametrize("column", [name for name in schema.COLUMNS if name != "seq"])
def test_any_changed_value_is_found_and_named(column: str, path: Path) -> None:
    change(path, f"UPDATE items SET {column} = 7777 WHERE seq = 33")
    found = verify_journal(path)
    assert not found.whole
    assert (found.first_bad_seq, found.last_seq) == (33, 32)


@pytest.mark.parametrize(
    ("statements", "first_bad"),
    [
        (["DELETE FROM items WHERE seq = 33"], 33),
        (["DELETE FROM items WHERE seq < 3"], 1),
        (["DELETE FROM items WHERE seq > 50"], 51),
        (["DELETE FROM items"], 1),
        (["UPDATE items SET seq = 100 WHERE seq = 20", "UPDATE items SET seq = 20 WHERE seq = 22"], 20),
        (["UPDATE items SET seq = seq + 1000 WHERE seq = 60"], 60),
    ],
)
def test_rows_that_were_taken_out_or_moved_are_found(statements: list[str], first_bad: int, path: Path) -> None:
    change(path, *statements)
    assert verify_journal(path).first_bad_seq == first_bad


def test_a_row_in_the_place_of_another_is_found_though_each_is_whole(tmp_path: Path) -> None:
    one, other = Store(tmp_path / "a.db", ACCOUNT), Store(tmp_path / "b.db", ACCOUNT)
    one.open()
    other.open()
    one.write(group(*rows([greeks(1), greeks(2), greeks(3)], one)))
    other.write(group(*rows([greeks(7), greeks(8), greeks(9)], other)))
    one.close()
    other.close()
    change(
        tmp_path / "a.db",
        f"ATTACH '{tmp_path / 'b.db'}' AS b",
        "REPLACE INTO items SELECT * FROM b.items WHERE seq = 2",
    )
    found = verify_journal(tmp_path / "a.db")
    assert found.first_bad_seq == 2
    assert found.problems == ("item 2 does not follow the one before it",)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE meta SET value = 9 WHERE name = 'covered_ms'", "covered_ms"),
        ("UPDATE consumers SET seq = 60", "cursor of the consumer book"),
        ("DROP VIEW fills", "fills is not"),
        ("CREATE TRIGGER more AFTER INSERT ON items BEGIN SELECT 1; END", "trigger more changes what is done to items"),
        ("DROP INDEX items_fill", "items_fill is not there"),
    ],
)
def test_what_stands_beside_the_items_is_looked_at(statement: str, words: str, path: Path) -> None:
    change(path, statement)
    found = verify_journal(path)
    assert words in "\n".join(found.problems)


def test_a_cursor_below_zero_is_none(path: Path) -> None:
    from listenkey.journal.sqlite.metadata import set_cursor

    connection = sqlite3.connect(path, isolation_level=None)
    set_cursor(connection, "book", -1)
    connection.close()
    assert "cursor of the consumer book" in verify_journal(path).problems[0]


def test_a_chain_that_was_made_anew_is_found_by_a_head_kept_elsewhere(path: Path, tmp_path: Path) -> None:
    head = verify_journal(path).head
    other = Store(tmp_path / "b.db", ACCOUNT)
    other.open()
    other.write(group(*rows([greeks(1)], other)))
    other.close()
    assert verify_journal(tmp_path / "b.db").whole
    assert "no item has the head" in verify_journal(tmp_path / "b.db", head).problems[0]


def test_what_retention_took_away_is_not_missed(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    store.write(group(*rows([fill(number) for number in range(1, 10)], store)))
    store.prune(4)
    store.close()
    found = verify_journal(tmp_path / "a.db")
    assert (found.whole, found.first_seq, found.items) == (True, 5, 5)


def contents(path: Path) -> list[object]:
    connection = sqlite3.connect(path)
    connection.text_factory = bytes
    try:
        return [
            connection.execute(f"SELECT * FROM {name}").fetchall()
            for name in ("items", "meta", "consumers", "fills", "orders", "gaps", "pruned_fills")
        ]
    finally:
        connection.close()


def test_a_changed_byte_anywhere_is_found_or_changes_nothing_that_can_be_read(path: Path) -> None:
    draw = random.Random(7)
    good, whole = path.read_bytes(), contents(path)
    lock_path(path).unlink()
    found_count = 0
    for place in [*range(100), *(draw.randrange(len(good)) for _ in range(250))]:
        bad = bytearray(good)
        bad[place] ^= 1 << draw.randrange(8)
        path.write_bytes(bytes(bad))
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        if refused_or_not_whole(path):
            found_count += 1
        else:
            assert contents(path) == whole, f"byte {place}"
    assert found_count > 120


def refused_or_not_whole(path: Path) -> bool:
    from listenkey.errors import JournalError, UsageError

    try:
        found = verify_journal(path)
    except (JournalError, UsageError):
        return True
    return not found.whole


def test_a_file_that_is_damaged_all_over_says_so_in_a_few_lines(path: Path) -> None:
    good = path.read_bytes()
    path.write_bytes(good[:4096] + bytes(len(good) - 4096))
    found = verify_journal(path)
    assert 0 < len(found.problems) <= PROBLEMS_MAX


def test_a_file_that_is_no_database_is_not_whole(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"x" * 10_000)
    with pytest.raises(UsageError, match="no SQLite file"):
        verify_journal(tmp_path / "a.db")
    lock = Lock(tmp_path / "a.db")
    lock.note_reached(1)
    lock.release()
    found = verify_journal(tmp_path / "a.db")
    assert not found.whole
    assert found.first_bad_seq is None


def test_so_many_problems_are_told_and_no_more() -> None:
    look = _Look(None)
    for number in range(PROBLEMS_MAX + 5):
        look.found(f"problem {number}")
    assert len(look.result().problems) == PROBLEMS_MAX


def test_a_file_that_is_wrong_all_over_is_told_of_with_a_bounded_number_of_problems(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for number in range(PROBLEMS_MAX + 5):
        connection.execute(f"CREATE TABLE foreign_{number} (x)")
    connection.execute("UPDATE items SET late = 1 WHERE seq = 20")
    connection.close()
    found = verify_journal(path)
    assert found.problems == ("item 20 was changed",)
    assert len(found.notes) == PROBLEMS_MAX


def test_a_file_whose_end_cant_be_read_is_looked_through(path: Path) -> None:
    assert misplaced_log(path, 60) == ""
    data = path.read_bytes()
    path.write_bytes(data[:4096] + bytes(len(data) - 4096))
    assert misplaced_log(path, 60)
