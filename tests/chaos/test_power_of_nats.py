"""The power of three servers of NATS is cut at once: all that was shown is there, and with the servers' own default it is not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenkey.errors import ListenKeyError
from listenkey.items import Item
from listenkey.journal.jetstream.account_journals import JetStreamJournals
from listenkey.journal.jetstream.address import LogAddress
from listenkey.journal.jetstream.journal import JetStreamJournal
from listenkey.journal.jetstream.servers import LogServers
from tests.chaos.power import Disk, NoDisk, disk, stop
from tests.nats_server import Cluster, made
from tests.unit.journal.making import AT_MS, Wall, fill, read, until

ACCOUNTS = [f"a{number}" for number in range(5)]
SHOWN_MIN = 60
FEW_S = 60.0
BYTES_MAX = 8 << 20
"""The disk has room for little."""


@pytest.fixture
def power(tmp_path: Path) -> Iterator[Disk]:
    try:
        with disk(tmp_path) as found:
            yield found
    except NoDisk as why:
        pytest.skip(f"2026-12-01: {why}")


async def show(journal: JetStreamJournal, shown: list[Item]) -> None:
    """Append without end, and note what was shown."""
    while True:
        raw = fill(len(shown) + 1)
        journal.append_event(read(raw), raw, AT_MS)
        shown.append(await journal.next())


async def shown_before_the_cut(address: LogAddress, cluster: Cluster, power: Disk) -> dict[str, list[Item]]:
    """Publish, cut the power under load, and return what was shown of each account."""
    servers = LogServers(address)
    journals = {name: JetStreamJournal(servers, name, Wall()) for name in ACCOUNTS}
    shown: dict[str, list[Item]] = {name: [] for name in ACCOUNTS}
    for journal in journals.values():
        await journal.open()
    running = [asyncio.create_task(show(journals[name], shown[name])) for name in ACCOUNTS]
    await until(lambda: any(task.done() for task in running) or min(map(len, shown.values())) >= SHOWN_MIN, FEW_S)
    for node in cluster.nodes:  # They must not be able to acknowledge anything after the cut.
        await asyncio.to_thread(stop, node.pid)
    power.cut()
    cluster.stop()
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    await asyncio.gather(*(journal.aclose() for journal in journals.values()))
    return shown


async def kept(address: LogAddress, account: str) -> list[Item]:
    """All items of an account; those that can be read."""
    journals = JetStreamJournals(LogServers(address), lambda: 0)
    items: list[Item] = []
    try:
        await journals.open()
        while more := await journals.read(account, items[-1].seq if items else 0, 512):
            items += more
    except ListenKeyError:
        pass  # What can't be read is lost.
    finally:
        await journals.aclose()
    return items


async def lost_in_a_cut(folder: Path, power: Disk, sync: str, **options: str) -> int:
    """Cut the power once, and return how many items that were shown are lost."""
    cluster = Cluster(folder, 3, sync, power.root)
    try:
        cluster.start()
        address = await made(cluster.address(**options), BYTES_MAX)
        await asyncio.to_thread(os.sync)  # What the servers made before is not what is asked about.
        shown = await shown_before_the_cut(address, cluster, power)
        power.start_again()
        cluster.start()
        found = {name: await kept(address, name) for name in ACCOUNTS}
    finally:
        cluster.stop()
    lost = 0
    for name, items in shown.items():
        there = {item.seq: item for item in found[name]}
        lost += sum(there.get(item.seq) != item for item in items)
    return lost


async def test_nothing_that_was_shown_is_lost(tmp_path: Path, power: Disk) -> None:
    assert await lost_in_a_cut(tmp_path, power, "sync_interval: always") == 0


async def test_with_the_default_of_the_servers_it_is_lost(tmp_path: Path, power: Disk) -> None:
    assert await lost_in_a_cut(tmp_path, power, "", accept="no-sync") > 0
