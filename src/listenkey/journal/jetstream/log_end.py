"""The end of an account's items, as an earlier owner left it: where the next one goes on, and what it has to know."""

from __future__ import annotations

from collections import deque
from typing import Final

from listenkey.core.account_state import ENDED, OrderKey, amount
from listenkey.core.gaps import NOT_RUNNING, OrderLeft, Resumed
from listenkey.events import OrderTradeUpdate, RecoveredCash, RecoveredExercise, RecoveredFill, RecoveredOrder
from listenkey.items import GapClosed, GapOpened, Live, Update
from listenkey.journal.jetstream.known_fills import KnownFills, fill_time_ms
from listenkey.journal.jetstream.mark import GapMark, Mark
from listenkey.journal.jetstream.record_codec import BEGINNING, Stored
from listenkey.journal.recovered import RecoveredCount
from listenkey.journal.sqlite.row_codec import fill_keys
from listenkey.outcomes import GapCause, Reason

TAIL_ITEMS_MAX: Final = 16_384
"""The newest items that are read when an account is taken: for fills, records and orders that live."""

ORDERS_LEFT_MAX: Final = 4_096
RECORDS_LEFT_MAX: Final = 4_096
LEAD_ITEMS: Final = 8


class LogEnd:
    """
    Collects what the next owner has to know, from the items of an account in their order.

    Args:
        mark: The newest one.
        fills: Gets the fills.

    Attributes:
        last_seq: The newest item.
        chain: Its chain.
        recovered: What was recovered in the gap that is open.
        open_from_ms: Since when that is open, or None.
        began_ms: Since when the stream was first whole; 0 where that is not known.
    """

    def __init__(self, mark: Mark, fills: KnownFills) -> None:
        self.last_seq = 0
        self.chain = BEGINNING
        self.recovered = RecoveredCount()
        self.open_from_ms: int | None = None
        self.began_ms = mark.began_ms
        self._mark = mark
        self._fills = fills
        self._told_ms: int | None = None
        self._live: dict[OrderKey, OrderLeft] = {}
        self._ended: set[OrderKey] = set()
        self._records: deque[tuple[str, str]] = deque(maxlen=RECORDS_LEFT_MAX)
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
        for key in fill_keys(event):
            self._fills.add(key, fill_time_ms(event))
        match event:
            case RecoveredExercise() | RecoveredCash():
                self._records.append((event.type, str(event.record_id)))
            case RecoveredFill():
                return  # It says nothing of its order's state.
            case OrderTradeUpdate() | RecoveredOrder() if event.event_ms is not None:
                order = event.order if isinstance(event, OrderTradeUpdate) else event
                step = OrderLeft(order.symbol, order.order_id, order.status, order.filled_quantity_text, event.event_ms)
                self._note_step(step)
        if update.provenance == "ws" and event.event_ms is not None:
            self._leads.append(update.received_ms - event.event_ms)

    def _note_step(self, step: OrderLeft) -> None:
        """Note a state of an order. None follows its end; of others, the one that filled most counts."""
        key = (step.symbol, step.order_id)
        if key in self._ended:
            return
        if step.status in ENDED:
            self._ended.add(key)
            self._live.pop(key, None)
            return
        before = self._live.pop(key, None)
        if before is not None and abs(amount(before.filled_text)) > abs(amount(step.filled_text)):
            step = before
        self._live[key] = step
        if len(self._live) > ORDERS_LEFT_MAX:
            self._live.pop(next(iter(self._live)))

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
            tuple(self._fills.newest()),
            tuple(self._records),
            tuple(self._live.values()),
            began_ms=self.began_ms,
            watermark=self._mark.by,
            lead_ms=min(self._leads, default=None),
        )


def _count_of(gap: GapMark) -> RecoveredCount:
    return RecoveredCount(gap.updates, gap.fills, gap.orders, is_open=True)
