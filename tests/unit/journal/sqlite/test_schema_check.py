"""Journals that somebody else has made, or added something to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from listenkey.errors import Corrupt
from listenkey.journal.sqlite import schema
from listenkey.journal.sqlite.database import open_reader
from listenkey.journal.sqlite.info import journal_info
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.verify import verify_journal
from tests.unit.journal.making import ACCOUNT, fill, group, rows

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT "
AS_ITEMS = ", ".join(f"x AS {name}" for name in schema.COLUMNS)
FORMER = [(name, text) for name in ("orders", "gaps") for text in sorted(filter(None, schema.FORMER_VIEWS[name]))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    store.write(group(*rows([fill(1), fill(2)], store)))
    store.close()
    return tmp_path / "a.db"


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


READERS: list[Callable[[Path], Any]] = [journal_info, JournalReader, open_reader]

HOSTILE = [
    (["ALTER TABLE items RENAME TO real", f"CREATE VIEW items AS {ENDLESS}{AS_ITEMS} FROM n"], "items"),
    (
        ["ALTER TABLE meta RENAME TO real", f"CREATE VIEW meta AS {ENDLESS} x AS name, x AS value, x AS crc32 FROM n"],
        "meta",
    ),
    (["CREATE TRIGGER gone AFTER INSERT ON items BEGIN DELETE FROM items WHERE seq = new.seq; END"], "trigger gone"),
    (["CREATE TRIGGER told AFTER DELETE ON meta BEGIN SELECT 1; END"], "trigger told changes what is done to meta"),
    (["CREATE UNIQUE INDEX one ON items(received_ms, account, seq)"], "index one may keep items from being written"),
    (["CREATE INDEX some ON items(why) WHERE why = 'x'"], "index some may keep"),
    (["CREATE INDEX made ON items(abs(order_id))"], "index made may keep"),
    (["DROP TABLE consumers"], "consumers is not there"),
    (["DROP INDEX items_told", "CREATE INDEX items_told ON items(kind)"], "items_told is not the index"),
    (["ALTER TABLE items ADD COLUMN more TEXT"], "items is not the table"),
    (["DROP VIEW gaps", "CREATE TABLE gaps(x)"], "gaps is a table, and not the view"),
    ([f"CREATE VIEW json_each AS {ENDLESS} x AS value FROM n"], "view json_each stands in the way"),
]


@pytest.mark.parametrize(("statements", "words"), HOSTILE)
def test_what_could_hold_us_or_drop_rows_is_refused_before_anything_is_read(
    statements: list[str], words: str, path: Path
) -> None:
    change(path, *statements)
    before = path.read_bytes()
    for reading in READERS:
        with pytest.raises(Corrupt, match=f"changed by somebody else: .*{words}.*nothing in it was read or written"):
            reading(path)
    with pytest.raises(Corrupt, match=words):
        Store(path, ACCOUNT).open()
    assert words in verify_journal(path).problems[0]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "statements",
    [
        [
            "CREATE TABLE _litestream_seq(id INTEGER PRIMARY KEY, seq INTEGER)",
            "CREATE TABLE _litestream_lock(id INTEGER)",
        ],
        ["ANALYZE"],
        ["CREATE INDEX theirs ON items(received_ms)"],
        ['CREATE INDEX "a ""b" ON items(received_ms, symbol)'],
        ["CREATE VIEW theirs AS SELECT count(*) FROM items"],
        [f"CREATE VIEW theirs AS {ENDLESS} x FROM n"],
        ["CREATE TABLE t(x PRIMARY KEY)", "CREATE TRIGGER u AFTER INSERT ON t BEGIN SELECT 1; END"],
    ],
)
def test_what_is_foreign_and_does_no_harm_is_a_note(statements: list[str], path: Path) -> None:
    change(path, *statements)
    found = verify_journal(path)
    assert found.whole
    assert any("is not listenkey's, and does no harm" in note for note in found.notes)
    assert journal_info(path).fills == 2
    store = Store(path, ACCOUNT)
    store.open()
    store.write(group(*rows([fill(3)], store)))
    store.close()
    assert verify_journal(path).whole
    assert journal_info(path).fills == 3


def test_a_view_that_was_changed_is_damage_and_the_next_writer_makes_it_anew(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    change(path, "DROP VIEW gaps", f"CREATE VIEW gaps AS {ENDLESS} x AS closed_seq FROM n", "DROP VIEW fills")
    assert journal_info(path).open_gaps == 0, "the view in the file is not asked"
    assert verify_journal(path).problems == (
        "gaps is not the view that listenkey made",
        "fills is not the view that listenkey made",
    )
    store = Store(path, ACCOUNT)
    store.open()
    store.close()
    assert verify_journal(path).whole
    assert "the views gaps, fills were changed, and are made anew" in caplog.text


@pytest.mark.parametrize(("name", "former"), FORMER, ids=[name for name, _ in FORMER])
def test_a_view_of_an_earlier_release_is_a_note_until_the_next_writer(
    name: str, former: str, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert former != schema.VIEWS[name]
    monkeypatch.setitem(schema.FORMER_VIEWS, "fills", frozenset({None}))
    change(path, f"DROP VIEW {name}", former, "DROP VIEW fills")
    found = verify_journal(path)
    assert found.whole
    assert found.notes == (
        f"the view {name} is an earlier release's; the next stream makes it anew",
        "the view fills is an earlier release's; the next stream makes it anew",
    )
    store = Store(path, ACCOUNT)
    store.open()
    store.close()
    assert verify_journal(path).notes == ()
    assert "made anew" not in caplog.text


def test_the_questions_of_our_views_can_be_asked_without_them(path: Path) -> None:
    connection = sqlite3.connect(path)
    for name in schema.VIEWS:
        shown = connection.execute(f"SELECT * FROM {name}")
        asked = connection.execute(f"SELECT * FROM ({schema.selection(name)})")
        assert [column[0] for column in shown.description] == [column[0] for column in asked.description]
        assert shown.fetchall() == asked.fetchall()
    connection.close()


def test_a_journal_with_the_index_of_an_earlier_release_is_whole_and_keeps_it(path: Path) -> None:
    (former,) = schema.FORMER_TABLES["items_fill"]
    assert former != schema.TABLES["items_fill"]
    change(path, "DROP INDEX items_fill", former)
    found = verify_journal(path)
    assert (found.whole, found.notes) == (True, ())
    store = Store(path, ACCOUNT)
    store.open()
    with pytest.raises(sqlite3.IntegrityError):
        store.write(group(*rows([fill(2)], store)))
    store.write(group(*rows([fill(3)], store)))
    store.close()
    assert verify_journal(path).whole
