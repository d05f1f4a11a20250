"""
The tables and views of a journal, as SQLite is told and as docs/reference/journal.md tells people.

One row of `items` is one item. Nothing is ever changed in it: rows are added at the end, and retention takes whole
rows away at the beginning. The views are for people; nothing of ours reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

APPLICATION_ID: Final = 0x6C6B6A31
"""`lkj1`: what `file` and others see in the header, so that a journal is told from any other database."""

VERSION: Final = 1
"""The version of the schema. A journal of a newer one is refused; an older one would be upgraded here."""

COLUMNS: Final = (
    "seq", "kind", "account", "received_ms",
    "type", "provenance", "late", "event_ms", "symbol", "order_id", "trade_id", "event", "raw",
    "from_ms", "to_ms", "why", "recovered", "unrecoverable",
    "skipped", "crc32", "chain",
)  # fmt: skip

TABLES: Final = {
    "items": """CREATE TABLE items(
  seq INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  account TEXT NOT NULL,
  received_ms INTEGER NOT NULL,
  type TEXT,
  provenance TEXT,
  late INTEGER,
  event_ms INTEGER,
  symbol TEXT,
  order_id INTEGER,
  trade_id INTEGER,
  event TEXT,
  raw TEXT,
  from_ms INTEGER,
  to_ms INTEGER,
  why TEXT,
  recovered INTEGER,
  unrecoverable TEXT,
  skipped INTEGER,
  crc32 INTEGER NOT NULL,
  chain BLOB NOT NULL
)""",
    # A fill is its symbol, trade id and order id, for as long as the journal lives: this index is what keeps it from being
    # written twice. The order first, because orders are young when they are filled: so new entries lie side by side, and
    # a group of a hundred symbols writes a few pages of the index and not a hundred.
    "items_fill": "CREATE UNIQUE INDEX items_fill ON items(order_id, trade_id, symbol) WHERE trade_id IS NOT NULL",
    "items_told": "CREATE INDEX items_told ON items(kind, from_ms) WHERE kind <> 'update'",
    # The fills that the index does not know, and that may come again: those that retention took away.
    "pruned_fills": (
        "CREATE TABLE pruned_fills(symbol TEXT NOT NULL, trade_id INTEGER NOT NULL, order_id INTEGER NOT NULL, "
        "PRIMARY KEY(symbol, trade_id, order_id)) WITHOUT ROWID"
    ),
    "meta": "CREATE TABLE meta(name TEXT PRIMARY KEY, value, crc32 INTEGER NOT NULL) WITHOUT ROWID",
    "consumers": (
        "CREATE TABLE consumers(name TEXT PRIMARY KEY, seq INTEGER NOT NULL, crc32 INTEGER NOT NULL) WITHOUT ROWID"
    ),
}

_FILL_WORDS: Final = (
    "side", "last_quantity", "last_price", "filled_quantity", "quantity", "price", "average_price", "status",
    "commission", "commission_asset", "realized_profit", "maker", "trade_time_ms", "client_order_id",
)  # fmt: skip
_ORDER_WORDS: Final = (
    "side", "status", "quantity", "filled_quantity", "price", "average_price", "order_type", "time_in_force",
    "reduce_only", "client_order_id", "transaction_ms",
)  # fmt: skip

_LETTERS: Final = {
    "side": "o.S", "last_quantity": "o.l", "last_price": "o.L", "filled_quantity": "o.z", "quantity": "o.q",
    "price": "o.p", "average_price": "o.ap", "status": "o.X", "commission": "o.n", "commission_asset": "o.N",
    "realized_profit": "o.rp", "maker": "o.m", "trade_time_ms": "o.T", "client_order_id": "o.c", "order_type": "o.o",
    "time_in_force": "o.f", "reduce_only": "o.R", "transaction_ms": "T",
}  # fmt: skip
"""The paths of these fields in the venue's own message, for rows that have no fields of ours."""


