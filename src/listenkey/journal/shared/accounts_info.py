"""Sum up a file of many accounts in numbers."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

import msgspec

from listenkey.journal.files import beside, size_of
from listenkey.journal.shared.account_view import accounts_of, choose, open_accounts
from listenkey.journal.sqlite import metadata
from listenkey.journal.sqlite.database import told_as_ours

_COUNTS: Final = "SELECT account_no, count(*), min(seq), max(seq) FROM main.rows GROUP BY account_no"


class AccountInfo(msgspec.Struct, frozen=True):
    """
    One account of a file, in numbers.

    Attributes:
        account: Its name.
        items: How many.
        first_seq, last_seq: Their numbers, or None where there is none.
        covered_ms: The last moment that the stream is known to have been whole, or None where it was never live.
        consumers: The position of each, by name.
    """

    account: str
    items: int
    first_seq: int | None
    last_seq: int | None
    covered_ms: int | None
    consumers: dict[str, int]


class AccountsInfo(msgspec.Struct, frozen=True):
    """
    The contents of a file of many accounts, in numbers.

    Attributes:
        accounts: By name.
        damaged: What can't be read of others.
        file_bytes: The file and its log.
        sqlite: The release of SQLite that reads here.
    """

    accounts: tuple[AccountInfo, ...]
    damaged: tuple[str, ...]
    file_bytes: int
    sqlite: str


def accounts_info(path: Path) -> AccountsInfo:
    """
    Count the items of each account.

    Raises:
        UsageError: There is no such file.
        JournalError: It can't be read.
    """
    with contextlib.closing(open_accounts(path)) as connection, told_as_ours(path):
        connection.execute("BEGIN")
        counts = {number: found for number, *found in connection.execute(_COUNTS)}
        numbers, damaged = accounts_of(connection)
        accounts = []
        for account in sorted(numbers):
            choose(connection, numbers[account], account)
            items, first_seq, last_seq = counts.get(numbers[account], (0, None, None))
            covered_ms = metadata.facts(connection).get(metadata.COVERED_MS)
            accounts.append(AccountInfo(account, items, first_seq, last_seq, covered_ms, metadata.cursors(connection)))
    file_bytes = sum(size_of(beside(path, ending)) for ending in ("", "-wal"))
    return AccountsInfo(tuple(accounts), tuple(damaged), file_bytes, sqlite3.sqlite_version)
