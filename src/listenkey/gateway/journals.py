"""The journals of a gateway's accounts, wherever they are kept: one of each account, and a way to read beside its stream."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from listenkey.items import Item
from listenkey.journal.base import Journal


class AccountsJournal(Journal, Protocol):
    """
    The journal of one account.

    Attributes:
        account_doubt: The reason to doubt that the API key is the account's, for people; set before it is opened.
    """

    account_doubt: str


class Journals(Protocol):
    """The journals of all accounts; `SharedJournals` keeps them in one file."""

    async def open(self) -> None:
        """Take them. Raises JournalError, or Fenced, where that can't be."""

    async def aclose(self) -> None:
        """Let go of them; every account's journal was closed before."""

    async def ended(self) -> BaseException:
        """Return what has ended the journals of all accounts at once, when that has happened."""

    def beside(self, account: str, /) -> Path | None:
        """Return the name beside which an account's other files lie; None where there are none on this machine."""

    def journal(self, account: str, *, on_items: Callable[[list[Item]], object]) -> AccountsJournal:
        """
        Make an account's journal; it is not opened yet. One at a time of each account.

        Args:
            account: The account's name.
            on_items: Called with items when they are on the disk; its own reader, `next`, gets none of them.
        """

    async def kept(self, account: str) -> tuple[int, int]:
        """Return the numbers of an account's oldest and newest items; (1, 0) where there never was one."""

    async def read(self, account: str, after: int, most: int) -> list[Item]:
        """Return an account's items behind a number, at most so many. Raises TooOld where the first is not kept."""

    async def cursor(self, account: str, consumer: str) -> int | None:
        """Return how far a consumer has come; None where it never committed."""

    async def commit(self, account: str, consumer: str, seq: int) -> None:
        """Keep how far a consumer has come; when this returns, it is on the disk."""
