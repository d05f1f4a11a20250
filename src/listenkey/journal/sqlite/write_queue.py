"""The entries on their way to the disk: in order, bounded, and a gap where there was no room."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from listenkey.core.gaps import Watermark
from listenkey.events import Event
from listenkey.items import GapClosed, GapOpened, Live, Provenance
from listenkey.journal.gap_coalescer import HeldBack
from listenkey.journal.overflow import Overflow
from listenkey.journal.sqlite.numbering import Entry, EventEntry, NoticeEntry
from listenkey.journal.sqlite.writer import Committed
from listenkey.outcomes import GapCause, Reason

QUEUE_BYTES_MAX: Final = 64 * 1024 * 1024
"""The bytes that may wait for the disk: five seconds of a stalled one at twenty thousand events per second."""

ENTRY_OVERHEAD_BYTES: Final = 700
"""The memory of a waiting event beside its JSON: the decoded event, mostly."""

WAITING_MAX: Final = 1_000
"""The entries that may wait before the lifecycle's items are held, so that adjoining gaps become one."""

TURN_BYTES: Final = 16 * 1024 * 1024
"""The waiting bytes at which reading pauses: two dozen groups. More would not be written sooner."""

TURN_AFTER_S: Final = 0.002
"""The pause in reading: meanwhile the disk takes some dozens of events."""

STUCK: Final = Reason(GapCause.JOURNAL_STUCK, "the journal is full or can't be written, and so is the buffer before it")


class EntrySink(Protocol):
    """The writer, as it is seen from the queue before it. Nothing here waits."""

    def put(self, entry: Entry) -> None:
        """Add to what waits."""

    def put_all(self, entries: Iterable[Entry]) -> None:
        """Add several."""

    def heard(self, wall_ms: int, watermark: Watermark | None = None) -> None:
        """The stream was whole at this moment, and all that it brought until then was put."""


class QueueRoom:
    """
    The memory for what waits of many accounts: while more waits than that, each account has an equal share of it.

    So a burst of one account may fill it, and takes nothing from the others' shares.

    Args:
        bytes_max: What may wait of all accounts.

    Attributes:
        bytes: What waits.
        accounts: The number of accounts.
    """

    __slots__ = ("_bytes_max", "accounts", "bytes")

    def __init__(self, bytes_max: int) -> None:
        self.bytes = 0
        self.accounts = 0
        self._bytes_max = bytes_max

    def limit(self, bytes_max: int) -> int:
        """Return what may wait of one account now, which may have `bytes_max` where there is room."""
        return bytes_max if self.bytes <= self._bytes_max else min(bytes_max, self._bytes_max // max(1, self.accounts))


class WriteQueue:
    """
    Counts what waits for the writer, and decides what finds room.

    Args:
        writer: Gets the entries.
        wall_ms: Epoch ms.
        bytes_max: What may wait.
        room: The memory that it shares with others; None where it has its own.

    Attributes:
        overflow: Decides which event finds room, and tells of those that don't.
        entries: The number of entries that wait.
        bytes: The memory they take.
    """

    __slots__ = (
        "_bytes_max",
        "_held",
        "_pause_above_bytes",
        "_room",
        "_wall_ms",
        "_writer",
        "bytes",
        "entries",
        "overflow",
    )

    def __init__(
        self, writer: EntrySink, wall_ms: Callable[[], int], bytes_max: int, room: QueueRoom | None = None
    ) -> None:
        self.overflow = Overflow(bytes_max, STUCK, "were dropped before the journal could be written again")
        self.entries = 0
        self.bytes = 0
        self._writer = writer
        self._wall_ms = wall_ms
        self._pause_above_bytes = min(TURN_BYTES, bytes_max // 2)
        self._held = HeldBack()
        self._bytes_max = bytes_max
        self._room = room

    def __len__(self) -> int:
        """The entries that wait, and the items that are held back before them."""
        return len(self._held) + self.entries

    def append_event(
        self, event: Event, raw: bytes, received_ms: int, provenance: Provenance = "ws", *, late: bool = False
    ) -> None:
        """Put an event on its way to the disk; where too much waits, drop it and tell a gap."""
        if self._room is not None:
            self.overflow.bytes_max = self._room.limit(self._bytes_max)
        admitted, told = self.overflow.admit(self.bytes, received_ms)
        if told:
            self.append_told(told)
        if not admitted:
            return
        if self._held:
            self.release()
        self._grow(1, len(raw) + ENTRY_OVERHEAD_BYTES)
        self._writer.put(EventEntry(event, raw, received_ms, provenance, late))

    def append_events(self, events: list[Event], raws: list[bytes], received_ms: int) -> None:
        """The same for a batch; where there may be no room for all of it, one by one."""
        count = len(events)
        size = sum(map(len, raws)) + count * ENTRY_OVERHEAD_BYTES
        if self._room is not None:
            self.overflow.bytes_max = self._room.limit(self._bytes_max)
        if not self.overflow.has_room(self.bytes + size):
            for event, raw in zip(events, raws, strict=True):
                self.append_event(event, raw, received_ms)
            return
        if self._held:
            self.release()
        self._grow(count, size)
        self._writer.put_all([EventEntry(event, raw, received_ms) for event, raw in zip(events, raws, strict=True)])

    def append_told(self, items: Iterable[Live | GapOpened | GapClosed]) -> None:
        """Queue the lifecycle's items. They always find room; where much waits, gaps are joined."""
        for item in self.overflow.passes(items):
            self._held.add(item)
        if self.entries < WAITING_MAX:
            self.release()

    def release(self) -> None:
        """Queue the items that were held back."""
        for item in self._held.release() if self._held else ():
            self._grow(1, ENTRY_OVERHEAD_BYTES)
            self._writer.put(NoticeEntry(item, self._wall_ms()))

    def heard(self, wall_ms: int, watermark: Watermark | None = None) -> None:
        """The stream was whole at this moment, unless something of before is still held back or was dropped."""
        if not self.overflow.is_open and not self._held:
            self._writer.heard(wall_ms, watermark)

    def turn_after_s(self) -> float | None:
        """Return a moment while the disk has plenty to do: data waiting in the system costs no room here."""
        return TURN_AFTER_S if self.bytes > self._pause_above_bytes else None

    def written(self, report: Committed) -> None:
        """Count out the entries of a group that is on the disk."""
        self._grow(-report.entries, -report.raw_bytes - report.entries * ENTRY_OVERHEAD_BYTES)

    def leave(self) -> None:
        """Give back the shared memory of what will never be written."""
        self._grow(-self.entries, -self.bytes)

    def _grow(self, entries: int, size: int) -> None:
        self.entries += entries
        self.bytes += size
        if self._room is not None:
            self._room.bytes += size

    def settle(self) -> None:
        """Tell the end of the queue's own gap, if there is room again."""
        self.append_told(self.overflow.settle(self.bytes, self._wall_ms()))

    def close(self) -> None:
        """Queue the end of the queue's own gap, if one is open, and everything that was held back."""
        self.append_told(self.overflow.close(self._wall_ms()))
        self.release()
