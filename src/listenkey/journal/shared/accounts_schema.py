"""
The tables of a file with the journals of many accounts, and the views through which one account's are read.

A row of `rows` is an item of one account, as in `journal/sqlite/schema.py`; the number of the account stands in the place of
its name. A connection that reads chooses an account and sees its `items`, `meta`, `consumers` and `pruned_fills` as if the
file were its journal alone, so that everything which reads a journal reads this one.
"""

from __future__ import annotations

from typing import Final

from listenkey.journal.sqlite import schema
from listenkey.journal.sqlite.schema import COLUMNS, SHARED_APPLICATION_ID, Schema
from listenkey.journal.url import ACCOUNTS_FILE

FILE_NAME: Final = ACCOUNTS_FILE
"""The name of the file in its folder."""

VERSION: Final = 1

KEPT: Final = tuple(name for name in COLUMNS if name not in {"seq", "account"})
"""The columns of an item that a row has besides the account's number and the item's."""

ROW_COLUMNS: Final = ("account_no", "seq", *KEPT)
"""The columns of `rows` without `id`, which SQLite counts."""

_NOT_NULL: Final = frozenset({"kind", "received_ms", "crc32", "chain"})
_INTEGERS: Final = frozenset(
    {"received_ms", "late", "event_ms", "order_id", "trade_id", "from_ms", "to_ms", "recovered", "skipped", "crc32"}
)


def _column(name: str) -> str:
    kind = "BLOB" if name == "chain" else "INTEGER" if name in _INTEGERS else "TEXT"
    return f"{name} {kind}{' NOT NULL' if name in _NOT_NULL else ''}"


_OWN_COLUMNS: Final = ",\n  ".join(_column(name) for name in KEPT)

TABLES: Final = {
    "accounts": "CREATE TABLE accounts(account_no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, crc32 INTEGER NOT NULL)",
    # Rows are added at the end, whoever they belong to: those of a group lie on few pages.
    "rows": f"""CREATE TABLE rows(
  id INTEGER PRIMARY KEY,
  account_no INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  {_OWN_COLUMNS}
)""",
    "rows_seq": "CREATE UNIQUE INDEX rows_seq ON rows(account_no, seq)",
    # The order first, as in the journal of one account: young fills lie side by side, and a group writes a few pages.
    "rows_fill": (
        "CREATE UNIQUE INDEX rows_fill ON rows(order_id, trade_id, symbol, account_no) WHERE trade_id IS NOT NULL"
    ),
    "rows_told": "CREATE INDEX rows_told ON rows(account_no, kind, from_ms) WHERE kind <> 'update'",
    "pruned_fills": (
        "CREATE TABLE pruned_fills(account_no INTEGER NOT NULL, symbol TEXT NOT NULL, trade_id INTEGER NOT NULL, "
        "order_id INTEGER NOT NULL, PRIMARY KEY(account_no, symbol, trade_id, order_id)) WITHOUT ROWID"
    ),
    "meta": (
        "CREATE TABLE meta(account_no INTEGER NOT NULL, name TEXT NOT NULL, value, crc32 INTEGER NOT NULL, "
        "PRIMARY KEY(account_no, name)) WITHOUT ROWID"
    ),
    "consumers": (
        "CREATE TABLE consumers(account_no INTEGER NOT NULL, name TEXT NOT NULL, seq INTEGER NOT NULL, "
        "crc32 INTEGER NOT NULL, PRIMARY KEY(account_no, name)) WITHOUT ROWID"
    ),
}


def _of_each_account(view: str, *changes: tuple[str, str]) -> str:
    """Return the text of a view of ours that keeps accounts apart."""
    text = schema.VIEWS[view]
    for before, after in changes:
        assert before in text, (view, before)
        text = text.replace(before, after)
    return text


_ITEM_COLUMNS: Final = ", ".join({"account": "a.name AS account"}.get(name, f"r.{name}") for name in COLUMNS)

VIEWS: Final = {
    "items": (
        f"CREATE VIEW items AS SELECT {_ITEM_COLUMNS} "  # noqa: S608 - our own names
        "FROM rows AS r JOIN accounts AS a ON a.account_no = r.account_no"
    ),
    "fills": schema.VIEWS["fills"],
    "orders": _of_each_account("orders", ("GROUP BY symbol", "GROUP BY account, symbol")),
    "positions": _of_each_account("positions", ("GROUP BY symbol", "GROUP BY account, symbol")),
    "exercises": schema.VIEWS["exercises"],
    "gaps": _of_each_account(
        "gaps",
        ("JOIN items AS c ON c.seq", "JOIN items AS c ON c.account = o.account AND c.seq"),
        ("WHERE kind = 'gap_closed'", "WHERE account = o.account AND kind = 'gap_closed'"),
    ),
}
"""For people, who open the file as it is: the items of all accounts, each with its account's name."""

SHARED: Final = Schema(
    SHARED_APPLICATION_ID,
    VERSION,
    TABLES,
    VIEWS,
    {},
    {},
    "SELECT coalesce(max(id), 0) FROM rows",
    {schema.APPLICATION_ID: "is the journal of one account, and not of many; give its path without an account"},
)
"""The file of many accounts."""

_CHOSEN: Final = "account_no = (SELECT account_no FROM chosen)"
_CHOSEN_ITEM: Final = ", ".join({"account": "(SELECT name FROM chosen) AS account"}.get(name, name) for name in COLUMNS)

CHOICE: Final = (
    "CREATE TEMP TABLE chosen(account_no INTEGER, name TEXT)",
    "INSERT INTO chosen VALUES (0, '')",
    f"CREATE TEMP VIEW items AS SELECT {_CHOSEN_ITEM} FROM main.rows WHERE {_CHOSEN}",  # noqa: S608 - our own names
    (
        f"CREATE TEMP VIEW meta AS SELECT 'account' AS name, name AS value, crc32 FROM main.accounts WHERE {_CHOSEN} "  # noqa: S608
        f"UNION ALL SELECT name, value, crc32 FROM main.meta WHERE {_CHOSEN}"
    ),
    f"CREATE TEMP VIEW consumers AS SELECT name, seq, crc32 FROM main.consumers WHERE {_CHOSEN}",  # noqa: S608
    f"CREATE TEMP VIEW pruned_fills AS SELECT symbol, trade_id, order_id FROM main.pruned_fills WHERE {_CHOSEN}",  # noqa: S608
)
"""Statements for a connection that reads: from then on it sees the account that `chosen` names."""

CHOOSE: Final = "UPDATE chosen SET account_no = ?, name = ?"
