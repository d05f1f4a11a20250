"""
The journals of a gateway's accounts in NATS: what `journal/shared/` is for one machine.

    journals = JetStreamJournals(LogServers(log_address("nats://a,b,c")), clock.wall_ms, beside=folder / "accounts")
    await journals.open()
    journal = journals.journal("desk-1", on_items=feed)
    ...
    await journals.aclose()
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from listenkey.errors import JournalError, TooOld, UsageError
from listenkey.items import Item
from listenkey.journal.jetstream.advice import advised
from listenkey.journal.jetstream.answers import RETRY_S
from listenkey.journal.jetstream.fact_cell import FactCell, Overtaken
from listenkey.journal.jetstream.journal import JetStreamJournal
from listenkey.journal.jetstream.link import Unanswered
from listenkey.journal.jetstream.log_marks import Cursor, cursor_bytes, read_cursor
from listenkey.journal.jetstream.log_reader import LogReader
from listenkey.journal.jetstream.servers import LogServers
from listenkey.journal.sqlite.write_queue import QUEUE_BYTES_MAX, QueueRoom

ROOM_BYTES_MAX: Final = 256 * 1024 * 1024
"""The bytes that may wait for the servers of all accounts together. While more does, each has an equal share of them."""

ASK_WITHIN_S: Final = 15.0
"""A question of a reader is asked again for so long: the servers choose a leader within nine seconds."""

READERS_MAX: Final = 1_024
"""Accounts of which it is remembered where they were read last."""

NOBODYS: Final = 0
"""The fencing token in the position of a consumer that the account's owner does not keep."""


class JetStreamJournals:
    """
    The journals of many accounts in NATS, over one connection.

    Args:
        servers: Of NATS.
        wall_ms: Epoch ms.
        beside: The name beside which an account's other files lie on this machine; None where none shall.

    Attributes:
        servers: As given.
    """

    def __init__(self, servers: LogServers, wall_ms: Callable[[], int], *, beside: Path | None = None) -> None:
        self.servers = servers
        self._wall_ms = wall_ms
        self._beside = beside
        self._room = QueueRoom(ROOM_BYTES_MAX)
        self._readers: dict[str, LogReader] = {}
        self._accounts: set[str] = set()

    async def open(self) -> None:
        """
        Connect to the servers, and check that they keep what they acknowledge.

        Raises:
            UsageError: They may lose it, or the package is missing.
            Unreachable, TimedOut, JournalError: They don't answer, or refused.
        """
        await self.servers.acquire()

    async def aclose(self) -> None:
        """Disconnect; every account's journal was closed before."""
        await self.servers.release()

    def beside(self, _account: str) -> Path | None:
        """Return the name beside which the files lie that all accounts share."""
        return self._beside

    def journal(
        self,
        account: str,
        *,
        consumer: str | None = None,
        after: int | None = None,
        on_items: Callable[[list[Item]], object] | None = None,
        queue_bytes_max: int = QUEUE_BYTES_MAX,
    ) -> JetStreamJournal:
        """Return the journal of an account, to be opened. See `JetStreamJournal`."""
        self._accounts.add(account)
        self._room.accounts = len(self._accounts)
        return JetStreamJournal(
            self.servers,
            account,
            self._wall_ms,
            consumer=consumer,
            after=after,
            on_items=on_items,
            queue_bytes_max=queue_bytes_max,
            room=self._room,
        )

    async def ended(self) -> BaseException:
        """Wait for ever: each account ends by itself, when another process takes it over."""
        never: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        return await never

    async def kept(self, account: str) -> tuple[int, int]:
        """
        Return the numbers of an account's oldest and newest items; (1, 0) where there never was one.

        Raises:
            JournalError: The servers do not answer.
        """
        reader = self._reader(account)
        async with _in_time(self.servers.where):
            oldest_seq = await reader.oldest_seq()
            newest_seq = (await reader.ends_since(0)).item.seq
        return (oldest_seq, newest_seq) if oldest_seq else (1, 0)

    async def read(self, account: str, after: int, most: int) -> list[Item]:
        """
        Return the items of an account behind a number, oldest first, each compared with its hash chain.

        Any account can be read, whoever owns it.

        Raises:
            TooOld: Items behind the number were deleted for their age.
            Corrupt: An item was changed, or is missing.
            JournalError: The servers do not answer.
        """
        reader = self._reader(account)
        items = [stored.item for stored in await reader.read(after, most)]
        if items and not after and items[0].seq > 1:
            raise TooOld(after, items[0].seq)
        return items

    async def cursor(self, account: str, consumer: str) -> int | None:
        """
        Return how far a consumer has come; None where it never committed.

        Raises:
            JournalError: The servers do not answer.
        """
        async with _in_time(self.servers.where):
            return await self._position(self._cell(account, consumer))

    async def commit(self, account: str, consumer: str, seq: int) -> None:
        """
        Keep how far a consumer has come; when this returns, it is on the servers. It never goes back.

        Raises:
            UsageError: The account has no such item yet.
            JournalError: It could not be stored.
        """
        _, last_seq = await self.kept(account)
        if not 0 < seq <= last_seq:
            raise UsageError(f"the account {account!r} has no item {seq} yet, so {consumer!r} can't be done with it")
        cell = self._cell(account, consumer)
        async with _in_time(self.servers.where):
            while seq > (await self._position(cell) or 0):
                try:
                    if await cell.write(cursor_bytes(Cursor(NOBODYS, seq))):
                        return
                except Overtaken:
                    continue  # Another reader of the same name was as fast.
                await asyncio.sleep(RETRY_S)

    def _cell(self, account: str, consumer: str) -> FactCell:
        names = self.servers.address.names
        return FactCell(self.servers, names.cursors, names.of(account).cursor(consumer), lambda _: False)

    async def _position(self, cell: FactCell) -> int | None:
        while True:
            try:
                cursor = read_cursor(await cell.read())
            except Unanswered:
                await asyncio.sleep(RETRY_S)
            else:
                return None if cursor is None else cursor.seq

    def _reader(self, account: str) -> LogReader:
        reader = self._readers.pop(account, None) or LogReader(self.servers, self.servers.address.names.of(account))
        self._readers[account] = reader
        if len(self._readers) > READERS_MAX:
            del self._readers[next(iter(self._readers))]
        return reader


@asynccontextmanager
async def _in_time(where: str) -> AsyncIterator[None]:
    """Raise JournalError where servers don't answer in time."""
    try:
        async with asyncio.timeout(ASK_WITHIN_S):
            yield
    except TimeoutError:
        raise advised(JournalError(f"{where} does not answer within {ASK_WITHIN_S:g} s")) from None
