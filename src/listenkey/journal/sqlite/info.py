"""Sum up a journal in numbers."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from listenkey.journal.files import beside, size_of
from listenkey.journal.sqlite import metadata
from listenkey.journal.sqlite.database import told_as_ours
from listenkey.journal.sqlite.file_access import ALONE, FileAccess
from listenkey.journal.sqlite.schema import selection


class Info(msgspec.Struct, frozen=True):
    """
    The contents of a journal, in numbers.

    Attributes:
        account: Whose it is; the alias that its items carry.
        items: How many.
        first_seq, last_seq: Their numbers, or None in an empty journal.
        first_ms, last_ms: When these came, epoch ms.
        covered_ms: The last moment that the stream is known to have been whole, or None where it was never live.
        events: Updates by type.
        fills, gaps: How many.
        open_gaps: Gaps that are not closed.
        consumers: The position of each, by name.
        file_bytes: The file and its log.
        head: The chain of the newest item, as hex digits. Kept elsewhere, it proves later that nothing before changed.
        sqlite: The release of SQLite that reads here.
    """

    account: str
    items: int
    first_seq: int | None
    last_seq: int | None
    first_ms: int | None
    last_ms: int | None
    covered_ms: int | None
    events: dict[str, int]
    fills: int
    gaps: int
    open_gaps: int
    consumers: dict[str, int]
    file_bytes: int
    head: str
    sqlite: str


def journal_info(path: Path, access: FileAccess = ALONE) -> Info:
    """
    Count the items of a journal.

    Args:
        path: Its file.
        access: To its file; one of many accounts is another one.

    Raises:
        UsageError: There is none at the path.
        JournalError: It can't be read.
    """
    connection = access.connect(path)
    try:
        with told_as_ours(path):
            return _counted(connection, path)
    finally:
        connection.close()


def _counted(connection: sqlite3.Connection, path: Path) -> Info:
    def one(question: str) -> Any:
        return connection.execute(question).fetchone()

    connection.execute("BEGIN")
    known = metadata.facts(connection)
    items, first_seq, last_seq = one("SELECT count(*), min(seq), max(seq) FROM items")
    first = one("SELECT received_ms FROM items ORDER BY seq LIMIT 1") or (None,)
    last = one("SELECT received_ms, chain FROM items ORDER BY seq DESC LIMIT 1") or (None, b"")
    types = "SELECT type, count(*) FROM items WHERE kind = 'update' GROUP BY type ORDER BY 2 DESC"
    return Info(
        account=known.get(metadata.ACCOUNT, ""),
        items=items,
        first_seq=first_seq,
        last_seq=last_seq,
        first_ms=first[0],
        last_ms=last[0],
        covered_ms=known.get(metadata.COVERED_MS),
        events=dict(connection.execute(types).fetchall()),
        fills=one("SELECT count(*) FROM items WHERE trade_id IS NOT NULL")[0],
        gaps=one("SELECT count(*) FROM items WHERE kind = 'gap_opened'")[0],
        open_gaps=one(f"SELECT count(*) FROM ({selection('gaps')}) WHERE closed_seq IS NULL")[0],  # noqa: S608 - our own
        consumers=metadata.cursors(connection),
        file_bytes=sum(size_of(beside(path, ending)) for ending in ("", "-wal")),
        head=last[1].hex(),
        sqlite=sqlite3.sqlite_version,
    )
