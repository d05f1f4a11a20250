"""Verify a file of many accounts: each of them as a journal of its own, and what belongs to none."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from listenkey.errors import Corrupt
from listenkey.journal.shared.account_view import account_access, accounts_of, open_accounts
from listenkey.journal.shared.accounts_schema import SHARED
from listenkey.journal.shared.reached_notes import ReachedNotes
from listenkey.journal.sqlite.database import VERIFY_TELLS, open_without_log, told_as_ours
from listenkey.journal.sqlite.file_access import FileAccess
from listenkey.journal.sqlite.lock import reached_of
from listenkey.journal.sqlite.verify import DAMAGE, VerifyResult, damage_of, verify_items, verify_tables

_NEWEST: Final = "SELECT coalesce(max(id), 0) FROM main.rows"
_FIRST: Final = "SELECT id, chain FROM main.rows ORDER BY id LIMIT 1"


@dataclass(frozen=True, slots=True)
class AccountsResult:
    """
    The result of verifying a file of many accounts.

    Attributes:
        accounts: Of each account, by its name.
        problems: What was found in the file around them, in words.
        notes: What is there as well, and is no damage.
    """

    accounts: dict[str, VerifyResult]
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """True where no problem was found anywhere."""
        return not self.problems and all(found.whole for found in self.accounts.values())


def verify_accounts(path: Path) -> AccountsResult:
    """
    Look at each account, and at the file around them. May be asked while somebody writes.

    Raises:
        UsageError: There is no such file.
        JournalError: The file can't be opened.
    """
    around = verify_tables(path, FileAccess(open_accounts, SHARED, reached_of))
    try:
        with contextlib.closing(open_accounts(path)) as connection, told_as_ours(path):
            numbers, damaged = accounts_of(connection)
    except Corrupt as error:
        return AccountsResult({}, tuple(dict.fromkeys((*around.problems, str(error).removesuffix(VERIFY_TELLS)))), ())
    accounts = {account: verify_items(path, account_access(account)) for account in sorted(numbers)}
    return AccountsResult(accounts, (*around.problems, *damaged), around.notes)


def damage_in(path: Path, notes: ReachedNotes | None = None) -> str | None:
    """
    Look at the rows of all accounts; return the first that is wrong with them, or None.

    Args:
        path: The file.
        notes: How far each account had come, where that is to be compared as well.

    Raises:
        UsageError: There is no such file.
        JournalError: It can't be opened.
    """
    with contextlib.closing(open_accounts(path)) as connection, told_as_ours(path):
        numbers, damaged = accounts_of(connection)
    if damaged:
        return damaged[0]
    for account in numbers:
        reached = notes.left(account)[0] if notes else 0
        if problem := damage_of(path, account_access(account), (reached, None) if reached else None):
            return f"the account {account!r}: {problem}"
    return None


def misplaced_log(path: Path, reached: int | None) -> str:
    """
    Return what shows that the log beside the file was written for another file; empty where the two belong together.

    See `journal/sqlite/verify.py`: the same, with the numbers of rows in the place of the items'.
    """
    newest, strange = 0, False
    with contextlib.suppress(*DAMAGE), contextlib.closing(open_accounts(path)) as connection:
        (newest,) = connection.execute(_NEWEST).fetchone()
        if (first := _first_without_log(path)) is not None:
            same = connection.execute("SELECT chain FROM main.rows WHERE id = ?", first[:1]).fetchone()
            # Where it is not there, retention has taken it away, and that is only in the log yet.
            strange = first[0] > newest or same not in (None, first[1:])
    if (reached is None or newest < reached) and (problem := damage_in(path)):
        return problem.partition("\n")[0]
    return "the first row of the file is not in the journal that the log was written for" if strange else ""


def _first_without_log(path: Path) -> tuple[int, bytes] | None:
    """The number and the chain of the file's first row; None where it has none, or a power cut has torn it."""
    with contextlib.suppress(*DAMAGE), contextlib.closing(open_without_log(path)) as connection:
        row: tuple[int, bytes] | None = connection.execute(_FIRST).fetchone()
        return row
    return None
