"""Accounts start, are added, get other keys and are taken out, and none of it changes anything for their neighbours."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from listenkey.credentials import Secret
from listenkey.errors import UsageError
from listenkey.gateway.accounts import STARTING_MAX, Accounts
from listenkey.stream import driver
from listenkey.testing import LocalSandbox
from tests.unit.gateway.gateway_of import accounts_of, keys_of, until


def are_live(accounts: Accounts) -> bool:
    return all(account.health().status in {"LIVE", "SETTLING"} for account in accounts)


async def fills_of(accounts: Accounts, name: str) -> list[tuple[str, int, int]]:
    account = accounts.get(name)
    assert account is not None
    items = await account.read(0, 10_000)
    return [fill.key for item in items for fill in item.fills]


async def test_every_fill_of_every_account_is_in_its_own_journal(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    keys = keys_of(binance_options_sandbox, 12)
    async with accounts_of(binance_options_sandbox, tmp_path, keys) as accounts:
        accounts.start((name, name) for name in keys)
        assert len(accounts.starting) == STARTING_MAX, "few at a time, and each to its end"
        await until(lambda: are_live(accounts))
        assert not accounts.starting
        for name in keys:
            await asyncio.to_thread(binance_options_sandbox.burst, 5, account=name)
        truth = {name: binance_options_sandbox.fills(name) for name in keys}
        await until(lambda: all(account.health().fills >= 5 for account in accounts))
        await accounts.aclose()
        assert {name: await fills_of(accounts, name) for name in keys} == truth


async def test_an_account_with_a_key_that_is_refused_fails_alone_and_says_why(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    keys = keys_of(binance_options_sandbox, 2)
    good = dict(keys)
    binance_options_sandbox.revoke_key(keys["desk-0"][0])
    async with accounts_of(binance_options_sandbox, tmp_path, keys) as accounts:
        accounts.start((name, name) for name in keys)
        bad, neighbour = accounts.get("desk-0"), accounts.get("desk-1")
        assert bad is not None
        assert neighbour is not None
        await until(lambda: bad.error and neighbour.health().status == "LIVE")
        assert "check the API key" in str(bad.error)
        assert bad.describe()["status"] == "FAILED"
        assert not accounts.is_ready
        made = binance_options_sandbox.add_account("desk-0")
        keys["another"] = (made.api_key, made.api_secret)
        await accounts.rekey("desk-0", "another")
        await until(lambda: bad.health().status in {"LIVE", "SETTLING"})
        assert bad.describe()["key"] == "another"
        assert good["desk-1"] == keys["desk-1"]
        await accounts.aclose()


async def test_the_key_of_another_account_is_refused_before_anything_of_it_is_written(
    binance_options_sandbox: LocalSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(driver, "SHOWN_AFTER_S", 1.5)  # a fill that young may not be listed yet, and proves nothing
    keys = keys_of(binance_options_sandbox, 3)
    async with accounts_of(binance_options_sandbox, tmp_path, keys) as accounts:
        accounts.start([("desk-0", "desk-0"), ("desk-1", "desk-1")])
        await until(lambda: are_live(accounts))
        for name in keys:
            await asyncio.to_thread(binance_options_sandbox.burst, 4, account=name)
        account = accounts.get("desk-0")
        assert account is not None
        await until(lambda: account.health().fills == 4)
        await accounts.rekey("desk-0", "desk-2")
        await until(lambda: account.error)
        assert "it is another account's, and nothing of it was written" in str(account.error)
        assert "may be another account's" in caplog.text, "until that was known, nothing was begun"
        await accounts.rekey("desk-0", "desk-0")
        await until(lambda: account.health().live)
        await accounts.aclose()
        assert await fills_of(accounts, "desk-0") == binance_options_sandbox.fills("desk-0")


async def test_another_key_of_the_same_account_goes_on_and_is_known_from_then_on(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    keys = keys_of(binance_options_sandbox, 1)
    newer = binance_options_sandbox.add_account("desk-0")
    keys["newer"] = (newer.api_key, newer.api_secret)
    async with accounts_of(binance_options_sandbox, tmp_path, keys) as accounts:
        accounts.start([("desk-0", "desk-0")])
        (account,) = accounts
        await until(lambda: are_live(accounts))
        await asyncio.to_thread(binance_options_sandbox.burst, 4, account="desk-0")
        await until(lambda: account.health().fills == 4)
        await accounts.rekey("desk-0", "newer")
        await until(lambda: account.health().live and account.health().account_doubt is None)
        known = accounts.around.known_keys
        await until(lambda: known.doubt("desk-0", Secret(newer.api_key), 9) == "")
        await accounts.aclose()


async def test_a_key_that_another_name_has_is_refused(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    keys = keys_of(binance_options_sandbox, 2)
    keys["copy"] = keys["desk-0"]
    async with accounts_of(binance_options_sandbox, tmp_path, keys) as accounts:
        accounts.start([("desk-0", "desk-0"), ("desk-1", "desk-1")])
        await until(lambda: are_live(accounts))
        with pytest.raises(UsageError, match="the account 'desk-0' has the same API key"):
            await accounts.add("desk-9", "copy")
        with pytest.raises(UsageError, match="the account 'desk-0' has the same API key"):
            await accounts.rekey("desk-1", "copy")
        await accounts.rekey("desk-0", "copy")
        await until(lambda: are_live(accounts))
        await accounts.aclose()


async def test_keys_that_can_not_be_read_change_nothing(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    keys = keys_of(binance_options_sandbox, 1)
    async with accounts_of(binance_options_sandbox, tmp_path, keys) as accounts:
        accounts.start([("desk-0", "desk-0")])
        await until(lambda: are_live(accounts))
        with pytest.raises(UsageError, match="there is no missing"):
            await accounts.rekey("desk-0", "missing")
        with pytest.raises(UsageError, match="there is no missing"):
            await accounts.add("desk-9", "missing")
        with pytest.raises(UsageError, match="already"):
            await accounts.add("desk-0", "desk-0")
        with pytest.raises(UsageError, match="account's name"):
            await accounts.add("../desk", "desk-0")
        with pytest.raises(UsageError, match="no account 'desk-9'"):
            await accounts.take_out("desk-9")
        assert are_live(accounts)
        assert len(accounts) == 1
        await accounts.aclose()


async def test_an_account_is_added_and_taken_out_while_others_run(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    keys = keys_of(binance_options_sandbox, 2)
    async with accounts_of(binance_options_sandbox, tmp_path, keys) as accounts:
        accounts.start([("desk-0", "desk-0")])
        await until(lambda: are_live(accounts))
        added = await accounts.add("desk-1", "desk-1")
        await until(lambda: are_live(accounts))
        await asyncio.to_thread(binance_options_sandbox.burst, 3, account="desk-1")
        await until(lambda: added.health().fills == 3)
        await accounts.take_out("desk-1")
        assert accounts.get("desk-1") is None
        await asyncio.to_thread(binance_options_sandbox.burst, 2, account="desk-1")
        again = await accounts.add("desk-1", "desk-1")
        await until(lambda: again.health().status in {"LIVE", "SETTLING"})
        first = accounts.get("desk-0")
        assert first is not None
        assert first.health().gaps == 0
        await accounts.aclose()
        assert (await fills_of(accounts, "desk-1")) == binance_options_sandbox.fills("desk-1"), (
            "also those from between"
        )


async def test_two_names_of_one_account_are_found_out_and_told(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = keys_of(binance_options_sandbox, 2)
    second = binance_options_sandbox.add_account("desk-0")
    keys["twin"] = (second.api_key, second.api_secret)
    async with accounts_of(binance_options_sandbox, tmp_path, keys) as accounts:
        with caplog.at_level(logging.WARNING, "listenkey"):
            accounts.start((name, name) for name in keys)
            await until(lambda: are_live(accounts))
        told = {account.name: account.describe()["same_account_as"] for account in accounts}
        assert told["desk-1"] is None
        assert (told["desk-0"], told["twin"]) in {(None, "desk-0"), ("twin", None)}
        assert "are one account of the venue" in caplog.text
        await accounts.take_out(next(name for name, same in told.items() if same is None and name != "desk-1"))
        assert [account.same_as for account in accounts] == [None, None], "the one that is left is alone"
        await accounts.aclose()


async def test_accounts_for_which_most_is_at_stake_start_first(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    keys = keys_of(binance_options_sandbox, 4)
    async with accounts_of(binance_options_sandbox, tmp_path, keys) as accounts:
        accounts.noted = {"desk-1": (0, 5), "desk-2": (2, 1), "desk-3": (1, 9)}
        accounts.start((name, name) for name in keys)
        assert [account.name for account in accounts] == ["desk-2", "desk-3", "desk-1", "desk-0"]
        await until(lambda: are_live(accounts))
        assert accounts.stakes().keys() == set(keys)
        await accounts.aclose()


async def test_an_account_that_waits_for_its_turn_says_so_and_can_be_taken_out(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    keys = keys_of(binance_options_sandbox, STARTING_MAX + 1)
    async with accounts_of(binance_options_sandbox, tmp_path, keys) as accounts:
        accounts.start((name, name) for name in keys)
        last = f"desk-{STARTING_MAX}"
        waiting = accounts.get(last)
        assert waiting is not None
        assert waiting.health().why == "waits for its turn to start"
        await accounts.take_out(last)
        await until(lambda: are_live(accounts))
        assert len(accounts) == STARTING_MAX
        await accounts.aclose()


async def test_an_account_that_waits_for_its_turn_starts_once_with_the_keys_that_it_got_meanwhile(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = keys_of(binance_options_sandbox, STARTING_MAX + 1)
    async with accounts_of(binance_options_sandbox, tmp_path, keys) as accounts:
        accounts.start((name, name) for name in keys)
        last = f"desk-{STARTING_MAX}"
        keys["other"] = keys[last]
        await accounts.rekey(last, "other")
        await until(lambda: are_live(accounts) or "another stream" in caplog.text)
        account = accounts.get(last)
        assert account is not None
        assert account.key == "other"
        assert "another stream" not in caplog.text, "it was started twice"
        posts = binance_options_sandbox.meters()["requests"]["POST /eapi/v1/listenKey"]
        assert posts == 2 * (STARTING_MAX + 1)
        await accounts.aclose()
