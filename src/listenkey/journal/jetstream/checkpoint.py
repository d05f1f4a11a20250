"""
The memory of an account that its next owner needs, so that it need not read thousands of items again.

An owner keeps it as it goes, and writes it down once in some thousand items and at its end. It describes the items up to one of
them and names that one's hash chain: a successor that does not find that item takes it for nothing. An owner that was fenced
may still write one; it is true of the items that it names, so no fence is needed.
"""

from __future__ import annotations

import contextlib
import zlib
from collections import deque
from typing import Final

import msgspec

from listenkey.core.account_state import ENDED, FillKey, OrderKey, amount
from listenkey.core.gaps import OrderLeft
from listenkey.errors import JournalError
from listenkey.events import OrderTradeUpdate, RecoveredCash, RecoveredExercise, RecoveredOrder
from listenkey.items import Update
from listenkey.journal.jetstream.fact_cell import FactCell, Overtaken
from listenkey.journal.jetstream.known_fills import KnownFills, fill_time_ms
from listenkey.journal.sqlite.row_codec import fill_keys

ORDERS_LEFT_MAX: Final = 4_096
ORDERS_ENDED_MAX: Final = 4_096
RECORDS_LEFT_MAX: Final = 4_096

CHECKPOINT_ITEMS: Final = 2_048
"""The items between two checkpoints: one takes some ten kilobytes, and that many items a second or two to read."""

CLOSING_ITEMS: Final = 256
"""At an orderly end, fewer items than this are not worth one."""

BYTES_MAX: Final = 8 * 1024 * 1024
"""Above this, unpacked, it was not written by us."""


class Checkpoint(msgspec.Struct, frozen=True):
    """
    The memory of an account's items up to one of them.

    Attributes:
        seq: That item.
        chain: Its hash chain, in hex.
        fills: The newest fills, each as symbol, trade id, order id and time.
        orders: The orders that live, the oldest first.
        ended: The newest orders that ended, each as symbol and order id.
        records: The newest records beside trades and orders, each as its type and its id.
    """

    seq: int
    chain: str
    fills: tuple[tuple[str, int, int, int], ...]
    orders: tuple[OrderLeft, ...]
    ended: tuple[OrderKey, ...]
    records: tuple[tuple[str, str], ...]


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Checkpoint).decode


def checkpoint_bytes(checkpoint: Checkpoint) -> bytes:
    """Return a checkpoint as it is stored."""
    return zlib.compress(_encode(checkpoint), 1)


def read_checkpoint(value: bytes | None) -> Checkpoint | None:
    """Read a checkpoint; None where there is none, or none that could be meant: then the items are read."""
    if value is None:
        return None
    try:
        return _decode(zlib.decompressobj().decompress(value, BYTES_MAX))
    except (zlib.error, msgspec.DecodeError):
        return None


class AccountMemory:
    """
    The fills, records and orders that an account's items have told of, as far as the next owner needs them. All are bounded.

    Attributes:
        fills: The newest fills.
    """

    __slots__ = ("_ended", "_live", "_records", "fills")

    def __init__(self) -> None:
        self.fills = KnownFills()
        self._live: dict[OrderKey, OrderLeft] = {}
        self._ended: dict[OrderKey, None] = {}
        self._records: deque[tuple[str, str]] = deque(maxlen=RECORDS_LEFT_MAX)

    @property
    def orders(self) -> tuple[OrderLeft, ...]:
        """The orders that live, the oldest first."""
        return tuple(self._live.values())

    @property
    def records(self) -> tuple[tuple[str, str], ...]:
        """The newest records beside trades and orders."""
        return tuple(self._records)

    def note(self, update: Update) -> None:
        """Note one more update."""
        self.note_fills(update, fill_keys(update.event))

    def note_fills(self, update: Update, keys: list[FillKey]) -> None:
        """Do the same where the keys of its fills are at hand."""
        event = update.event
        for key in keys:
            self.fills.add(key, fill_time_ms(event))
        match event:
            case OrderTradeUpdate():
                order = event.order
                self._step(order.symbol, order.order_id, order.status, order.filled_quantity_text, event.event_ms)
            case RecoveredOrder():
                self._step(event.symbol, event.order_id, event.status, event.filled_quantity_text, event.event_ms)
            case RecoveredExercise() | RecoveredCash():
                self._records.append((event.type, str(event.record_id)))

    def _step(self, symbol: str, order_id: int, status: str, filled_text: str, at_ms: int | None) -> None:
        """Note a state of an order. None follows its end; of others, the one that filled most counts."""
        key = (symbol, order_id)
        if key in self._ended:
            return
        if status in ENDED:
            self._ended[key] = None
            self._live.pop(key, None)
            if len(self._ended) > ORDERS_ENDED_MAX:
                del self._ended[next(iter(self._ended))]
            return
        step = OrderLeft(symbol, order_id, status, filled_text, at_ms or 0)
        before = self._live.pop(key, None)
        if before is not None and before.filled_text != filled_text:
            step = max(step, before, key=lambda one: abs(amount(one.filled_text)))
        self._live[key] = step
        if len(self._live) > ORDERS_LEFT_MAX:
            del self._live[next(iter(self._live))]

    def restore(self, checkpoint: Checkpoint) -> None:
        """Begin with what an earlier owner wrote down."""
        for symbol, trade_id, order_id, at_ms in checkpoint.fills:
            self.fills.add((symbol, trade_id, order_id), at_ms)
        self._live = {(one.symbol, one.order_id): one for one in checkpoint.orders[-ORDERS_LEFT_MAX:]}
        self._ended = dict.fromkeys(checkpoint.ended[-ORDERS_ENDED_MAX:])
        self._records.extend(checkpoint.records)

    def checkpoint(self, seq: int, chain: bytes) -> Checkpoint:
        """Return all of it, as it stands behind an item."""
        return Checkpoint(seq, chain.hex(), tuple(self.fills.newest()), self.orders, tuple(self._ended), self.records)


class CheckpointWriter:
    """
    Writes checkpoints when enough items have come since the last one.

    Args:
        memory: Of the account.
    """

    __slots__ = ("_cell", "_memory", "_written_seq")

    def __init__(self, memory: AccountMemory) -> None:
        self._memory = memory
        self._cell: FactCell | None = None
        self._written_seq = 0

    def begin(self, cell: FactCell, seq: int) -> None:
        """Write into a cell that was read; the checkpoint in it is of this item."""
        self._cell, self._written_seq = cell, seq

    def is_due(self, seq: int, *, final: bool = False) -> bool:
        """Return True where a checkpoint of this item is worth it."""
        return seq - self._written_seq >= (CLOSING_ITEMS if final else CHECKPOINT_ITEMS)

    async def write(self, seq: int, chain: bytes) -> None:
        """Write one, where that can be done now: the items say the same, at more length."""
        assert self._cell is not None
        self._written_seq = seq
        value = checkpoint_bytes(self._memory.checkpoint(seq, chain))
        # Where the owner before has written once more, its revision is known then, and the next one replaces it.
        with contextlib.suppress(Overtaken, JournalError):
            await self._cell.write(value)
