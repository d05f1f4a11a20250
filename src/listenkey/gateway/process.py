"""The journals and the accounts of a gateway, opened together and closed in the reverse order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from listenkey.core.audit_pace import IDLE_AUDIT_EVERY_S
from listenkey.core.timing import Timing
from listenkey.credentials import Credentials
from listenkey.gateway.account import Surroundings
from listenkey.gateway.accounts import Accounts
from listenkey.gateway.at_stake import note_stakes, read_stakes
from listenkey.gateway.feed import Room
from listenkey.gateway.journals import Journals
from listenkey.gateway.known_keys import KnownKeys
from listenkey.gateway.shared_sockets.socket_pool import SocketPool
from listenkey.transport.runtime import Runtime
from listenkey.venue import Venue

log = logging.getLogger("listenkey")

NOTE_EVERY_S: Final = 60.0
"""The interval at which is noted what each account holds."""


class Gateway:
    """
    Many accounts in one process, from `async with` to its end.

    Args:
        venue: Where the accounts are.
        journals: Where their items go.
        folder: Where is noted what each account holds.
        credentials: Reads the keys that a reference names; raises UsageError.
        runtime: The clock, the sockets and the threads.
        keys_per_socket: The most listen keys that share a socket.
        idle_audit_every_s: The longest time between two audits of an idle account.
        are_shared: Whether other processes hold some of the accounts: then somebody says which ones start here.

    Attributes:
        accounts: All of them.
    """

    def __init__(
        self,
        venue: Venue,
        journals: Journals,
        folder: Path,
        credentials: Callable[[str], Credentials],
        runtime: Runtime,
        keys_per_socket: int = 1,
        idle_audit_every_s: float = IDLE_AUDIT_EVERY_S,
        *,
        are_shared: bool = False,
    ) -> None:
        timing = Timing(idle_audit_every_s=idle_audit_every_s).scaled(venue.time_scale)
        self._known_keys = known_keys = KnownKeys(folder)
        self._pool: SocketPool | None = None
        if keys_per_socket > 1:
            self._pool = SocketPool(venue, runtime.clock, timing, runtime.connect, keys_per_socket)
            runtime = replace(runtime, seats=self._pool)
        around = Surroundings(venue, journals, runtime, timing, Room(), credentials, known_keys, self._pool, are_shared)
        self.accounts = Accounts(around)
        self._journals = journals
        self._folder = folder
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._journals.open()
        self._opened.push_async_callback(self._journals.aclose)
        self.accounts.noted = await asyncio.to_thread(read_stakes, self._folder)
        noting = asyncio.get_running_loop().create_task(self._keep_noting())
        self._opened.callback(noting.cancel)
        await asyncio.to_thread(self._known_keys.read)
        self._opened.push_async_callback(self._known_keys.aclose)
        if self._pool is not None:
            self._pool.open()
            self._opened.push_async_callback(self._pool.aclose)
        self._opened.push_async_callback(self.accounts.aclose)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.aclose()

    async def ended(self) -> BaseException:
        """Return what has ended all accounts at once, when that has happened; one that ends alone is another matter."""
        return await self._journals.ended()

    async def _keep_noting(self) -> None:
        """Note now and then what each account holds: the next start begins with those that hold most."""
        told = ""
        while True:
            await asyncio.sleep(NOTE_EVERY_S)
            try:
                await asyncio.to_thread(note_stakes, self._folder, self.accounts.stakes())
            except OSError as error:
                if told != (told := str(error.strerror)):
                    log.warning("what accounts hold can't be noted in %s: %s", self._folder, told)
