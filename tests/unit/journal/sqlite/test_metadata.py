from __future__ import annotations

import sqlite3

import pytest

from listenkey.core.gaps import Watermark
from listenkey.errors import Corrupt
from listenkey.journal.sqlite import schema
from listenkey.journal.sqlite.metadata import (
    COVERED_MS,
    WATERMARK,
    cursors,
    facts,
    set_coverage,
    set_cursor,
    set_fact,
    watermark,
)


@pytest.fixture
def connection() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:", isolation_level=None)
    for statement in schema.SQL.values():
        made.execute(statement)
    return made


def test_the_last_word_counts(connection: sqlite3.Connection) -> None:
    set_fact(connection, "covered_ms", 1)
    set_fact(connection, "covered_ms", 2)
    set_fact(connection, "anchor_chain", b"\x01" * 16)
    set_cursor(connection, "book", 5)
    set_cursor(connection, "book", 6)
    assert facts(connection) == {"covered_ms": 2, "anchor_chain": b"\x01" * 16}
    assert cursors(connection) == {"book": 6}
    connection.close()


def test_a_changed_fact_is_damage(connection: sqlite3.Connection) -> None:
    set_fact(connection, "covered_ms", 1)
    set_cursor(connection, "book", 5)
    connection.execute("UPDATE meta SET value = 2")
    connection.execute("UPDATE consumers SET seq = 500")
    with pytest.raises(Corrupt, match="covered_ms"):
        facts(connection)
    with pytest.raises(Corrupt, match="book"):
        cursors(connection)
    connection.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("covered_ms", 10**18),
        ("covered_ms", -1),
        ("covered_ms", "1795330000000"),
        ("covered_ms", 1.5),
        ("covered_ms", None),
        ("anchor_seq", "seven"),
        ("anchor_seq", 2**63 - 1),
        ("anchor_chain", "text"),
        ("anchor_chain", b"short"),
        ("account", 7),
        ("account", None),
    ],
)
def test_a_fact_of_another_kind_is_damage_whatever_its_checksum(
    name: str, value: object, connection: sqlite3.Connection
) -> None:
    set_fact(connection, name, value)
    with pytest.raises(Corrupt, match=f"note of {name} is damaged"):
        facts(connection)
    connection.close()


def test_what_a_later_release_notes_is_let_be(connection: sqlite3.Connection) -> None:
    set_fact(connection, "later", "x")
    assert facts(connection) == {"later": "x"}
    connection.close()


@pytest.mark.parametrize("seq", [-1, 2**63 - 1])
def test_a_cursor_that_no_consumer_reaches_is_damage(seq: int, connection: sqlite3.Connection) -> None:
    set_cursor(connection, "book", seq)
    with pytest.raises(Corrupt, match="cursor of the consumer book"):
        cursors(connection)
    connection.close()


def test_a_watermark_comes_back_and_a_journal_of_an_older_release_has_none(connection: sqlite3.Connection) -> None:
    assert watermark(facts(connection)) is None
    mark = Watermark(5, "boot", 7, 4, 3, 2)
    set_coverage(connection, 4, None)
    assert facts(connection) == {COVERED_MS: 4}
    set_coverage(connection, 5, mark)
    assert watermark(facts(connection)) == mark
    assert facts(connection)[COVERED_MS] == 5
    connection.close()


@pytest.mark.parametrize(
    "text", ["{", '{"wall_ms": "soon"}', '{"wall_ms": 1000000000000000000}', '{"wall_ms": 5, "began_venue_ms": -6}', 5]
)
def test_a_watermark_that_can_not_be_meant_is_none(text: object, connection: sqlite3.Connection) -> None:
    set_fact(connection, WATERMARK, text)
    assert watermark(facts(connection)) is None, "refusing the journal would cost all of it"
    connection.close()
