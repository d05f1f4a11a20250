"""The waiting of a journal's reader: for the next item, or for the end."""

from __future__ import annotations

import asyncio
from typing import Never


class ReaderSignal:
    """
    Wakes the reader that waits, and tells it the end.

    Attributes:
        has_ended: Nothing more is appended.
        error: The error that ended it; None where it ended in order.
        waiting: The reader's wait; None while it does not wait.
    """

    __slots__ = ("error", "has_ended", "waiting")

    def __init__(self) -> None:
        self.has_ended = False
        self.error: BaseException | None = None
        self.waiting: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Return at the next `wake`. For one reader."""
        self.waiting = asyncio.get_running_loop().create_future()
        try:
            await self.waiting
        finally:
            self.waiting = None

    def wake(self) -> None:
        """Let the reader look again."""
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(None)

    def end(self, error: BaseException | None) -> None:
        """Note the end; the first error counts."""
        self.has_ended = True
        self.error = self.error or error

    def raise_end(self) -> Never:
        """Raise the error that ended the stream, or StopAsyncIteration."""
        if self.error is not None:
            raise self.error
        raise StopAsyncIteration
