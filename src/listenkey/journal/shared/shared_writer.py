"""
The thread that writes the journals of many accounts: one transaction, and so one fsync, for what waits of all of them.

Accounts take turns. Each has a few entries in a turn, and a group takes turns until it is full or nothing waits; so a
burst of one account fills what the others leave, and holds back an entry of theirs by a group or two.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from listenkey.journal.shared.account_part import AccountPart, Cursor
from listenkey.journal.shared.account_writer import AccountWriter, Message
from listenkey.journal.shared.accounts_pruner import AccountsPruner
from listenkey.journal.shared.accounts_store import AccountsStore
from listenkey.journal.sqlite.group import GROUP_ROWS_MAX, FillKey, Group
from listenkey.journal.sqlite.marks import NOTE_EVERY_S
from listenkey.journal.sqlite.numbering import Entry
from listenkey.journal.sqlite.writer import REACHED_EVERY_S, Committed
from listenkey.journal.sqlite.writer_thread import Finished, WriteFailed, WriterThread
from listenkey.transport.threads import SYSTEM, Threads

TURN_ENTRIES: Final = 16
"""The entries of one account in a turn."""

GATHER_S: Final = 0.008
"""
The time between two groups, at least. What comes meanwhile goes into one: with 2,000 events a second of as many accounts,
each alone would be a commit, and an fsync, of its own. The first one after a rest does not wait.
"""

MARKS_PER_S: Final = 1_000
"""
The accounts whose marks are written in a second. Of more, each is written less often: the gap of a restart then begins some
seconds too early, which costs a longer question to REST, and 5,000 idle accounts cost a hundredth of a core.
"""

MARKS_MAX: Final = 256
"""The accounts whose marks go into one group, at most: those of five thousand would hold up what came."""


@dataclass(frozen=True, slots=True)
class GroupCommitted:
    """
    A group of many accounts is on the disk.

    Attributes:
        parts: What became of each account's entries.
        ended: The accounts of which nothing more is written.
        cursors: The number of cursors among those that were put, oldest first, which are on the disk.
    """

    parts: list[tuple[AccountWriter, Committed]]
    ended: list[AccountWriter]
    cursors: int = 0


SharedReport: TypeAlias = GroupCommitted | WriteFailed | Finished


class SharedWriter(WriterThread):
    """
    Writes the file of many accounts from a thread of its own.

    Args:
        store: Opened.
        report: Called in the thread with what has happened.
        pruner: Takes away what need not be kept.
        threads: Where the thread, its events and its time are from.
    """

    def __init__(
        self,
        store: AccountsStore,
        report: Callable[[SharedReport], None],
        pruner: AccountsPruner,
        threads: Threads = SYSTEM,
    ) -> None:
        super().__init__(store, report, threads)
        self._pruner = pruner
        self._store: AccountsStore = store
        self._inbox: deque[Message] = deque()
        self._ready: deque[AccountWriter] = deque()  # those with entries that wait
        self._marked: list[AccountWriter] = []  # those with marks for the next second
        self._due: deque[AccountWriter] = deque()  # those with marks for now
        self._cursors: deque[Cursor] = deque()
        self._closing: dict[AccountWriter, None] = {}  # in order
        self._marks_at_s = 0.0
        self._group_at_s = 0.0
        self._reached_at_s = 0.0

    # --- called in the event loop ---------------------------------------------------------------------------------

    def put(self, account: AccountWriter, entries: Sequence[Entry] | None, *, urgent: bool) -> None:
        """Hand over entries; None where there is something else to look at. Never waits."""
        self._inbox.append((account, entries))
        if urgent and not self.wake.is_set():
            self.wake.set()

    def put_cursor(self, cursor: Cursor) -> None:
        """Hand over how far a consumer has come. Never waits."""
        self._cursors.append(cursor)
        self.wake.set()

    # --- the thread ----------------------------------------------------------------------------------------------

    def _commit_some(self, *, final: bool) -> bool:
        """Commit waiting entries of all accounts, at most one group; return True where there was anything."""
        if not self._gather(final=final):
            self._note_reached(final=final)
            return False
        now_s = self._group_at_s = self._now_s()
        self._sort()
        parts = self._marks_due(now_s, final=final)
        self._sort()  # Once more: a mark that was just read is true only behind what was put before it.
        self._take(parts)
        for account in [account for account in parts if account.waiting]:
            # Only when all that came before that moment is in this group or an earlier one, is it true on the disk.
            self._put_off(account, parts[account].group)
        written = {account: part for account, part in parts.items() if not part.is_empty}
        cursors = [self._cursors.popleft() for _ in range(min(MARKS_MAX, len(self._cursors)))]
        if written or cursors:
            self._safely(lambda: self._write(list(written.values()), cursors))
        now_s = self._now_s()
        for account, part in written.items():
            account.marks.written(part.group, now_s)
        ended = self._ended()
        if written or ended or cursors:
            committed = [(account, _committed(part)) for account, part in written.items()]
            self._report(GroupCommitted(committed, ended, len(cursors)))
        self._note_reached(final=final)
        return bool(written or ended or cursors or self._ready)

    def _gather(self, *, final: bool) -> bool:
        """Wait until it is time for the next group; return whether there is anything for it."""
        if self._ready or self._due:
            return True
        if not (self._inbox or self._cursors) and not (self._marked and (final or self._now_s() >= self._marks_at_s)):
            return False
        wait_s = self._group_at_s + GATHER_S - self._now_s()
        if wait_s > 0 and not self.is_stopping:
            self._give_up.wait(wait_s)
        return True

    def _marks_due(self, now_s: float, *, final: bool) -> dict[AccountWriter, AccountPart]:
        """
        Return the parts of the accounts with marks that are to be written now.

        To be called before the inbox is emptied: the end of coverage is true only of a group that has what was put before.
        """
        if final or now_s >= self._marks_at_s:
            self._marks_at_s = now_s + max(NOTE_EVERY_S, len(self._marked) / MARKS_PER_S)
            self._due.extend(self._marked)
            self._marked.clear()
        parts: dict[AccountWriter, AccountPart] = {}
        while self._due and len(parts) < MARKS_MAX:
            account = self._due.popleft()
            account.is_marked = False  # Before it is looked at: what is marked meanwhile is told again.
            assert account.end is not None
            if account not in parts and not account.is_given_up:
                parts[account] = AccountPart(account.end, account.marks.due(now_s, final=True))
        return parts

    def _sort(self) -> None:
        """Empty the inbox: entries wait with their account, and accounts with marks until these are due."""
        inbox = self._inbox
        while inbox:
            account, entries = inbox.popleft()
            if entries is not None:
                if account.waiting is None:
                    account.waiting = deque(entries)
                    self._ready.append(account)
                else:
                    account.waiting.extend(entries)
            elif account.is_closing:
                self._due.append(account)
                self._closing[account] = None
            elif account.marks.is_urgent:
                self._due.append(account)
            else:
                self._marked.append(account)

    def _take(self, parts: dict[AccountWriter, AccountPart]) -> None:
        """Give the accounts that wait their turns, until the group is full."""
        room, ready = GROUP_ROWS_MAX, self._ready
        while room and ready:
            account = ready.popleft()
            waiting = account.waiting
            assert waiting is not None
            assert account.end is not None
            if account.is_given_up:
                account.waiting = None
                continue
            part = parts.get(account)
            if part is None:
                part = parts[account] = AccountPart(account.end)
            count = min(TURN_ENTRIES, room, len(waiting))
            part.entries.extend([waiting.popleft() for _ in range(count)])
            room -= count
            if waiting:
                ready.append(account)
            else:
                account.waiting = None

    def _put_off(self, account: AccountWriter, group: Group) -> None:
        """Leave an account's end of coverage to a later group."""
        if group.covered_ms is None:
            return
        group.covered_ms = group.watermark = None
        account.is_marked = True
        (self._due if account.is_closing else self._marked).append(account)

    def _write(self, parts: list[AccountPart], cursors: list[Cursor]) -> None:
        """
        Number the entries and commit them.

        Fills that come twice are rare, so the index is asked by writing; only where it says no are they looked up, and
        only their accounts are numbered again.
        """
        known = self._known([part for part in parts if part.end.has_pruned])
        for part in parts:
            part.number(known.get(part.end.account_no, set()))
        try:
            self._store.write(parts, cursors)
        except sqlite3.IntegrityError:
            known = self._known(parts)
            for part in parts:
                if part.end.account_no in known:
                    part.number(known[part.end.account_no])
            self._store.write(parts, cursors)

    def _known(self, parts: list[AccountPart]) -> dict[int, set[FillKey]]:
        """Return the fills among the entries of these parts that the file has, by the account's number."""
        keys = {(part.end.account_no, *key) for part in parts for key in part.fills()}
        known: dict[int, set[FillKey]] = {}
        for account_no, symbol, trade_id, order_id in self._store.known_fills(keys) if keys else ():
            known.setdefault(account_no, set()).add((symbol, trade_id, order_id))
        return known

    def _ended(self) -> list[AccountWriter]:
        """Take out the accounts that are closed and of which nothing waits."""
        ended = [
            account
            for account in self._closing
            if account.waiting is None and (account.is_given_up or account.marks.are_written)
        ]
        for account in ended:
            del self._closing[account]
        return ended

    def _note_reached(self, *, final: bool) -> None:
        """Write down how far the accounts have come, many times a second; it lets go of Python's lock."""
        now_s = self._now_s()
        if not self._store.is_noted and (final or now_s >= self._reached_at_s):
            self._store.note_reached()
            self._reached_at_s = now_s + REACHED_EVERY_S

    def _rest_s(self) -> float:
        return NOTE_EVERY_S if self._store.is_noted else REACHED_EVERY_S

    def _prune(self) -> None:
        """Take away a portion of the rows that may go; the next one when new items have had their turn."""
        now_s = self._now_s()
        if self._pruner.is_due(now_s) and self._safely(lambda: self._pruner.take_some(now_s)):
            self.wake.set()


def _committed(part: AccountPart) -> Committed:
    numbered = part.numbered
    cursor = next(iter(part.group.cursors.values()), None)
    return Committed(
        numbered.items, part.end.last_seq, len(part.entries), part.raw_bytes(), numbered.duplicates, cursor,
        numbered.recovered,
    )  # fmt: skip
