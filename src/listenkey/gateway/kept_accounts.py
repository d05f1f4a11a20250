"""The accounts of a gateway as its users change them: over HTTP, or by another configuration. Each change is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from listenkey.errors import JournalError, ListenKeyError

if TYPE_CHECKING:
    from listenkey.gateway.account import GatewayAccount
    from listenkey.gateway.accounts import Accounts
    from listenkey.gateway.added import AddedAccounts
    from listenkey.gateway.config import AccountConfig
    from listenkey.gateway.config_changes import ConfigChanges

log = logging.getLogger("listenkey")

Result = TypeVar("Result")


class KeptAccounts:
    """
    Accounts that are changed while they run.

    An account of the configuration that is changed over HTTP is so until the gateway starts again: the file holds for
    the next start. One that was added over HTTP stays until it is taken out over HTTP.

    Args:
        accounts: The accounts.
        added: The file of those that were added over HTTP; it was read.
    """

    def __init__(self, accounts: Accounts, added: AddedAccounts) -> None:
        self._accounts = accounts
        self._added = added
        self._changing = asyncio.Lock()
        self._changes: set[asyncio.Task[Any]] = set()

    def __iter__(self) -> Iterator[GatewayAccount]:
        return iter(self._accounts)

    def __len__(self) -> int:
        return len(self._accounts)

    def get(self, name: str) -> GatewayAccount | None:
        """The account of a name."""
        return self._accounts.get(name)

    @property
    def is_ready(self) -> bool:
        """True where every account is complete."""
        return self._accounts.is_ready

    def start(self, configured: Iterable[AccountConfig]) -> None:
        """Start the accounts of a configuration, and those that were added before. The configuration's key counts."""
        keys = {account.name: account.key for account in self._added}
        keys |= {account.name: account.key for account in configured}
        self._accounts.start(keys.items())

    async def add(self, name: str, key: str) -> GatewayAccount:
        """
        Add an account, and keep it over a restart.

        Raises:
            UsageError: The name is taken or can't be one, or the keys can't be read.
            JournalError: It can't be kept; it was not added.
        """
        return await self._done(self._add(name, key))

    async def _add(self, name: str, key: str) -> GatewayAccount:
        account = await self._accounts.add(name, key)
        try:
            await asyncio.to_thread(self._added.put, name, key)
        except JournalError:
            await self._accounts.take_out(name)
            raise
        return account

    async def rekey(self, name: str, key: str) -> None:
        """
        Give an account other keys.

        Raises:
            UsageError: There is no such account, or the keys can't be read.
            JournalError: They are in use, and can't be kept over a restart.
        """
        await self._done(self._rekey(name, key))

    async def _rekey(self, name: str, key: str) -> None:
        await self._accounts.rekey(name, key)
        if name in self._added:
            await asyncio.to_thread(self._added.put, name, key)

    async def take_out(self, name: str) -> None:
        """
        End an account's stream; what it has written stays.

        Raises:
            UsageError: There is no such account.
            JournalError: It has ended, and comes back with a restart: that can't be kept.
        """
        await self._done(self._take_out(name))

    async def _take_out(self, name: str) -> None:
        await self._accounts.take_out(name)
        await asyncio.to_thread(self._added.remove, name)

    async def follow(self, changes: ConfigChanges) -> dict[str, str]:
        """
        Do what a newer configuration asks for. One account's failure keeps no other from it.

        Returns:
            The accounts with which it could not be done, and why, for people.
        """
        return await self._done(self._follow(changes))

    async def _follow(self, changes: ConfigChanges) -> dict[str, str]:
        failures: dict[str, str] = {}
        for name in changes.to_take_out:
            if self.get(name) is not None:
                await _tried(self._accounts.take_out(name), name, failures)
        for account in (*changes.to_rekey, *changes.to_add):
            await _tried(self._have(account), account.name, failures)
        return failures

    async def _have(self, account: AccountConfig) -> None:
        """Have an account of the configuration, whatever HTTP has made of it meanwhile."""
        if self.get(account.name) is None:
            await self._accounts.add(account.name, account.key)
        else:
            await self._accounts.rekey(account.name, account.key)
        await asyncio.to_thread(self._added.remove, account.name)  # It is the configuration's now.

    # --- one change after the other --------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """Wait for the changes that are being done; nobody asks for new ones any more."""
        while self._changes:
            await asyncio.wait(self._changes)

    async def _done(self, change: Coroutine[Any, Any, Result]) -> Result:
        """Do a change to its end, also where who asked has hung up: half of one would leave an account stopped."""
        work = asyncio.get_running_loop().create_task(self._in_turn(change))
        self._changes.add(work)
        work.add_done_callback(self._changes.discard)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(_tell_of_failure)
            raise

    async def _in_turn(self, change: Coroutine[Any, Any, Result]) -> Result:
        async with self._changing:
            return await change


def _tell_of_failure(work: asyncio.Task[Any]) -> None:
    if not work.cancelled() and (error := work.exception()) is not None:
        log.error("a change of the accounts failed, and nobody waited for it: %s", error)


async def _tried(change: Coroutine[None, None, None], name: str, failures: dict[str, str]) -> None:
    try:
        await change
    except ListenKeyError as error:
        failures[name] = str(error)
