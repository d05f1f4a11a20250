"""
Keep a consumer's position in the consumer's own SQLite database, in the transaction of its own effect.

    from listenkey.journal.consumer_cursor import commit_with, committed

    async with UserStream(api_key=..., journal="fills.db", after=committed(book, "book")) as stream:
        async for item in stream:
            with book:                                     # one transaction
                book.execute("INSERT INTO trades ...")
                commit_with(book, "book", item.seq)

Effect and cursor are written together or not at all, so after any crash each item has its effect exactly once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listenkey.errors import UsageError

if TYPE_CHECKING:
    import sqlite3

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS listenkey_consumers(name TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID"
)


def commit_with(connection: sqlite3.Connection, name: str, seq: int) -> None:
    """
    Note, in the transaction that is open, that the consumer `name` is done with everything up to `seq`.

    Opens a transaction where none is open; committing it is the caller's. Makes its table when it is first needed.

    Raises:
        UsageError: The consumer has come further already: `seq` was handled twice, or an older journal was put back.
    """
    if not connection.in_transaction:
        connection.execute("BEGIN IMMEDIATE")
    before = committed(connection, name)
    if before is not None and seq <= before:
        raise UsageError(f"the consumer {name!r} is done with {before} already, and can't go back to {seq}")
    connection.execute(_TABLE)
    connection.execute("INSERT OR REPLACE INTO listenkey_consumers VALUES (?, ?)", (name, seq))


def committed(connection: sqlite3.Connection, name: str) -> int | None:
    """The last item that the consumer is done with, or None where it has never committed one."""
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'listenkey_consumers'").fetchone()
    if known is None:
        return None
    row = connection.execute("SELECT seq FROM listenkey_consumers WHERE name = ?", (name,)).fetchone()
    return None if row is None else int(row[0])
