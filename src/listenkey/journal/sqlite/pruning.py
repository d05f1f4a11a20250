"""Prune by hand a journal that is not being written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from listenkey.errors import UsageError
from listenkey.journal.files import is_there
from listenkey.journal.sqlite.database import told_as_ours
from listenkey.journal.sqlite.metadata import cursors
from listenkey.journal.sqlite.retention import Retention
from listenkey.journal.sqlite.store import Store


@dataclass(frozen=True, slots=True)
class Pruned:
    """
    The result of taking old items away.

    Attributes:
        items: How many items.
        left: How many are left.
        held_back_by: The consumer that keeps older items from going, or None.
    """

    items: int
    left: int
    held_back_by: str | None


def prune_journal(journal: Path, retention: Retention, now_ms: int, progress: Callable[[int, int], None]) -> Pruned:
    """
    Take away items that are too old, but none that a named consumer has not had.

    Args:
        journal: Nobody may write to it meanwhile.
        retention: What may go.
        now_ms: Wall clock, epoch ms.
        progress: Called with how many items are gone, and how many there were.

    Raises:
        UsageError: There is no journal.
        Fenced: Somebody writes to it: let `keep_days` of that stream do it.
        JournalError: It can't be written.
    """
    if not is_there(journal):
        raise UsageError(f"there is no journal at {journal}; give the path of one that a stream has written")
    store = Store(journal, "", account_is_named=False)
    store.open()
    try:
        with told_as_ours(journal):
            (before,) = store.connection.execute("SELECT count(*) FROM items").fetchone()
            gone = 0
            while (through := retention.cut(store.connection, now_ms, store.last_seq)) is not None:
                gone += store.connection.execute("SELECT count(*) FROM items WHERE seq <= ?", (through,)).fetchone()[0]
                store.prune(through)
                progress(gone, before)
            return Pruned(gone, before - gone, _holds_back(store, retention, now_ms))
    finally:
        store.close()


def _holds_back(store: Store, retention: Retention, now_ms: int) -> str | None:
    """The consumer that is furthest behind, if the first item left is one that it has not had and that could go."""
    (first_ms,) = store.connection.execute("SELECT received_ms FROM items ORDER BY seq LIMIT 1").fetchone() or (None,)
    behind = min(cursors(store.connection).items(), key=lambda one: one[1], default=None)
    if first_ms is None or behind is None or not retention.is_too_old(first_ms, now_ms):
        return None
    (first,) = store.connection.execute("SELECT min(seq) FROM items").fetchone()
    return behind[0] if behind[1] < first else None
