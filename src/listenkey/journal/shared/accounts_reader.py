"""Read any account of a file of many through one connection, a question at a time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from listenkey.errors import TooOld
from listenkey.items import Item
from listenkey.journal.shared.account_view import choose, open_accounts
from listenkey.journal.sqlite.database import told_as_ours
from listenkey.journal.sqlite.metadata import cursors
from listenkey.journal.sqlite.reader import CHUNK_ROWS, JournalReader

T = TypeVar("T")


class AccountsReader:
    """
    One read-only connection for all accounts, opened when it is first needed; from any thread, one at a time.

    A question is short, because SQLite can't shorten its log while somebody reads.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """
        Answer a question; after an error the next one gets a new connection.

        Raises:
            UsageError, JournalError: The file can't be read, or what the question raises.
        """
        with self._lock:
            connection = self._connection or open_accounts(self._path)
            self._connection = None
            try:
                with told_as_ours(self._path):
                    answer = question(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            return answer

    def read(self, account_no: int, account: str, after: int, most: int, *, is_own: bool = False) -> list[Item]:
        """
        Return the items of an account behind a number; see `JournalReader.read`.

        Raises:
            TooOld: Items behind the number were deleted for their age; not to an account's own reader, for which nothing
                is deleted that it has not had.
        """

        def items(reader: JournalReader) -> list[Item]:
            if not is_own and after + 1 < (oldest_seq := reader.oldest_seq()):
                raise TooOld(after, oldest_seq)
            return reader.read(after, most)

        return self._of(account_no, account, items)

    def kept(self, account_no: int, account: str) -> tuple[int, int]:
        """Return the numbers of an account's oldest and newest items."""

        def ends(reader: JournalReader) -> tuple[int, int]:
            oldest_seq = reader.oldest_seq()
            return oldest_seq, max(reader.last_seq(), oldest_seq - 1)

        return self._of(account_no, account, ends)

    def cursors(self, account_no: int, account: str) -> dict[str, int]:
        """Return the positions of an account's consumers, by name."""

        def found(connection: sqlite3.Connection) -> dict[str, int]:
            choose(connection, account_no, account)
            return cursors(connection)

        return self.ask(found)

    def _of(self, account_no: int, account: str, question: Callable[[JournalReader], T]) -> T:
        def asked(connection: sqlite3.Connection) -> T:
            choose(connection, account_no, account)
            return question(JournalReader(self._path, connect=lambda _: connection, account=account))

        return self.ask(asked)

    def close(self) -> None:
        """Let go of the file; a later question opens it again."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class AccountReader:
    """One account, read for its own reader, which is far behind."""

    def __init__(self, readers: AccountsReader, account_no: int, account: str) -> None:
        self._readers = readers
        self._account_no = account_no
        self._account = account

    def read(self, after: int) -> list[Item]:
        """Return the next items behind a number."""
        return self._readers.read(self._account_no, self._account, after, CHUNK_ROWS, is_own=True)

    def close(self) -> None:
        """Let go: the connection is others' as well."""
