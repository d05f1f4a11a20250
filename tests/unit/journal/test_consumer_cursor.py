from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenkey.errors import UsageError
from listenkey.journal.consumer_cursor import commit_with, committed


@pytest.fixture
def book(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "book.db")
    connection.execute("CREATE TABLE trades(id INTEGER)")
    yield connection
    connection.close()


def test_effect_and_cursor_are_one_transaction(book: sqlite3.Connection) -> None:
    assert committed(book, "book") is None
    with book:
        book.execute("INSERT INTO trades VALUES (1)")
        commit_with(book, "book", 7)
    assert committed(book, "book") == 7
    book.execute("INSERT INTO trades VALUES (2)")
    commit_with(book, "book", 8)
    book.rollback()
    assert committed(book, "book") == 7
    assert book.execute("SELECT count(*) FROM trades").fetchone() == (1,)


def test_it_opens_a_transaction_where_there_is_none(book: sqlite3.Connection) -> None:
    commit_with(book, "book", 1)
    book.rollback()
    assert committed(book, "book") is None


def test_a_cursor_does_not_go_back(book: sqlite3.Connection) -> None:
    commit_with(book, "book", 5)
    commit_with(book, "other", 1)
    for seq in (5, 4):
        with pytest.raises(UsageError, match="can't go back"):
            commit_with(book, "book", seq)
