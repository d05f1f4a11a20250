"""
Bring one reader its events: from its cursor through the journal until it is up to date, then with all the others.

Nobody else waits for a reader that does not read: what waits for it is bounded, it catches up by itself as fast as it
takes, and where it takes nothing for half a minute its connection is ended.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from listenkey.gateway.http.fanout import gathered
from listenkey.gateway.http.framing import Framing, event
from listenkey.gateway.http.history import History

if TYPE_CHECKING:
    from aiohttp import web

    from listenkey.gateway.feed import Batch, FeedReader
    from listenkey.gateway.http.fanout import Fanout

FULL_BYTES: Final = 256 * 1024
"""A connection for which more than this waits is full: nothing more is written until a quarter is left."""

STALLED_S: Final = 30.0
"""A reader that takes no byte for so long is ended."""

REST_PER_WORK: Final = 1.0
"""The pause after each batch of history, as a multiple of what it took: who is behind leaves time for the others."""


REST_MIN_S: Final = 0.002
"""Pauses are saved up until they are so long: a timer is no finer than a millisecond, and many turns take less."""

TRIES_MAX: Final = 4
"""Writes in one turn to a reader that has almost caught up, while the others go on."""


class Stalled(Exception):
    """A reader took nothing for too long."""


class CatchUps:
    """
    Lets one reader at a time read history, so that many that are behind cost the others no more than one.

    Attributes:
        items: Items that were read for readers that were behind.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._history = History()
        self._rest_s = 0.0
        self.items = 0

    async def next(self, reader: EventReader, fanout: Fanout) -> None:
        """
        Bring a reader as much as one write takes, when its turn has come; go on where it then almost has all.

        The turn may end after a pause, and the reader does not wait for that: what it has had a moment ago is what the others
        have, so it joins them at once.
        """
        loop = asyncio.get_running_loop()
        await self._turn.acquire()
        began_s = loop.time()
        try:
            for _ in range(TRIES_MAX):
                block = await self._history.behind(fanout.feed, reader.after)
                batches = await gathered(reader.source_here(), fanout.feed) if block is None else [block]
                reader.write(reader.framing(batches))
                reader.after = batches[-1].last_seq
                self.items += sum(len(batch.lines) for batch in batches)
                if block is not None or reader.is_full or fanout.is_near(reader.after):
                    break
        finally:
            self._rest_s += REST_PER_WORK * (loop.time() - began_s)
            if self._rest_s < REST_MIN_S:
                self._turn.release()
            else:
                loop.call_later(self._rest_s, self._turn.release)
                self._rest_s = 0.0


class EventReader:
    """
    One connection that reads the events of an account.

    Args:
        request: The request, whose answer has begun or is about to.
        framing: How lines are put on the wire.
        fanout: The account's.
        catch_ups: Those who are behind.
        after: The number of the last item that is not wanted.

    Attributes:
        after: The same, as it goes on.
    """

    def __init__(
        self, request: web.BaseRequest, framing: Framing, fanout: Fanout, catch_ups: CatchUps, after: int
    ) -> None:
        assert request.transport is not None, "it was connected when this was made"
        self.after = after
        self.framing = framing
        self.write = request.transport.write
        self._request = request
        self._protocol = request.protocol
        self._transport = request.transport
        self._transport.set_write_buffer_limits(FULL_BYTES)
        self._fanout = fanout
        self._catch_ups = catch_ups
        self._source: FeedReader | None = None
        self._first: Batch | None = None
        self._state = b""
        self._released: asyncio.Future[Exception | None] | None = None

    @property
    def is_full(self) -> bool:
        """True where the other side takes less than is written."""
        return self._protocol.writing_paused

    def release(self, end: Exception | None) -> None:
        """Go on alone; with an error, end with it."""
        if self._released is not None and not self._released.done():
            self._released.set_result(end)

    def end(self, error: Exception) -> None:
        """End with an error; a reader that is behind has its connection ended, as that may be full for long."""
        if self._released is None or self._released.done():
            self.abort()
        else:
            self._released.set_result(error)

    def write_event(self, name: str, json: bytes) -> None:
        """Write a line that is no item."""
        self.write(event(self.framing, name, json))

    async def open(self) -> None:
        """
        Read the first items behind `after`, so that they are known to be there before an answer begins.

        Raises:
            TooOld: They are no longer kept.
            JournalError: They can't be read.
        """
        self._source = self._fanout.feed.reader(self.after)
        if not self._fanout.is_near(self.after):
            self._first = await self._source.next()

    def close(self) -> None:
        """Let go of the journal. May be called again."""
        if self._source is not None:
            self._source.close()
            self._source = None

    def abort(self) -> None:
        """End the connection at once, whatever waits to be written."""
        self._transport.abort()

    async def follow(self) -> None:
        """
        Bring the events for as long as they are taken.

        Raises:
            TooOld, FeedEnded, JournalError: As the account's feed says.
            Stalled: Nothing is taken any more.
        """
        while True:
            await self._catch_up()
            self._write_state()
            self._released = asyncio.get_running_loop().create_future()
            self._fanout.join(self)  # In the same step as the last look at its place, or there would be a hole.
            self.close()
            try:
                end = await self._released
            finally:
                self._fanout.leave(self)
            if end is not None:
                raise end

    async def _catch_up(self) -> None:
        self._write_state()
        if self._first is not None and self._source is not None:
            self.write(self.framing([self._first]))
            self.after, self._first = self._source.after, None
        await self._until_taken()
        while not self._fanout.is_near(self.after):
            if parts := self._fanout.recent(self):
                self._transport.writelines(parts)
                await asyncio.sleep(0)  # uvloop writes, and sees that there is no room, at the end of its turn
            else:
                await self._catch_ups.next(self, self._fanout)
            await self._until_taken()

    def source_here(self) -> FeedReader:
        """Return a reader of the feed at this place: one that stands elsewhere would give states that are over."""
        if self._source is None or self._source.after != self.after:
            self.close()
            self._source = self._fanout.feed.reader(self.after)
        return self._source

    def _write_state(self) -> None:
        """Write how the account is now, where that was not the last thing written about it."""
        state = self._fanout.feed.state
        if state and state is not self._state:
            self._state = state
            self.write_event("state", state)

    async def _until_taken(self) -> None:
        """Wait until the connection has room again."""
        if not self.is_full:
            return
        taking = asyncio.get_running_loop().create_task(self._request.writer.drain())
        try:
            while not taking.done():
                waiting = self._transport.get_write_buffer_size()
                await asyncio.wait({taking}, timeout=STALLED_S)
                if not taking.done() and self._transport.get_write_buffer_size() >= waiting:
                    raise Stalled
        finally:
            taking.cancel()
        taking.result()
