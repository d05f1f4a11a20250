"""
Write the events of one account to all of its readers that are up to date.

One task an account takes what is new and writes the same bytes to each connection, without an await for any of them. A
reader whose connection is full leaves, catches up by itself (`event_reader.py`), and comes back; what was written lately
is kept for that, as it was written, since readers of one machine fall behind together. The task gathers longer the
longer writing takes, so that readers never cost more than a share of the time, however many there are.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from listenkey.errors import JournalError, TooOld
from listenkey.gateway.feed import Batch, Feed, FeedEnded, FeedReader, Line, Room
from listenkey.gateway.http.framing import Framing, heartbeat

if TYPE_CHECKING:
    from collections.abc import Iterator

PAUSE_PER_WRITING: Final = 4.0
"""The pause after writing to all readers, as a multiple of what that took: writing takes a fifth of the time at most."""

PAUSE_MIN_S: Final = 0.0005
"""Shorter pauses are not made: a timer costs as much as they save."""

PAUSE_MAX_S: Final = 0.02
"""The longest pause, so that gathering never makes an event late."""

WRITE_BYTES_MAX: Final = 256 * 1024
"""The bytes that are gathered for one write to each reader."""

RECENT_BYTES_MAX: Final = 2 * 1024 * 1024
"""The recent writes that are kept, of one account."""

ALL_RECENT_BYTES_MAX: Final = 64 * 1024 * 1024
"""The same of all accounts together."""

NEAR_ITEMS: Final = 64
"""A reader that is so close behind begins the common writing; before it would go through history for nobody else."""

HEARTBEAT_S: Final = 15.0
"""The longest silence: a heartbeat comes after it, and tells a dead connection from a quiet account."""


class Subscriber(Protocol):
    """A connection that events are written to. See `event_reader.EventReader`."""

    after: int
    framing: Framing

    @property
    def is_full(self) -> bool:
        """True where the other side takes less than is written."""

    def write(self, data: bytes) -> None:
        """Write without waiting."""

    def release(self, end: Exception | None) -> None:
        """Have the reader go on by itself; with `end`, have it end."""


class _Written(NamedTuple):
    """One write: behind which item it begins, the last one in it, and its bytes in each framing."""

    before: int
    after: int
    data: dict[Framing, bytes]

    @property
    def size(self) -> int:
        return sum(map(len, self.data.values()))


class Fanout:
    """
    The readers of one account.

    Args:
        feed: Where its events come from.
        room: What the recent writes of all accounts may take.

    Attributes:
        after: The last item that was written.
        users: Readers that are open, those that catch up by themselves included.
    """

    def __init__(self, feed: Feed, room: Room | None = None) -> None:
        self.feed = feed
        self._room = room or Room(ALL_RECENT_BYTES_MAX)
        self._recent: deque[_Written] = deque()
        self._recent_bytes = 0
        self.after = 0
        self.users = 0
        self._readers: dict[Framing, dict[Subscriber, None]] = {}
        self._ahead: list[Subscriber] = []
        self._writing: asyncio.Task[None] | None = None
        self._written_s = 0.0

    def is_near(self, after: int) -> bool:
        """Return True where a reader that has had everything up to here may join."""
        return after >= (self.feed.last_seq - NEAR_ITEMS if self._writing is None else self.after)

    def join(self, reader: Subscriber) -> None:
        """
        Take in a reader that `is_near`. It gets what follows its `after`.

        Raises:
            TooOld: That is no longer kept.
        """
        if self._writing is None:
            self.after = reader.after
            source = self.feed.reader(reader.after)
            self._writing = asyncio.get_running_loop().create_task(self._write_on(source))
            self._writing.add_done_callback(self._stopped)
        if reader.after > self.after:
            self._ahead.append(reader)
        self._readers.setdefault(reader.framing, {})[reader] = None

    def leave(self, reader: Subscriber) -> None:
        """Write no more to a reader; it may catch up and join again."""
        self._readers.get(reader.framing, {}).pop(reader, None)
        if reader in self._ahead:
            self._ahead.remove(reader)

    def close(self) -> None:
        """End the writing: there are no readers any more, not even such that catch up."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        self._readers.clear()
        self._forget(0)

    def recent(self, reader: Subscriber) -> list[bytes]:
        """Return what was written behind a reader's place, as far as one write takes it, and move its place; or nothing."""
        place = bisect_left(self._recent, reader.after, key=_before)
        if place == len(self._recent) or self._recent[place].before != reader.after:
            return []
        parts: list[bytes] = []
        size = 0
        for written in islice(self._recent, place, None):
            data = written.data.get(reader.framing)
            if data is None or size >= WRITE_BYTES_MAX:
                break
            parts.append(data)
            size += len(data)
            reader.after = written.after
        return parts

    def end(self, error: Exception) -> None:
        """Have all readers end that are up to date."""
        for reader in list(self._everybody()):
            self.leave(reader)
            reader.release(error)

    def beat(self, now_s: float) -> None:
        """Write a heartbeat where nothing was written for long; to be called every few seconds."""
        if now_s - self._written_s < HEARTBEAT_S:
            return
        self._written_s = now_s
        for reader in self._everybody():
            if not reader.is_full and (data := heartbeat(reader.framing)):
                reader.write(data)

    def _everybody(self) -> Iterator[Subscriber]:
        return (reader for readers in self._readers.values() for reader in readers)

    async def _write_on(self, source: FeedReader) -> None:
        loop = asyncio.get_running_loop()
        self._written_s = loop.time()
        try:
            while True:
                batches = await gathered(source, self.feed)
                began_s = loop.time()
                self._write(batches, source.after)
                self._written_s = loop.time()
                pause_s = min(PAUSE_MAX_S, PAUSE_PER_WRITING * (self._written_s - began_s))
                if pause_s >= PAUSE_MIN_S:
                    await asyncio.sleep(pause_s)
        except (FeedEnded, TooOld, JournalError) as end:
            self._writing = None
            self._forget(0)
            self.end(end)
        finally:
            source.close()

    def _stopped(self, writing: asyncio.Task[None]) -> None:
        """Have no reader wait for a writer that has failed."""
        if not writing.cancelled() and (error := writing.exception()) is not None:
            self._writing = None
            self.end(RuntimeError(f"the writer of events failed: {type(error).__name__}"))

    def _write(self, batches: Sequence[Batch], last_seq: int) -> None:
        """Write to all readers. Those that are full leave first; those that are ahead get their part alone."""
        ahead, self._ahead = self._ahead, []
        before, self.after = self.after, last_seq
        full: list[Subscriber] = []
        written = _Written(before, last_seq, {framing: framing(batches) for framing in self._readers})
        for framing, readers in self._readers.items():
            data = written.data[framing]
            for reader in readers:
                if reader.is_full:
                    reader.after = max(reader.after, before)
                    full.append(reader)
                elif ahead and reader in ahead:
                    self._write_rest(reader, batches)
                else:
                    reader.write(data)
        if last_seq > before:
            self._remember(written)
        for reader in full:
            self.leave(reader)
            reader.release(None)

    def _remember(self, written: _Written) -> None:
        self._recent.append(written)
        self._recent_bytes += written.size
        self._room.used += written.size
        self._forget(RECENT_BYTES_MAX if self._room.used <= self._room.most else 0)

    def _forget(self, most_bytes: int) -> None:
        """Forget what was written first until no more than so much is kept."""
        while self._recent and self._recent_bytes > most_bytes:
            size = self._recent.popleft().size
            self._recent_bytes -= size
            self._room.used -= size

    def _write_rest(self, reader: Subscriber, batches: Sequence[Batch]) -> None:
        """Write what a reader has not had; one that is still ahead stays so."""
        lines = [line for batch in batches for line in batch.lines if _is_behind(line, reader.after)]
        if lines:
            reader.write(reader.framing([Batch(lines, self.after)]))
        if reader.after > self.after:
            self._ahead.append(reader)


