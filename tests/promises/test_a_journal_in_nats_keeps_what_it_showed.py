"""A journal in NATS keeps what it has shown, once and in order, whatever dies: a server, the leader, an answer, an owner."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from listenkey.errors import Fenced
from listenkey.items import Item, Update
from listenkey.journal.jetstream.address import LogAddress, log_address
from listenkey.journal.jetstream.api import ask
from listenkey.journal.jetstream.journal import JetStreamJournal
from listenkey.journal.jetstream.log_reader import LogReader
from listenkey.journal.jetstream.servers import LogServers
from tests.nats_server import Cluster, Node, free_ports, made
from tests.unit.journal.making import ACCOUNT, AT_MS, Wall, fill, read, until

FEW_S = 90.0


class Publishing:
    """One account that is appended to as fast as its items are shown, up to eight ahead."""

    def __init__(self, servers: LogServers, account: str) -> None:
        self.journal = JetStreamJournal(servers, account, Wall())
        self.appended = 0
        self.shown: list[Item] = []
        self.longest_wait_s = 0.0

    async def run(self, is_over: Callable[[], bool]) -> None:
        await self.journal.open()
        loop = asyncio.get_running_loop()
        while not is_over() or len(self.shown) < self.appended:
            while not is_over() and self.appended < len(self.shown) + 8:
                self.appended += 1
                raw = fill(self.appended)
                self.journal.append_event(read(raw), raw, AT_MS)
            began_s = loop.time()
            self.shown.append(await self.journal.next())
            self.longest_wait_s = max(self.longest_wait_s, loop.time() - began_s)
            self.shown.extend(self.journal.take_ready(100))
        await self.journal.aclose()


async def kept(address: LogAddress, account: str) -> list[Item]:
    """All items of an account, each once, read back by somebody who checks each number and each link."""
    servers = LogServers(address, "reader")
    await servers.acquire()
    try:
        reader, items = LogReader(servers, address.names.of(account)), list[Item]()
        while found := await reader.read(len(items)):
            items.extend(stored.item for stored in found)
        names = address.names.of(account)
        state = (await ask(servers, f"STREAM.INFO.{names.names.stream}", {"subjects_filter": names.events}))["state"]
        # A reader takes an item that is there twice for one, so the messages are counted as well.
        assert state.get("subjects", {}).get(names.events, 0) == len(items)
        return items
    finally:
        await servers.release()


def trades(items: list[Item]) -> list[int]:
    return [item.event.trade_id for item in items if isinstance(item, Update)]  # type: ignore[union-attr]


async def assert_all_kept(address: LogAddress, accounts: list[Publishing]) -> None:
    for one in accounts:
        items = await kept(address, one.journal.account)
        assert trades(items) == list(range(1, one.appended + 1))
        assert [item.seq for item in items] == list(range(1, len(items) + 1))
        assert items == one.shown


async def play(address: LogAddress, count: int, disturb: Callable[[], object]) -> list[Publishing]:
    """Publish to so many accounts while something happens, and a little longer."""
    servers = LogServers(address)
    accounts = [Publishing(servers, f"a{number}") for number in range(count)]
    over = False
    running = asyncio.gather(*(one.run(lambda: over) for one in accounts))

    def shown() -> int:
        return min(len(one.shown) for one in accounts)

    try:
        async with asyncio.timeout(FEW_S):
            await until(lambda: running.done() or shown() > 10, FEW_S)
            await asyncio.to_thread(disturb)
            after = shown()
            await until(lambda: running.done() or shown() > after + 10, FEW_S)
            over = True
            await running
    finally:
        running.cancel()
    return accounts


async def test_one_server_is_killed_and_begins_again(tmp_path: Path) -> None:
    node = Cluster(tmp_path)
    node.start()
    try:
        address = await made(node.address())

        def kill_and_start() -> None:
            for _ in range(2):
                node.stop()
                node.start()

        accounts = await play(address, 5, kill_and_start)
        await assert_all_kept(address, accounts)
    finally:
        node.stop()


async def leader_of(address: LogAddress, cluster: Cluster) -> Node:
    servers = LogServers(address)
    await servers.acquire()
    try:
        name = (await ask(servers, f"STREAM.INFO.{address.names.stream}"))["cluster"]["leader"]
        return next(node for node in cluster.nodes if node.name == name)
    finally:
        await servers.release()


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("three"), 3)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


async def test_the_leader_of_three_is_killed_under_the_load_of_fifty_accounts(three: Cluster) -> None:
    address = await made(three.address())
    leader = await leader_of(address, three)
    accounts = await play(address, 50, leader.kill)
    assert max(one.longest_wait_s for one in accounts) > 1, "the servers chose another leader"
    leader.start()
    three.wait_until_healthy()
    await assert_all_kept(address, accounts)


async def test_all_three_are_killed_at_once_under_the_load_of_fifty_accounts(three: Cluster) -> None:
    address = await made(three.address())

    def kill_and_start() -> None:
        three.stop()
        three.start()

    accounts = await play(address, 50, kill_and_start)
    await assert_all_kept(address, accounts)


class Proxy:
    """
    A connection to a server by way of us.

    Attributes:
        swallows: Whether answers are thrown away; the connection is cut when that has happened once.
    """

    def __init__(self, port: int) -> None:
        self.swallows = False
        self.swallowed = 0
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            await asyncio.gather(self._pass(reader, here), self._pass(there, writer, answers=True))
        except (OSError, ConnectionError):
            pass
        finally:
            here.close()
            writer.close()

    async def _pass(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, *, answers: bool = False) -> None:
        while data := await source.read(65_536):
            if answers and self.swallows and b"MSG " in data:
                self.swallowed += 1
                self.swallows = False
                break
            to.write(data)
            await to.drain()
        to.close()


@asynccontextmanager
async def proxied(node: Cluster) -> AsyncIterator[tuple[Proxy, LogAddress]]:
    proxy = Proxy(node.nodes[0].client)
    server = await asyncio.start_server(proxy.take, "127.0.0.1", free_ports(1)[0])
    port = server.sockets[0].getsockname()[1]
    address = await made(node.address())
    text = node.address(prefix=address.names.prefix).replace(f":{node.nodes[0].client}", f":{port}", 1)
    try:
        yield proxy, log_address(text)
    finally:
        server.close()


async def test_acknowledgements_are_lost(nats_node: Cluster) -> None:
    async with proxied(nats_node) as (proxy, address):
        journal = JetStreamJournal(LogServers(address), ACCOUNT, Wall())
        await journal.open()
        items: list[Item] = []
        for number in range(1, 61):
            raw = fill(number)
            journal.append_event(read(raw), raw, AT_MS)
            if number % 3:
                proxy.swallows = number % 10 == 0 or number % 10 == 5
                continue
            while len(items) < number:
                items.append(await asyncio.wait_for(journal.next(), 20))
        await journal.aclose()
        assert proxy.swallowed > 3
        assert trades(items) == list(range(1, 61))
        assert await kept(address, ACCOUNT) == items


async def test_an_owner_that_stood_still_is_fenced_when_it_goes_on(nats_node: Cluster) -> None:
    text = nats_node.address()
    address = await made(text)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.promises.nats_child", text, stdout=asyncio.subprocess.PIPE, env=os.environ
    )
    assert child.stdout is not None
    try:
        shown = [int(await asyncio.wait_for(child.stdout.readline(), 20)) for _ in range(20)]
        child.send_signal(signal.SIGSTOP)
        journal = JetStreamJournal(LogServers(address, "successor"), ACCOUNT, Wall())
        await journal.open()
        raw = fill(1_000_000)
        journal.append_event(read(raw), raw, AT_MS)
        mine = await asyncio.wait_for(journal.next(), 20)
        child.send_signal(signal.SIGCONT)
        lines = (await asyncio.wait_for(child.stdout.read(), 20)).decode().splitlines()
        assert await child.wait() == 6
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert lines[-1].startswith("fenced: successor has taken over the account in NATS")
    shown += [int(line) for line in lines[:-1]]
    await journal.aclose()
    items = await kept(address, ACCOUNT)
    assert items[-1] == mine
    assert [item.seq for item in items] == list(range(1, len(items) + 1))
    assert shown == list(range(1, len(shown) + 1))
    assert shown[-1] < mine.seq, "nothing that the child has shown was stored behind the takeover"


async def test_a_second_owner_in_the_same_moment_is_one_owner(nats_node: Cluster) -> None:
    address = await made(nats_node.address())
    journals = [JetStreamJournal(LogServers(address, f"w{number}"), ACCOUNT, Wall()) for number in range(6)]
    await asyncio.gather(*(journal.open() for journal in journals))
    fenced, items = 0, list[Item]()
    for number, journal in enumerate(journals, 1):
        raw = fill(number)
        journal.append_event(read(raw), raw, AT_MS)
    for journal in journals:
        try:
            items.append(await asyncio.wait_for(journal.next(), 20))
        except Fenced:
            fenced += 1
        await journal.aclose()
    assert (fenced, len(items)) == (5, 1)
    assert await kept(address, ACCOUNT) == items


@pytest.mark.parametrize("cut", [1, 7, 255])
async def test_an_owner_that_dies_within_a_batch_leaves_all_of_it_or_nothing(nats_node: Cluster, cut: int) -> None:
    address = await made(nats_node.address())
    journal = JetStreamJournal(LogServers(address), ACCOUNT, Wall())
    await journal.open()
    link = journal._servers._connection
    assert link is not None
    assert link._client is not None
    publish, sent = link._client.publish, 0

    async def until_it_dies(*arguments: object, **more: object) -> None:
        nonlocal sent
        sent += 1
        if sent > cut:
            raise asyncio.CancelledError
        await publish(*arguments, **more)  # type: ignore[arg-type]

    link._client.publish = until_it_dies  # type: ignore[method-assign]
    for number in range(1, 300):
        raw = fill(number)
        journal.append_event(read(raw), raw, AT_MS)
    publishing = journal._publishing
    assert publishing is not None
    await until(publishing.done)
    link._client.publish = publish  # type: ignore[method-assign]
    await journal.aclose()
    assert await kept(address, ACCOUNT) == []
