"""
The items of one account that are on the disk, for any number of readers.

What comes together is gathered for a moment and encoded once, and readers at the same place share the bytes. Who has
fallen behind reads from the journal until it has caught up; there is no item between the two that nobody hands over.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from listenkey.errors import JournalError, TooOld
from listenkey.items import Item
from listenkey.wire.json_lines import to_line

GATHER_S: Final = 0.002
"""The time for which items are gathered before readers are woken: it turns ten small writes into one."""

RING_BYTES_MAX: Final = 1024 * 1024
"""The encoded lines that one account keeps for its readers; one that is further behind reads from the journal."""

ALL_RINGS_BYTES_MAX: Final = 64 * 1024 * 1024
"""The same for all accounts of a process together."""

LINE_OVERHEAD_BYTES: Final = 64
"""The bytes a line takes beside its text."""

PENDING_MAX: Final = 512
"""Items that are encoded at once: more are not held back for the sake of gathering."""

PENDING_BYTES_MAX: Final = 256 * 1024
"""The same in bytes of the venue's JSON: a message may have a mebibyte."""

CATCH_UP_ITEMS: Final = 256
"""Items a reader that is behind gets from the journal at a time."""

Read = Callable[[int, int], Awaitable[list[Item]]]
"""Reads the items behind a number from the journal, at most so many; raises TooOld where the first is not kept."""


class Line(NamedTuple):
    """
    One line for readers.

    Attributes:
        seq: The item's number; None for a line about the account's state, which is in no journal.
        json: The line, without a line break.
    """

    seq: int | None
    json: bytes


class FeedEnded(Exception):
    """
    No more items come.

    Attributes:
        error: The reason, for people; None where the account was taken out.
        has_moved: Whether another process goes on with the account.
    """

    def __init__(self, error: str | None, *, has_moved: bool = False) -> None:
        super().__init__(error or "the account was taken out")
        self.error = error
        self.has_moved = has_moved


class Batch:
    """
    Lines that came together, shared by all readers at the same place.

    Attributes:
        lines: In order.
        after: The number of the item before the first one.
        last_seq: The number of the last item; `after` where there is none, but only lines about the state.
        size: The bytes that it takes, encoded for readers.
    """

    __slots__ = ("_sse", "after", "last_seq", "lines", "size")

    def __init__(self, lines: Sequence[Line], after: int) -> None:
        self.lines = lines
        self.after = after
        self.last_seq = next((line.seq for line in reversed(lines) if line.seq is not None), after)
        self.size = 2 * sum(len(line.json) + LINE_OVERHEAD_BYTES for line in lines)
        self._sse: bytes | None = None

    @property
    def sse(self) -> bytes:
        """The lines as server-sent events; made once, for whoever asks first."""
        if self._sse is None:
            self._sse = b"".join(map(_event, self.lines))
        return self._sse

    def behind(self, after: int) -> Batch:
        """Return the part of it that a reader which had the items up to `after` has not had."""
        if after <= self.after:
            return self
        return Batch([line for line in self.lines if line.seq is None or line.seq > after], after)


def _event(line: Line) -> bytes:
    if line.seq is None:
        return b"event: state\ndata: %b\n\n" % line.json
    return b"id: %d\ndata: %b\n\n" % (line.seq, line.json)


class Room:
    """
    The bytes that all feeds of a process keep for their readers.

    Attributes:
        used: By all of them together.
    """

    __slots__ = ("most", "used")

    def __init__(self, most: int = ALL_RINGS_BYTES_MAX) -> None:
        self.most = most
        self.used = 0


