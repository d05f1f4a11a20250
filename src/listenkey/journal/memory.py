"""
The journal that is gone with the process: a bounded buffer between the socket and one reader.

When the reader falls so far behind that the buffer is full, newer events are dropped and the hole is told as a gap, in
its place. Nothing is dropped silently, and memory has a limit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, repeat
from typing import Final, TypeAlias

import msgspec

from listenkey.core.gaps import Resumed, Watermark
from listenkey.events import Event
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance, Update
from listenkey.journal.gap_coalescer import Joined
from listenkey.journal.overflow import Overflow
from listenkey.journal.reader_signal import ReaderSignal
from listenkey.journal.recovered import RecoveredCount
from listenkey.outcomes import GapCause, Reason

BUFFER_BYTES_MAX: Final = 64 * 1024 * 1024
"""Others: python-binance 100 events and then dies; ccxt 1,000 and overwrites; most have no limit at all."""

ITEM_OVERHEAD_BYTES: Final = 240
"""An item's memory beside its JSON, measured: the tuple, two ints, the bytes object's head, a slot of the deque."""

DECODED_MAX: Final = 512
"""The items kept decoded. Beyond that, a backlog of objects would double the memory and leave the cache."""

BEHIND_WAIT_S: Final = 0.002
"""The pause in reading the socket while a quarter of the buffer is full; repeated, as far as it may be."""

TOLD_BYTES: Final = 300
"""The memory of an item that the lifecycle reports, measured."""

TOLD_MAX: Final = 1_000
"""The lifecycle's items that may wait unread; from then on adjoining gaps are joined."""

_Stored: TypeAlias = tuple[int, bytes, int]  # seq, raw, received_ms

TOO_SLOW: Final = Reason(GapCause.SLOW_READER, "the reader is too slow and the buffer is full")


