"""The journals of a gateway's accounts: one of each, and a way to read them beside the account's stream."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

from listenkey.errors import JournalError, TooOld
from listenkey.gateway.consumer_cursors import ConsumerCursors
from listenkey.items import Item
from listenkey.journal.base import Journal
from listenkey.journal.sqlite.journal import SqliteJournal
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.retention import Retention
from listenkey.transport.runtime import Runtime


class Journals(Protocol):
    """The journals of all accounts."""

    async def open(self) -> None:
        """Take them. Raises JournalError, or Fenced, where that can't be."""

    async def aclose(self) -> None:
        """Let go of them; every account's journal was closed before."""

    def beside(self, account: str) -> Path | None:
        """Return the name beside which an account's other files lie; None where there are none on this machine."""

    def journal(self, account: str) -> Journal:
        """Make an account's journal; it is not opened yet. One at a time of each account."""

    async def kept(self, account: str) -> tuple[int, int]:
        """Return the numbers of an account's oldest and newest items; (1, 0) where there never was one."""

    async def read(self, account: str, after: int, most: int) -> list[Item]:
        """Return an account's items behind a number, at most so many. Raises TooOld where the first is not kept."""

    async def cursor(self, account: str, consumer: str) -> int | None:
        """Return how far a consumer has come; None where it never committed."""

    async def commit(self, account: str, consumer: str, seq: int) -> None:
        """Keep how far a consumer has come; when this returns, it is on the disk."""


class JournalFolder:
    """
    A file of each account's own, in one folder.

    Args:
        folder: Made where there is none.
        runtime: The clock and the threads.
        retention: What each may delete.
    """

    def __init__(self, folder: Path, runtime: Runtime, retention: Retention) -> None:
        self._folder = folder
        self._runtime = runtime
        self._retention = retention
        self._cursors: dict[str, ConsumerCursors] = {}

    async def open(self) -> None:
        """Make the folder."""
        try:
            await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"the folder {self._folder} can't be made: {error.strerror}") from None

    async def aclose(self) -> None:
        """Do nothing: each file is closed with its journal."""

    def beside(self, _account: str) -> Path:
        """Return the one name beside which the files lie that all accounts share."""
        return self._folder / "accounts"

    def path(self, account: str) -> Path:
        """Return the path of an account's file."""
        return self._folder / f"{account}.db"

    def journal(self, account: str) -> SqliteJournal:
        """Make an account's journal."""
        runtime = self._runtime
        return SqliteJournal(
            self.path(account), account, runtime.clock.wall_ms, retention=self._retention, threads=runtime.threads
        )

    async def kept(self, account: str) -> tuple[int, int]:
        """Return the numbers of an account's oldest and newest items."""
        return await asyncio.to_thread(_kept, self.path(account))

    async def read(self, account: str, after: int, most: int) -> list[Item]:
        """Return an account's items behind a number."""
        return await asyncio.to_thread(_read, self.path(account), after, most)

    async def cursor(self, account: str, consumer: str) -> int | None:
        """Return how far a consumer has come; None where it never committed."""
        return await self._cursors_of(account).get(consumer)

    async def commit(self, account: str, consumer: str, seq: int) -> None:
        """Keep how far a consumer has come, in a file beside the account's; when this returns, it is on the disk."""
        await self._cursors_of(account).keep(consumer, seq)

    def _cursors_of(self, account: str) -> ConsumerCursors:
        if account not in self._cursors:
            self._cursors[account] = ConsumerCursors(self.path(account))
        return self._cursors[account]


def _kept(path: Path) -> tuple[int, int]:
    if not path.exists():
        return 1, 0
    reader = JournalReader(path)
    try:
        oldest_seq = reader.oldest_seq()
        return oldest_seq, max(reader.last_seq(), oldest_seq - 1)
    finally:
        reader.close()


def _read(path: Path, after: int, most: int) -> list[Item]:
    reader = JournalReader(path)
    try:
        if after + 1 < (oldest_seq := reader.oldest_seq()):
            raise TooOld(after, oldest_seq)
        return reader.read(after, most)
    finally:
        reader.close()
