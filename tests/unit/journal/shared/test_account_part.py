"""The statements for a group of many accounts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from listenkey.core.gaps import Watermark
from listenkey.items import Live
from listenkey.journal.shared.account_end import AccountEnd
from listenkey.journal.shared.account_part import AccountPart, insertion, known_fills, write_parts
from listenkey.journal.shared.accounts_schema import CHOICE, CHOOSE, SHARED
from listenkey.journal.sqlite import metadata
from listenkey.journal.sqlite.hash_chain import follows
from listenkey.journal.sqlite.schema import COLUMNS
from tests.unit.journal.making import AT_MS, ORDER_ID, SYMBOL, fill, greeks
from tests.unit.journal.shared.shared_making import live, part


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(":memory:", isolation_level=None)
    for statement in (*SHARED.sql.values(), *CHOICE):
        made.execute(statement)
    yield made
    made.close()


def rows_of(connection: sqlite3.Connection, account_no: int, account: str) -> list[tuple[Any, ...]]:
    connection.execute(CHOOSE, (account_no, account))
    return connection.execute(f"SELECT {', '.join(COLUMNS)} FROM items ORDER BY seq").fetchall()


@pytest.mark.parametrize("count", [1, 3, 200])
@pytest.mark.parametrize("with_told", [False, True], ids=["alike", "mixed"])
def test_rows_of_many_accounts_are_one_statement_and_each_chain_is_its_own(
    count: int, with_told: bool, connection: sqlite3.Connection
) -> None:
    parts = []
    for number, name in enumerate(("a", "b"), 1):
        made = AccountPart(AccountEnd(number, name, is_new=True))
        made.entries = [*part(made.end, *(fill(each) for each in range(1, count + 1))).entries, *[live()] * with_told]
        made.number(set())
        parts.append(made)
    assert write_parts(connection, parts) == 2 * (count + with_told)
    for made in parts:
        found = rows_of(connection, made.end.account_no, made.end.account)
        assert found == made.group.rows
        assert all(follows(after, before[-1]) for before, after in pairwise(found))
        made.written()
        assert (made.end.last_seq, made.end.chain, made.end.is_new) == (count + with_told, found[-1][-1], False)


def test_nothing_to_add_is_no_statement(connection: sqlite3.Connection) -> None:
    nothing = AccountPart(AccountEnd(1, "a"))
    assert nothing.is_empty
    nothing.number(set())
    assert insertion([nothing]) is None
    assert write_parts(connection, [nothing]) is None
    before = nothing.end.recovered
    nothing.written()
    assert nothing.end.recovered is before
    assert connection.execute("SELECT count(*) FROM accounts").fetchone() == (0,)


def test_an_account_is_made_once_though_its_group_is_written_again(connection: sqlite3.Connection) -> None:
    made = part(AccountEnd(1, "a", is_new=True), fill(1))
    write_parts(connection, [made])
    connection.execute("DELETE FROM rows")
    write_parts(connection, [made])
    assert connection.execute("SELECT account_no, name FROM accounts").fetchall() == [(1, "a")]
    with pytest.raises(sqlite3.IntegrityError):
        write_parts(connection, [part(AccountEnd(1, "b", is_new=True), fill(2))])


def test_marks_of_many_accounts_are_written_together(connection: sqlite3.Connection) -> None:
    mark = Watermark(AT_MS, "boot", 5)
    parts = [
        part(
            AccountEnd(number, str(number), is_new=True),
            covered_ms=AT_MS + number,
            watermark=mark,
            cursors={"book": number},
        )
        for number in range(1, 301)
    ]
    parts.append(part(AccountEnd(301, "301", is_new=True), covered_ms=7))
    write_parts(connection, parts)
    for number in (1, 256, 257, 300):
        connection.execute(CHOOSE, (number, str(number)))
        known = metadata.facts(connection)
        assert (known["covered_ms"], metadata.watermark(known), known["account"]) == (AT_MS + number, mark, str(number))
        assert metadata.cursors(connection) == {"book": number}
    connection.execute(CHOOSE, (301, "301"))
    assert metadata.facts(connection) == {"account": "301", "covered_ms": 7}
    parts[0].written()
    assert parts[0].end.covered_ms == AT_MS + 1


def test_a_fill_is_known_for_its_account_alone(connection: sqlite3.Connection) -> None:
    made = part(AccountEnd(1, "a", is_new=True), fill(1), greeks(1), fill(2))
    newest = write_parts(connection, [made])
    assert newest == 3
    connection.execute("INSERT INTO main.pruned_fills VALUES (1, ?, 9, ?)", (SYMBOL, ORDER_ID + 9))
    keys = [(number, SYMBOL, trade, ORDER_ID + trade) for number in (1, 2) for trade in (*range(1, 700), 1000)]
    assert known_fills(connection, keys, 3) == {(1, SYMBOL, trade, ORDER_ID + trade) for trade in (1, 2, 9)}
    assert known_fills(connection, keys, 2) == {(1, SYMBOL, trade, ORDER_ID + trade) for trade in (1, 9)}
    assert known_fills(connection, [], 3) == set()


def test_a_part_knows_its_fills_and_its_bytes() -> None:
    made = part(AccountEnd(1, "a"), fill(1), greeks(1))
    made.entries.append(live())
    assert made.fills() == [(SYMBOL, 1, ORDER_ID + 1)]
    assert made.raw_bytes() == len(fill(1)) + len(greeks(1))
    assert not made.is_empty
    made.number({(SYMBOL, 1, ORDER_ID + 1)})
    assert made.numbered.duplicates == 1
    assert [type(item) is Live for item in made.numbered.items] == [False, True]
