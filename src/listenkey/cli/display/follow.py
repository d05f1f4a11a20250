"""Reads a stream into a show until somebody asks to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol

from listenkey.cli.running import Stop, cancel_and_wait, first_of

if TYPE_CHECKING:
    from listenkey.cli.display.renderers import Renderer
    from listenkey.cli.display.summary import Tally
    from listenkey.items import Item


class Readable(Protocol):
    """The parts of a stream that are used to read it."""

    def __aiter__(self) -> AsyncIterator[Item]: ...

    def take_ready(self, most: int = ...) -> list[Item]: ...


async def follow(stop: Stop, stream: Readable, renderer: Renderer, tally: Tally) -> None:
    """
    Show items until asked to stop; raises what the stream raises.

    Args:
        stop: Ends it.
        stream: Entered already.
        renderer: Gets each item.
        tally: Counts each item.
    """
    reading = asyncio.create_task(read(stream, renderer, tally), name="listenkey reader")
    try:
        await first_of(stop, reading)
    finally:
        await cancel_and_wait(reading)


async def read(stream: Readable, renderer: Renderer, tally: Tally) -> None:
    """Every item of the stream into the renderer, at its speed."""
    async for first in stream:
        for item in (first, *stream.take_ready()):
            tally.add(item)
            renderer.add(item)
        # Without a pause a long backlog would hold up the sockets, the screen and Ctrl-C.
        await (renderer.room() if renderer.is_full else asyncio.sleep(0))