class Feed:
    """
    Hands the durable items of one account to its readers.

    Args:
        read: Reads the journal, for readers that are behind.
        oldest_seq: The oldest item that is kept, as far as is known.
        last_seq: The newest item that is there already.
        room: What all feeds may keep together.

    Attributes:
        last_seq: The newest durable item; 0 where there is none.
        state: The newest line about the account's state, for readers that come; empty before the first.
    """

    __slots__ = ("_chunks", "_ended", "_first_no", "_flushed_seq", "_oldest_seq", "_pending", "_pending_bytes", "_read", "_readers", "_room", "_size", "_timer", "last_seq", "state")  # fmt: skip

    def __init__(self, read: Read, oldest_seq: int, last_seq: int, room: Room) -> None:
        self.last_seq = last_seq
        self.state = b""
        self._read = read
        self._oldest_seq = oldest_seq
        self._room = room
        self._flushed_seq = last_seq
        self._chunks: deque[Batch] = deque()
        self._first_no = 0
        self._size = 0
        self._pending: list[Item | bytes] = []
        self._pending_bytes = 0
        self._readers: set[FeedReader] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._ended: FeedEnded | None = None

    @property
    def readers(self) -> int:
        """Readers that are open."""
        return len(self._readers)

    def oldest_seq(self) -> int:
        """Return the number of the oldest item that is kept, as far as was seen; one behind the newest where none is."""
        return self._oldest_seq

    async def find_oldest(self) -> int:
        """Ask the journal for the number of the oldest item that is kept: retention takes items away. Raises JournalError."""
        try:
            await self._read(self._oldest_seq - 1, 1)
        except TooOld as error:
            self._oldest_seq = error.oldest_seq
        return self._oldest_seq

    # --- what comes ----------------------------------------------------------------------------------------------

    def add(self, item: Item) -> None:
        """Take the next item, which is on the disk."""
        if not self._readers:
            self.last_seq = self._flushed_seq = item.seq
            return
        if item.seq > self.last_seq + 1:
            self._skip_to(item.seq - 1)
        self.last_seq = item.seq
        self._gather(item)

    def add_all(self, items: Iterable[Item]) -> None:
        """Take the next items, which are on the disk."""
        for item in items:
            self.add(item)

    def note_state(self, line: bytes) -> None:
        """Tell readers how the account is now."""
        self.state = line
        if self._readers:
            self._gather(line)

    def end(self, error: str | None, *, has_moved: bool = False) -> None:
        """End: readers get what is there, then `FeedEnded`."""
        self._flush()
        self._ended = FeedEnded(error, has_moved=has_moved)
        self._wake()

    def begin(self, oldest_seq: int, last_seq: int) -> None:
        """Take what the journal holds before its stream begins, also after an end."""
        self._ended = None
        self._oldest_seq = oldest_seq
        if last_seq > self.last_seq:
            self._skip_to(last_seq)

    def _skip_to(self, seq: int) -> None:
        """Have readers go on from the journal: it has items up to this one that nobody told the feed of."""
        self._flush()
        self._drop_all()
        self._first_no += 1  # Else a reader that had all of the chunks would stay behind the last one.
        self.last_seq = self._flushed_seq = seq
        self._wake()

    def _gather(self, what: Item | bytes) -> None:
        self._pending.append(what)
        self._pending_bytes += len(what) if isinstance(what, bytes) else len(getattr(what, "raw", b""))
        if len(self._pending) >= PENDING_MAX or self._pending_bytes >= PENDING_BYTES_MAX:
            self._flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._flush)

    def _flush(self) -> None:
        """Encode what was gathered, keep it, and wake the readers."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        if not pending:
            return
        batch = Batch([_line(each) for each in pending], self._flushed_seq)
        self._flushed_seq = self.last_seq
        self._chunks.append(batch)
        self._size += batch.size
        self._room.used += batch.size
        while len(self._chunks) > 1 and (self._size > RING_BYTES_MAX or self._room.used > self._room.most):
            self._drop_first()
        self._wake()

    def _drop_first(self) -> None:
        size = self._chunks.popleft().size
        self._size -= size
        self._room.used -= size
        self._first_no += 1

    def _drop_all(self) -> None:
        while self._chunks:
            self._drop_first()

    def _wake(self) -> None:
        for reader in self._readers:
            reader.wake()

    # --- readers -------------------------------------------------------------------------------------------------

    def reader(self, after: int | None) -> FeedReader:
        """
        A reader of what comes behind an item's number; None begins with what comes from now on. Close it.

        Raises:
            TooOld: What comes next is no longer kept.
        """
        reader = FeedReader(self, self.last_seq if after is None else after)
        if reader.after + 1 < self._oldest_seq:
            raise TooOld(reader.after, self._oldest_seq)
        self._readers.add(reader)
        return reader

    def leave(self, reader: FeedReader) -> None:
        """Let go of a reader; with the last one nothing is kept in memory any more."""
        self._readers.discard(reader)
        if self._readers:
            return
        self._flush()
        self._drop_all()

    async def batch(self, reader: FeedReader) -> Batch | None:
        """Return what a reader gets next; None where it has all."""
        while True:
            if reader.chunk_no < self._first_no and not self._join(reader):
                return await self._from_journal(reader.after)
            place = reader.chunk_no - self._first_no
            if place == len(self._chunks):
                if self._ended is not None:
                    raise self._ended
                return None
            reader.chunk_no += 1
            if (batch := self._chunks[place].behind(reader.after)).lines:
                return batch

    def _join(self, reader: FeedReader) -> bool:
        """Find a reader's place among the chunks; return False where what it needs first is not among them."""
        if reader.after >= self._flushed_seq:
            reader.chunk_no = self._first_no + len(self._chunks)
        elif self._chunks and self._chunks[0].after <= reader.after:
            reader.chunk_no = self._first_no + bisect_right(self._chunks, reader.after, key=_last_seq)
        else:
            return False
        return True

    async def _from_journal(self, after: int) -> Batch:
        try:
            items = await self._read(after, CATCH_UP_ITEMS)
        except TooOld as error:
            self._oldest_seq = max(self._oldest_seq, error.oldest_seq)
            raise
        if not items:
            raise JournalError(f"the journal gave nothing behind item {after}, although it has {self._flushed_seq}")
        return Batch([_line(item) for item in items], after)


_last_seq: Final = attrgetter("last_seq")


def _line(what: Item | bytes) -> Line:
    return Line(None, what) if isinstance(what, bytes) else Line(what.seq, to_line(what))


class FeedReader:
    """
    One reader of a feed. Got by `Feed.reader`.

    Attributes:
        after: The number of the last item that it got.
        chunk_no: Its place among what the feed keeps; below the first where it has to be found.
    """

    __slots__ = ("_feed", "_waiter", "after", "chunk_no")

    def __init__(self, feed: Feed, after: int) -> None:
        self.after = after
        self.chunk_no = -1
        self._feed = feed
        self._waiter: asyncio.Future[None] | None = None

    async def next(self) -> Batch:
        """
        Return what comes next; wait for it.

        Raises:
            TooOld: It is no longer kept.
            FeedEnded: Nothing comes any more.
            JournalError: The journal can't be read.
        """
        while (batch := await self._feed.batch(self)) is None:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self.after = max(self.after, batch.last_seq)
        return batch

    def wake(self) -> None:
        """Look again; something came."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def close(self) -> None:
        """Let go of the feed. May be called again."""
        self._feed.leave(self)
