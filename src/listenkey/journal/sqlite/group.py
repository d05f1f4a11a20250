"""A group of rows and marks that is committed together, and the statements that write it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Final, TypeAlias

from listenkey.core.gaps import Watermark
from listenkey.journal.recovered import RecoveredCount
from listenkey.journal.sqlite import metadata, schema
from listenkey.journal.sqlite.hash_chain import Row

GROUP_ROWS_MAX: Final = 512
"""Rows a commit. More make nothing faster and let each wait longer."""

SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""Rows that a statement is prepared for; a group takes the next larger one and leaves places empty.

One statement for all rows of a group, because Python gives its lock away at each statement and may wait 5 ms to get it back
while the event loop is busy.
"""

_PLACES: Final = "(" + ",".join("?" * len(schema.COLUMNS)) + ")"
_INSERT: Final = {
    size: f"INSERT INTO items SELECT * FROM (VALUES {','.join([_PLACES] * size)}) WHERE column1 IS NOT NULL"  # noqa: S608 - places only
    for size in SIZES
}
OWN: Final = ("seq", "received_ms", "type", "event_ms", "symbol", "order_id", "trade_id", "raw", "crc32", "chain")
"""The columns in which nearly every update differs; in the others such rows are alike."""

_ALIKE: Final = {"kind": "update", "provenance": "ws", "late": 0}
own: Final = itemgetter(*map(schema.COLUMNS.index, OWN))
alike: Final = itemgetter(*(index for index, name in enumerate(schema.COLUMNS) if name not in {*OWN, "account"}))
ALIKE_ROWS: Final = {alike([_ALIKE.get(name) for name in schema.COLUMNS])}
_OWN_PLACES: Final = "(" + ",".join("?" * len(OWN)) + ")"
_INSERT_ALIKE: Final = {
    size: f"INSERT INTO items({', '.join(OWN)}, kind, provenance, late, account) SELECT *, 'update', 'ws', 0, ? "  # noqa: S608 - our own names
    f"FROM (VALUES {','.join([_OWN_PLACES] * size)}) WHERE column1 IS NOT NULL"
    for size in SIZES
}
"""Half the places: giving SQLite its values is most of what a row costs under Python's lock."""

_KNOWN: Final = {
    size: f"WITH asked(s, t, o) AS (VALUES {','.join(['(?,?,?)'] * size)}) SELECT s, t, o FROM asked "  # noqa: S608 - places only
    "WHERE EXISTS (SELECT 1 FROM items WHERE symbol = s AND trade_id = t AND order_id = o AND seq <= ?) "
    "OR EXISTS (SELECT 1 FROM pruned_fills WHERE symbol = s AND trade_id = t AND order_id = o)"
    for size in SIZES
}
FillKey: TypeAlias = tuple[str, int, int]


@dataclass(slots=True)
class Group:
    """
    The rows and marks that are committed together.

    Attributes:
        recovered: What was recovered in the open gap, with the rows; None where that is not counted.
        covered_ms: Until when the stream is whole with them, wall clock.
        watermark: The same by more clocks.
    """

    rows: list[Row] = field(default_factory=list)
    recovered: RecoveredCount | None = None
    covered_ms: int | None = None
    watermark: Watermark | None = None
    cursors: dict[str, int] = field(default_factory=dict)

    def insertion(self, account: str) -> tuple[str, list[object]]:
        """The statement that adds the rows, and its values; there is at least one row."""
        size = SIZES[(len(self.rows) - 1).bit_length()]
        if set(map(alike, self.rows)) == ALIKE_ROWS:
            return _INSERT_ALIKE[size], [account, *filled(map(own, self.rows), size * len(OWN))]
        return _INSERT[size], filled(self.rows, size * len(schema.COLUMNS))

    def write(self, connection: sqlite3.Connection, account: str) -> None:
        """Write all of it, within the transaction that is open."""
        if self.rows:
            connection.execute(*self.insertion(account))
        if self.covered_ms is not None:
            metadata.set_coverage(connection, self.covered_ms, self.watermark)
        for name, seq in self.cursors.items():
            metadata.set_cursor(connection, name, seq)


def known_fills(connection: sqlite3.Connection, keys: Collection[FillKey], last_seq: int) -> set[FillKey]:
    """Return those of these fills that are in the journal up to `last_seq`, or were until retention took them away."""
    size = SIZES[(len(keys) - 1).bit_length()]
    return set(connection.execute(_KNOWN[size], [*filled(keys, size * 3), last_seq]))


def filled(rows: Iterable[Sequence[object]], count: int) -> list[object]:
    """Return so many values: those of the rows, one behind the other, and nothing for the rest."""
    values = list(chain.from_iterable(rows))
    values.extend([None] * (count - len(values)))
    return values
