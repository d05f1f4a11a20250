"""The end of one account's journal in a file of many: where its next item goes."""

from __future__ import annotations

from dataclasses import dataclass, field

from listenkey.journal.recovered import RecoveredCount
from listenkey.journal.sqlite.hash_chain import BEGINNING


@dataclass(slots=True)
class AccountEnd:
    """
    The end of an account's items. The writing thread moves it on, when a group is on the disk.

    Attributes:
        account_no: The account's number in the file.
        account: Its name, which items carry.
        first_seq: The oldest item that was not deleted for its age; one behind the newest where all were.
        last_seq: The newest item that is durable.
        chain: Its chain.
        recovered: What was recovered in the gap that is open there.
        skip: Items that were lost at the end before this process; the next row says so.
        covered_ms: Until when the stream is known to have been whole.
        has_pruned: Whether there are fills that the index doesn't know: retention took them away.
        is_new: Whether the file has no row for the account yet; the first group makes it.
    """

    account_no: int
    account: str
    first_seq: int = 1
    last_seq: int = 0
    chain: bytes = BEGINNING
    recovered: RecoveredCount = field(default_factory=RecoveredCount)
    skip: int = 0
    covered_ms: int = 0
    has_pruned: bool = False
    is_new: bool = False
