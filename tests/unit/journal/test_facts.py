from __future__ import annotations

import sqlite3

import pytest

from listenkey.errors import Corrupt
from listenkey.journal import schema
from listenkey.journal.facts import cursors, facts, set_cursor, set_fact


@pytest.fixture
def connection() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:", isolation_level=None)
    for statement in schema.SQL.values():
        made.execute(statement)
    return made


def test_the_last_word_counts(connection: sqlite3.Connection) -> None:
    set_fact(connection, "covered_ms", 1)
    set_fact(connection, "covered_ms", 2)
    set_fact(connection, "anchor_chain", b"\x01")
    set_cursor(connection, "book", 5)
    set_cursor(connection, "book", 6)
    assert facts(connection) == {"covered_ms": 2, "anchor_chain": b"\x01"}
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
