"""The accounts as the HTTP server sees them; `gateway.accounts` has the real ones."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from listenkey.gateway.feed import Feed
    from listenkey.health import Health
    from listenkey.items import Item


class ServedAccount(Protocol):
    """One account: what it is, its durable items, and the cursors of its consumers."""

    @property
    def name(self) -> str:
        """The name by which addresses call it."""

    @property
    def has_begun(self) -> bool:
        """True once it is known what its journal holds."""

    @property
    def feed(self) -> Feed:
        """Its durable items, for any number of readers."""

    def health(self) -> Health:
        """Return how its stream is now."""

    def describe(self) -> dict[str, Any]:
        """Return its state as one row of the list of accounts."""

    def read(self, after: int, most: int) -> Awaitable[list[Item]]:
        """Return items behind a number from the journal, at most so many."""

    async def cursor(self, consumer: str) -> int | None:
        """Return how far a consumer has come; None where it never committed."""

    async def commit(self, consumer: str, seq: int) -> None:
        """Keep how far a consumer has come; when this returns, it is on the disk. Raises UsageError in words."""


class ServedAccounts(Protocol):
    """All accounts of a gateway."""

    @property
    def is_ready(self) -> bool:
        """True where every account is complete."""

    def __iter__(self) -> Iterator[ServedAccount]:
        """Give the accounts in the order in which they are listed."""

    def __len__(self) -> int:
        """Return how many there are."""

    def get(self, name: str) -> ServedAccount | None:
        """Return the account of a name."""

    async def add(self, name: str, key: str) -> ServedAccount:
        """Take in another account, whose key is a reference. Raises UsageError in words."""

    async def rekey(self, name: str, key: str) -> None:
        """Go on with another key of the same account. Raises UsageError in words."""

    async def take_out(self, name: str) -> None:
        """End an account's stream and forget it; what its journal holds stays."""
