"""The items in memory that wait for a reader: numbered, decoded or as bytes, and the memory they take."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Final, TypeAlias

import msgspec

from listenkey.events import Event
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance, Update
from listenkey.journal.gap_coalescer import Joined
from listenkey.journal.recovered import RecoveredCount

ITEM_OVERHEAD_BYTES: Final = 240
"""An item's memory beside its JSON, measured: the tuple, two ints, the bytes object's head, a slot of the deque."""

DECODED_MAX: Final = 512
"""The items kept decoded. Beyond that, a backlog of objects would double the memory and leave the cache."""

TOLD_BYTES: Final = 300
"""The memory of an item that the lifecycle reports, measured."""

TOLD_MAX: Final = 1_000
"""The lifecycle's items that may wait unread; from then on adjoining gaps are joined."""

StoredUpdate: TypeAlias = tuple[int, bytes, int]  # seq, raw, received_ms


class ItemBuffer:
    """
    Numbers items and keeps them until they are taken.

    Args:
        account: The alias that items carry.
        read_event: Raw JSON -> the event; for items that were kept as bytes.

    Attributes:
        items: The items that wait, the next first.
        seq: The number of the newest item.
        bytes: The memory they take.
        told: The lifecycle's items among them.
        recovered: Updates that REST alone brought, since the beginning.
    """

    def __init__(self, account: str, read_event: Callable[[bytes], Event]) -> None:
        self.items: deque[Item | StoredUpdate] = deque()
        self.seq = 0
        self.bytes = 0
        self.told = 0
        self.recovered = 0
        self._account = account
        self._read_event = read_event
        self._recovered_in_gap = RecoveredCount()
        self._gap_is_open = False
        self._joined: tuple[GapClosed, Joined] | None = None
        self._rejoining: Joined | None = None

    def note_recovered(self, event: Event) -> None:
        """Count an update that REST alone brought, in the gap that is open."""
        self._recovered_in_gap.add(event)
        self.recovered += 1

    def all_numbered(self, events: Sequence[Event], raws: Sequence[bytes], received_ms: int) -> Iterable[Update]:
        """Give events from a socket their numbers, and keep nothing."""
        first = self.seq + 1
        self.seq += len(events)
        return map(Update, range(first, self.seq + 1), repeat(self._account), events, repeat(received_ms), raws)

    def append(self, event: Event, raw: bytes, received_ms: int, provenance: Provenance, *, late: bool) -> None:
        """Number an event and keep it."""
        self.seq += 1
        if provenance == "rest":
            self.note_recovered(event)
        self.bytes += len(raw) + ITEM_OVERHEAD_BYTES
        # Only what came from the socket can be read again from its raw alone.
        if len(self.items) < DECODED_MAX or provenance != "ws" or late:
            self.items.append(Update(self.seq, self._account, event, received_ms, raw, provenance, late))
        else:
            self.items.append((self.seq, raw, received_ms))

    def append_all(self, events: Sequence[Event], raws: Sequence[bytes], received_ms: int, size: int) -> None:
        """Number events from a socket and keep them; they take `size` bytes."""
        self.bytes += size
        if len(self.items) >= DECODED_MAX:
            first = self.seq + 1
            self.seq += len(events)
            self.items.extend(zip(range(first, self.seq + 1), raws, repeat(received_ms)))
            return
        self.items.extend(self.all_numbered(events, raws, received_ms))

    def put_back(self, updates: Sequence[Update]) -> None:
        """Keep updates that were numbered, before everything else."""
        self.items.extendleft(reversed(updates))
        self.bytes += sum(len(update.raw) + ITEM_OVERHEAD_BYTES for update in updates)

    def taken(self, item: Item | StoredUpdate) -> Item:
        """Return an item that was taken out of `items` as the reader gets it; the memory it took is free."""
        if isinstance(item, tuple):
            seq, raw, received_ms = item
            item = Update(seq, self._account, self._read_event(raw), received_ms, raw)
        if isinstance(item, Update):
            self.bytes -= len(item.raw) + ITEM_OVERHEAD_BYTES
        else:
            self.bytes -= TOLD_BYTES
            self.told -= 1
        return item

    def report(self, item: Live | GapOpened | GapClosed) -> None:
        """Number an item of the lifecycle's and keep it; where many wait, a gap that adjoins the last one is joined."""
        if isinstance(item, GapOpened) and self._reopens(item):
            return
        if isinstance(item, GapClosed) and self._rejoining is not None:
            self._close_joined(self._rejoining, item)
            return
        if not isinstance(item, Live):
            self._gap_is_open = isinstance(item, GapOpened)
        self.tell(item)

    def tell(self, item: Live | GapOpened | GapClosed) -> Live | GapOpened | GapClosed:
        """Number an item of the lifecycle's and keep it as it is; return it."""
        self.seq += 1
        self.told += 1
        self.bytes += TOLD_BYTES
        kept = self._recovered_in_gap.noted(msgspec.structs.replace(item, seq=self.seq, account=self._account))
        self.items.append(kept)
        return kept

    def _reopens(self, opened: GapOpened) -> bool:
        """
        Return True where a gap continues the one before, which nobody has read yet, and too many items wait already.

        The end of the one before is taken back, and with it the `Live` after it.
        """
        if self._rejoining is not None:
            return not self._rejoining.begins(opened.from_ms)
        if self._gap_is_open or self.told < TOLD_MAX:
            return False
        last = self.items[-1]
        closed = self.items[-2] if isinstance(last, Live) and len(self.items) > 1 else last
        if not isinstance(closed, GapClosed) or opened.from_ms < closed.from_ms:
            return False
        for _ in range(1 + (closed is not last)):
            self.items.pop()
            self.seq -= 1
            self.told -= 1
            self.bytes -= TOLD_BYTES
        self._recovered_in_gap.reopened(closed)
        known = self._joined
        self._rejoining = known[1] if known is not None and known[0] is closed else Joined(closed)
        self._gap_is_open = True
        return True

    def _close_joined(self, joined: Joined, closed: GapClosed) -> None:
        joined.add(closed)
        self._rejoining = None
        self._gap_is_open = False
        kept = self.tell(joined.closed())
        assert isinstance(kept, GapClosed)
        self._joined = (kept, joined)
