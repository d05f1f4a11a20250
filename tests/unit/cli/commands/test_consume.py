"""`consume` shows what a group is given, and stores that it is done once stdout has taken it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process

import pytest
from redis.asyncio import Redis

from listenkey.cli.commands.consume import fill, show_group
from listenkey.cli.main import run
from listenkey.cli.running import Stop
from listenkey.gateway.consumers.bridges.redis_streams import RedisStore
from listenkey.journal.jetstream.address import log_address
from tests.data_servers import DataServer
from tests.nats_server import Cluster
from tests.unit.gateway.consumers.making import ENOUGH_S, by_account, log_of, member, take, write
from tests.unit.gateway.consumers.portions import own_name


async def started(address: str, *more: str) -> Process:
    command = [sys.executable, "-m", "listenkey", "consume", "book", "--journal", address, "--json", *more]
    return await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)


async def lines(process: Process, count: int) -> list[tuple[str, int]]:
    assert process.stdout is not None
    found: list[tuple[str, int]] = []
    async with asyncio.timeout(ENOUGH_S):
        while len(found) < count:
            line = json.loads(await process.stdout.readline())
            found.append((line["account"], line["seq"]))
    return found


async def test_the_command_goes_on_where_the_one_before_it_stopped(nats_node: Cluster) -> None:
    address = await log_of(nats_node, {"x": 5, "y": 5})
    first = await started(address)
    assert sorted(await lines(first, 10)) == [(account, seq) for account in "xy" for seq in range(1, 6)]
    first.send_signal(signal.SIGINT)
    out, errors = await first.communicate()
    assert (out, first.returncode) == (b"", 0), errors
    await write(log_address(address), "y", range(6, 9))
    second = await started(address)
    assert await lines(second, 3) == [("y", 6), ("y", 7), ("y", 8)]
    second.kill()
    await second.communicate()


async def test_text_is_for_people_and_time_ends_it(nats_node: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    address = await log_of(nats_node, {"x": 2})
    stop = Stop()
    showing = asyncio.create_task(show_group(stop, member(address, account="x"), words=True))
    shown = ""
    async with asyncio.timeout(ENOUGH_S):
        while shown.count("0.1 @ 3,660") < 2:
            shown += capfd.readouterr().out
            await asyncio.sleep(0.01)
    stop.ask("time")
    assert await showing == 0


async def test_what_stdout_did_not_take_is_not_done(nats_node: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    address = await log_of(nats_node, {"x": 4})
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setattr("listenkey.cli.display.renderers.STDOUT", writing)
    monkeypatch.setattr("listenkey.cli.display.renderers.LineRenderer.__init__.__defaults__", (writing, None))
    stop = Stop()
    assert await asyncio.wait_for(show_group(stop, member(address, account="x"), words=False), ENOUGH_S) == 0
    os.close(writing)
    async with member(address, account="x") as reader:
        assert by_account(await take(reader, 4)) == {"x": [1, 2, 3, 4]}


async def test_items_go_into_a_store(nats_node: Cluster, valkey_server: DataServer) -> None:
    address, name = await log_of(nats_node, {"x": 3}), own_name()
    where = f"redis://127.0.0.1:{valkey_server.port}/0?prefix={name}:"
    stop, store = Stop(), RedisStore(where)
    storing = asyncio.create_task(fill(stop, member(address, account="x", store=store), store))
    async with Redis.from_url(f"redis://127.0.0.1:{valkey_server.port}/0") as client, asyncio.timeout(ENOUGH_S):
        while await client.xlen(f"{name}:x") < 3:  # noqa: ASYNC110 - the store is another process
            await asyncio.sleep(0.01)
    stop.ask("signal")
    assert await storing == 0


def test_wrong_use_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["consume", "book", "--journal", "fills.db"]) == 2
    assert "nats://" in capfd.readouterr().err
    assert run(["consume", "b.k", "--journal", "nats://h"]) == 2
    assert "group's name" in capfd.readouterr().err
    assert run(["consume", "book", "--journal", "nats://h", "--into", "mysql://h"]) == 2
    assert "postgresql://" in capfd.readouterr().err
