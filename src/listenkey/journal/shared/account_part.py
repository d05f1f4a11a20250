"""The part of a group that belongs to one account, and the statements that write a group of many."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import msgspec

from listenkey.journal.shared.account_end import AccountEnd
from listenkey.journal.shared.accounts_schema import ROW_COLUMNS
from listenkey.journal.sqlite import metadata
from listenkey.journal.sqlite.group import ALIKE_ROWS, OWN, SIZES, FillKey, Group, alike, filled, own
from listenkey.journal.sqlite.hash_chain import Row, fact_checksum
from listenkey.journal.sqlite.numbering import Entry, EventEntry, Numbered, number_entries
from listenkey.journal.sqlite.row_codec import fill_keys

Cursor: TypeAlias = tuple[int, str, int]
"""The position of a consumer: the account's number, the consumer's name, the item that it is done with."""

AccountFill: TypeAlias = tuple[int, str, int, int]
"""A fill of an account: the account's number, and the symbol, trade id and order id."""


def _rows(columns: int, size: int) -> str:
    return ",".join(["(" + ",".join("?" * columns) + ")"] * size)


_INSERT: Final = {
    size: f"INSERT INTO rows({', '.join(ROW_COLUMNS)}) "  # noqa: S608 - places only
    f"SELECT * FROM (VALUES {_rows(len(ROW_COLUMNS), size)}) WHERE column1 IS NOT NULL"
    for size in SIZES
}
_INSERT_ALIKE: Final = {
    size: f"INSERT INTO rows(account_no, {', '.join(OWN)}, kind, provenance, late) SELECT *, 'update', 'ws', 0 "  # noqa: S608 - our own names
    f"FROM (VALUES {_rows(1 + len(OWN), size)}) WHERE column1 IS NOT NULL"
    for size in SIZES
}
_SET_FACTS: Final = {
    size: f"INSERT OR REPLACE INTO main.meta SELECT * FROM (VALUES {_rows(4, size)}) WHERE column1 IS NOT NULL"  # noqa: S608
    for size in SIZES
}
_SET_CURSORS: Final = {
    size: f"INSERT INTO main.consumers SELECT * FROM (VALUES {_rows(4, size)}) WHERE column1 IS NOT NULL "  # noqa: S608
    "ON CONFLICT DO UPDATE SET seq = excluded.seq, crc32 = excluded.crc32 WHERE excluded.seq > seq"
    for size in SIZES
}
"""A cursor never goes back: of two that are told out of order, the one that came further counts."""

_KNOWN: Final = {
    size: f"WITH asked(a, s, t, o) AS (VALUES {_rows(4, size)}) SELECT a, s, t, o FROM asked WHERE EXISTS "  # noqa: S608
    "(SELECT 1 FROM rows WHERE order_id = o AND trade_id = t AND symbol = s AND account_no = a AND id <= ?) "
    "OR EXISTS (SELECT 1 FROM main.pruned_fills WHERE account_no = a AND symbol = s AND trade_id = t AND order_id = o)"
    for size in SIZES
}
_ENROL: Final = (
    "INSERT INTO accounts SELECT * FROM (VALUES (?, ?, ?)) AS new "
    "WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE (account_no, name) = (new.column1, new.column2))"
)
"""A commit that failed may have reached the file all the same: then the account is there."""

_encode: Final = msgspec.json.Encoder().encode


@dataclass(slots=True)
class AccountPart:
    """
    The share of one account in a group.

    Attributes:
        end: The account's end, from which the entries are numbered.
        group: Its marks, and its rows when they are numbered.
        entries: What waited, in order.
        numbered: The items of the entries.
    """

    end: AccountEnd
    group: Group = field(default_factory=Group)
    entries: list[Entry] = field(default_factory=list)
    numbered: Numbered = field(default_factory=Numbered)

    @property
    def is_empty(self) -> bool:
        """True where there is nothing to write."""
        return not (self.entries or self.group.cursors) and self.group.covered_ms is None

    def number(self, known: set[FillKey]) -> None:
        """Number the entries; fills that are known get none."""
        if self.entries:
            self.numbered = number_entries(self.entries, self.end, self.group, known)

    def fills(self) -> list[FillKey]:
        """Return the fills among the entries."""
        return [key for entry in self.entries if isinstance(entry, EventEntry) for key in fill_keys(entry.event)]

    def raw_bytes(self) -> int:
        """Return the bytes of the entries' JSON."""
        return sum(len(entry.raw) for entry in self.entries if isinstance(entry, EventEntry))

    def written(self) -> None:
        """Move the account's end on: the group is on the disk."""
        end, group = self.end, self.group
        end.is_new = False
        if group.rows:
            end.last_seq, end.chain, end.skip = group.rows[-1][0], group.rows[-1][-1], 0
        if group.recovered is not None:
            end.recovered = group.recovered
        if group.covered_ms is not None:
            end.covered_ms = group.covered_ms


