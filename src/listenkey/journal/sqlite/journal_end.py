"""The end of a journal, as an earlier process left it: where the next one goes on, and what it has to know."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from listenkey.core.gaps import NOT_RUNNING, Resumed
from listenkey.errors import Corrupt
from listenkey.journal.recovered import recovered_so_far
from listenkey.journal.sqlite import metadata, schema
from listenkey.journal.sqlite.hash_chain import BEGINNING, Row, follows, is_whole
from listenkey.journal.sqlite.live_orders import live_orders
from listenkey.journal.sqlite.row_shape import is_well_formed
from listenkey.outcomes import GapCause, Reason

TAIL_ROWS: Final = 1000
"""The rows at the end that are compared with their seals whenever a journal is opened."""

_TAIL: Final = f"SELECT {', '.join(schema.COLUMNS)} FROM items ORDER BY seq DESC LIMIT {TAIL_ROWS}"  # noqa: S608 - our own names

_OPEN_GAP: Final = (
    "SELECT min(from_ms) FROM items WHERE kind = 'gap_opened' AND typeof(from_ms) = 'integer' AND seq > "
    "(SELECT coalesce(max(seq), 0) FROM items WHERE kind = 'gap_closed')"
)
"""
A gap that turned out to have begun earlier is told twice, and closed once, from the earlier beginning. No other is open
beside it: an end of long ago that is missing (`journal verify` will tell) must not open that gap again.
"""

_TOLD: Final = "SELECT max(from_ms) FROM items WHERE kind IN ('live', 'gap_opened') AND typeof(from_ms) = 'integer'"
"""The newest time since which, or until which, the stream was reported as whole."""

_BEGAN: Final = "SELECT min(from_ms) FROM items WHERE kind = 'live' AND typeof(from_ms) = 'integer'"
"""The time since which the stream was first reported as whole; of a journal that has its beginning."""

_LEAD: Final = (
    "SELECT min(received_ms - event_ms) FROM (SELECT received_ms, event_ms FROM items "
    "WHERE provenance = 'ws' AND typeof(event_ms) = 'integer' AND typeof(received_ms) = 'integer' "
    "ORDER BY seq DESC LIMIT 8)"
)
"""The shortest delay among the newest events, by two clocks: one longer than possible shows that ours was ahead."""

_FILLS: Final = (
    f"SELECT symbol, trade_id, order_id, {schema.word('trade_time_ms')} FROM items "  # noqa: S608 - our own names
    "WHERE trade_id IS NOT NULL ORDER BY seq DESC LIMIT 4096"
)
"""The fills that the next process need not ask for again where its requests overlap. The index knows them all."""

RECORD_ITEMS_MAX: Final = 16_384
_RECORDS: Final = (
    "SELECT type, CAST(json_extract(event, '$.record_id') AS TEXT) FROM items "
    "WHERE seq > ? AND provenance = 'rest' AND type IN ('exerciseRecord', 'bill') AND json_valid(event)"
)
"""Records that REST would show the next process again, as no index knows them: so many items are looked at."""


def newest_rows(connection: sqlite3.Connection, path: Path | str) -> list[Row]:
    """
    Return the newest rows, oldest first, compared with their seals.

    Raises:
        Corrupt: One was changed.
    """
    rows: list[Row] = connection.execute(_TAIL).fetchall()[::-1]
    before: bytes | None = None
    for row in rows:
        if not ((is_whole(row) if before is None else follows(row, before)) and is_well_formed(row)):
            raise Corrupt(f"item {row[0]} of the journal {path} was changed; see `listenkey journal verify`")
        before = row[-1]
    return rows


class JournalEnd:
    """
    Reads the end of a journal.

    Args:
        connection: To the journal.
        path: Its file, or more words for it; for errors.
        reached: The last number that was ever given, as far as is known beside the journal.
        noted_ms: Until when the stream was whole, as far as is known beside the journal; 0 where nothing is.

    Attributes:
        account: Whose journal it is; None where it does not say.
        last_seq: The newest item.
        chain: Its chain.
        recovered: What was recovered in the gap that is open there.
        skip: Items that were lost at the end.
        has_pruned: Whether there are fills that the index on items doesn't know.
        covered_ms: Until when the stream is known to have been whole; 0 where it has never been live.

    Raises:
        Corrupt: It is damaged.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path | str, reached: int, noted_ms: int) -> None:
        self._connection = connection
        self._known = known = metadata.facts(connection)
        self.account: str | None = known.get(metadata.ACCOUNT)
        rows = newest_rows(connection, path)
        anchor_seq, anchor_chain = known.get(metadata.ANCHOR_SEQ, 0), known.get(metadata.ANCHOR_CHAIN, BEGINNING)
        assert isinstance(anchor_seq, int)
        assert isinstance(anchor_chain, bytes)
        (self.has_pruned,) = map(bool, connection.execute("SELECT EXISTS (SELECT 1 FROM pruned_fills)").fetchone())
        self.last_seq: int = rows[-1][0] if rows else anchor_seq
        self.chain: bytes = rows[-1][-1] if rows else anchor_chain
        self.recovered = recovered_so_far(connection)
        # A number is never used twice: whoever has read the lost items would take the new ones for the old.
        self.skip = max(0, reached - self.last_seq)
        self.covered_ms = self._covered_until(noted_ms)

    def _covered_until(self, noted_ms: int) -> int:
        covered_ms = self._known.get(metadata.COVERED_MS)
        if isinstance(covered_ms, int):
            return covered_ms
        (told_ms,) = self._connection.execute(_TOLD).fetchone()  # It ended before that was noted for the first time.
        # Or that was lost with everything else: the journal was taken away, or a copy from before was put back.
        return int(told_ms) if told_ms is not None else noted_ms if self.skip else 0

    def left(self) -> Resumed:
        """Return the state that an earlier process left to the next one."""
        if not self.covered_ms:
            return Resumed()
        connection = self._connection
        (open_from_ms,) = connection.execute(_OPEN_GAP).fetchone()
        reason = NOT_RUNNING
        if self.skip:
            text = f"the journal had lost its last {self.skip} items, and {NOT_RUNNING.text}"
            reason = Reason(GapCause.JOURNAL_LOST, text)
        fills = connection.execute(_FILLS).fetchall()
        (began_ms,) = connection.execute(_BEGAN).fetchone() if not self._known.get(metadata.ANCHOR_SEQ) else (None,)
        (lead_ms,) = connection.execute(_LEAD).fetchone()
        records = connection.execute(_RECORDS, (self.last_seq - RECORD_ITEMS_MAX,)).fetchall()
        return Resumed(
            self.covered_ms,
            open_from_ms,
            reason,
            tuple(fills),
            tuple(records),
            live_orders(connection, self.last_seq),
            began_ms=began_ms or 0,
            watermark=metadata.watermark(self._known),
            lead_ms=lead_ms,
        )
