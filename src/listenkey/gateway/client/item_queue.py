"""Items between the connection that brings them and the program that takes them: bounded, one reader."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from listenkey.items import Item

ITEMS_MAX: Final = 4096
BYTES_MAX: Final = 8 * 1024 * 1024
"""Items that wait, and the bytes of their lines; beyond that the connection is not read, and the gateway keeps them."""


class ItemQueue:
    """
    Holds the items that wait for the program.

    Attributes:
        taken_seq: The number of the last item that was taken.
        error: What has ended it; None while it goes on, and where it was closed.
    """

    def __init__(self) -> None:
        self.taken_seq: int | None = None
        self._items: deque[tuple[Item, int]] = deque()
        self._bytes = 0
        self._came = asyncio.Event()
        self._room = asyncio.Event()
        self.error: BaseException | None = None
        self._is_over = False

    def __len__(self) -> int:
        return len(self._items)

    async def put(self, item: Item, size: int) -> None:
        """Add an item; wait first where there is no room."""
        while len(self._items) >= ITEMS_MAX or self._bytes >= BYTES_MAX:
            self._room.clear()
            await self._room.wait()
        self._items.append((item, size))
        self._bytes += size
        self._came.set()

    def end(self, error: BaseException | None) -> None:
        """Nothing comes any more: the reader gets what waits, then the error or the end."""
        if not self._is_over:
            self._is_over, self.error = True, error
            self._came.set()

    async def take(self) -> Item:
        """
        Return the next item; wait for it.

        Raises:
            StopAsyncIteration: It is over.
            BaseException: What ended it.
        """
        while not self._items:
            if self._is_over:
                if self.error is not None:
                    raise self.error
                raise StopAsyncIteration
            self._came.clear()
            await self._came.wait()
        return self._taken()

    def take_ready(self, most: int) -> list[Item]:
        """Return items that wait, at most so many."""
        return [self._taken() for _ in range(min(most, len(self._items)))]

    def _taken(self) -> Item:
        item, size = self._items.popleft()
        self._bytes -= size
        self._room.set()
        self.taken_seq = item.seq
        return item
