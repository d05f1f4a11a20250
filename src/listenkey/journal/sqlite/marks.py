"""The marks that go into a journal beside its rows: the end of coverage, and the position of its consumer."""

from __future__ import annotations

from typing import Final

from listenkey.core.gaps import Watermark
from listenkey.journal.sqlite.group import Group

NOTE_EVERY_S: Final = 1.0
"""The interval at which two marks are written: the end of coverage, and the position of a reader that does not commit."""


class Marks:
    """
    Marks that are set in the event loop, and written by the writer's thread.

    Args:
        consumer: Whose position `done` moves, or None.
    """

    __slots__ = ("_consumer", "_covered_ms", "_cursor", "_cursor_written", "_heard", "_is_due", "_is_urgent", "_note_at_s")  # fmt: skip

    def __init__(self, consumer: str | None) -> None:
        self._consumer = consumer
        self._heard: tuple[int, Watermark | None] | None = None
        self._covered_ms: int | None = None
        self._cursor = 0
        self._cursor_written = 0
        self._is_urgent = False
        self._is_due = False
        self._note_at_s = 0.0

    def heard(self, wall_ms: int, watermark: Watermark | None = None) -> None:
        """The stream was whole at this moment; noted once a second, behind everything that was put before."""
        self._heard = (wall_ms, watermark)  # one value, since the thread may look at any time

    def done(self, seq: int, *, urgent: bool) -> None:
        """Note that the reader is done up to `seq`; `urgent` where a caller waits for it to be durable."""
        self._cursor = seq
        if urgent:
            self._is_urgent = True

    @property
    def heard_ms(self) -> int | None:
        """The end of coverage as last told."""
        return None if self._heard is None else self._heard[0]

    @property
    def is_urgent(self) -> bool:
        """True where somebody waits for the position of the consumer to be durable."""
        return self._is_urgent

    @property
    def are_written(self) -> bool:
        """True where no mark waits to be written. Only the simulation asks."""
        return self.heard_ms == self._covered_ms and self._cursor <= self._cursor_written

    def due(self, now_s: float, *, final: bool) -> Group:
        """
        Return a group with the marks that are to be written now.

        To be called before the queue is looked at: the end of coverage is true only of a group that empties it.
        """
        heard, cursor, group = self._heard, self._cursor, Group()
        self._is_due = final or now_s >= self._note_at_s
        if self._is_due and heard is not None and heard[0] != self._covered_ms:
            group.covered_ms, group.watermark = heard
        if self._consumer is not None and cursor > self._cursor_written and (self._is_due or self._is_urgent):
            group.cursors[self._consumer] = cursor
        return group

    def written(self, group: Group, now_s: float) -> None:
        """Note that the marks of a group are on the disk."""
        if group.covered_ms is not None:
            self._covered_ms = group.covered_ms
        for seq in group.cursors.values():
            self._cursor_written = seq
            self._is_urgent = self._cursor > seq and self._is_urgent
        if self._is_due and (group.covered_ms is not None or group.cursors):
            self._note_at_s = now_s + NOTE_EVERY_S
