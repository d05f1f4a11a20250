from __future__ import annotations

import builtins
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from listenkey.errors import JournalError, UsageError
from listenkey.gateway.consumers.bridges import patience, postgres
from listenkey.gateway.consumers.bridges.postgres import PostgresStore
from listenkey.gateway.consumers.group_cursor import NOTHING_READ
from listenkey.items import Item
from listenkey.journal.jetstream.fact_cell import Overtaken
from listenkey.wire.json_lines import to_line
from tests.data_servers import DataServer
from tests.unit.gateway.consumers.portions import FIRST, PARTITION, SECOND, own_name, portion


def address(server: DataServer) -> str:
    return f"postgresql://test@127.0.0.1:{server.port}/postgres"


@asynccontextmanager
async def opened(server: DataServer, schema: str, **options: Any) -> AsyncIterator[PostgresStore]:
    async with PostgresStore(address(server), schema=schema, **options) as store:
        yield store


async def rows(server: DataServer, query: str) -> list[tuple[Any, ...]]:
    async with await psycopg.AsyncConnection.connect(address(server)) as connection:
        return await (await connection.execute(query.encode())).fetchall()


async def test_items_are_rows_beside_their_cursor(postgres_server: DataServer) -> None:
    schema = own_name()
    async with opened(postgres_server, schema) as store:
        assert await store.load(PARTITION) == NOTHING_READ
        await store.store(FIRST)
        await store.store(SECOND)
    async with opened(postgres_server, schema) as store:
        assert await store.load(PARTITION) == SECOND.behind
    found = await rows(postgres_server, f"select account, seq, kind, item::text from {schema}.items order by 1, 2")
    assert [row[:3] for row in found] == [
        ("x", 1, "update"),
        ("x", 2, "update"),
        ("x", 3, "update"),
        ("y", 1, "update"),
    ]
    assert found[0][3] == to_line(FIRST.items[0].item).decode()


async def test_of_two_members_only_one_has_its_effect(postgres_server: DataServer) -> None:
    schema = own_name()
    async with opened(postgres_server, schema) as one, opened(postgres_server, schema) as two:
        await one.store(FIRST)
        with pytest.raises(Overtaken):
            await two.store(FIRST)
        await two.store(SECOND)
        with pytest.raises(Overtaken):
            await one.store(portion(FIRST.behind, ("x", 3), ("x", 4)))
        assert await one.load(PARTITION) == SECOND.behind
    assert await rows(postgres_server, f"select count(*) from {schema}.items") == [(4,)]


async def test_an_effect_of_ones_own_is_in_the_transaction_of_the_cursor(postgres_server: DataServer) -> None:
    schema = own_name()
    seen: list[int] = []

    async def effect(cursor: psycopg.AsyncCursor[Any], items: Sequence[Item]) -> None:
        await cursor.execute(f"create table if not exists {schema}.sums (seq bigint)".encode())
        await cursor.executemany(f"insert into {schema}.sums values (%s)".encode(), [(one.seq,) for one in items])
        seen.extend(item.seq for item in items)
        if 3 in seen:
            raise ZeroDivisionError

    async with opened(postgres_server, schema, effect=effect) as store:
        await store.store(FIRST)
        with pytest.raises(ZeroDivisionError):
            await store.store(SECOND)
        assert await store.load(PARTITION) == FIRST.behind
    assert await rows(postgres_server, f"select count(*) from {schema}.sums") == [(3,)]


async def test_a_connection_that_dies_at_any_point_doubles_nothing(
    postgres_server: DataServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "WAITS_S", (0.0,))
    schema = own_name()
    kill = b"select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and query like %s"

    async def end_connections() -> None:
        async with await psycopg.AsyncConnection.connect(address(postgres_server), autocommit=True) as connection:
            await connection.execute(kill, (f"%{schema}%",))

    async with opened(postgres_server, schema) as store:
        insert = store._effect

        async def dies_before(cursor: psycopg.AsyncCursor[Any], items: Sequence[Item]) -> None:
            await insert(cursor, items)
            store._effect = insert
            await end_connections()

        store._effect = dies_before
        await store.store(FIRST)
        await end_connections()
        assert await store.load(PARTITION) == FIRST.behind

        connected = store._connected

        async def answer_lost() -> Any:
            connection = await connected()
            store._connected = connected  # type: ignore[method-assign]
            end_after(connection)
            return connection

        store._connected = answer_lost  # type: ignore[method-assign]
        await store.store(SECOND)
        assert await store.load(PARTITION) == SECOND.behind
    assert await rows(postgres_server, f"select count(*) from {schema}.items") == [(4,)]


def end_after(connection: Any) -> None:
    """Lose the answer to the next commit of a connection."""
    transaction = connection.transaction

    @asynccontextmanager
    async def lossy() -> AsyncIterator[None]:
        async with transaction():
            yield
        await connection.close()
        raise psycopg.OperationalError("the connection was lost")

    connection.transaction = lossy


async def test_what_the_server_refuses_is_told(postgres_server: DataServer) -> None:
    schema = own_name()
    async with opened(postgres_server, schema) as store:
        await store.store(FIRST)
        again = portion(FIRST.behind, ("x", 2))
        with pytest.raises(JournalError, match="duplicate key"):
            await store.store(again)
        await rows(postgres_server, "select 1")
        async with await psycopg.AsyncConnection.connect(address(postgres_server)) as connection:
            await connection.execute(f"drop table {schema}.cursors".encode())
        with pytest.raises(JournalError, match="does not exist"):
            await store.load(PARTITION)


async def test_a_server_that_is_not_there_is_told_at_once(postgres_server: DataServer) -> None:
    with pytest.raises(JournalError, match="can't be used"):
        async with PostgresStore(f"postgresql://nobody@127.0.0.1:{postgres_server.port}/nothing"):
            pass
    with pytest.raises(UsageError, match="schema's name"):
        PostgresStore("", schema="a;b")


async def test_without_the_package_the_words_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name.startswith("psycopg"):
            raise ImportError
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "psycopg", raising=False)
    with pytest.raises(UsageError, match=r"listenkey\[postgres\]"):
        await PostgresStore("").__aenter__()


def test_only_the_first_line_of_an_error_is_shown() -> None:
    assert postgres._text(Exception("bad\nDETAIL: a row")) == "bad"
    assert postgres._text(TimeoutError()) == "TimeoutError"
