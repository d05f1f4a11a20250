"""The writing thread as one account sees it: entries and marks go in here, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

from listenkey.core.gaps import Watermark
from listenkey.journal.shared.account_end import AccountEnd
from listenkey.journal.sqlite.marks import Marks
from listenkey.journal.sqlite.numbering import Entry
from listenkey.journal.sqlite.writer import Committed


class Inbox(Protocol):
    """The writing thread, as it is seen from all accounts."""

    def put(self, account: AccountWriter, entries: Sequence[Entry] | None, *, urgent: bool) -> None:
        """Hand over entries; None where there is something else to look at. Never waits."""


class AccountOwner(Protocol):
    """The one who is told what became of an account's entries; in the event loop."""

    def written(self, report: Committed) -> None:
        """Some are on the disk."""

    def let_go(self, error: BaseException | None) -> None:
        """Nothing more is written."""


Message: TypeAlias = "tuple[AccountWriter, Sequence[Entry] | None]"


class AccountWriter:
    """
    Takes one account's entries and marks.

    Args:
        inbox: The writing thread.
        owner: Is told what became of them.
        consumer: Whose cursor `done` moves, or None.

    Attributes:
        end: The account's end; known when the account is open.
        marks: What is noted beside the items.
        waiting: The entries that the thread has taken over and not written yet. The thread's own.
        is_marked: Whether the thread was told of marks. Set in the loop, taken back in the thread before it looks.
        is_closing: Whether nothing is put any more.
        is_given_up: Whether what waits is dropped.
    """

    __slots__ = ("_inbox", "end", "is_closing", "is_given_up", "is_marked", "marks", "owner", "waiting")

    def __init__(self, inbox: Inbox, owner: AccountOwner, consumer: str | None) -> None:
        self._inbox = inbox
        self.owner = owner
        self.end: AccountEnd | None = None
        self.marks = Marks(consumer)
        self.waiting: deque[Entry] | None = None
        self.is_marked = False
        self.is_closing = False
        self.is_given_up = False

    def put(self, entry: Entry) -> None:
        """Add to what waits. Never waits itself."""
        self._inbox.put(self, (entry,), urgent=True)

    def put_all(self, entries: Iterable[Entry]) -> None:
        """Add several."""
        self._inbox.put(self, tuple(entries), urgent=True)

    def heard(self, wall_ms: int, watermark: Watermark | None = None) -> None:
        """The stream was whole at this moment, and all that it brought until then was put."""
        self.marks.heard(wall_ms, watermark)
        self._look(urgent=False)

    def done(self, seq: int, *, urgent: bool) -> None:
        """Note that the reader is done up to `seq`; `urgent` where a caller waits for it to be durable."""
        self.marks.done(seq, urgent=urgent)
        self._look(urgent=urgent)

    def close(self) -> None:
        """Write what waits, and let go."""
        self.is_closing = True
        self._inbox.put(self, None, urgent=True)

    def give_up(self) -> None:
        """Let go as soon as nothing of it is being written; from any thread."""
        self.is_given_up = True
        self.close()

    def _look(self, *, urgent: bool) -> None:
        if urgent or not self.is_marked:
            self.is_marked = True
            self._inbox.put(self, None, urgent=urgent)
