"""Accounts whose listen keys share sockets, against the exchange: each gets every fill once, whatever befalls one of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from listenkey.gateway.account import GatewayAccount
from listenkey.gateway.accounts import Accounts
from listenkey.items import GapOpened
from listenkey.testing import LocalSandbox
from tests.unit.gateway.gateway_of import accounts_of, keys_of, until

FILLS = 40


async def fills_of(account: GatewayAccount) -> list[tuple[str, int, int]]:
    """Return the fills in an account's journal, in its order."""
    return [fill.key for item in await account.read(0, 100_000) for fill in item.fills]


async def gaps_of(account: GatewayAccount) -> list[str]:
    """Return the causes of the gaps in an account's journal."""
    return [item.cause.value for item in await account.read(0, 100_000) if isinstance(item, GapOpened)]


async def burst(sandbox: LocalSandbox, *names: str) -> None:
    """Have these accounts trade at the same time."""
    await asyncio.gather(*(asyncio.to_thread(sandbox.burst, FILLS, account=name) for name in names))


async def have_all(sandbox: LocalSandbox, accounts: Accounts) -> None:
    """Wait until each journal has the ledger's fills, each once and no other."""
    for account in accounts:
        truth = Counter(await asyncio.to_thread(sandbox.fills, account.name))
        async with asyncio.timeout(30):
            while Counter(found := await fills_of(account)) != truth:
                assert not Counter(found) - truth, f"{account.name} has a fill twice, or one that is not its own"
                await asyncio.sleep(0.02)


async def started(accounts: Accounts, names: list[str]) -> None:
    accounts.start((name, name) for name in names)
    await until(lambda: accounts.is_ready and all(account.is_complete for account in accounts))


def sockets_of(sandbox: LocalSandbox) -> list[int]:
    """Return how many listen keys are on each open socket of the exchange."""
    return sorted(socket["streams"] for socket in sandbox.meters()["sockets"])


async def test_25_accounts_share_a_socket_and_each_has_its_fills_once(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    sandbox = binance_options_sandbox
    keys = keys_of(sandbox, 27)
    async with accounts_of(sandbox, tmp_path, keys, 25) as accounts:
        await started(accounts, list(keys))
        assert sockets_of(sandbox) == [2, 25]
        assert accounts.around.pool is not None
        await burst(sandbox, *keys)
        await have_all(sandbox, accounts)
        assert [await gaps_of(account) for account in accounts] == [[]] * 27
        assert sorted(account.keys_on_socket for account in accounts) == [2] * 2 + [25] * 25
        await accounts.aclose()
        await until(lambda: sockets_of(sandbox) == [])


async def test_all_learn_of_the_end_of_their_socket_and_come_back_together(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    sandbox = binance_options_sandbox
    keys = keys_of(sandbox, 5)
    async with accounts_of(sandbox, tmp_path, keys, 25) as accounts:
        await started(accounts, list(keys))
        sandbox.fault("drop_sockets", close_code=1001)
        await burst(sandbox, *keys)
        await until(lambda: all(account.health().reconnects for account in accounts))
        await until(lambda: all(account.health().live for account in accounts))
        await have_all(sandbox, accounts)
        assert sockets_of(sandbox) == [5], "they share one again"
        await accounts.aclose()


async def test_the_end_of_one_listen_key_concerns_its_account_alone(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    sandbox = binance_options_sandbox
    keys = keys_of(sandbox, 4)
    async with accounts_of(sandbox, tmp_path, keys, 25) as accounts:
        await started(accounts, list(keys))
        sandbox.fault("expire_key", account="desk-2")
        one = accounts.get("desk-2")
        assert one is not None
        await until(lambda: one.health().gaps)
        await burst(sandbox, *keys)
        await until(lambda: all(account.health().live for account in accounts))
        await have_all(sandbox, accounts)
        assert [bool(await gaps_of(account)) for account in accounts] == [False, False, True, False]
        await until(lambda: sockets_of(sandbox) == [4])
        await accounts.aclose()
