"""A change by users of a running gateway is kept, and a failure of one account keeps no other from its change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from listenkey.errors import JournalError, UsageError
from listenkey.gateway.accounts import Accounts
from listenkey.gateway.added import AddedAccount, AddedAccounts
from listenkey.gateway.config import AccountConfig
from listenkey.gateway.config_changes import ConfigChanges
from listenkey.gateway.kept_accounts import KeptAccounts
from listenkey.testing import LocalSandbox
from tests.unit.gateway.gateway_of import accounts_of, keys_of, until


@pytest.fixture
def added(tmp_path: Path) -> AddedAccounts:
    return AddedAccounts(tmp_path)


@pytest.fixture
async def accounts(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> AsyncIterator[Accounts]:
    keys = keys_of(binance_options_sandbox, 3)
    keys = {f"env:{name.replace('-', '')}": both for name, both in keys.items()}
    (tmp_path / "journals").mkdir()
    async with accounts_of(binance_options_sandbox, tmp_path / "journals", keys) as made:
        yield made
        await made.aclose()


def kept_in(folder: Path) -> list[AddedAccount]:
    again = AddedAccounts(folder)
    again.read()
    return list(again)


def config(name: str, key: str) -> AccountConfig:
    return AccountConfig(name, key, 1)


async def test_an_account_that_is_added_is_there_after_a_restart(
    accounts: Accounts, added: AddedAccounts, tmp_path: Path
) -> None:
    kept = KeptAccounts(accounts, added)
    account = await kept.add("a", "env:desk0")
    assert kept.get("a") is account
    assert [each.name for each in kept] == ["a"]
    assert kept_in(tmp_path) == [AddedAccount("a", "env:desk0")]
    await until(lambda: kept.is_ready)
    await kept.rekey("a", "env:desk1")
    assert kept_in(tmp_path) == [AddedAccount("a", "env:desk1")]
    await kept.take_out("a")
    assert (kept_in(tmp_path), len(kept)) == ([], 0)


async def test_a_change_is_done_to_its_end_also_where_the_one_who_asked_has_gone(
    accounts: Accounts, added: AddedAccounts, tmp_path: Path
) -> None:
    kept = KeptAccounts(accounts, added)
    account = await kept.add("a", "env:desk0")
    await until(lambda: account.has_arrived)
    for change in (kept.rekey("a", "env:desk0"), kept.add("b", "env:desk1"), kept.take_out("b")):
        asked = asyncio.ensure_future(change)
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.wait({asked})
        assert asked.cancelled()
        await kept.aclose()
    assert [each.name for each in kept] == ["a"]
    assert kept_in(tmp_path) == [AddedAccount("a", "env:desk0")]
    await until(lambda: account.has_arrived)


async def test_a_change_that_fails_when_nobody_waits_for_it_is_logged(
    accounts: Accounts, added: AddedAccounts, caplog: pytest.LogCaptureFixture
) -> None:
    kept = KeptAccounts(accounts, added)
    asked = asyncio.ensure_future(kept.take_out("unknown"))
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.wait({asked})
    await kept.aclose()
    assert [record.message for record in caplog.records if "nobody waited" in record.message]


async def test_what_is_refused_is_not_kept(accounts: Accounts, added: AddedAccounts, tmp_path: Path) -> None:
    kept = KeptAccounts(accounts, added)
    with pytest.raises(UsageError):
        await kept.add("a", "env:unknown")
    with pytest.raises(UsageError):
        await kept.take_out("a")
    assert kept_in(tmp_path) == []


async def test_what_cant_be_kept_is_not_added(
    accounts: Accounts, added: AddedAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    kept = KeptAccounts(accounts, added)
    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(JournalError):
        await kept.add("a", "env:desk0")
    assert kept.get("a") is None


async def test_the_configurations_accounts_and_the_added_ones_are_started(
    accounts: Accounts, added: AddedAccounts, tmp_path: Path
) -> None:
    added.put("a", "env:desk2")
    added.put("b", "env:desk1")
    kept = KeptAccounts(accounts, added)
    kept.start([config("a", "env:desk0")])
    assert {account.name: account.key for account in kept} == {"a": "env:desk0", "b": "env:desk1"}


async def test_an_account_of_the_configuration_is_not_written_down(
    accounts: Accounts, added: AddedAccounts, tmp_path: Path
) -> None:
    kept = KeptAccounts(accounts, added)
    kept.start([config("a", "env:desk0")])
    await kept.rekey("a", "env:desk1")
    await kept.take_out("a")
    assert not (tmp_path / "accounts.json").exists()


async def test_a_newer_configuration_is_followed(accounts: Accounts, added: AddedAccounts, tmp_path: Path) -> None:
    kept = KeptAccounts(accounts, added)
    kept.start([config("a", "env:desk0"), config("b", "env:desk1")])
    stays = kept.get("b")
    found = ConfigChanges((config("c", "env:desk2"),), ("a",), (config("b", "env:desk0"),), ())
    assert await kept.follow(found) == {}
    assert {account.name: account.key for account in kept} == {"b": "env:desk0", "c": "env:desk2"}
    assert kept.get("b") is stays


async def test_a_failure_is_told_and_keeps_no_other_change_back(accounts: Accounts, added: AddedAccounts) -> None:
    kept = KeptAccounts(accounts, added)
    kept.start([config("a", "env:desk0")])
    bad, good = config("x", "env:unknown"), config("c", "env:desk2")
    failures = await kept.follow(ConfigChanges((bad, good), ("gone", "a"), (), ()))
    assert failures == {"x": "there is no env:unknown"}
    assert [account.name for account in kept] == ["c"]


async def test_an_added_account_that_comes_into_the_configuration_is_the_configurations(
    accounts: Accounts, added: AddedAccounts, tmp_path: Path
) -> None:
    kept = KeptAccounts(accounts, added)
    await kept.add("a", "env:desk0")
    assert await kept.follow(ConfigChanges((config("a", "env:desk1"),), (), (), ())) == {}
    assert [account.key for account in kept] == ["env:desk1"]
    assert kept_in(tmp_path) == []


async def test_an_account_that_was_taken_out_over_http_comes_back_with_new_keys(
    accounts: Accounts, added: AddedAccounts
) -> None:
    kept = KeptAccounts(accounts, added)
    kept.start([config("a", "env:desk0")])
    await kept.take_out("a")
    assert await kept.follow(ConfigChanges((), (), (config("a", "env:desk1"),), ())) == {}
    assert [account.key for account in kept] == ["env:desk1"]