def word(name: str) -> str:
    """Return the SQL expression for one field of an order's event."""
    ours, theirs = f"json_extract(event, '$.{name}')", f"json_extract(raw, '$.{_LETTERS[name]}')"
    return f"CASE WHEN event IS NULL THEN {theirs} ELSE {ours} END"


def _words(names: tuple[str, ...]) -> str:
    return ",\n  ".join(f"{word(name)} AS {name}" for name in names)


_RECOVERED_OF_GAP: Final = """,
  json_extract(c.event, '$.recovered_fills') AS recovered_fills,
  json_extract(c.event, '$.recovered_orders') AS recovered_orders,
  json_extract(c.event, '$.fills_complete') AS fills_complete"""
_CAUSE_AND_LOST_OF_GAP: Final = """,
  json_extract(o.event, '$.cause') AS cause,
  json_extract(c.event, '$.lost') AS lost"""

VIEWS: Final = {
    "fills": f"""CREATE VIEW fills AS SELECT
  seq, account, received_ms, event_ms, symbol, trade_id, order_id,
  {_words(_FILL_WORDS)},
  provenance, late
FROM items WHERE trade_id IS NOT NULL""",  # noqa: S608 - our own names
    "orders": f"""CREATE VIEW orders AS SELECT
  max(seq) AS seq, account, received_ms, event_ms, symbol, order_id,
  {_words(_ORDER_WORDS)}
FROM items WHERE order_id IS NOT NULL GROUP BY symbol, order_id""",  # noqa: S608
    "gaps": f"""CREATE VIEW gaps AS SELECT
  o.seq AS opened_seq, c.seq AS closed_seq, o.account, o.from_ms, c.to_ms, o.why, c.recovered, c.unrecoverable{_RECOVERED_OF_GAP}{_CAUSE_AND_LOST_OF_GAP}
FROM items AS o LEFT JOIN items AS c ON c.seq =
  coalesce((SELECT min(seq) FROM items WHERE kind = 'gap_closed' AND from_ms = o.from_ms AND seq > o.seq),
           (SELECT min(seq) FROM items WHERE kind = 'gap_closed' AND from_ms < o.from_ms AND seq > o.seq))
WHERE o.kind = 'gap_opened'""",  # noqa: S608 - our own names
    # Positions come as they are after a change. What an exercise or an expiry ended is zero, also where only REST says so.
    "positions": """CREATE VIEW positions AS SELECT
  max(seq) AS seq, account, received_ms, event_ms, symbol, quantity, value, average_entry_price
FROM (
  SELECT i.seq, i.account, i.received_ms, i.event_ms,
    json_extract(p.value, CASE WHEN i.event IS NULL THEN '$.s' ELSE '$.symbol' END) AS symbol,
    json_extract(p.value, CASE WHEN i.event IS NULL THEN '$.c' ELSE '$.quantity' END) AS quantity,
    json_extract(p.value, CASE WHEN i.event IS NULL THEN '$.p' ELSE '$.value' END) AS value,
    json_extract(p.value, CASE WHEN i.event IS NULL THEN '$.a' ELSE '$.average_entry_price' END) AS average_entry_price
  FROM items AS i, json_each(coalesce(i.event, i.raw), CASE WHEN i.event IS NULL THEN '$.P' ELSE '$.positions' END) AS p
  WHERE i.type = 'BALANCE_POSITION_UPDATE' AND i.kind = 'update'
  UNION ALL
  SELECT seq, account, received_ms, event_ms, json_extract(event, '$.symbol'), '0', '0', '0'
  FROM items WHERE type = 'exerciseRecord' AND kind = 'update' AND event IS NOT NULL
) GROUP BY symbol""",
    "exercises": """CREATE VIEW exercises AS SELECT
  seq, account, received_ms, event_ms, json_extract(event, '$.symbol') AS symbol, json_extract(event, '$.side') AS side,
  json_extract(event, '$.quantity') AS quantity, json_extract(event, '$.exercise_price') AS exercise_price,
  json_extract(event, '$.amount') AS amount, json_extract(event, '$.fee') AS fee, json_extract(event, '$.asset') AS asset,
  json_extract(event, '$.exercised_ms') AS exercised_ms, json_extract(event, '$.record_id') AS record_id
FROM items WHERE type = 'exerciseRecord' AND kind = 'update' AND event IS NOT NULL""",
}


