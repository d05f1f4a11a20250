"""
Take away what a file of many accounts need not keep, a portion at a time, beside its writing.

Rows lie in the order in which they came. So the oldest of all accounts lie side by side, and a portion of them is a few pages
and one transaction, whosever they are. Of each account they are taken from its beginning on, without a hole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from listenkey.journal.shared.account_end import AccountEnd
from listenkey.journal.shared.accounts_store import AccountsStore
from listenkey.journal.sqlite.group import SIZES
from listenkey.journal.sqlite.hash_chain import fact_checksum
from listenkey.journal.sqlite.pruner import PRUNE_EVERY_S
from listenkey.journal.sqlite.retention import DAY_MS, Retention
from listenkey.journal.sqlite.row_shape import SEQ_MAX, is_whole_number

PORTION_ROWS: Final = SIZES[-1]
"""The rows that are looked at in one transaction: new items wait that long, a few milliseconds."""

REST_SHARE: Final = 20
"""A look at everything that is held back rests so many times as long as it took."""

_PORTION: Final = "SELECT id, account_no, seq, received_ms, chain FROM rows WHERE id > ? ORDER BY id LIMIT ?"
_NEWEST_EVENT: Final = "SELECT event_ms FROM rows WHERE typeof(event_ms) = 'integer' ORDER BY id DESC LIMIT 1"
_LAST_SEQ: Final = "SELECT max(seq) FROM rows WHERE account_no = ?"


class OpenAccount(Protocol):
    """An account that is open, as the pruner sees it."""

    @property
    def end_of_items(self) -> AccountEnd | None:
        """Its end; None while it is being opened."""

    @property
    def read_seq(self) -> int:
        """The item that its own reader got last."""


@dataclass(slots=True)
class _Pass:
    """One look at the rows, from the oldest to the first that is young."""

    began_s: float
    after_id: int = 0
    held: set[int] = field(default_factory=set)
    last_seqs: dict[int, int] = field(default_factory=dict)


class AccountsPruner:
    """
    Takes away the rows of a file that may go.

    Held back, with all that came after it in its account: what a named consumer, or the account's own reader, has not had
    yet; the newest item, which carries the chain on; and an account that is being opened.

    Args:
        store: Opened.
        retention: What may go, by its age.
        wall_ms: Epoch ms.
        open_account: Returns an account that is open, by its name.
    """

    def __init__(
        self,
        store: AccountsStore,
        retention: Retention,
        wall_ms: Callable[[], int],
        open_account: Callable[[str], OpenAccount | None],
    ) -> None:
        self._store = store
        self._retention = retention
        self._wall_ms = wall_ms
        self._open_account = open_account
        self._at_s = 0.0
        self._pass: _Pass | None = None

    def is_due(self, now_s: float) -> bool:
        """Return True where it is time to look for rows that may go."""
        return not self._retention.keeps_all and now_s >= self._at_s

    def take_some(self, now_s: float) -> bool:
        """Look at a portion, take away what may go, and return True; False at the end: then it rests for a while."""
        look = self._pass = self._pass or _Pass(now_s)
        connection = self._store.connection
        portion = connection.execute(_PORTION, (look.after_id, PORTION_ROWS)).fetchall()
        now_ms = self._believed_ms(connection)
        goes = self._going(connection, look, portion, now_ms)
        if goes:
            cut = {account_no: (seq, chain) for _, account_no, seq, chain in goes}
            self._store.prune([row[0] for row in goes], cut)
            self._move_on({account_no: seq for account_no, (seq, _) in cut.items()})
        if len(portion) < PORTION_ROWS or not self._retention.is_too_old(portion[-1][3], now_ms):
            self._pass = None
            self._at_s = now_s + max(PRUNE_EVERY_S, REST_SHARE * (now_s - look.began_s))
            return False
        look.after_id = portion[-1][0]
        return True

    def _believed_ms(self, connection: sqlite3.Connection) -> int:
        """Return the time that ages are counted from; see `retention.believed_ms`."""
        newest = connection.execute(_NEWEST_EVENT).fetchone()
        return self._wall_ms() if newest is None else min(self._wall_ms(), int(newest[0]) + DAY_MS)

    def _going(
        self,
        connection: sqlite3.Connection,
        look: _Pass,
        portion: Iterable[tuple[int, int, int, int, bytes]],
        now_ms: int,
    ) -> list[tuple[int, int, int, bytes]]:
        """Return those of a portion that may go, as id, account, number and chain."""
        wanted = self._held_for_readers(connection)
        goes = []
        for row_id, account_no, seq, received_ms, chain in portion:
            if account_no in look.held:
                continue
            if account_no not in look.last_seqs:
                (look.last_seqs[account_no],) = connection.execute(_LAST_SEQ, (account_no,)).fetchone()
            most = min(wanted.get(account_no, SEQ_MAX), look.last_seqs[account_no] - 1)
            if seq <= most and self._retention.is_too_old(received_ms, now_ms):
                goes.append((row_id, account_no, seq, chain))
            else:
                look.held.add(account_no)
        return goes

    def _held_for_readers(self, connection: sqlite3.Connection) -> dict[int, int]:
        """Return the newest item that may go of each account that has readers."""
        most: dict[int, int] = {}
        for account_no, name, seq, checksum in connection.execute("SELECT * FROM consumers"):
            is_whole = is_whole_number(seq, SEQ_MAX) and fact_checksum(name, seq) == checksum
            # Where the position is damaged nothing of that account goes: `journal verify` tells it.
            most[account_no] = min(most.get(account_no, SEQ_MAX), seq if is_whole else 0)
        for account, account_no in list(self._store.numbers.items()):
            if (opened := self._open_account(account)) is not None:
                read_seq = 0 if opened.end_of_items is None else opened.read_seq
                most[account_no] = min(most.get(account_no, SEQ_MAX), read_seq)
        return most

    def _move_on(self, cut: dict[int, int]) -> None:
        """Note the oldest items of the accounts that are open."""
        for account, account_no in list(self._store.numbers.items()):
            opened = self._open_account(account) if account_no in cut else None
            if opened is not None and (end := opened.end_of_items) is not None:
                end.first_seq, end.has_pruned = cut[account_no] + 1, True
