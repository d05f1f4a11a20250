"""Accounts whose listen keys share sockets, against the exchange: each gets every fill once, whatever befalls one of them."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from pathlib import Path

import pytest

from listenkey.core.timing import Timing
from listenkey.gateway.account import GatewayAccount
from listenkey.gateway.accounts import Accounts
from listenkey.gateway.shared_sockets import socket_seat
from listenkey.items import GapOpened
from listenkey.stream.delivery import StreamDelivery
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
        await until(lambda: sockets_of(sandbox) == [2, 25])
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
        await until(lambda: sockets_of(sandbox) == [5])
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


@pytest.mark.parametrize("manner", ["first", "last"])
async def test_a_venue_that_delivers_to_one_key_a_socket_is_found_out_by_the_first_loss(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, manner: str
) -> None:
    sandbox = binance_options_sandbox
    sandbox.set_switches(keys_per_socket=manner)
    keys = keys_of(sandbox, 3)
    async with accounts_of(sandbox, tmp_path, keys, 25) as accounts:
        pool = accounts.around.pool
        assert pool is not None
        await started(accounts, list(keys))
        assert not pool.why_not, "silence is what idle accounts bring"
        await burst(sandbox, *keys)
        await until(lambda: pool.why_not)
        assert "no two keys" in pool.why_not
        await until(lambda: all(account.health().live for account in accounts))
        await have_all(sandbox, accounts)
        await until(lambda: sockets_of(sandbox) == [1, 1, 1])
        assert all([await gaps_of(account) for account in accounts]), "whoever may have missed something says so"
        await burst(sandbox, *keys)
        await have_all(sandbox, accounts)
        await accounts.aclose()


@pytest.mark.parametrize("manner", ["refused", "closed"])
async def test_a_venue_that_takes_one_key_a_socket_is_found_out_at_the_start(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, manner: str
) -> None:
    sandbox = binance_options_sandbox
    sandbox.set_switches(keys_per_socket=manner)
    keys = keys_of(sandbox, 4)
    async with accounts_of(sandbox, tmp_path, keys, 25) as accounts:
        pool = accounts.around.pool
        assert pool is not None
        accounts.start((name, name) for name in keys)
        await until(lambda: pool.why_not)
        await until(lambda: all(account.health().live for account in accounts))
        await until(lambda: sockets_of(sandbox) == [1] * 4)
        await burst(sandbox, *keys)
        await have_all(sandbox, accounts)
        await accounts.aclose()


async def test_events_that_name_no_key_are_nobodys_by_mistake(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    sandbox = binance_options_sandbox
    sandbox.set_switches(envelope_stream="event")
    keys = keys_of(sandbox, 3)
    async with accounts_of(sandbox, tmp_path, keys, 25) as accounts:
        pool = accounts.around.pool
        assert pool is not None
        await started(accounts, list(keys))
        await burst(sandbox, *keys)
        await until(lambda: pool.why_not)
        assert "do not name their listen key" in pool.why_not
        await until(lambda: all(account.health().live for account in accounts))
        await have_all(sandbox, accounts)
        await until(lambda: sockets_of(sandbox) == [1] * 3)
        await accounts.aclose()


async def test_a_flood_of_one_ends_its_own_connection_and_nobody_elses(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_seat, "SEAT_BYTES_MAX", 8 * 1024)
    sandbox = binance_options_sandbox
    keys = keys_of(sandbox, 4)
    async with accounts_of(sandbox, tmp_path, keys, 25, Timing(audit_every_s=3600.0)) as accounts:
        await started(accounts, list(keys))
        slow = accounts.get("desk-1")
        assert slow is not None
        assert slow._driver is not None
        held = True
        monkeypatch.setattr(slow._driver.delivery.__class__, "turn_after_s", lambda self, *_: _held(self, held, slow))
        await burst(sandbox, *keys)
        await until(lambda: slow.health().gaps)
        held = False
        await until(lambda: all(account.health().live for account in accounts))
        await have_all(sandbox, accounts)
        causes = [await gaps_of(account) for account in accounts]
        assert [bool(each) for each in causes] == [False, True, False, False]
        assert causes[1][0] == "disconnected"
        await until(lambda: sockets_of(sandbox) == [1, 3])
        await burst(sandbox, *keys)
        await have_all(sandbox, accounts)
        await accounts.aclose()


def _held(delivery: StreamDelivery, held: bool, slow: GatewayAccount) -> float | None:
    """Return the pause for which a stream that is held reads no more; the others read on."""
    its = slow._driver is not None and delivery is slow._driver.delivery
    return 0.05 if held and its else None


async def test_garbage_for_one_is_a_gap_of_one_and_garbage_for_nobody_a_gap_of_all(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    sandbox = binance_options_sandbox
    keys = keys_of(sandbox, 3)
    async with accounts_of(sandbox, tmp_path, keys, 25) as accounts:
        pool = accounts.around.pool
        assert pool is not None
        await started(accounts, list(keys))
        sandbox.fault("malformed_frame", account="desk-1", frames=["wrong_types"])
        await burst(sandbox, *keys)
        await until(lambda: all(account.health().live for account in accounts))
        await have_all(sandbox, accounts)
        assert [account.health().unreadable for account in accounts] == [0, 1, 0]
        sandbox.fault("malformed_frame", account="desk-1", frames=["truncated"])
        await burst(sandbox, *keys)
        await have_all(sandbox, accounts)
        await until(lambda: [account.health().unreadable for account in accounts] == [1, 2, 1])
        assert not pool.why_not
        await until(lambda: sockets_of(sandbox) == [3])
        await accounts.aclose()


async def test_a_rotation_under_load_moves_all_to_another_socket_and_loses_nothing(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    sandbox = binance_options_sandbox
    keys = keys_of(sandbox, 5)
    timing = Timing(rotate_after_s=2.5, rotate_jitter_s=0.5, overlap_s=0.3, audit_every_s=3600.0)
    async with accounts_of(sandbox, tmp_path, keys, 25, timing) as accounts:
        await started(accounts, list(keys))
        (first,) = [socket["id"] for socket in sandbox.meters()["sockets"]]
        trading = [
            asyncio.create_task(asyncio.to_thread(sandbox.burst, 200, account=name, per_second=40.0)) for name in keys
        ]
        await until(lambda: all(account.health().rotations for account in accounts))
        await asyncio.gather(*trading)
        await have_all(sandbox, accounts)
        assert [await gaps_of(account) for account in accounts] == [[]] * 5
        assert len(sockets_of(sandbox)) <= 3, "they do not scatter"
        await until(lambda: first not in [socket["id"] for socket in sandbox.meters()["sockets"]])
        await accounts.aclose()


async def test_no_listen_key_is_shown(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sandbox = binance_options_sandbox
    sandbox.set_switches(keys_per_socket="first")
    keys = keys_of(sandbox, 3)
    async with accounts_of(sandbox, tmp_path, keys, 2) as accounts:
        pool = accounts.around.pool
        assert pool is not None
        await started(accounts, list(keys))
        shown = [repr(pool), *(repr(socket) + repr(list(socket.seats)) for socket in pool._sockets)]
        await burst(sandbox, *keys)
        await until(lambda: pool.why_not)
        await until(lambda: all(account.health().live for account in accounts))
        rows = [str(account.describe()) for account in accounts]
        secrets = [account.listen_key.reveal() for account in accounts if account.listen_key is not None]
        await accounts.aclose()
    assert len(secrets) == 3
    for text in (caplog.text, *shown, *rows):
        assert not [secret for secret in secrets if secret in text]
