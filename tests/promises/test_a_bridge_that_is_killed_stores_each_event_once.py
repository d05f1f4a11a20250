"""A member that puts items into a store is killed at random instants under load: every item is there once, in order."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from redis.asyncio import Redis

from listenkey.gateway.consumers.bridges.postgres import PostgresStore
from listenkey.journal.jetstream.address import LogAddress, log_address
from listenkey.journal.jetstream.journal import JetStreamJournal
from listenkey.journal.jetstream.servers import LogServers
from tests.data_servers import DataServer
from tests.nats_server import Cluster
from tests.unit.gateway.consumers.making import log_of
from tests.unit.gateway.consumers.portions import own_name
from tests.unit.journal.making import AT_MS, Wall, fill, read

KILLS = int(os.environ.get("LISTENKEY_BRIDGE_KILLS", "3"))
"""Fifty is the bar; `make test` has no time for it."""

ACCOUNTS = ("x", "y", "z")
PAUSE_S = 0.005
WITHIN_S = 60.0

Count = Callable[[], Awaitable[dict[str, list[int]]]]


async def write_until(done: asyncio.Event, at: LogAddress, account: str) -> int:
    """Append fills to an account until told to stop; return their number."""
    journal = JetStreamJournal(LogServers(at), account, Wall())
    await journal.open()
    number = 0
    while not done.is_set():
        number += 1
        raw = fill(number)
        journal.append_event(read(raw), raw, AT_MS)
        journal.take_ready(1000)
        await asyncio.sleep(PAUSE_S)
    while journal.backlog:
        await journal.next()
    await journal.aclose()
    return number


async def started(address: str, into: str) -> Process:
    options = ["--journal", address, "--into", into]
    code = (
        "import sys\n"
        "from listenkey.cli.main import run\n"
        "from listenkey.gateway.consumers import group_reader\n"
        "from listenkey.gateway.consumers.durable_consumer import GroupTiming\n"
        "group_reader.GroupTiming = lambda: GroupTiming(0.2, 0.5, 1, 1.0)\n"
        "sys.exit(run(sys.argv[1:]))"
    )
    return await asyncio.create_subprocess_exec(sys.executable, "-c", code, "consume", "book", *options, stdout=DEVNULL)


async def killed_under_load(address: str, into: str, stored: Count) -> None:
    """Kill a member again and again, two at a time being there; compare what is stored with what was written."""
    draws, done, kills = random.Random(12), asyncio.Event(), 0
    writing = [asyncio.create_task(write_until(done, log_address(address), account)) for account in ACCOUNTS]
    members = [await started(address, into) for _ in range(2)]
    before = -1
    async with asyncio.timeout(WITHIN_S + 15 * KILLS):
        while kills < KILLS:
            await asyncio.sleep(draws.uniform(0.05, 0.6))
            if (now := sum(map(len, (await stored()).values()))) == before:
                continue  # Nothing was stored since the last kill, so another one would show nothing.
            before, kills = now, kills + 1
            victim = members.pop(0)
            victim.kill()
            await victim.wait()
            members.append(await started(address, into))
        done.set()
        written = dict(zip(ACCOUNTS, await asyncio.gather(*writing), strict=True))
        while sum(map(len, (await stored()).values())) < sum(written.values()):  # noqa: ASYNC110 - the stores are processes
            await asyncio.sleep(0.05)
    for one in members:
        one.terminate()
        assert await one.wait() == 0
    found = await stored()
    for account, count in written.items():
        assert sorted(found[account]) == list(range(1, count + 1)), account
        assert found[account] == sorted(found[account]), account


async def test_postgres(nats_node: Cluster, postgres_server: DataServer) -> None:
    address, name = await log_of(nats_node, {}), own_name()
    server = f"postgresql://test@127.0.0.1:{postgres_server.port}"
    async with await psycopg.AsyncConnection.connect(f"{server}/postgres", autocommit=True) as connection:
        await connection.execute(f"create database {name}".encode())

    async with PostgresStore(f"{server}/{name}"):
        pass  # Makes the tables.
    async with await psycopg.AsyncConnection.connect(f"{server}/{name}", autocommit=True) as connection:
        # Counts up as rows are inserted; where they lie in the table says nothing of that.
        await connection.execute("alter table listenkey.items add column place bigint generated always as identity")

        async def stored() -> dict[str, list[int]]:
            found: dict[str, list[int]] = {}
            rows = await connection.execute("select account, seq from listenkey.items order by place")
            for account, seq in await rows.fetchall():
                found.setdefault(account, []).append(seq)
            return found

        await killed_under_load(address, f"{server}/{name}", stored)


async def test_redis_streams(nats_node: Cluster, valkey_server: DataServer) -> None:
    address, name = await log_of(nats_node, {}), own_name()
    server = f"redis://127.0.0.1:{valkey_server.port}/0"
    async with Redis.from_url(server) as client:

        async def stored() -> dict[str, list[int]]:
            found: dict[str, list[int]] = {}
            for account in ACCOUNTS:
                entries: Any = await client.xrange(f"{name}:{account}")
                found[account] = [int(id_.partition(b"-")[0]) for id_, _ in entries]
            return found

        await killed_under_load(address, f"{server}?prefix={name}:", stored)
