"""Our own ways from the socket to a user's code."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks.throughput.tally import Tally, ready
from listenkey import Live, OrderTradeUpdate, Update, UserStream, Venue
from listenkey.core.timing import Timing
from listenkey.items import Item

FAN_OUT: Final = 4
"""Streams of one account in one process."""

OVERLAP_S: Final = 2.0
"""The time that two sockets bring the same: long enough for the frames to come."""


def _stream(rest_url: str, ws_url: str, **options: Any) -> UserStream:
    return UserStream(api_key="benchmark", venue=Venue(rest_url, ws_url, "benchmark"), **options)


def _looker(
    tally: Tally, on_live: Callable[[], None] = ready, *, touch: bool = False
) -> Callable[[Item], None]:  # fmt: skip
    def on_item(item: Item) -> None:
        if isinstance(item, Update):
            event = item.event
            if isinstance(event, OrderTradeUpdate):
                if touch:
                    _ = event.order.price, event.order.quantity
                tally.order(event.order.order_id)
            else:
                tally.other()
        elif isinstance(item, Live):
            on_live()
        else:
            tally.wrong += 1  # Nothing is lost here, so a gap is a mistake of ours.

    return on_item


async def ours_callback(tally: Tally, rest_url: str, ws_url: str, *, touch: bool = False, **options: Any) -> None:
    """`stream.run(function)`, in memory."""
    async with _stream(rest_url, ws_url, **options) as stream:
        running = asyncio.ensure_future(stream.run(_looker(tally, touch=touch)))
        tally.done = running.cancel
        await asyncio.wait({running})


async def ours_decimal(tally: Tally, rest_url: str, ws_url: str) -> None:
    """The same, with price and quantity of every order read as Decimal."""
    await ours_callback(tally, rest_url, ws_url, touch=True)


async def ours_iterator(tally: Tally, rest_url: str, ws_url: str, **options: Any) -> None:
    """`async for item in stream`, in memory."""
    on_item = _looker(tally)
    async with _stream(rest_url, ws_url, **options) as stream:
        async for item in stream:
            on_item(item)
            if tally.seen == tally.count:
                return


async def ours_signed(tally: Tally, rest_url: str, ws_url: str) -> None:
    """The same callback on a stream that could refill gaps: orders and positions are reckoned with, too."""
    await ours_callback(tally, rest_url, ws_url, api_secret="benchmark")


async def ours_sqlite(tally: Tally, rest_url: str, ws_url: str, **options: Any) -> None:
    """The same callback, behind a journal on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        await ours_callback(tally, rest_url, ws_url, journal=Path(folder) / "a.db", **options)


async def ours_signed_sqlite(tally: Tally, rest_url: str, ws_url: str) -> None:
    """Both."""
    await ours_sqlite(tally, rest_url, ws_url, api_secret="benchmark")


def ours_blocking(tally: Tally, rest_url: str, ws_url: str) -> None:
    """`for item in UserStream.blocking(...)`, in memory."""
    on_item = _looker(tally)
    venue = Venue(rest_url, ws_url, "benchmark")
    with UserStream.blocking(api_key="benchmark", venue=venue) as stream:
        for item in stream:
            on_item(item)
            if tally.seen == tally.count:
                return


async def ours_two_sockets(tally: Tally, rest_url: str, ws_url: str) -> None:
    """
    The same callback while two sockets of one key bring the same, as in each rotation.

    It ends when the second is followed, so that looking through what it brought is part of the cost.
    """
    timing = Timing(rotate_after_s=0.0, rotate_jitter_s=0.0, overlap_s=OVERLAP_S)
    async with _stream(rest_url, ws_url, timing=timing) as stream:
        running = asyncio.ensure_future(stream.run(_looker(tally, lambda: None)))
        while stream.health().sockets < 2:  # noqa: ASYNC110 - a rotation sets no event
            await asyncio.sleep(0.01)
        ready()
        while stream.health().rotations < 1 or tally.seen < tally.count:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        tally.end()
        tally.wrong += abs(stream.health().duplicates_removed - tally.count)
        running.cancel()
        await asyncio.wait({running})


async def ours_fan_out(tally: Tally, rest_url: str, ws_url: str) -> None:
    """Several streams of one account in one process, each with a callback: each has its own socket."""
    tally.copies = FAN_OUT
    each = [Tally(tally.count, paced=tally.paced) for _ in range(FAN_OUT)]
    is_live, ended = asyncio.Semaphore(0), asyncio.Semaphore(0)
    async with AsyncExitStack() as stack:
        runs = []
        for one in each:
            stream = await stack.enter_async_context(_stream(rest_url, ws_url))
            one.done = ended.release
            runs.append(asyncio.ensure_future(stream.run(_looker(one, is_live.release))))
        for _ in each:
            await is_live.acquire()
        ready()
        for _ in each:
            await ended.acquire()
        for run in runs:
            run.cancel()
        await asyncio.wait(runs)
    tally.end()
    first = min(each, key=lambda one: one.began_s)
    tally.cpu_s += tally.began_cpu_s - first.began_cpu_s
    tally.wall_s += tally.began_s - first.began_s
    tally.seen = min(one.seen for one in each)
    tally.wrong = sum(one.wrong for one in each)
