"""All accounts of a gateway: started by risk, a few at a time and each to its end; added, given other keys, taken out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from listenkey.credentials import Secret
from listenkey.errors import UsageError
from listenkey.gateway.account import GatewayAccount, Surroundings
from listenkey.gateway.at_stake import Risk
from listenkey.gateway.elsewhere import is_with_another
from listenkey.gateway.names import check_name
from listenkey.rest.request_queue import NOTHING_AT_STAKE

log = logging.getLogger("listenkey")

STARTING_MAX: Final = 8
"""Accounts that start at the same time. Requests of all at once would be served step by step, and no account finish."""

LEFT_BEHIND_AFTER_S: Final = 10.0
"""An account that has not come through its start after this lets another one begin beside it."""


class Accounts:
    """
    The accounts of a gateway.

    Args:
        around: What they share.

    Attributes:
        around: As given.
        starting: Accounts that have begun to start and have not come through yet.
        noted: The stakes of accounts as an earlier process has noted them.
        waiting: Accounts that wait for their turn to start.
    """

    def __init__(self, around: Surroundings) -> None:
        self.starting: dict[GatewayAccount, asyncio.TimerHandle] = {}
        self.noted: Mapping[str, Risk] = {}
        self.around = around
        self.waiting: list[GatewayAccount] = []
        self._accounts: dict[str, GatewayAccount] = {}
        self._owners: dict[Secret, GatewayAccount] = {}
        self._keys: dict[GatewayAccount, Secret] = {}

    def __iter__(self) -> Iterator[GatewayAccount]:
        return iter(self._accounts.values())

    def __len__(self) -> int:
        return len(self._accounts)

    def get(self, name: str) -> GatewayAccount | None:
        """The account of a name."""
        return self._accounts.get(name)

    def stakes(self) -> dict[str, Risk]:
        """Return what is at stake for each account, as far as that is known."""
        return {account.name: account.risk for account in self if account.risk}

    @property
    def is_ready(self) -> bool:
        """True where every account is complete, as far as another process does not hold it."""
        return all(account.is_complete or is_with_another(account.elsewhere) for account in self)

    # --- life ----------------------------------------------------------------------------------------------------

    def start(self, accounts: Iterable[tuple[str, str]]) -> None:
        """
        Start the accounts of a configuration: those first for which most is at stake.

        Args:
            accounts: The name and the reference to the keys, of each.
        """
        noted = self.noted
        for name, key in sorted(accounts, key=lambda account: noted.get(account[0]) or NOTHING_AT_STAKE, reverse=True):
            account = self._accounts[name] = GatewayAccount(name, key, self.around, self._changed)
            if account.elsewhere is None:
                self.queue(account)

    async def aclose(self) -> None:
        """End all of them; what waits is written."""
        self.waiting.clear()
        for timer in self.starting.values():
            timer.cancel()
        self.starting.clear()
        await asyncio.gather(*(account.aclose() for account in self))

    def queue(self, account: GatewayAccount, place: int | None = None) -> None:
        """Let an account start in its turn; behind the others that wait, or at a place among them."""
        self.waiting.insert(len(self.waiting) if place is None else place, account)
        self._start_next()

    def withdraw(self, account: GatewayAccount) -> None:
        """Forget an account's start and its listen key, before its stream is ended."""
        if account in self.waiting:
            self.waiting.remove(account)
        self._forget_key(account)
        self._came_through(account)

    def _start_next(self) -> None:
        """Let accounts start, as far as there is room beside those that do."""
        while self.waiting and len(self.starting) < STARTING_MAX:
            account = self.waiting.pop(0)
            loop = asyncio.get_running_loop()
            self.starting[account] = loop.call_later(LEFT_BEHIND_AFTER_S, self._came_through, account)
            account.start()

    def _came_through(self, account: GatewayAccount) -> None:
        timer = self.starting.pop(account, None)
        if timer is not None:
            timer.cancel()
            self._start_next()

    def _changed(self, account: GatewayAccount) -> None:
        """An account has another status."""
        if account.has_arrived:
            self._came_through(account)
        self._note_listen_key(account)

    def _note_listen_key(self, account: GatewayAccount) -> None:
        """Find two names of one account: the venue gives both the same listen key."""
        key = account.listen_key
        if key is None or self._keys.get(account) == key:
            return
        self._forget_key(account)
        self._keys[account] = key
        owner = self._owners.setdefault(key, account)
        if owner is account:
            account.same_as = None
            return
        account.same_as = owner.name
        log.warning(
            "the accounts %s and %s are one account of the venue, which gave both the same listen key: each event of it is "
            "kept twice; take one of them out", owner.name, account.name,
        )  # fmt: skip

    def _forget_key(self, account: GatewayAccount) -> None:
        key = self._keys.pop(account, None)
        if key is None or self._owners.get(key) is not account:
            return
        del self._owners[key]
        for other in (other for other, its in self._keys.items() if its == key):
            owner = self._owners.setdefault(key, other)
            other.same_as = None if owner is other else owner.name

    # --- while it runs -------------------------------------------------------------------------------------------

    async def add(self, name: str, key: str) -> GatewayAccount:
        """
        Add an account, and start it.

        Raises:
            UsageError: The name is taken or can't be one, or the keys can't be read.
        """
        check_name(name)
        if name in self._accounts:
            raise UsageError(f"there is an account {name!r} already; PUT /v1/accounts/{name} gives it other keys")
        self._check_key(name, key)
        account = self._accounts[name] = GatewayAccount(name, key, self.around, self._changed)
        if account.elsewhere is None:
            self.queue(account, 0)  # somebody waits for it
        return account

    async def rekey(self, name: str, key: str) -> None:
        """
        Give an account other keys.

        Raises:
            UsageError: There is no such account, or the keys can't be read.
        """
        account = self._known(name)
        self._check_key(name, key)
        await account.rekey(key)

    async def take_out(self, name: str) -> None:
        """
        End an account's stream; what it has written stays.

        Raises:
            UsageError: There is no such account.
        """
        account = self._known(name)
        del self._accounts[name]
        self.withdraw(account)
        await account.aclose()

    def _check_key(self, name: str, key: str) -> None:
        """Raise UsageError where the keys can't be read, or are another account's."""
        api_key = self.around.credentials(key).api_key
        for account in self:
            if account.api_key == api_key and account.name != name:
                raise UsageError(f"the account {account.name!r} has the same API key; take that one out first")

    def _known(self, name: str) -> GatewayAccount:
        account = self._accounts.get(name)
        if account is None:
            raise UsageError(f"there is no account {name!r}; GET /v1/accounts lists them")
        return account
