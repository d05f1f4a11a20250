from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from listenkey.gateway.at_stake import Risk
from listenkey.gateway.cluster.held_accounts import HeldAccounts
from listenkey.gateway.cluster.lease import AccountLease
from listenkey.gateway.elsewhere import Elsewhere
from listenkey.gateway.feed import FeedEnded, FeedReader
from listenkey.testing import LocalSandbox
from tests.unit.gateway.gateway_of import accounts_of, keys_of, until


async def read_to_the_end(reader: FeedReader) -> None:
    while True:
        await reader.next()


async def test_an_account_is_begun_and_let_go_again_and_again(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    keys = keys_of(binance_options_sandbox, 2)
    async with accounts_of(binance_options_sandbox, tmp_path, keys, are_shared=True) as accounts:
        accounts.start((name, name) for name in keys)
        ended: list[Risk | None] = []
        held = HeldAccounts(accounts, lambda: ended.append(None))
        account = accounts.get("desk-0")
        assert account is not None
        assert held.names() == ["desk-0", "desk-1"]
        assert not held.is_held("desk-0")
        assert account.health().status == "CONNECTING", "nobody holds it"
        assert not accounts.is_ready
        held.note_elsewhere("desk-1", Elsewhere("w2", "http://x"))
        lease = AccountLease("desk-0", "a", "w1", risk=(1, 7))
        for _ in range(2):
            held.hold(lease)
            held.hold(lease)
            assert (held.on_the_way, held.is_held("desk-0"), held.noted(lease)) == (1, True, lease)
            held.note_elsewhere("desk-0", Elsewhere("w2", "http://x"))
            await until(lambda: account.has_arrived)
            assert account.elsewhere is None
            await until(lambda: held.noted(lease).key == accounts.around.credentials("desk-0").api_key.fingerprint())
            assert held.noted(lease).risk == (account.risk if account.risk[0] != 1 else (1, 7))
            reader = account.feed.reader(None)

            async def note(risk: Risk) -> None:
                ended.append(risk)
                await asyncio.sleep(0)

            held.let_go("desk-0", note)
            held.let_go("desk-0", note)
            held.hold(lease)
            await until(lambda: not held.ending)
            assert ended == [account.risk or (0, 0), None]
            ended.clear()
            assert (held.is_held("desk-0"), account.has_begun) == (False, False)
            with pytest.raises(FeedEnded, match="another worker"):
                await read_to_the_end(reader)
        await accounts.aclose()


async def test_what_is_not_held_or_not_known_is_let_go_at_once(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with accounts_of(binance_options_sandbox, tmp_path, {}, are_shared=True) as accounts:
        held = HeldAccounts(accounts, lambda: None)
        nobody = AccountLease("nobody", "a", "w1")
        held.hold(nobody)
        assert held.noted(nobody) == nobody
        held.note_elsewhere("nobody", Elsewhere())
        assert not held.is_held("nobody")

        async def breaks(_: Risk) -> None:
            await asyncio.sleep(0)
            raise ValueError("a bug")

        held.let_go("nobody", breaks)
        await until(lambda: not held.ending)
        assert caplog.messages == ["account nobody: a bug ended what lets go of it"]
