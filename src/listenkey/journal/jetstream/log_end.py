"""The end of an account's items, as an earlier owner left it: where the next one goes on, and what it has to know."""

from __future__ import annotations

from collections import deque
from typing import Final

from listenkey.core.gaps import NOT_RUNNING, Resumed
from listenkey.items import GapClosed, GapOpened, Live, Update
from listenkey.journal.jetstream.checkpoint import AccountMemory
from listenkey.journal.jetstream.mark import GapMark, Mark
from listenkey.journal.jetstream.record_codec import BEGINNING, Stored
from listenkey.journal.recovered import RecoveredCount
from listenkey.outcomes import GapCause, Reason

TAIL_ITEMS_MAX: Final = 16_384
"""The newest items that are read when an account is taken that has no checkpoint: for fills, records and orders."""

LEAST_ITEMS: Final = 64
"""The newest items that are read in any case: they show by how much the earlier clock was ahead."""

LEAD_ITEMS: Final = 8


class LogEnd:
    """
    Collects what the next owner has to know, from the items of an account in their order.

    Args:
        mark: The newest one.
        memory: Is told of the updates, as far as it does not know them.
        remembered_seq: The item up to which it does.

    Attributes:
        last_seq: The newest item.
        chain: Its chain.
        recovered: What was recovered in the gap that is open.
        open_from_ms: Since when that is open, or None.
        began_ms: Since when the stream was first whole; 0 where that is not known.
    """

    def __init__(self, mark: Mark, memory: AccountMemory, remembered_seq: int = 0) -> None:
        self.last_seq = 0
        self.chain = BEGINNING
        self.recovered = RecoveredCount()
        self.open_from_ms: int | None = None
        self.began_ms = mark.began_ms
        self._mark = mark
        self._memory = memory
        self._remembered_seq = remembered_seq
        self._told_ms: int | None = None
        self._leads: deque[int] = deque(maxlen=LEAD_ITEMS)
        self._has_beginning = False

    def note(self, stored: Stored) -> None:
        """Note one more item."""
        item = stored.item
        if self.last_seq == 0:
            self._has_beginning = item.seq == 1
        self.last_seq, self.chain = item.seq, stored.chain
        match item:
            case Update():
                self._note_update(item)
            case Live():
                self._told(item.since_ms)
                if self._has_beginning and not self.began_ms:
                    self.began_ms = item.since_ms
            case _:
                self._note_gap(item)
        if item.seq == self._mark.seq:
            self._go_on_from_mark()

    def _go_on_from_mark(self) -> None:
        """Take the mark's word for the gap that was open at this item: it may have begun before what is read here."""
        gap = self._mark.gap
        self.open_from_ms = None if gap is None else gap.from_ms
        self.recovered = RecoveredCount() if gap is None else _count_of(gap)

    def _note_gap(self, item: GapOpened | GapClosed) -> None:
        self.recovered.noted(item)
        if isinstance(item, GapClosed):
            self.open_from_ms = None
            return
        self._told(item.from_ms)
        self.open_from_ms = item.from_ms if self.open_from_ms is None else min(self.open_from_ms, item.from_ms)

    def _told(self, at_ms: int) -> None:
        self._told_ms = at_ms if self._told_ms is None else max(self._told_ms, at_ms)

    def _note_update(self, update: Update) -> None:
        event = update.event
        if update.provenance == "rest":
            self.recovered.add(event)
        if update.seq > self._remembered_seq:
            self._memory.note(update)
        if update.provenance == "ws" and event.event_ms is not None:
            self._leads.append(update.received_ms - event.event_ms)

    @property
    def skip(self) -> int:
        """The number of items that were lost: a mark tells of them, and the stream does not have them."""
        return max(0, self._mark.seq - self.last_seq)

    def left(self) -> Resumed:
        """Return the state that an earlier owner left to the next one."""
        covered_ms = self._mark.covered_ms or self._told_ms
        if not covered_ms:
            return Resumed()
        reason = NOT_RUNNING
        if self.skip:
            text = f"the stream in NATS had lost its last {self.skip} items, and {NOT_RUNNING.text}"
            reason = Reason(GapCause.JOURNAL_LOST, text)
        return Resumed(
            covered_ms,
            self.open_from_ms,
            reason,
            tuple(self._memory.fills.newest()),
            self._memory.records,
            self._memory.orders,
            began_ms=self.began_ms,
            watermark=self._mark.by,
            lead_ms=min(self._leads, default=None),
        )


def _count_of(gap: GapMark) -> RecoveredCount:
    return RecoveredCount(gap.updates, gap.fills, gap.orders, is_open=True)
