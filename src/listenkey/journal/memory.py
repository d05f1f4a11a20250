"""
The journal that is gone with the process: a bounded buffer between the socket and one reader.

When the reader falls so far behind that the buffer is full, newer events are dropped and the hole is told as a gap, in
its place. Nothing is dropped silently, and memory has a limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from listenkey.core.gaps import Resumed, Watermark
from listenkey.events import Event
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance, Update
from listenkey.journal.item_buffer import ITEM_OVERHEAD_BYTES, ItemBuffer, StoredUpdate
from listenkey.journal.overflow import Overflow
from listenkey.journal.reader_signal import ReaderSignal
from listenkey.outcomes import GapCause, Reason

BUFFER_BYTES_MAX: Final = 64 * 1024 * 1024
"""Others: python-binance 100 events and then dies; ccxt 1,000 and overwrites; most have no limit at all."""

BEHIND_WAIT_S: Final = 0.002
"""The pause in reading the socket while a quarter of the buffer is full; repeated, as far as it may be."""

TOO_SLOW: Final = Reason(GapCause.SLOW_READER, "the reader is too slow and the buffer is full")


class MemoryJournal:
    """
    A bounded buffer for one reader.

    Args:
        account: The alias that items carry.
        read_event: Raw JSON -> the event; for items that were kept as bytes.
        wall_ms: Epoch ms, for the end of a gap that a slow reader made.
        bytes_max: What the buffer may hold.

    Attributes:
        overflow: Decides which event finds room, and tells of those that don't.
    """

    def __init__(
        self,
        account: str,
        read_event: Callable[[bytes], Event],
        wall_ms: Callable[[], int],
        bytes_max: int = BUFFER_BYTES_MAX,
    ) -> None:
        self.account = account
        self.account_doubt = ""
        self.duplicates = 0
        self.problem: str | None = None
        self._wall_ms = wall_ms
        self._wait_above_bytes = bytes_max // 4
        self.overflow = Overflow(bytes_max, TOO_SLOW, "did not fit into the buffer of a slow reader")
        self._buffer = ItemBuffer(account, read_event)
        self._signal = ReaderSignal()
        self._on_item: Callable[[Item], None] | None = None
        self._stop: asyncio.Future[None] | None = None
        self._raised: Exception | None = None

    @property
    def backlog(self) -> int:
        """Items appended and not read yet."""
        return len(self._buffer.items)

    @property
    def recovered(self) -> int:
        """Updates that REST alone brought and that were kept."""
        return self._buffer.recovered

    async def open(self) -> Resumed:
        """There is no earlier process to go on from."""
        return Resumed()

    async def aclose(self) -> None:
        """Close the journal; waiting items can still be read."""

    def watch(self, on_change: Callable[[], None]) -> None:
        """Call a function whenever `overflow.losing` has changed."""
        self.overflow.on_change = on_change

    def abandon(self) -> None:
        """Do nothing: no resource is held."""

    def append_event(
        self, event: Event, raw: bytes, received_ms: int, provenance: Provenance = "ws", *, late: bool = False
    ) -> None:
        """Number an event and keep it; without room, drop it and remember that a gap must be reported."""
        on_item, buffer = self._on_item, self._buffer
        if on_item is not None:  # he who waits for it has had all that came before
            buffer.seq += 1
            if provenance == "rest":
                buffer.note_recovered(event)
            self._hand_over(on_item, (Update(buffer.seq, self.account, event, received_ms, raw, provenance, late),))
            return
        overflow = self.overflow
        if overflow.from_ms is not None or buffer.bytes > overflow.bytes_max:  # nearly never, so without a call
            admitted, told = overflow.admit(buffer.bytes, received_ms)
            if told:
                self._tell_all(told)
            if not admitted:
                return
        buffer.append(event, raw, received_ms, provenance, late=late)
        if self._signal.waiting is not None:
            self._signal.wake()

    def append_events(self, events: list[Event], raws: list[bytes], received_ms: int) -> None:
        """The same for a batch; where there may be no room for all of it, one by one."""
        buffer = self._buffer
        if self._on_item is not None:  # he who waits for it has had all that came before
            self._hand_over(self._on_item, buffer.all_numbered(events, raws, received_ms))
            return
        size = sum(map(len, raws)) + len(events) * ITEM_OVERHEAD_BYTES
        if not self.overflow.has_room(buffer.bytes + size):
            for event, raw in zip(events, raws, strict=True):
                self.append_event(event, raw, received_ms)
            return
        buffer.append_all(events, raws, received_ms, size)
        if self._signal.waiting is not None:
            self._signal.wake()

    def turn_after_s(self) -> float | None:
        """Return 0, one turn of the loop, so that the reader goes first; more for one that is far behind."""
        if self._buffer.bytes > self._wait_above_bytes:
            return BEHIND_WAIT_S
        return 0.0 if self._buffer.items else None

    def append_told(self, items: Iterable[Live | GapOpened | GapClosed]) -> None:
        """Number the lifecycle's items, and keep them. They always find room; where they are many, gaps are joined."""
        for item in self.overflow.passes(items):
            self._buffer.report(item)
        self._signal.wake()
        if self._on_item is not None:
            self._hand_over(self._on_item, ())

    def _tell_all(self, items: Iterable[Live | GapOpened | GapClosed]) -> None:
        for item in items:
            self._buffer.report(item)
        self._signal.wake()

    def heard(self, wall_ms: int, watermark: Watermark | None = None) -> None:
        """Ignore coverage: nobody will ask for it."""

    async def commit(self, seq: int) -> None:
        """Ignore a cursor: no process goes on after this one."""

    def end(self, error: BaseException | None) -> None:
        """End the journal; the first error counts."""
        if self._signal.has_ended:
            return
        self._tell_all(self.overflow.close(self._wall_ms()))
        self._signal.end(error)
        self._signal.wake()
        self._wake_deliverer()

    async def next(self) -> Item:
        """The next item; raises the error that ended the stream, or StopAsyncIteration."""
        while not self._buffer.items:
            if self._signal.has_ended:
                self._signal.raise_end()
            await self._signal.wait()
        return self._taken(self._buffer.items.popleft())

    def take_ready(self, most: int) -> list[Item]:
        """Take the items that can be read without waiting."""
        return list(islice(self.ready(), most))

    def ready(self) -> Iterator[Item]:
        """The same, one by one."""
        buffer, overflow = self._buffer, self.overflow
        items = buffer.items
        while items:
            item = items.popleft()
            if type(item) is Update and not overflow.is_open:  # nearly always, so without a call
                buffer.bytes -= len(item.raw) + ITEM_OVERHEAD_BYTES
                yield item
            else:
                yield self._taken(item)

    async def deliver(self, on_item: Callable[[Item], None]) -> None:
        """
        Call a function with every item, until the end.

        Raises:
            What ended the stream, or what the function raised.
        """
        self._stop = asyncio.get_running_loop().create_future()
        self._on_item = on_item
        try:
            self._hand_over(on_item, ())
            if not self._signal.has_ended and self._raised is None:
                await self._stop
            if self._raised is not None:
                raise self._raised
            if self._signal.error is not None:
                raise self._signal.error
        finally:
            self._on_item = self._stop = self._raised = None

    def _hand_over(self, on_item: Callable[[Item], None], updates: Iterable[Update]) -> None:
        """
        Give these to the function, and then the waiting items.

        What it raises belongs to whoever waits in `deliver`, not to the socket; the items behind stay.
        """
        self._on_item = None  # What it brings about is appended meanwhile, and has its turn.
        left = iter(updates)
        try:
            for update in left:
                on_item(update)
            if self._buffer.items:
                for item in self.ready():
                    on_item(item)
        except BaseException as error:  # It is the user's function, and his is what it raises.
            self._buffer.put_back(list(left))
            if not isinstance(error, Exception):
                raise
            self._raised = error
            self._wake_deliverer()
        else:
            self._on_item = on_item

    def _wake_deliverer(self) -> None:
        if self._stop is not None and not self._stop.done():
            self._stop.set_result(None)

    def _taken(self, kept: Item | StoredUpdate) -> Item:
        item = self._buffer.taken(kept)
        if self.overflow.is_open and (told := self.overflow.settle(self._buffer.bytes, self._wall_ms())):
            self._tell_all(told)
        return item
