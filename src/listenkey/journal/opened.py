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
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.row_shape import SEQ_MAX
from listenkey.journal.url import journal_path

LOOK_EVERY_S: Final = 0.01
"""The interval at which a follower asks for more. Asking whether anything changed costs 2 µs."""

NAME_EVERY_LOOKS: Final = 50
"""The looks between two checks that the name still belongs to the file that is read."""


def open_journal(journal: str | os.PathLike[str]) -> OpenJournal:
    """
    Open a journal for reading, also while another process writes it. Any number of processes may.

    Args:
        journal: A path, or `sqlite:///path`.

    Raises:
        UsageError: There is no journal at the path.
        JournalError: It can't be opened.
    """
    return OpenJournal(journal_path(journal))


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
    """

    def __init__(self, path: Path, on_other: Callable[[Path], object] = lambda _path: None) -> None:
        self._reader = JournalReader(path, misses_pruned=True)
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
