"""Take away what a journal need not keep, a portion at a time, beside its writing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from listenkey.journal.sqlite.retention import Retention, believed_ms
from listenkey.journal.sqlite.store import Store

PRUNE_EVERY_S: Final = 30.0


class Pruner:
    """
    Takes away the items of a store that may go.

    Args:
        store: Opened.
        retention: What may go.
        wall_ms: Epoch ms.
        read_seq: Says how far the reader of this process has come; what it has not had is not taken away.
    """

    __slots__ = ("_at_s", "_read_seq", "_retention", "_store", "_wall_ms")

    def __init__(
        self, store: Store, retention: Retention, wall_ms: Callable[[], int], read_seq: Callable[[], int]
    ) -> None:
        self._store = store
        self._retention = retention
        self._wall_ms = wall_ms
        self._read_seq = read_seq
        self._at_s = 0.0

    def is_due(self, now_s: float) -> bool:
        """Return True where it is time to look for items that may go."""
        return not self._retention.keeps_all and now_s >= self._at_s

    def take_some(self, now_s: float) -> bool:
        """Take away a portion, and return True; False where nothing may go: then it looks again in a while."""
        connection = self._store.connection
        through = self._retention.cut(connection, believed_ms(connection, self._wall_ms()), self._read_seq())
        if through is None:
            self._at_s = now_s + PRUNE_EVERY_S
            return False
        self._store.prune(through)
        return True
