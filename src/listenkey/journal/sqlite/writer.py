"""
The thread that writes: takes waiting entries, commits them as one group, and only then shows them.

The event loop never waits for a disk. A disk that is slow makes groups larger; one that fails makes them wait, in
order, while the thread tries again on a new connection. Nothing that was not committed is shown to anybody.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, TypeAlias, TypeVar

import msgspec

from listenkey.core.gaps import Watermark
from listenkey.errors import Corrupt, JournalError
from listenkey.events import Event, LegacyOrderTradeUpdate
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance, Update
from listenkey.journal.sqlite.database import ERRORS, as_ours
from listenkey.journal.sqlite.group import GROUP_ROWS_MAX, FillKey, Group
from listenkey.journal.sqlite.hash_chain import seal
from listenkey.journal.sqlite.own_files import NotInPlace
from listenkey.journal.sqlite.retention import Retention, believed_ms
from listenkey.journal.sqlite.row_codec import fill_keys, fill_of, told_values, update_values
from listenkey.journal.sqlite.store import Store

log = logging.getLogger("listenkey")
T = TypeVar("T")

NOTE_EVERY_S: Final = 1.0
"""The interval at which two marks are written: the end of coverage, and the position of a reader that does not commit."""

REACHED_EVERY_S: Final = 0.05
"""The interval at which the last number is written beside the journal, while entries keep coming."""

PRUNE_EVERY_S: Final = 30.0
RETRY_FIRST_S: Final = 0.02
RETRY_MAX_S: Final = 1.0


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """An event on its way into the journal."""

    event: Event
    raw: bytes
    received_ms: int
    provenance: Provenance = "ws"
    late: bool = False


class Told(NamedTuple):
    """An item of the lifecycle on its way into the journal."""

    item: Live | GapOpened | GapClosed
    told_ms: int


Entry: TypeAlias = Arrived | Told


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


@dataclass(frozen=True, slots=True)
class Troubled:
    """A report that nothing can be written, and why; or None, that it can again."""

    problem: str | None


@dataclass(frozen=True, slots=True)
class Finished:
    """The thread has ended: as asked, or because of an error."""

    error: BaseException | None


Report: TypeAlias = Committed | Troubled | Finished


@dataclass(slots=True)
class _Numbered:
    group: Group
    items: list[Item] = field(default_factory=list)
    duplicates: int = 0
    recovered: int = 0


class Writer:
    """
    Writes a store from a thread of its own.

    Args:
        store: Opened.
        report: Called in the thread with what has happened.
        consumer: Whose cursor `done` moves, or None.
        retention: What may go.
        wall_ms: Epoch ms.
        read_seq: Says how far the reader of this process has come; what it has not had is not taken away.
    """

    def __init__(
        self,
        store: Store,
        report: Callable[[Report], None],
        consumer: str | None,
        retention: Retention,
        wall_ms: Callable[[], int],
        read_seq: Callable[[], int],
    ) -> None:
        self._store = store
        self._report = report
        self._consumer = consumer
        self._retention = retention
        self._wall_ms = wall_ms
        self._read_seq = read_seq
        self._entries: deque[Entry] = deque()
        self._wake = threading.Event()
        self._give_up = threading.Event()
        self._stopping = False
        self._heard: tuple[int, Watermark | None] | None = None
        self._covered_ms: int | None = None
        self._cursor = 0
        self._cursor_urgent = False
        self._cursor_written = 0
        self._note_at_s = 0.0
        self._prune_at_s = 0.0
        self._reached_at_s = 0.0
        self._problem: str | None = None
        # A daemon: Python would wait for ever for one that is inside an fsync that never returns.
        self._thread = threading.Thread(target=self._run, name="listenkey journal", daemon=True)

    # --- called in the event loop ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Add to the queue. Never waits."""
        self._entries.append(entry)
        if not self._wake.is_set():
            self._wake.set()

    def put_all(self, entries: Iterable[Entry]) -> None:
        """Add several to the queue. Never waits."""
        self._entries.extend(entries)
        if not self._wake.is_set():
            self._wake.set()

    def heard(self, wall_ms: int, mark: Watermark | None = None) -> None:
        """The stream was whole at this moment; noted once a second, behind everything that was put before."""
        self._heard = (wall_ms, mark)  # one value, since the thread may look at any time

    @property
    def is_idle(self) -> bool:
        """True where both marks that are written now and then are written, so that waking without a reason does nothing."""
        heard = self._heard
        return (heard is None or heard[0] == self._covered_ms) and self._cursor <= self._cursor_written

    def done(self, seq: int, *, urgent: bool) -> None:
        """Note that the reader is done up to `seq`; `urgent` where a caller waits for it to be durable."""
        self._cursor = seq
        if urgent:
            self._cursor_urgent = True
            self._wake.set()

    def stop(self) -> None:
        """Write waiting entries, and end."""
        self._stopping = True
        self._wake.set()

    def give_up(self) -> None:
        """End also where something can't be written."""
        self._give_up.set()
        self.stop()

    # --- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._work()
            error = None
        except BaseException as failure:  # noqa: BLE001 - the top of the thread: the reader must see it, not a log
            error = failure
        self._store.close()
        self._report(Finished(error))

    def _work(self) -> None:
        while True:
            self._wake.wait(NOTE_EVERY_S)
            if not self._turn():
                return

    def _turn(self) -> bool:
        """Commit all that waits; whether there will be more."""
        self._wake.clear()
        stopping = self._stopping  # asked before looking, so that nothing put before `stop` is left behind
        while self._commit_some(final=stopping):
            pass
        if not stopping:
            self._prune()
        return not stopping

    def _commit_some(self, *, final: bool) -> bool:
        """Commit waiting entries, at most one group; return True where there was anything."""
        heard, cursor, urgent = self._heard, self._cursor, self._cursor_urgent  # before the queue is looked at
        entries = self._take()
        due = final or time.monotonic() >= self._note_at_s
        group = Group()
        if due and not self._entries and heard is not None and heard[0] != self._covered_ms:
            # All that came before that moment is in this group or in an earlier one: only now is it true on the disk.
            group.covered_ms, group.mark = heard
        if self._consumer is not None and cursor > self._cursor_written and (due or urgent):
            group.cursors[self._consumer] = cursor
        if not entries and group.covered_ms is None and not group.cursors:
            return False
        numbered = self._safely(lambda: self._write(entries, group))
        self._noted(group, due=due)
        self._report(
            Committed(
                numbered.items,
                self._store.last_seq,
                len(entries),
                sum(len(entry.raw) for entry in entries if isinstance(entry, Arrived)),
                numbered.duplicates,
                cursor if group.cursors else None,
                numbered.recovered,
            )
        )
        self._note_reached()
        return True

    def _note_reached(self) -> None:
        """Write down the last number, after its item is shown; rarely in a burst, as it lets go of Python's lock."""
        now_s = time.monotonic()
        if not self._entries or now_s >= self._reached_at_s:
            self._store.note_reached()
            self._reached_at_s = now_s + REACHED_EVERY_S

    def _take(self) -> list[Entry]:
        entries: list[Entry] = []
        while self._entries and len(entries) < GROUP_ROWS_MAX:
            entries.append(self._entries.popleft())
        return entries

    def _noted(self, group: Group, *, due: bool) -> None:
        if group.covered_ms is not None:
            self._covered_ms = group.covered_ms
        for seq in group.cursors.values():
            self._cursor_written = seq
            self._cursor_urgent = self._cursor > seq and self._cursor_urgent
        if due and (group.covered_ms is not None or group.cursors):
            self._note_at_s = time.monotonic() + NOTE_EVERY_S

    def _write(self, entries: list[Entry], group: Group) -> _Numbered:
        """
        Number the entries and commit them.

        Fills that come twice are rare, so the index is asked by writing; only where it says no are they looked up.
        """
        if not self._store.has_pruned:
            numbered = self._number(entries, group, set())
            if not group.fills:
                try:
                    self._store.write(group)
                except sqlite3.IntegrityError:
                    pass
                else:
                    return numbered
        asked = {key for entry in entries if isinstance(entry, Arrived) for key in fill_keys(entry.event)}
        numbered = self._number(entries, group, self._store.known_fills(asked) if asked else set())
        self._store.write(group)
        return numbered

    def _number(self, entries: list[Entry], group: Group, known: set[FillKey]) -> _Numbered:
        """Give each entry its number and its row; fills that are known, or double among them, get none."""
        numbered = _Numbered(group)
        group.rows.clear()
        group.fills.clear()
        recovered = group.recovered = replace(self._store.recovered)
        account, seq, chain, skipped = self._store.account, self._store.last_seq, self._store.chain, self._store.skip
        item: Item
        for entry in entries:
            number = seq + 1 + skipped
            if isinstance(entry, Arrived):
                event, raw, received_ms, provenance, late = (
                    entry.event, entry.raw, entry.received_ms, entry.provenance, entry.late,
                )  # fmt: skip
                values = update_values(
                    number, account, event, raw, received_ms, provenance, late=late, skipped=skipped or None
                )
                key = fill_of(values)
                if key is not None:
                    if key in known:
                        numbered.duplicates += 1
                        continue
                    known.add(key)
                elif type(event) is LegacyOrderTradeUpdate and (keys := event.fill_keys()):
                    new = [key for key in keys if key not in known]
                    if not new:
                        numbered.duplicates += 1
                        continue
                    known.update(new)
                    group.fills.extend(new)
                if provenance == "rest":
                    recovered.add(event)
                    numbered.recovered += 1
                item = Update(number, account, event, received_ms, raw, provenance, late)
            else:
                item = recovered.noted(msgspec.structs.replace(entry.item, seq=number, account=account))
                values = told_values(item, entry.told_ms, skipped or None)
            row = seal(values, chain)
            seq, chain, skipped = number, row[-1], 0
            group.rows.append(row)
            numbered.items.append(item)
        return numbered

    def _safely(self, do: Callable[[], T]) -> T:
        """
        Do it; after a failure again, each time on a new connection, until it is done or no longer wanted.

        Raises:
            Corrupt, Fenced: Trying again would make it worse.
            JournalError: It could not be done before the end.
        """
        wait_s = 0.0
        while True:
            try:
                if not self._store.is_open:
                    self._store.reopen()
                done = do()
            except ERRORS as error:
                if not isinstance(error, NotInPlace):
                    self._store.abandon()
                problem = as_ours(error, self._store.path)
                if isinstance(problem, Corrupt):
                    raise problem from error
                self._trouble(problem)
                if self._give_up.wait(wait_s):
                    raise problem from error
                wait_s = min(max(RETRY_FIRST_S, wait_s * 2), RETRY_MAX_S)
            else:
                self._trouble(None)
                return done

    def _trouble(self, problem: JournalError | None) -> None:
        text = None if problem is None else str(problem)
        if text == self._problem:
            return
        self._problem = text
        log.warning("%s", text or f"the journal {self._store.path} can be written again")
        self._report(Troubled(text))

    def _too_much_kept(self) -> int | None:
        connection = self._store.connection
        return self._retention.cut(connection, believed_ms(connection, self._wall_ms()), self._read_seq())

    def _prune(self) -> None:
        """Take away a portion of the items that may go; the next one when new items have had their turn."""
        if self._retention.keeps_all or time.monotonic() < self._prune_at_s:
            return
        through = self._safely(self._too_much_kept)
        if through is None:
            self._prune_at_s = time.monotonic() + PRUNE_EVERY_S
            return
        self._safely(lambda: self._store.prune(through))
        self._wake.set()