class MemoryJournal:
    """
    A bounded buffer for one reader.

    Args:
        account: The alias that items carry.
        read_event: Raw JSON -> the event; for items that were kept as bytes.
        wall_ms: Epoch ms, for the end of a gap that a slow reader made.
        bytes_max: What the buffer may hold.
    """

    def __init__(
        self,
        account: str,
        read_event: Callable[[bytes], Event],
        wall_ms: Callable[[], int],
        bytes_max: int = BUFFER_BYTES_MAX,
    ) -> None:
        self._account = account
        self._read_event = read_event
        self._wall_ms = wall_ms
        self._on_item: Callable[[Item], None] | None = None
        self._stop: asyncio.Future[None] | None = None
        self._raised: Exception | None = None
        self._overflow = Overflow(bytes_max, TOO_SLOW, "did not fit into the buffer of a slow reader")
        self._bytes = 0
        self._wait_above_bytes = bytes_max // 4
        self._seq = 0
        self._told = 0
        self._gap_is_open = False
        self._recovered = RecoveredCount()
        self.recovered = 0
        self._joined: tuple[GapClosed, Joined] | None = None
        self._rejoining: Joined | None = None
        self._items: deque[Item | _Stored] = deque()
        self._signal = ReaderSignal()

    @property
    def account(self) -> str:
        """The alias that items carry."""
        return self._account

    @property
    def account_doubt(self) -> str:
        """Empty: nothing of an earlier key is in memory."""
        return ""

    @property
    def backlog(self) -> int:
        """Items appended and not read yet."""
        return len(self._items)

    @property
    def dropped(self) -> int:
        """The events dropped for want of room; each lies in a gap that is reported."""
        return self._overflow.dropped

    @property
    def losing(self) -> str | None:
        """The reason why events are being dropped for want of room."""
        return self._overflow.losing

    @property
    def duplicates(self) -> int:
        """Always 0: a journal in memory has no past to compare with."""
        return 0

    @property
    def problem(self) -> str | None:
        """None: memory is there or the process isn't."""
        return None

    async def open(self) -> Resumed:
        """There is no earlier process to go on from."""
        return Resumed()

    async def aclose(self) -> None:
        """Close the journal; waiting items can still be read."""

    def watch(self, on_change: Callable[[], None]) -> None:
        """Call a function whenever `problem` or `losing` has changed."""
        self._overflow.on_change = on_change

    @property
    def losing_from_ms(self) -> int | None:
        """The time since which events are dropped, wall clock, epoch ms; None while all are kept."""
        return self._overflow.from_ms

    def abandon(self) -> None:
        """Do nothing: no resource is held."""

    def append_event(
        self, event: Event, raw: bytes, received_ms: int, provenance: Provenance = "ws", *, late: bool = False
    ) -> None:
        """Number an event and keep it; without room, drop it and remember that a gap must be reported."""
        on_item = self._on_item
        if on_item is not None:  # he who waits for it has had all that came before
            self._seq += 1
            if provenance == "rest":
                self._note_recovered(event)
            self._hand_over(on_item, (Update(self._seq, self._account, event, received_ms, raw, provenance, late),))
            return
        admitted, told = self._overflow.admit(self._bytes, received_ms)
        if told:
            self._tell_all(told)
        if not admitted:
            return
        self._seq += 1
        if provenance == "rest":
            self._note_recovered(event)
        self._bytes += len(raw) + ITEM_OVERHEAD_BYTES
        # Only what came from the socket can be read again from its raw alone.
        if len(self._items) < DECODED_MAX or provenance != "ws" or late:
            self._items.append(Update(self._seq, self._account, event, received_ms, raw, provenance, late))
        else:
            self._items.append((self._seq, raw, received_ms))
        if self._signal.waiting is not None:
            self._signal.wake()

    def append_events(self, events: list[Event], raws: list[bytes], received_ms: int) -> None:
        """The same for a batch; where there may be no room for all of it, one by one."""
        count, first = len(events), self._seq + 1
        numbers = range(first, first + count)
        updates = map(Update, numbers, repeat(self._account), events, repeat(received_ms), raws)
        if self._on_item is not None:  # he who waits for it has had all that came before
            self._seq += count
            self._hand_over(self._on_item, updates)
            return
        size = sum(map(len, raws)) + count * ITEM_OVERHEAD_BYTES
        if not self._overflow.has_room(self._bytes + size):
            for event, raw in zip(events, raws, strict=True):
                self.append_event(event, raw, received_ms)
            return
        self._seq += count
        self._bytes += size
        if len(self._items) >= DECODED_MAX:
            self._items.extend(zip(numbers, raws, repeat(received_ms)))
            return
        self._items.extend(updates)
        if self._signal.waiting is not None:
            self._signal.wake()

    def turn_after_s(self) -> float | None:
        """Return 0, one turn of the loop, so that the reader goes first; more for one that is far behind."""
        if self._bytes > self._wait_above_bytes:
            return BEHIND_WAIT_S
        return 0.0 if self._items else None

    def append_told(self, items: Iterable[Live | GapOpened | GapClosed]) -> None:
        """Number the lifecycle's items, and keep them. They always find room; where they are many, gaps are joined."""
        for item in self._overflow.passes(items):
            if isinstance(item, GapOpened) and self._reopens(item):
                continue
            if isinstance(item, GapClosed) and self._rejoining is not None:
                self._close_joined(self._rejoining, item)
                continue
            if not isinstance(item, Live):
                self._gap_is_open = isinstance(item, GapOpened)
            self._tell(item)
        self._signal.wake()
        if self._on_item is not None:
            self._hand_over(self._on_item, ())

    def _note_recovered(self, event: Event) -> None:
        self._recovered.add(event)
        self.recovered += 1

    def _tell_all(self, items: Iterable[Live | GapOpened | GapClosed]) -> None:
        for item in items:
            self._tell(item)
        self._signal.wake()

    def _tell(self, item: Live | GapOpened | GapClosed) -> Live | GapOpened | GapClosed:
        self._seq += 1
        self._told += 1
        self._bytes += TOLD_BYTES
        kept = self._recovered.noted(msgspec.structs.replace(item, seq=self._seq, account=self._account))
        self._items.append(kept)
        return kept

    def _reopens(self, opened: GapOpened) -> bool:
        """
        Return True where a gap continues the one before, which nobody has read yet, and too many items wait already.

        The end of the one before is taken back, and with it the `Live` after it.
        """
        if self._rejoining is not None:
            return not self._rejoining.begins(opened.from_ms)
        if self._gap_is_open or self._told < TOLD_MAX:
            return False
        last = self._items[-1]
        closed = self._items[-2] if isinstance(last, Live) and len(self._items) > 1 else last
        if not isinstance(closed, GapClosed) or opened.from_ms < closed.from_ms:
            return False
        for _ in range(1 + (closed is not last)):
            self._items.pop()
            self._seq -= 1
            self._told -= 1
            self._bytes -= TOLD_BYTES
        self._recovered.reopened(closed)
        known = self._joined
        self._rejoining = known[1] if known is not None and known[0] is closed else Joined(closed)
        self._gap_is_open = True
        return True

    def _close_joined(self, joined: Joined, closed: GapClosed) -> None:
        joined.add(closed)
        self._rejoining = None
        self._gap_is_open = False
        kept = self._tell(joined.closed())
        assert isinstance(kept, GapClosed)
        self._joined = (kept, joined)

    def heard(self, wall_ms: int, mark: Watermark | None = None) -> None:
        """Ignore coverage: nobody will ask for it."""

    async def commit(self, seq: int) -> None:
        """Ignore a cursor: no process goes on after this one."""

    def end(self, error: BaseException | None) -> None:
        """End the journal; the first error counts."""
        if self._signal.has_ended:
            return
        self._tell_all(self._overflow.close(self._wall_ms()))
        self._signal.end(error)
        self._signal.wake()
        self._wake_deliverer()

    async def next(self) -> Item:
        """The next item; raises the error that ended the stream, or StopAsyncIteration."""
        while not self._items:
            if self._signal.has_ended:
                self._signal.raise_end()
            await self._signal.wait()
        return self._taken(self._items.popleft())

    def take_ready(self, most: int) -> list[Item]:
        """Take the items that can be read without waiting."""
        return list(islice(self.ready(), most))

    def ready(self) -> Iterator[Item]:
        """The same, one by one."""
        items, overflow = self._items, self._overflow
        while items:
            item = items.popleft()
            if type(item) is Update and not overflow.is_open:  # nearly always, so without a call
                self._bytes -= len(item.raw) + ITEM_OVERHEAD_BYTES
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
            if self._items:
                for item in self.ready():
                    on_item(item)
        except BaseException as error:  # It is the user's function, and his is what it raises.
            behind = list(left)
            self._items.extendleft(reversed(behind))
            self._bytes += sum(len(update.raw) + ITEM_OVERHEAD_BYTES for update in behind)
            if not isinstance(error, Exception):
                raise
            self._raised = error
            self._wake_deliverer()
        else:
            self._on_item = on_item

    def _wake_deliverer(self) -> None:
        if self._stop is not None and not self._stop.done():
            self._stop.set_result(None)

    def _taken(self, item: Item | _Stored) -> Item:
        if isinstance(item, tuple):
            seq, raw, received_ms = item
            item = Update(seq, self._account, self._read_event(raw), received_ms, raw)
        if isinstance(item, Update):
            self._bytes -= len(item.raw) + ITEM_OVERHEAD_BYTES
        else:
            self._bytes -= TOLD_BYTES
            self._told -= 1
        if self._overflow.is_open and (told := self._overflow.settle(self._bytes, self._wall_ms())):
            self._tell_all(told)
        return item
