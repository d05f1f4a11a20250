"""The marks beside an account's items: the end of coverage, and the position of its consumer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from listenkey.core.gaps import Watermark
from listenkey.journal.jetstream.answers import RETRY_S
from listenkey.journal.jetstream.fact_cell import FactCell
from listenkey.journal.jetstream.mark import Mark, mark_bytes
from listenkey.journal.jetstream.record_numbering import RecordNumbering

NOTE_EVERY_S: Final = 5.0
"""A mark is a message of its own: of a thousand accounts these are two hundred a second. A crash costs a gap longer by this."""

CURSOR_EVERY_S: Final = 1.0
"""The interval at which the position of a reader that does not wait for it is written."""

Heard: TypeAlias = tuple[int, Watermark | None]


class Cursor(msgspec.Struct, frozen=True):
    """The position of a consumer, and the fencing token of the owner that wrote it."""

    token: int
    seq: int


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Cursor).decode


def read_cursor(value: bytes | None) -> Cursor | None:
    """Read a position; None where there is none, or none that could be meant."""
    try:
        return None if value is None else _decode(value)
    except msgspec.DecodeError:
        return None


def cursor_bytes(cursor: Cursor) -> bytes:
    """Return a position as it is stored."""
    return _encode(cursor)


class LogMarks:
    """
    Marks that are told at any time, and written once in a while by the publisher.

    Args:
        now_s: A clock that is never set.

    Attributes:
        on_due: Called when there is something to write; None while nothing is to be written.
        is_urgent: Whether a caller waits for the consumer's position to be stored.
    """

    __slots__ = ("_cursor", "_cursor_at_s", "_cursor_cell", "_cursor_written", "_heard", "_mark_at_s", "_mark_cell", "_now_s", "_timer", "_token", "_written", "is_urgent", "on_due")  # fmt: skip

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.on_due: Callable[[], None] | None = None
        self._now_s = now_s
        self._token = 0
        self._mark_cell: FactCell | None = None
        self._cursor_cell: FactCell | None = None
        self._heard: Heard | None = None
        self._written: Heard | None = None
        self._mark_at_s = 0.0
        self._cursor = 0
        self._cursor_written = 0
        self._cursor_at_s = 0.0
        self.is_urgent = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, token: int, mark: FactCell, cursor: FactCell | None) -> None:
        """Write as the owner with this fencing token; `cursor` is None for a reader without a name."""
        self._token, self._mark_cell, self._cursor_cell = token, mark, cursor

    def heard(self, wall_ms: int, mark: Watermark | None = None) -> None:
        """The stream was whole at this moment; noted once in a while, behind everything that was put before."""
        self._heard = (wall_ms, mark)
        self._set_timer()

    def done(self, seq: int, *, urgent: bool) -> None:
        """Note that the reader is done up to `seq`; `urgent` where a caller waits for it to be stored."""
        self._cursor = max(self._cursor, seq)
        self.is_urgent = self.is_urgent or urgent
        self._set_timer()

    @property
    def are_waiting(self) -> bool:
        """True where a mark waits to be written, now or later."""
        return self._mark_waits or self._cursor_waits

    @property
    def _mark_waits(self) -> bool:
        return self._mark_cell is not None and self._heard != self._written

    @property
    def _cursor_waits(self) -> bool:
        return self._cursor_cell is not None and self._cursor > self._cursor_written

    def _set_timer(self) -> None:
        """Let `on_due` be called when the next mark is due, unless that is on its way."""
        if self._timer is not None or self.on_due is None:
            return
        due_s = [at_s for at_s, waits in ((self._mark_at_s, self._mark_waits), (self._cursor_at_s, self._cursor_waits)) if waits]  # fmt: skip
        if due_s:
            wait_s = max(0.0, min(due_s) - self._now_s())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._due, self.on_due)

    def _due(self, on_due: Callable[[], None]) -> None:
        self._timer = None
        on_due()

    def stop(self) -> None:
        """Write nothing more."""
        self.on_due = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def write_due(self, numbering: RecordNumbering, *, final: bool) -> int | None:
        """
        Write what is to be written now; to be called where all that was put is stored.

        Returns:
            The consumer's position, where that was written.

        Raises:
            Overtaken: Somebody else has written one.
            JournalError: One can't be read.
        """
        heard = self._heard  # Read before anything is waited for: a later one is not behind all that is stored.
        mark = self._mark(heard, numbering) if final or self._now_s() >= self._mark_at_s else None
        written = None
        if self._cursor_waits and (final or self.is_urgent or self._now_s() >= self._cursor_at_s):
            written = await self._write_cursor()
        if mark is not None:
            await self._write_mark(heard, mark)
        self._set_timer()
        return written

    def _mark(self, heard: Heard | None, numbering: RecordNumbering) -> Mark | None:
        if heard is None or not self._mark_waits:
            return None
        return Mark(self._token, numbering.seq, heard[0], heard[1], numbering.began_ms, numbering.gap)

    async def _write_mark(self, heard: Heard | None, mark: Mark) -> None:
        assert self._mark_cell is not None
        if not await self._mark_cell.write(mark_bytes(mark)):
            self._mark_at_s = self._now_s() + RETRY_S
            return
        self._written = heard
        self._mark_at_s = self._now_s() + NOTE_EVERY_S

    async def _write_cursor(self) -> int | None:
        assert self._cursor_cell is not None
        seq = self._cursor
        self.is_urgent = False
        if not await self._cursor_cell.write(cursor_bytes(Cursor(self._token, seq))):
            self._cursor_at_s = self._now_s() + RETRY_S
            return None
        self._cursor_written = seq
        self._cursor_at_s = self._now_s() + CURSOR_EVERY_S
        return seq
