"""The journals and the accounts of a gateway, opened together and closed in the reverse order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from listenkey.core.timing import Timing
from listenkey.credentials import Credentials
from listenkey.gateway.account import Surroundings
from listenkey.gateway.accounts import Accounts
from listenkey.gateway.feed import Room
from listenkey.gateway.journals import Journals
from listenkey.transport.runtime import Runtime
from listenkey.venue import Venue


class Gateway:
    """
    Many accounts in one process, from `async with` to its end.

    Args:
        venue: Where the accounts are.
        journals: Where their items go.
        credentials: Reads the keys that a reference names; raises UsageError.
        runtime: The clock, the sockets and the threads.

    Attributes:
        accounts: All of them.
    """

    def __init__(
        self, venue: Venue, journals: Journals, credentials: Callable[[str], Credentials], runtime: Runtime
    ) -> None:
        timing = Timing().scaled(venue.time_scale)
        self.accounts = Accounts(Surroundings(venue, journals, runtime, timing, Room(), credentials))
        self._journals = journals
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._journals.open()
        self._opened.push_async_callback(self._journals.aclose)
        self._opened.push_async_callback(self.accounts.aclose)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.aclose()

    def start(self, accounts: Iterable[tuple[str, str]]) -> None:
        """
        Start the accounts of a configuration.

        Args:
            accounts: The name and the reference to the keys, of each.
        """
        self.accounts.start(accounts)