def insertion(parts: Iterable[AccountPart]) -> tuple[str, list[object]] | None:
    """The statement that adds all rows of these parts, and its values; None where there are none."""
    rows = [(part.end.account_no, row) for part in parts for row in part.group.rows]
    if not rows:
        return None
    size = SIZES[(len(rows) - 1).bit_length()]
    if {alike(row) for _, row in rows} == ALIKE_ROWS:
        return _INSERT_ALIKE[size], filled(((no, *own(row)) for no, row in rows), size * (1 + len(OWN)))
    return _INSERT[size], filled(((no, *_kept(row)) for no, row in rows), size * len(ROW_COLUMNS))


def _kept(row: Row) -> Row:
    """Return the columns of an item without its account, which the number stands for."""
    return (*row[:2], *row[3:])


def write_parts(
    connection: sqlite3.Connection, parts: Sequence[AccountPart], cursors: Sequence[Cursor] = ()
) -> int | None:
    """
    Write all of it, within the transaction that is open; return the id of the newest row, None without rows.

    Args:
        connection: Of the file.
        parts: Of the accounts.
        cursors: Of consumers that commit beside a journal's own reader.
    """
    new = [
        (part.end.account_no, part.end.account, fact_checksum(metadata.ACCOUNT, part.end.account))
        for part in parts
        if part.end.is_new
    ]
    if new:
        connection.executemany(_ENROL, new)
    newest = None
    if (adding := insertion(parts)) is not None:
        newest = connection.execute(*adding).lastrowid
    _set(connection, _SET_FACTS, [fact for part in parts for fact in _coverage(part)])
    readers = ((part.end.account_no, name, seq) for part in parts for name, seq in part.group.cursors.items())
    _set(connection, _SET_CURSORS, [(*cursor, fact_checksum(*cursor[1:])) for cursor in (*readers, *cursors)])
    return newest


def _coverage(part: AccountPart) -> Iterable[tuple[int, str, object, int]]:
    """The facts that say until when an account's stream is whole."""
    covered_ms, by = part.group.covered_ms, part.group.watermark
    if covered_ms is None:
        return
    yield part.end.account_no, metadata.COVERED_MS, covered_ms, fact_checksum(metadata.COVERED_MS, covered_ms)
    if by is not None:
        text = _encode(by).decode()
        yield part.end.account_no, metadata.WATERMARK, text, fact_checksum(metadata.WATERMARK, text)


def _set(connection: sqlite3.Connection, statements: dict[int, str], values: Sequence[Sequence[object]]) -> None:
    """Write such values, as many at once as a statement takes."""
    most = SIZES[-1]
    for first in range(0, len(values), most):
        some = values[first : first + most]
        size = SIZES[(len(some) - 1).bit_length()]
        connection.execute(statements[size], filled(some, size * len(some[0])))


def prune_rows(connection: sqlite3.Connection, ids: Sequence[int], cut: Mapping[int, tuple[int, bytes]]) -> None:
    """
    Take rows away, within the transaction that is open; their fills stay known, and the chains checkable from there on.

    Args:
        connection: Of the file.
        ids: Of the rows.
        cut: The last of them of each account, by its number: the item's number and its chain.
    """
    most = SIZES[-1]
    for first in range(0, len(ids), most):
        places = ",".join("?" * len(some := ids[first : first + most]))
        connection.execute(
            "INSERT OR IGNORE INTO main.pruned_fills SELECT account_no, symbol, trade_id, order_id FROM rows "  # noqa: S608 - places only
            f"WHERE id IN ({places}) AND trade_id IS NOT NULL",
            some,
        )
        connection.execute(f"DELETE FROM rows WHERE id IN ({places})", some)  # noqa: S608 - places only
    anchors = (
        (account_no, name, value)
        for account_no, (seq, chain) in cut.items()
        for name, value in ((metadata.ANCHOR_SEQ, seq), (metadata.ANCHOR_CHAIN, chain))
    )
    _set(connection, _SET_FACTS, [(*fact, fact_checksum(*fact[1:])) for fact in anchors])


def known_fills(connection: sqlite3.Connection, keys: Collection[AccountFill], last_id: int) -> set[AccountFill]:
    """Return those of these fills that are in the rows up to `last_id`, or were until retention took them away."""
    known = set[AccountFill]()
    asked, most = list(keys), SIZES[-1]
    for first in range(0, len(asked), most):
        some = asked[first : first + most]
        size = SIZES[(len(some) - 1).bit_length()]
        known.update(connection.execute(_KNOWN[size], [*filled(some, size * 4), last_id]))
    return known
