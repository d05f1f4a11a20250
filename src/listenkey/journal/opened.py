"""
A journal that is read as items, without a stream: what is there, and what is written from now on.

    with open_journal("fills.db") as journal:
        for item in journal.follow():
            for fill in item.fills: ...
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from listenkey.errors import UsageError
from listenkey.items import Item
from listenkey.journal.sqlite.file_access import ALONE, FileAccess
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.row_shape import SEQ_MAX
from listenkey.journal.url import accounts_path, journal_path

LOOK_EVERY_S: Final = 0.01
"""The interval at which a follower asks for more. Asking whether anything changed costs 2 µs."""

NAME_EVERY_LOOKS: Final = 50
"""The looks between two checks that the name still belongs to the file that is read."""


def open_journal(journal: str | os.PathLike[str], account: str | None = None) -> OpenJournal:
    """
    Open a journal for reading, also while another process writes it. Any number of processes may.

    Args:
        journal: A path, or `sqlite:///path`; or a gateway's folder, which has the journals of many accounts.
        account: In a gateway's folder: the account. A journal of one account needs none.

    Raises:
        UsageError: There is no journal at the path, or no such account.
        JournalError: It can't be opened.
    """
    path, access = journal_file(journal, account)
    return OpenJournal(path, access=access)


def journal_file(journal: str | os.PathLike[str], account: str | None) -> tuple[Path, FileAccess]:
    """
    Return the file that a text names, and the access to one account in it.

    Raises:
        UsageError: It names no file; or it has many accounts and none was named, or one and an account was named.
    """
    of_many = accounts_path(journal)
    if of_many is None:
        if account is not None:
            raise UsageError(f"{os.fspath(journal)} is not the folder of many accounts; leave the account out")
        return journal_path(journal), ALONE
    from listenkey.journal.shared.account_view import account_access, account_names, in_words  # noqa: PLC0415

    if account is None:
        raise UsageError(
            f"{of_many} has the journals of many accounts; name one with account='...': {in_words(account_names(of_many))}"
        )
    return of_many, account_access(account)


class OpenJournal:
    """
    The items of a journal, oldest first, each compared with its checksum. For one thread or task at a time.

    Every way of reading raises `Corrupt` where an item was changed or is missing, and `JournalError` where items behind
    `after` were deleted for their age (`keep_days`, `journal prune`); nothing is skipped. From the beginning (0), reading
    begins with the oldest item that is kept. An item is shown when it is on the disk. Where another journal takes the
    name of this one, a follower goes on with that.

    Args:
        path: The file, which exists.
        on_other: Called with the path when a follower goes on with another journal.
        access: To the file; to one account in a file of many.
    """

    def __init__(
        self, path: Path, on_other: Callable[[Path], object] = lambda _path: None, access: FileAccess = ALONE
    ) -> None:
        self._reader = JournalReader(path, misses_pruned=True, connect=access.connect)
        self._on_other = on_other

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file. May be called again."""
        self._reader.close()

    def last_seq(self) -> int:
        """Return the number of the newest item; 0 in an empty journal."""
        return self._reader.last_seq()

    def __iter__(self) -> Iterator[Item]:
        """Give what is there, from the oldest item to the newest."""
        return self.read()

    def read(self, after: int = 0) -> Iterator[Item]:
        """Give what is there behind the item of a number, up to the newest item."""
        _check(after)
        while items := self._reader.read(after):
            yield from items
            after = items[-1].seq

    def follow(self, after: int = 0, idle_s: float | None = None) -> Iterator[Item]:
        """
        Give what is there behind the item of a number, then what is written from now on.

        Args:
            after: The number of the last item that is not wanted any more.
            idle_s: Ends when so many seconds brought nothing new; None waits for ever.

        Raises:
            UsageError: One of the two can't be meant.
        """
        _check(after, idle_s)
        while True:
            changes = self._reader.changes()
            for item in self.read(after):
                yield item
                after = item.seq
            end_s = _end_s(idle_s)
            looks = 0
            while (going := self._look(changes, after, looks)) is None:
                if time.monotonic() >= end_s:
                    return
                time.sleep(LOOK_EVERY_S)
                looks += 1
            after = going

    async def follow_async(self, after: int = 0, idle_s: float | None = None) -> AsyncGenerator[Item]:
        """Do as `follow` does on an event loop, for `async for`."""
        async for items in self.batches(after, follow=True, idle_s=idle_s):
            for item in items:
                yield item

    async def batches(
        self, after: int = 0, *, follow: bool = False, idle_s: float | None = None
    ) -> AsyncGenerator[list[Item]]:
        """Give the items behind a number some hundred at a time; with `follow` it goes on with what is written."""
        _check(after, idle_s)
        while True:
            changes = self._reader.changes()
            while items := await asyncio.to_thread(self._reader.read, after):
                yield items
                after = items[-1].seq
            if not follow:
                return
            end_s = _end_s(idle_s)
            looks = 0
            while (going := self._look(changes, after, looks)) is None:
                if time.monotonic() >= end_s:
                    return
                await asyncio.sleep(LOOK_EVERY_S)
                looks += 1
            after = going

    def _look(self, changes: int, after: int, looks: int) -> int | None:
        """Return the number to read on behind, once there may be more; None while there is nothing new."""
        if self._reader.changes() != changes:
            return after
        if (looks + 1) % NAME_EVERY_LOOKS or (renewed := self._reader.renewed(after)) is None:
            return None
        self._reader.close()
        self._reader, after = renewed
        self._on_other(self._reader.path)
        return after


def _check(after: int, idle_s: float | None = None) -> None:
    """Raise UsageError for a number that no item has, or a wait that is none."""
    if not 0 <= after <= SEQ_MAX:
        raise UsageError(f"no item has the number {after}: after is from 0 to {SEQ_MAX}")
    if idle_s is not None and not idle_s >= 0:
        raise UsageError(f"idle_s is 0 or more, or left out to wait for ever, and not {idle_s}")


def _end_s(idle_s: float | None) -> float:
    """Return when a wait that begins now ends, by the monotonic clock."""
    return float("inf") if idle_s is None else time.monotonic() + idle_s
