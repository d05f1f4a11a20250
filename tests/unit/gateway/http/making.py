"""Accounts that keep their items in a list, and a server of them, for the tests of the gateway over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from listenkey.credentials import Secret
from listenkey.errors import TooOld, UsageError
from listenkey.gateway.feed import Feed, Room
from listenkey.gateway.http.server import GatewayServer
from listenkey.health import Health
from listenkey.items import Item, Live, Update
from tests.unit.journal.making import AT_MS, fill, read

TOKEN = "a-token-of-this-test-that-nobody-guesses"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
WITHIN_S = 20.0


class StandInAccount:
    """An account whose journal is a list."""

    def __init__(self, name: str = "desk-1", before: int = 0) -> None:
        self.name = name
        self.items: list[Item] = []
        self.oldest_seq = 1
        self.cursors: dict[str, int] = {}
        self.complete = True
        self.has_begun = True
        self.key = "file:/run/secrets/x"
        self.status = "LIVE"
        self.make(before)
        self.feed = Feed(self.read, 1, before, Room())

    def make(self, count: int) -> list[Item]:
        """So many fills behind the newest item, in the journal."""
        begin = len(self.items) + 1
        new: list[Item] = [
            Update(seq, self.name, read(raw := fill(seq, AT_MS + seq)), AT_MS + seq, raw)
            for seq in range(begin, begin + count)
        ]
        self.items.extend(new)
        return new

    def happen(self, count: int) -> None:
        """So many fills are on the disk, and the feed is told."""
        self.feed.add_all(self.make(count))

    def keep(self, *items: Item) -> None:
        self.items.extend(items)
        self.feed.add_all(items)

    def forget(self, oldest_seq: int) -> None:
        """Older items are pruned."""
        self.oldest_seq = oldest_seq
        self.feed.begin(oldest_seq, len(self.items))

    async def read(self, after: int, most: int) -> list[Item]:
        await asyncio.sleep(0)
        if after + 1 < self.oldest_seq:
            raise TooOld(after, self.oldest_seq)
        return self.items[after : after + most]

    def health(self) -> Health:
        return Health(status=self.status, why="", fills_complete=self.complete)  # type: ignore[arg-type]

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "seq": self.feed.last_seq, "fills_complete": self.complete, "status": self.status}

    async def cursor(self, consumer: str) -> int | None:
        if consumer == "elsewhere":
            raise UsageError("this journal keeps no cursors")
        return self.cursors.get(consumer)

    async def commit(self, consumer: str, seq: int) -> None:
        if consumer == "one-too-many":
            raise UsageError("this account has as many consumers as it takes")
        self.cursors[consumer] = seq


class StandInAccounts:
    """Accounts by name."""

    def __init__(self, *accounts: StandInAccount) -> None:
        self.by_name = {account.name: account for account in accounts}

    @property
    def is_ready(self) -> bool:
        return all(account.complete for account in self.by_name.values())

    def __iter__(self) -> Iterator[StandInAccount]:
        return iter(self.by_name.values())

    def __len__(self) -> int:
        return len(self.by_name)

    def get(self, name: str) -> StandInAccount | None:
        return self.by_name.get(name)

    async def add(self, name: str, key: str) -> StandInAccount:
        if not name.isprintable() or "/" in name:
            raise UsageError("an account's name has letters, digits and hyphens")
        if "missing" in key:
            raise UsageError(f"there is no file {key.partition(':')[2]}")
        account = self.by_name[name] = StandInAccount(name)
        return account

    async def rekey(self, name: str, key: str) -> None:
        if "missing" in key:
            raise UsageError(f"there is no file {key.partition(':')[2]}")
        self.by_name[name].key = key

    async def take_out(self, name: str) -> None:
        self.by_name.pop(name).feed.end(None)


class Served:
    """A server that runs, and a client of it."""

    def __init__(
        self, server: GatewayServer, url: str, session: aiohttp.ClientSession, accounts: StandInAccounts
    ) -> None:
        self.server = server
        self.url = url
        self.session = session
        self.accounts = accounts

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def ask(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON and headers of an answer; with the token, unless headers say otherwise."""
        given = AUTHORIZED if headers is None else headers
        if body is not None and "Content-Type" not in given:
            given = {**given, "Content-Type": "application/json"}
        data = body if isinstance(body, bytes | str) or body is None else json.dumps(body)
        async with self.session.request(method, self.url + path, headers=given, data=data) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None, dict(answer.headers)

    @asynccontextmanager
    async def events(self, path: str = "/v1/accounts/desk-1/events", **headers: str) -> AsyncIterator[SseReader]:
        async with self.session.get(self.url + path, headers={**AUTHORIZED, **headers}) as answer:
            assert answer.status == 200, await answer.text()
            yield SseReader(answer)


class SseReader:
    """Server-sent events one by one, as (id, event, data)."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.raw = b""
        self._left = b""

    async def next(self) -> tuple[int | None, str, Any]:
        while b"\n\n" not in self._left:
            async with asyncio.timeout(WITHIN_S):
                part = await self.answer.content.readany()
            if not part:
                raise EOFError
            self.raw += part
            self._left += part
        block, _, self._left = self._left.partition(b"\n\n")
        fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if line and not line.startswith(":"))
        if not fields:
            return await self.next()
        return (
            (int(fields["id"]) if "id" in fields else None),
            fields.get("event", "message"),
            json.loads(fields["data"]),
        )

    async def seqs(self, until: int) -> list[int]:
        """The numbers of the items up to one."""
        got: list[int] = []
        while not got or got[-1] < until:
            seq, _, _ = await self.next()
            if seq is not None:
                got.append(seq)
        return got


@asynccontextmanager
async def serving(*accounts: StandInAccount) -> AsyncIterator[Served]:
    """A gateway's server on a free port."""
    served = StandInAccounts(*(accounts or (StandInAccount(),)))
    server = GatewayServer(served, Secret(TOKEN), "127.0.0.1", 0)
    url = await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Served(server, url, session, served)
    finally:
        await server.aclose()


async def until(wanted: Callable[[], object | Awaitable[object]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(WITHIN_S):
        while not wanted():  # noqa: ASYNC110 - it is not ours to be told
            await asyncio.sleep(0.005)


def live(seq: int, account: str = "desk-1") -> Live:
    return Live(seq, account, AT_MS)
