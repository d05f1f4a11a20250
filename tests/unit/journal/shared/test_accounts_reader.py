"""One connection that reads any account."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from listenkey.errors import JournalError, TooOld, UsageError
from listenkey.journal.shared.accounts_reader import AccountReader, AccountsReader
from listenkey.journal.shared.accounts_schema import FILE_NAME
from tests.unit.journal.making import fill
from tests.unit.journal.shared.shared_making import prune_by_hand, written


async def test_any_account_is_read_by_the_same_connection(tmp_path: Path) -> None:
    await written(tmp_path, a=[fill(1), fill(2)], b=[fill(3)])
    readers = AccountsReader(tmp_path / FILE_NAME)
    a, b = AccountReader(readers, 1, "a"), AccountReader(readers, 2, "b")
    assert [item.seq for item in a.read(1)] == [2, 3]
    connection = readers._connection
    assert [(item.seq, item.account) for item in b.read(0)] == [(1, "b"), (2, "b")]
    assert [item.seq for item in readers.read(1, "a", 0, 2)] == [1, 2]
    assert readers._connection is connection
    a.close()
    assert a.read(2), "the connection is others' as well"
    readers.close()
    readers.close()
    assert [item.seq for item in a.read(2)] == [3], "it is opened again"
    readers.close()


async def test_items_that_were_deleted_are_told_to_others_and_not_to_an_accounts_own_reader(tmp_path: Path) -> None:
    await written(tmp_path, a=[fill(1), fill(2)])
    prune_by_hand(tmp_path, 1, 2)
    readers = AccountsReader(tmp_path / FILE_NAME)
    assert readers.kept(1, "a") == (3, 3)
    with pytest.raises(TooOld) as told:
        readers.read(1, "a", 1, 10)
    assert (told.value.after, told.value.oldest_seq) == (1, 3)
    assert [item.seq for item in readers.read(1, "a", 2, 10)] == [3]
    assert [item.seq for item in AccountReader(readers, 1, "a").read(0)] == [3]
    prune_by_hand(tmp_path, 1, 3)
    assert readers.kept(1, "a") == (4, 3)
    readers.close()


async def test_after_an_error_the_next_question_gets_a_new_connection(tmp_path: Path) -> None:
    readers = AccountsReader(tmp_path / FILE_NAME)
    with pytest.raises(UsageError, match="there is no journal"):
        readers.ask(lambda _: None)
    await written(tmp_path, a=[fill(1)])
    asked: list[sqlite3.Connection] = []

    def question(connection: sqlite3.Connection) -> None:
        asked.append(connection)
        connection.execute("SELECT * FROM none_such")

    with pytest.raises(JournalError, match="no such table"):
        readers.ask(question)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        asked[0].execute("SELECT 1")
    assert readers.ask(lambda connection: connection is not asked[0])
    readers.close()
