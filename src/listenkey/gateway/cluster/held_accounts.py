"""The accounts that a worker holds: their streams are begun and ended here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from listenkey.gateway.elsewhere import Elsewhere

if TYPE_CHECKING:
    from listenkey.gateway.accounts import Accounts
    from listenkey.gateway.at_stake import Risk
    from listenkey.gateway.cluster.lease import AccountLease

log = logging.getLogger("listenkey")

MOVED: Final = "another worker of the gateway goes on with this account; GET /v1/accounts says which one"


class HeldAccounts:
    """
    Begins and ends the streams of accounts that are shared.

    Args:
        accounts: All that this worker knows.
        on_end: Called when one has been ended.

    Attributes:
        ending: The accounts whose streams are being ended.
    """

    def __init__(self, accounts: Accounts, on_end: Callable[[], None]) -> None:
        self.ending: dict[str, asyncio.Task[None]] = {}
        self._accounts = accounts
        self._on_end = on_end

    def names(self) -> list[str]:
        """Return the names of all accounts that this worker knows."""
        return [account.name for account in self._accounts]

    @property
    def on_the_way(self) -> int:
        """Accounts that wait for their start, or have not come through it."""
        return len(self._accounts.waiting) + len(self._accounts.starting)

    def is_held(self, name: str) -> bool:
        """Return True where an account's stream runs here, or is about to."""
        account = self._accounts.get(name)
        return account is not None and account.elsewhere is None

    def hold(self, lease: AccountLease) -> None:
        """Begin the stream of an account of which this worker has the lease, in its turn; nothing where it has begun."""
        account = self._accounts.get(lease.account)
        if account is not None and account.elsewhere is not None and lease.account not in self.ending:
            account.elsewhere = None
            self._accounts.around.known_keys.learn(lease.account, lease.key)
            self._accounts.queue(account)

    def noted(self, lease: AccountLease) -> AccountLease:
        """Return the lease of an account that is held, with what the next holder should know of it."""
        account = self._accounts.get(lease.account)
        if account is None or not account.has_arrived:
            return lease
        risk = account.risk if account.risk[:1] != lease.risk[:1] else lease.risk
        key = self._accounts.around.known_keys.known(lease.account)
        return replace(lease, risk=risk or lease.risk, key=key or lease.key)

    def note_elsewhere(self, name: str, where: Elsewhere) -> None:
        """Note which other worker holds an account that is not held here."""
        account = self._accounts.get(name)
        if account is not None and account.elsewhere is not None:
            account.elsewhere = where

    def let_go(self, name: str, then: Callable[[Risk], Awaitable[None]] | None = None) -> None:
        """
        End an account's stream; what waits is written, and its readers are sent away.

        Args:
            name: Of the account.
            then: Called when it has ended, with what is at stake.
        """
        if name not in self.ending:
            task = self.ending[name] = asyncio.get_running_loop().create_task(self._end(name, then))
            task.add_done_callback(partial(self._has_ended, name))

    async def _end(self, name: str, then: Callable[[Risk], Awaitable[None]] | None) -> None:
        account = self._accounts.get(name)
        risk: Risk = ()
        if account is not None and account.elsewhere is None:
            risk, account.elsewhere = account.risk, Elsewhere()
            self._accounts.withdraw(account)
            await account.aclose(MOVED)
        if then is not None:
            await then(risk)

    def _has_ended(self, name: str, task: asyncio.Task[None]) -> None:
        del self.ending[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("account %s: a bug ended what lets go of it", name, exc_info=error)
        self._on_end()
