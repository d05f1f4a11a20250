"""The writing of one account's journal: takes waiting entries, commits them as one group, and only then shows them."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from listenkey.core.gaps import Watermark
from listenkey.items import Item
from listenkey.journal.sqlite.group import GROUP_ROWS_MAX, Group
from listenkey.journal.sqlite.marks import Marks
from listenkey.journal.sqlite.numbering import Entry, EventEntry, Numbered, number_entries
from listenkey.journal.sqlite.pruner import Pruner
from listenkey.journal.sqlite.retention import Retention
from listenkey.journal.sqlite.row_codec import fill_keys
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.writer_thread import Finished, WriteFailed, WriterThread
from listenkey.transport.threads import SYSTEM, Threads

REACHED_EVERY_S: Final = 0.05
"""The interval at which the last number is written beside the journal, while entries keep coming."""


@dataclass(frozen=True, slots=True)
class Committed:
    """
    A group is on the disk.

    Attributes:
        items: What it added, numbered.
        last_seq: The newest item that is durable.
        entries: How many entries of the queue that were; more than items where some were duplicates.
        raw_bytes: What they held.
        duplicates: Fills among them that the journal had.
        cursor: How far the reader's own cursor is, if it was written.
        recovered: Updates among the items that REST alone brought.
    """

    items: list[Item]
    last_seq: int
    entries: int
    raw_bytes: int
    duplicates: int
    cursor: int | None
    recovered: int = 0


Report: TypeAlias = Committed | WriteFailed | Finished


class Writer(WriterThread):
    """
    Writes a store from a thread of its own.

    Args:
        store: Opened.
        report: Called in the thread with what has happened.
        consumer: Whose cursor `done` moves, or None.
        retention: What may go.
        wall_ms: Epoch ms.
        read_seq: Says how far the reader of this process has come; what it has not had is not taken away.
        threads: Where the thread, its events and its time are from.

    Attributes:
        marks: What is noted beside the items.
    """

    def __init__(
        self,
        store: Store,
        report: Callable[[Report], None],
        consumer: str | None,
        retention: Retention,
        wall_ms: Callable[[], int],
        read_seq: Callable[[], int],
        threads: Threads = SYSTEM,
    ) -> None:
        super().__init__(store, report, threads)
        self._store: Store = store
        self.marks = Marks(consumer)
        self._pruner = Pruner(store, retention, wall_ms, read_seq)
        self._entries: deque[Entry] = deque()
        self._reached_at_s = 0.0

    # --- called in the event loop ---------------------------------------------------------------------------------

    def put(self, entry: Entry) -> None:
        """Add to the queue. Never waits."""
        self._entries.append(entry)
        if not self.wake.is_set():
            self.wake.set()

    def put_all(self, entries: Iterable[Entry]) -> None:
        """Add several to the queue. Never waits."""
        self._entries.extend(entries)
        if not self.wake.is_set():
            self.wake.set()

    def heard(self, wall_ms: int, watermark: Watermark | None = None) -> None:
        """The stream was whole at this moment."""
        self.marks.heard(wall_ms, watermark)

    def done(self, seq: int, *, urgent: bool) -> None:
        """Note that the reader is done up to `seq`; `urgent` where a caller waits for it to be durable."""
        self.marks.done(seq, urgent=urgent)
        if urgent:
            self.wake.set()

    # --- the thread ----------------------------------------------------------------------------------------------

    def _commit_some(self, *, final: bool) -> bool:
        """Commit waiting entries, at most one group; return True where there was anything."""
        group = self.marks.due(self._now_s(), final=final)
        entries = self._take()
        if self._entries:
            # Only when all that came before that moment is in this group or an earlier one, is it true on the disk.
            group.covered_ms = group.watermark = None
        if not entries and group.covered_ms is None and not group.cursors:
            return False
        numbered = self._safely(lambda: self._write(entries, group))
        self.marks.written(group, self._now_s())
        self._report(
            Committed(
                numbered.items,
                self._store.last_seq,
                len(entries),
                sum(len(entry.raw) for entry in entries if isinstance(entry, EventEntry)),
                numbered.duplicates,
                next(iter(group.cursors.values()), None),
                numbered.recovered,
            )
        )
        self._note_reached()
        return True

    def _note_reached(self) -> None:
        """Write down the last number, after its item is shown; rarely in a burst, as it lets go of Python's lock."""
        now_s = self._now_s()
        if not self._entries or now_s >= self._reached_at_s:
            self._store.note_reached()
            self._reached_at_s = now_s + REACHED_EVERY_S

    def _take(self) -> list[Entry]:
        entries: list[Entry] = []
        while self._entries and len(entries) < GROUP_ROWS_MAX:
            entries.append(self._entries.popleft())
        return entries

    def _write(self, entries: list[Entry], group: Group) -> Numbered:
        """
        Number the entries and commit them.

        Fills that come twice are rare, so the index is asked by writing; only where it says no are they looked up.
        """
        if not self._store.has_pruned:
            numbered = number_entries(entries, self._store, group, set())
            try:
                self._store.write(group)
            except sqlite3.IntegrityError:
                pass
            else:
                return numbered
        asked = {key for entry in entries if isinstance(entry, EventEntry) for key in fill_keys(entry.event)}
        numbered = number_entries(entries, self._store, group, self._store.known_fills(asked) if asked else set())
        self._store.write(group)
        return numbered

    def _prune(self) -> None:
        """Take away a portion of the items that may go; the next one when new items have had their turn."""
        now_s = self._now_s()
        if self._pruner.is_due(now_s) and self._safely(lambda: self._pruner.take_some(now_s)):
            self.wake.set()
