"""A reader of a stream, and conditions to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from listenkey import GapClosed, GapOpened, Item, Live, OrderTradeUpdate, Update, UserStream
from listenkey.core.timing import Timing
from listenkey.events import RecoveredFill
from listenkey.testing import LocalSandbox


class Reader:
    """Reads a stream in a task and keeps what came."""

    def __init__(self, stream: UserStream) -> None:
        self.stream = stream
        self.items: list[Item] = []
        self._changed = asyncio.Event()

    async def run(self) -> None:
        async for item in self.stream:
            self.items.append(item)
            self._changed.set()

    async def until(self, what: Callable[[], bool], within_s: float = 20.0) -> None:
        """Wait for a condition on what was read; looked at after every item."""
        async with asyncio.timeout(within_s):
            while not what():
                self._changed.clear()
                await self._changed.wait()

    async def until_live(self, times: int = 1, within_s: float = 20.0) -> None:
        await self.until(lambda: len(self.of(Live)) >= times, within_s)

    async def until_fills(self, count: int, within_s: float = 60.0) -> None:
        await self.until(lambda: len(self.fills()) >= count, within_s)

    def of(self, kind: type) -> list[Item]:
        return [item for item in self.items if isinstance(item, kind)]

    def gaps(self) -> list[tuple[GapOpened, GapClosed]]:
        opened = [item for item in self.items if isinstance(item, GapOpened)]
        closed = [item for item in self.items if isinstance(item, GapClosed)]
        return list(zip(opened, closed, strict=False))

    def fills(self) -> list[tuple[str, int, int]]:
        return [
            (item.event.symbol, item.event.trade_id, item.event.order_id)
            for item in self.items
            if isinstance(item, Update) and isinstance(item.event, OrderTradeUpdate | RecoveredFill)
            if item.event.is_fill
        ]

    def updates(self) -> list[Update]:
        return [item for item in self.items if isinstance(item, Update)]


@asynccontextmanager
async def reading(
    sandbox: LocalSandbox,
    timing: Timing | None = None,
    api_key: str | None = None,
    api_secret: str | None = None,
    journal: Path | None = None,
) -> AsyncIterator[Reader]:
    """A live stream of the sandbox's first account, and its reader."""
    key = api_key or sandbox.api_key
    stream = UserStream(api_key=key, api_secret=api_secret, venue=sandbox.venue, timing=timing, journal=journal)
    async with stream:
        reader = Reader(stream)
        task = asyncio.create_task(reader.run())
        try:
            await reader.until_live()
            yield reader
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
