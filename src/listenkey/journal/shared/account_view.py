"""One account of a file of many, seen as a journal of its own: see `accounts_schema.py`."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from listenkey.core.gaps import Resumed
from listenkey.errors import UsageError
from listenkey.journal.shared.account_end import AccountEnd
from listenkey.journal.shared.accounts_schema import CHOICE, CHOOSE, SHARED
from listenkey.journal.shared.reached_notes import ReachedNotes
from listenkey.journal.sqlite import metadata
from listenkey.journal.sqlite.database import open_reader, told_as_ours
from listenkey.journal.sqlite.file_access import FileAccess
from listenkey.journal.sqlite.hash_chain import fact_checksum
from listenkey.journal.sqlite.journal_end import JournalEnd
from listenkey.journal.sqlite.lock import LINE_BYTES, LINES, lock_path

NAMES_TOLD: Final = 10
_ACCOUNTS: Final = "SELECT account_no, CAST(name AS BLOB), crc32 FROM main.accounts ORDER BY account_no"


def open_accounts(path: Path) -> sqlite3.Connection:
    """
    Open a read-only connection on which an account can be chosen.

    Raises:
        UsageError: There is no such file.
        JournalError: It can't be opened.
    """
    connection = open_reader(path, SHARED)
    try:
        with told_as_ours(path):
            connection.execute("PRAGMA temp_store=MEMORY")
            connection.execute("PRAGMA query_only=0")  # Of the file it stays read-only; it is opened so.
            for statement in CHOICE:
                connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def accounts_of(connection: sqlite3.Connection) -> tuple[dict[str, int], list[str]]:
    """Return the numbers of the accounts by name, and what is wrong with others."""
    numbers: dict[str, int] = {}
    damaged: list[str] = []
    for number, name, checksum in connection.execute(_ACCOUNTS):
        text = name.decode("utf-8", "replace")
        if fact_checksum(metadata.ACCOUNT, text) == checksum:
            numbers[text] = number
        else:
            damaged.append(f"the name of account number {number} is damaged")
    return numbers, damaged


def choose(connection: sqlite3.Connection, account_no: int, account: str) -> None:
    """Let a connection see this account."""
    connection.execute(CHOOSE, (account_no, account))


def open_account(path: Path, account: str) -> sqlite3.Connection:
    """
    Open a read-only connection that sees one account's journal.

    Raises:
        UsageError: There is no such file, or no such account in it.
        JournalError: It can't be opened.
    """
    connection = open_accounts(path)
    try:
        with told_as_ours(path):
            numbers, _ = accounts_of(connection)
            if account not in numbers:
                raise UsageError(f"there is no account {account!r} in {path}; {in_words(sorted(numbers))}")
            choose(connection, numbers[account], account)
    except BaseException:
        connection.close()
        raise
    return connection


def account_access(account: str) -> FileAccess:
    """Return the access to one account of a file of many."""

    def reached_of(path: Path) -> int:
        try:
            notes = lock_path(path).read_bytes()[LINES * LINE_BYTES :]
        except OSError:
            return 0
        return ReachedNotes(notes).left(account)[0]

    return FileAccess(partial(open_account, account=account), SHARED, reached_of)


def account_names(path: Path) -> list[str]:
    """
    Return the names of the accounts of a file, in their order.

    Raises:
        UsageError: There is no such file.
        JournalError: It can't be read.
    """
    with contextlib.closing(open_accounts(path)) as connection, told_as_ours(path):
        return sorted(accounts_of(connection)[0])


def in_words(names: list[str]) -> str:
    """Name the accounts of a file, as many as one reads."""
    if not names:
        return "it has none yet"
    more = len(names) - NAMES_TOLD
    return f"it has {', '.join(names[:NAMES_TOLD])}{f' and {more} more' if more > 0 else ''}"


@dataclass(frozen=True, slots=True)
class AccountLeft:
    """
    The state that an earlier process left of an account.

    Attributes:
        end: Where its next item goes.
        resumed: What its stream has to know.
        cursors: The positions of its consumers.
    """

    end: AccountEnd
    resumed: Resumed
    cursors: dict[str, int]


def account_left(
    connection: sqlite3.Connection, path: Path, end: AccountEnd, reached: int, noted_ms: int
) -> AccountLeft:
    """
    Look at the end of one account; damage to another one's items is not seen.

    Args:
        connection: It shows any account.
        path: The file, for errors.
        end: Has the account's name and number; filled in.
        reached: The last number that was ever given, as far as is known beside the file.
        noted_ms: Until when the stream was whole, as far as is known beside the file; 0 where nothing is.

    Raises:
        Corrupt: It is damaged.
    """
    choose(connection, end.account_no, end.account)
    found = JournalEnd(connection, f"{path} of the account {end.account!r}", reached, noted_ms)
    end.last_seq, end.chain, end.skip = found.last_seq, found.chain, found.skip
    end.first_seq = metadata.facts(connection).get(metadata.ANCHOR_SEQ, 0) + 1
    end.recovered, end.has_pruned, end.covered_ms = found.recovered, found.has_pruned, found.covered_ms
    return AccountLeft(end, found.left(), metadata.cursors(connection))
