"""Choose what a journal may delete: whole items at its beginning, by age or by size, and none that is still wanted."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from listenkey.errors import UsageError
from listenkey.journal.sqlite.metadata import cursors

PRUNE_ROWS: Final = 1000
"""Taken away in one transaction: new items wait that long, a few milliseconds."""

DAY_MS: Final = 24 * 60 * 60 * 1000

DAYS_MAX: Final = 36_525
"""A hundred years. Longer, and infinity, are said by leaving the limit out."""


_NEWEST_EVENT: Final = "SELECT event_ms FROM items WHERE typeof(event_ms) = 'integer' ORDER BY seq DESC LIMIT 1"


def believed_ms(connection: sqlite3.Connection, now_ms: int) -> int:
    """
    Return the time that ages are counted from: now, but no more than a day after the newest event, by the venue's clock.

    For what is taken away unasked. Who prunes by hand means the clock on the wall.

    A machine's clock that is far ahead would make all that was read look old, and what is taken away does not come back.
    Of an account that is quiet for long, items stay a little longer.
    """
    newest = connection.execute(_NEWEST_EVENT).fetchone()
    return now_ms if newest is None else min(now_ms, int(newest[0]) + DAY_MS)


@dataclass(frozen=True, slots=True)
class Retention:
    """
    The limits on what a journal keeps. Without limits, everything.

    Args:
        keep_days: Items older than this may go.
        keep_bytes: The oldest items may go while the journal holds more than this. The file does not shrink; the room
            is used again.
    """

    keep_days: float | None = None
    keep_bytes: int | None = None

    def __post_init__(self) -> None:
        for limit in (self.keep_days, self.keep_bytes):
            if limit is not None and not limit > 0:
                raise UsageError("what a journal keeps must be more than nothing: keep_days and keep_bytes are above 0")
        if self.keep_days is not None and self.keep_days > DAYS_MAX:
            raise UsageError(f"keep_days is {DAYS_MAX:,} at most; leave it out to keep everything")

    @property
    def keeps_all(self) -> bool:
        """True where nothing is ever taken away."""
        return self.keep_days is None and self.keep_bytes is None

    def is_too_old(self, received_ms: int, now_ms: int) -> bool:
        """Return True where an item of this age may go for its age."""
        return self.keep_days is not None and received_ms < now_ms - int(self.keep_days * DAY_MS)

    def cut(self, connection: sqlite3.Connection, now_ms: int, read_seq: int) -> int | None:
        """
        The last item of the next portion to take away, or None where there is none.

        Held back: what a named consumer, or the reader of this process, has not had yet; and the newest item, which
        carries the chain on.

        Args:
            connection: Of the journal.
            now_ms: Wall clock, epoch ms.
            read_seq: How far this process's own reader has come.
        """
        first, last = connection.execute("SELECT min(seq), max(seq) FROM items").fetchone()
        if first is None:
            return None
        wanted = min([read_seq, last - 1, *cursors(connection).values()])
        through = max(self._too_old(connection, now_ms, first), self._too_much(connection, first))
        through = min(through, wanted, first + PRUNE_ROWS - 1)
        return through if through >= first else None

    def _too_old(self, connection: sqlite3.Connection, now_ms: int, first: int) -> int:
        """The last of the items at the beginning that are all too old; looks no further than one portion."""
        if self.keep_days is None:
            return first - 1
        (young,) = connection.execute(
            "SELECT min(seq) FROM items WHERE seq < ? AND received_ms >= ?",
            (first + PRUNE_ROWS, now_ms - int(self.keep_days * DAY_MS)),
        ).fetchone()
        return first + PRUNE_ROWS - 1 if young is None else int(young) - 1

    def _too_much(self, connection: sqlite3.Connection, first: int) -> int:
        if self.keep_bytes is None:
            return first - 1
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        return first + PRUNE_ROWS - 1 if (pages - free) * page_bytes > self.keep_bytes else first - 1
