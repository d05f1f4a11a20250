"""Accounts of a gateway against a sandbox, for the tests beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from listenkey.core.timing import Timing
from listenkey.credentials import Credentials
from listenkey.errors import UsageError
from listenkey.gateway.account import Surroundings
from listenkey.gateway.accounts import Accounts
from listenkey.gateway.feed import Room
from listenkey.gateway.known_keys import KnownKeys
from listenkey.gateway.shared_sockets.socket_pool import SocketPool
from listenkey.journal.shared.shared_journals import SharedJournals
from listenkey.testing import LocalSandbox
from listenkey.transport.runtime import Runtime

WITHIN_S = 20.0


@asynccontextmanager
async def accounts_of(
    sandbox: LocalSandbox,
    folder: Path,
    keys: dict[str, tuple[str, str]],
    keys_per_socket: int = 1,
    timing: Timing | None = None,
    *,
    are_shared: bool = False,
) -> AsyncGenerator[Accounts]:
    """Accounts whose references are names in `keys`, with their journals open; who uses them closes them."""

    def credentials(reference: str) -> Credentials:
        if reference not in keys:
            raise UsageError(f"there is no {reference}")
        api_key, api_secret = keys[reference]
        return Credentials.of(api_key, api_secret, None)

    runtime = Runtime()
    journals = SharedJournals(folder, runtime.clock.wall_ms)
    timing = timing or replace(Timing(), audit_every_s=2.0)
    known_keys = KnownKeys(folder)
    known_keys.read()
    await journals.open()
    pool: SocketPool | None = None
    if keys_per_socket > 1:
        pool = SocketPool(sandbox.venue, runtime.clock, timing, runtime.connect, keys_per_socket)
        pool.open()
        runtime = replace(runtime, seats=pool)
    try:
        around = Surroundings(
            sandbox.venue, journals, runtime, timing, Room(), credentials, known_keys, pool, are_shared
        )
        yield Accounts(around)
    finally:
        if pool is not None:
            await pool.aclose()
        await known_keys.aclose()
        await journals.aclose()


def keys_of(sandbox: LocalSandbox, count: int) -> dict[str, tuple[str, str]]:
    """Make accounts at the exchange; their keys by name."""
    return {
        f"desk-{number}": (made.api_key, made.api_secret)
        for number in range(count)
        for made in [sandbox.add_account(f"desk-{number}")]
    }


async def until(condition: Callable[[], object]) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(WITHIN_S):
        while not condition():  # noqa: ASYNC110 - it is not ours to be told
            await asyncio.sleep(0.01)