async def gathered(source: FeedReader, feed: Feed) -> list[Batch]:
    """Return what is new to a reader up to now, as far as one write takes it; wait where nothing is."""
    batches = [await source.next()]
    size, newest = len(batches[0].sse), feed.last_seq
    while source.after < newest and size < WRITE_BYTES_MAX:
        batches.append(await source.next())
        size += len(batches[-1].sse)
    return batches


def _before(written: _Written) -> int:
    return written.before


def _is_behind(line: Line, after: int) -> bool:
    return line.seq is None or line.seq > after


class Fanouts:
    """The fan-outs of all accounts that have readers."""

    def __init__(self) -> None:
        self._by_feed: dict[int, Fanout] = {}
        self._room = Room(ALL_RECENT_BYTES_MAX)

    @property
    def readers(self) -> int:
        """Readers of all accounts."""
        return sum(fanout.users for fanout in self._by_feed.values())

    def readers_of(self, feed: Feed) -> int:
        """Return the number of readers of one account."""
        fanout = self._by_feed.get(id(feed))
        return 0 if fanout is None else fanout.users

    def enter(self, feed: Feed) -> Fanout:
        """Return the fan-out of an account for one more reader, which is to be taken out with `leave`."""
        fanout = self._by_feed.setdefault(id(feed), Fanout(feed, self._room))
        fanout.users += 1
        return fanout

    def leave(self, fanout: Fanout) -> None:
        """Forget a reader; a fan-out without any is forgotten, too."""
        fanout.users -= 1
        if fanout.users == 0:
            self._by_feed.pop(id(fanout.feed), None)
            fanout.close()

    def beat(self, now_s: float) -> None:
        """Write the heartbeats that are due."""
        for fanout in self._by_feed.values():
            fanout.beat(now_s)
