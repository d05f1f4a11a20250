"""A log with the items of some accounts in a real server of NATS, and members of groups that read it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from listenkey.gateway.consumers.durable_consumer import GroupTiming
from listenkey.gateway.consumers.group_reader import GroupReader, consume
from listenkey.items import Item
from listenkey.journal.jetstream.address import LogAddress, log_address
from listenkey.journal.jetstream.connection import LogConnection
from listenkey.journal.jetstream.journal import JetStreamJournal
from listenkey.journal.jetstream.servers import LogServers
from tests.nats_server import Cluster, made
from tests.unit.journal.making import AT_MS, Wall, fill, read

QUICK = GroupTiming(pull_s=0.3, pin_s=0.8, session_s=2, ack_s=1.0)
"""Members are taken for dead sooner than users' are."""

ENOUGH_S = 30.0


async def write(at: LogAddress, account: str, numbers: Iterable[int]) -> None:
    """Append fills to an account's log, and wait until all are stored."""
    journal = JetStreamJournal(LogServers(at), account, Wall())
    await journal.open()
    for number in numbers:
        raw = fill(number)
        journal.append_event(read(raw), raw, AT_MS)
        if journal.backlog > 400:
            journal.take_ready(1000)
            await asyncio.sleep(0)
    while journal.backlog:
        await journal.next()
    await journal.aclose()


async def log_of(node: Cluster, accounts: dict[str, int]) -> str:
    """Return the address of a new log with so many fills of each account."""
    address = node.address()
    at = await made(address)
    for account, count in accounts.items():
        await write(at, account, range(1, count + 1))
    return address


def member(address: str, group: str = "book", **options: Any) -> GroupReader:
    return consume(address, group, timing=options.pop("timing", QUICK), **options)


async def take(reader: GroupReader, count: int) -> list[Item]:
    """Take so many items, and commit them."""
    items: list[Item] = []
    async with asyncio.timeout(ENOUGH_S):
        async for item in reader:
            items.append(item)
            if len(items) == count:
                await reader.commit()
                break
    return items


async def die(reader: GroupReader) -> None:
    """End a member as a kill does: nothing is said to anybody."""
    tasks = [task for _, task in reader._readers.values()]
    assert reader._assigning is not None
    for task in [*tasks, reader._assigning]:
        task.cancel()
    await asyncio.wait([*tasks, reader._assigning])
    assert reader._servers._connection is not None
    await reader._servers._connection.aclose()


def by_account(items: Iterable[Item]) -> dict[str, list[int]]:
    """Return the numbers of each account, in the order in which they came."""
    seqs: dict[str, list[int]] = {}
    for item in items:
        seqs.setdefault(item.account, []).append(item.seq)
    return seqs


@asynccontextmanager
async def linked(address: str) -> AsyncIterator[LogConnection]:
    connection = LogConnection(log_address(address).servers)
    await connection.open()
    try:
        yield connection
    finally:
        await connection.aclose()
