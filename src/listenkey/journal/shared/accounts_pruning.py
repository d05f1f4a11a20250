"""Prune by hand a file of many accounts that is not being written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from listenkey.journal.shared.accounts_pruner import AccountsPruner
from listenkey.journal.shared.accounts_store import AccountsStore
from listenkey.journal.sqlite.database import told_as_ours
from listenkey.journal.sqlite.retention import Retention

_COUNT: Final = "SELECT count(*) FROM rows"
_OLDEST: Final = "SELECT account_no, min(seq), received_ms FROM rows GROUP BY account_no HAVING count(*) > 1"
"""With `min`, SQLite takes the other columns from the row that has the minimum. The newest item stays in any case."""

_CONSUMERS: Final = "SELECT account_no, min(seq) FROM consumers GROUP BY account_no"


@dataclass(frozen=True, slots=True)
class AccountsPruned:
    """
    The result of taking old items of many accounts away.

    Attributes:
        items: How many items.
        left: How many are left.
        held_back: The accounts of which older items stay, since a consumer has not committed them.
    """

    items: int
    left: int
    held_back: tuple[str, ...]


def prune_accounts(
    path: Path, retention: Retention, now_ms: int, progress: Callable[[int, int], None]
) -> AccountsPruned:
    """
    Take away items of all accounts that are too old, but none that a named consumer has not had.

    Args:
        path: The file, which is there. Nobody may write to it meanwhile.
        retention: What may go.
        now_ms: Wall clock, epoch ms.
        progress: Called with how many items are gone, and how many there were.

    Raises:
        Fenced: A gateway writes to it: let its `keep_days` do it.
        Corrupt, JournalError: It can't be read or written.
    """
    store = AccountsStore(path)
    store.open()
    try:
        with told_as_ours(path):
            (before,) = store.connection.execute(_COUNT).fetchone()
            pruner = AccountsPruner(store, retention, lambda: now_ms, lambda _: None)
            while pruner.take_some(0.0):
                progress(before - store.connection.execute(_COUNT).fetchone()[0], before)
            (left,) = store.connection.execute(_COUNT).fetchone()
            return AccountsPruned(before - left, left, _held_back(store, retention, now_ms))
    finally:
        store.close()


def _held_back(store: AccountsStore, retention: Retention, now_ms: int) -> tuple[str, ...]:
    """Return the accounts whose oldest item could go, if a consumer had had it."""
    behind = dict(store.connection.execute(_CONSUMERS))
    held = {
        account_no
        for account_no, seq, received_ms in store.connection.execute(_OLDEST)
        if behind.get(account_no, seq) < seq and retention.is_too_old(received_ms, now_ms)
    }
    return tuple(sorted(name for name, account_no in store.numbers.items() if account_no in held))