def _packed(names: tuple[str, ...]) -> str:
    ours, theirs = (", ".join(f"'$.{place}'" for place in places) for places in (names, map(_LETTERS.get, names)))
    return f"CASE WHEN event IS NULL THEN json_extract(raw, {theirs}) ELSE json_extract(event, {ours}) END AS words"


PACKED: Final = {
    "fills": f"""SELECT seq, account, received_ms, event_ms, symbol, trade_id, order_id,
  {_packed(_FILL_WORDS)},
  provenance, late
FROM items WHERE trade_id IS NOT NULL ORDER BY seq""",  # noqa: S608
    "orders": f"""SELECT max(seq) AS seq, account, received_ms, event_ms, symbol, order_id,
  {_packed(_ORDER_WORDS)}
FROM items WHERE order_id IS NOT NULL GROUP BY symbol, order_id ORDER BY seq""",  # noqa: S608
}
"""The columns of two views for readers of all of it: the fields of a row as one JSON array, in half the time."""

FORMER_TABLES: Final[dict[str, frozenset[str]]] = {
    "items_fill": frozenset({TABLES["items_fill"].replace("order_id, trade_id, symbol", "symbol, trade_id, order_id")}),
}
"""The definitions of these in earlier releases, which stay as they are: they hold the same."""

FORMER_VIEWS: Final[dict[str, frozenset[str | None]]] = {
    "positions": frozenset({None}),
    "exercises": frozenset({None}),
    "orders": frozenset({VIEWS["orders"].replace(" GROUP BY symbol, order_id", " GROUP BY order_id")}),
    "gaps": frozenset(
        {
            VIEWS["gaps"].replace(_CAUSE_AND_LOST_OF_GAP, ""),
            VIEWS["gaps"].replace(_RECOVERED_OF_GAP, "").replace(_CAUSE_AND_LOST_OF_GAP, ""),
        }
    ),
}
"""
The definitions of these views in earlier releases; None where they had no such view. Opening a journal for writing
makes them as they are here.
"""

SQL: Final = TABLES | VIEWS
"""Name to statement; SQLite keeps the text as it is here, and `verify` compares."""


@dataclass(frozen=True, slots=True)
class Schema:
    """
    The definitions of one kind of file, and what is said of it.

    Attributes:
        application_id: The number in the header by which the kind is known.
        version: Of the schema.
        tables, views: Name to statement.
        former_tables, former_views: The same of earlier releases.
        newest: The question for the number of the newest row that was written; 0 where there is none.
        others: What to say of a file of another kind of ours, by its number.
    """

    application_id: int
    version: int
    tables: Mapping[str, str]
    views: Mapping[str, str]
    former_tables: Mapping[str, frozenset[str]]
    former_views: Mapping[str, frozenset[str | None]]
    newest: str
    others: Mapping[int, str]

    @property
    def sql(self) -> dict[str, str]:
        """Name to statement."""
        return {**self.tables, **self.views}


SHARED_APPLICATION_ID: Final = 0x6C6B6D31
"""`lkm1`: a file with the journals of many accounts; see `journal/shared/`."""

ONE_ACCOUNT: Final = Schema(
    APPLICATION_ID,
    VERSION,
    TABLES,
    VIEWS,
    FORMER_TABLES,
    FORMER_VIEWS,
    "SELECT coalesce(max(seq), 0) FROM items",
    {
        SHARED_APPLICATION_ID: "holds the journals of many accounts; give its folder, and name an account with account='...'"
    },
)
"""The journal of one account."""


def selection(view: str) -> str:
    """
    Return the question that a view of ours asks.

    The view in a file may be another one: of an earlier release, or of somebody who wants us to wait for ever.
    """
    return VIEWS[view].partition(" AS ")[2]
