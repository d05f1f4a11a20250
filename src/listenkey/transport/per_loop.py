"""Things that all streams of an event loop share: kept by loop, and let go with it."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

Key = TypeVar("Key")
Shared = TypeVar("Shared")


class PerLoop(Generic[Key, Shared]):
    """
    Things by event loop and key.

    By the loop, and not by its id, which another loop may get. What is shared refers to its loop, so that a weak
    reference would never end: a loop that was closed with a stream open is let go when the next one asks.
    """

    def __init__(self) -> None:
        self._by_loop: dict[asyncio.AbstractEventLoop, dict[Key, Shared]] = {}

    def of(self, loop: asyncio.AbstractEventLoop) -> dict[Key, Shared]:
        """Return what the streams of a loop share, to be changed."""
        for each in list(self._by_loop):  # A copy at once: loops of other threads come and go meanwhile.
            if each.is_closed():
                self._by_loop.pop(each, None)
        return self._by_loop.setdefault(loop, {})

    def remove(self, shared: Shared) -> None:
        """Remove something from every loop that has it; nothing is kept of a loop that has no more."""
        for loop, here in list(self._by_loop.items()):
            for key in [key for key, held in here.items() if held is shared]:
                del here[key]
            if not here:
                self._by_loop.pop(loop, None)
