from __future__ import annotations

import builtins
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis.exceptions
from redis.asyncio import Redis

from listenkey.errors import JournalError, UsageError
from listenkey.gateway.consumers.bridges import patience
from listenkey.gateway.consumers.bridges.redis_streams import RedisStore
from listenkey.gateway.consumers.group_cursor import NOTHING_READ
from listenkey.journal.jetstream.fact_cell import Overtaken
from listenkey.wire.json_lines import to_line
from tests.data_servers import DataServer
from tests.unit.gateway.consumers.portions import FIRST, PARTITION, SECOND, own_name, portion


@asynccontextmanager
async def opened(server: DataServer, name: str, more: str = "") -> AsyncIterator[tuple[RedisStore, Redis]]:
    async with RedisStore(f"redis://127.0.0.1:{server.port}/0?prefix={name}:{more}") as store:
        assert store._client is not None
        yield store, store._client


async def entries(client: Redis, key: str) -> list[tuple[bytes, Any]]:
    found: Any = await client.xrange(key)
    return list(found)


async def ids(client: Redis, key: str) -> list[bytes]:
    return [id_ for id_, _ in await entries(client, key)]


async def test_items_are_entries_of_their_accounts_stream_beside_the_cursor(valkey_server: DataServer) -> None:
    name = own_name()
    async with opened(valkey_server, name) as (store, client):
        assert await store.load(PARTITION) == NOTHING_READ
        await store.store(FIRST)
        await store.store(SECOND)
        assert await ids(client, f"{name}:x") == [b"1-0", b"2-0", b"3-0"]
        assert (await entries(client, f"{name}:y"))[0] == (b"1-0", {b"item": to_line(FIRST.items[1].item)})
    async with opened(valkey_server, name) as (store, _):
        assert await store.load(PARTITION) == SECOND.behind


async def test_of_two_members_only_one_has_its_effect(valkey_server: DataServer) -> None:
    name = own_name()
    async with opened(valkey_server, name) as (one, client), opened(valkey_server, name) as (two, _):
        await one.store(FIRST)
        await two.store(SECOND)
        with pytest.raises(Overtaken):
            await one.store(portion(FIRST.behind, ("x", 3), ("x", 4)))
        assert await ids(client, f"{name}:x") == [b"1-0", b"2-0", b"3-0"]
        assert await one.load(PARTITION) == SECOND.behind


async def test_a_repeat_is_refused_by_its_id_and_taken_for_written(valkey_server: DataServer) -> None:
    name = own_name()
    async with opened(valkey_server, name) as (store, client):
        await store.store(FIRST)
        await client.delete(f"{name}:cursor:book:03")
        await store.store(FIRST)
        assert await ids(client, f"{name}:x") == [b"1-0", b"2-0"]
        assert await store.load(PARTITION) == FIRST.behind


async def test_an_answer_that_was_lost_doubles_nothing(
    valkey_server: DataServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "WAITS_S", (0.0,))
    name = own_name()
    async with opened(valkey_server, name) as (store, client):
        evaluate, get = client.eval, client.get
        done: list[str] = []

        async def lose(*arguments: Any) -> Any:
            answer = await evaluate(*arguments)
            if not done:
                done.append("eval")
                raise redis.exceptions.ConnectionError("lost")
            return answer

        async def fail_once(key: str) -> Any:
            if "get" not in done:
                done.append("get")
                raise redis.exceptions.TimeoutError("slow")
            return await get(key)

        monkeypatch.setattr(client, "eval", lose)
        monkeypatch.setattr(client, "get", fail_once)
        await store.store(FIRST)
        assert done == ["eval"]
        assert await store.load(PARTITION) == FIRST.behind
        assert await ids(client, f"{name}:x") == [b"1-0", b"2-0"]


async def test_an_item_that_is_refused_leaves_the_cursor_where_it_was(valkey_server: DataServer) -> None:
    name = own_name()
    async with opened(valkey_server, name) as (store, client):
        await client.set(f"{name}:y", "no stream")
        with pytest.raises(JournalError, match="WRONGTYPE"):
            await store.store(FIRST)
        assert await store.load(PARTITION) == NOTHING_READ
        await client.delete(f"{name}:y")
        await store.store(FIRST)
        assert await ids(client, f"{name}:x") == [b"1-0", b"2-0"]
        await client.delete(f"{name}:cursor:book:03")
        await client.lpush(f"{name}:cursor:book:03", "no cursor")
        with pytest.raises(JournalError, match="WRONGTYPE"):
            await store.load(PARTITION)


async def test_a_stream_is_cut_where_that_is_asked(valkey_server: DataServer) -> None:
    name = own_name()
    async with opened(valkey_server, name, "&items_max=100") as (store, client):
        before = NOTHING_READ
        for first in range(1, 1001, 100):
            part = portion(before, *[("x", seq) for seq in range(first, first + 100)])
            await store.store(part)
            before = part.behind
        assert 100 <= await client.xlen(f"{name}:x") < 500


async def test_a_password_is_read_from_its_file(valkey_server: DataServer, tmp_path: Path) -> None:
    name = own_name()
    where = f"redis://{name}@127.0.0.1:{valkey_server.port}/0?password_file={tmp_path / 'p'}"
    async with opened(valkey_server, name) as (_, client):
        await client.acl_setuser(name, enabled=True, passwords=["+secret-word"], keys=["*"], categories=["+@all"])
    with pytest.raises(UsageError, match="can't be read"):
        await RedisStore(where).__aenter__()
    (tmp_path / "p").write_text("another-word\n")
    with pytest.raises(JournalError, match="can't be used") as told:
        await RedisStore(where).__aenter__()
    assert "another-word" not in str(told.value)
    (tmp_path / "p").write_text("secret-word\n")
    async with RedisStore(where) as store:
        assert await store.load(PARTITION) == NOTHING_READ


def test_wrong_options_are_told() -> None:
    for query, words in (
        ("colour=red", "no option 'colour'"),
        ("items_max=0", "items_max"),
        ("items_max=x", "items_max"),
    ):
        with pytest.raises(UsageError, match=words):
            RedisStore(f"redis://h?{query}")


async def test_without_the_package_the_words_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name.startswith("redis"):
            raise ImportError
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"listenkey\[redis\]"):
        await RedisStore("redis://h").__aenter__()
