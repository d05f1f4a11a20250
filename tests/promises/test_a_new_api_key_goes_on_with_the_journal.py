"""A journal belongs to an account and not to an API key: a new key of the same account goes on with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from listenkey import Live, UserStream, open_journal
from listenkey.core.actions import RenewKey
from listenkey.core.timing import Timing
from listenkey.credentials import fingerprint
from listenkey.errors import Refused, UsageError
from listenkey.sandbox.server import SandboxAccount
from listenkey.testing import LocalSandbox
from listenkey.transport.clock import SystemClock
from tests.promises.command import environment, lines, running
from tests.promises.reader import Reader


async def live(sandbox: LocalSandbox, path: Path, api_key: str, account: str | None = None) -> str:
    made = UserStream(api_key=api_key, venue=sandbox.venue, journal=path, consumer="book", account=account)
    async with made, asyncio.timeout(20):
        async for item in made:
            assert item.account == made.account
            await made.commit(item.seq)
            if isinstance(item, Live):
                break
    return made.account


async def test_a_new_key_goes_on_under_the_journal_s_name(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox, path = binance_options_sandbox, tmp_path / "fills.db"
    old, new = sandbox.api_key, sandbox.add_account("alice").api_key
    assert old != new
    assert await live(sandbox, path, old) == fingerprint(old)
    caplog.set_level(logging.WARNING)
    assert await live(sandbox, path, new) == fingerprint(old)
    assert "begun with another API key" in caplog.text
    assert new not in caplog.text
    assert await live(sandbox, path, new, fingerprint(old)) == fingerprint(old)


async def test_a_name_that_was_given_must_be_the_journal_s(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    sandbox, path = binance_options_sandbox, tmp_path / "fills.db"
    assert await live(sandbox, path, sandbox.api_key, "main") == "main"
    assert await live(sandbox, path, sandbox.add_account("alice").api_key) == "main"
    with pytest.raises(UsageError, match="belongs to the account 'main'"):
        await live(sandbox, path, sandbox.api_key, "other")


class Ending(Reader):
    """A reader of a stream that ends."""

    reading: asyncio.Task[None]

    async def until_ended(self) -> None:
        """Wait for the end; raise the error that it ended with."""
        async with asyncio.timeout(20):
            await self.reading


async def status_is(reader: Reader, wanted: str) -> None:
    async with asyncio.timeout(20):
        while reader.stream.health().status != wanted:  # noqa: ASYNC110 - nothing tells of a status
            await asyncio.sleep(0.005)


@asynccontextmanager
async def opened(
    sandbox: LocalSandbox,
    path: Path,
    keys: SandboxAccount,
    *,
    signs: bool = True,
    account: str | None = None,
    timing: Timing | None = None,
) -> AsyncIterator[Ending]:
    secret = keys.api_secret if signs else None
    async with UserStream(
        api_key=keys.api_key, api_secret=secret, venue=sandbox.venue, journal=path, account=account, timing=timing
    ) as stream:
        reader = Ending(stream)
        reader.reading = asyncio.create_task(reader.run())
        try:
            yield reader
        finally:
            reader.reading.cancel()
            await asyncio.wait({reader.reading})


async def fill_journal(sandbox: LocalSandbox, path: Path, keys: SandboxAccount, fills: int = 3) -> None:
    async with opened(sandbox, path, keys) as reader:
        await reader.until_live()
        await asyncio.to_thread(sandbox.burst, fills)
        await reader.until_fills(fills)


def accounts_of_fills(path: Path, sandbox: LocalSandbox) -> list[bool]:
    """Tell of each fill of the journal whether it is the first account's."""
    own = set(sandbox.fills("alice"))
    with open_journal(path) as journal:
        return [fill.key in own for item in journal for fill in item.fills]


async def test_the_key_of_another_account_is_refused(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    sandbox, path = binance_options_sandbox, tmp_path / "fills.db"
    alice, bob = sandbox.accounts[0], sandbox.add_account("bob")
    await fill_journal(sandbox, path, alice)
    await asyncio.to_thread(sandbox.advance, 120_000)
    with pytest.raises(UsageError, match="another account's") as caught:
        async with opened(sandbox, path, bob) as reader:
            await reader.until_ended()
    assert repr(fingerprint(alice.api_key)) in str(caught.value)
    assert bob.api_key not in str(caught.value)
    await asyncio.to_thread(lambda: sandbox.burst(2, account="bob"))
    async with opened(sandbox, path, alice) as reader:
        await reader.until_live()
    assert accounts_of_fills(path, sandbox) == [True] * 3
    # Whoever names the account has said that it is the same one.
    async with opened(sandbox, path, bob, account=fingerprint(alice.api_key)) as reader:
        await status_is(reader, "RECOVERING")
        assert reader.stream.health().account_doubt is None


async def test_a_new_key_of_the_account_is_proven_by_its_trades(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    sandbox, path = binance_options_sandbox, tmp_path / "fills.db"
    await fill_journal(sandbox, path, sandbox.accounts[0])
    new = sandbox.add_account("alice")
    async with opened(sandbox, path, new) as reader:
        await reader.until_live()
        assert reader.stream.health().account_doubt is None
    async with opened(sandbox, path, new, signs=False) as reader:
        await reader.until_live()
        assert "begun with another API key" in (reader.stream.health().account_doubt or "")
    async with opened(sandbox, path, new, signs=False, account=reader.stream.account) as reader:
        await reader.until_live()
        assert reader.stream.health().account_doubt is None


async def test_fills_that_rest_may_not_list_yet_prove_something_at_the_next_audit(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    sandbox, path = binance_options_sandbox, tmp_path / "fills.db"
    bob = sandbox.add_account("bob")
    await fill_journal(sandbox, path, sandbox.accounts[0])
    async with opened(sandbox, path, bob, timing=Timing(settle_after_s=(0.3,), audit_every_s=0.5)) as reader:
        await status_is(reader, "RECOVERING")
        assert reader.stream.health().account_doubt is not None
        await asyncio.to_thread(sandbox.advance, 120_000)
        with pytest.raises(UsageError, match="another account's"):
            await reader.until_ended()


async def test_fills_that_rest_may_not_list_yet_prove_nothing_until_a_renewal(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    sandbox, path = binance_options_sandbox, tmp_path / "fills.db"
    bob = sandbox.add_account("bob")
    await fill_journal(sandbox, path, sandbox.accounts[0])
    async with opened(sandbox, path, bob) as reader:
        await status_is(reader, "RECOVERING")
        assert reader.stream.health().account_doubt is not None
        await asyncio.to_thread(sandbox.advance, 120_000)
        driver = reader.stream._driver
        assert driver.life.listen_key.key is not None
        await driver._renew_key(RenewKey(driver.life.listen_key.key, SystemClock().now_s()))
        with pytest.raises(UsageError, match="another account's"):
            await reader.until_ended()


async def test_a_key_that_was_refused_gives_the_journal_no_name(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox, path = binance_options_sandbox, tmp_path / "fills.db"
    with pytest.raises(Refused):
        await live(sandbox, path, "w" * 64)
    caplog.set_level(logging.WARNING)
    assert await live(sandbox, path, sandbox.api_key) == fingerprint(sandbox.api_key)
    assert "another API key" not in caplog.text


def test_tail_goes_on_with_a_new_key(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    sandbox, path = binance_options_sandbox, tmp_path / "fills.db"
    new = sandbox.add_account("alice").api_key
    names = set()
    for api_key, options in ((sandbox.api_key, []), (new, []), (new, ["--account", fingerprint(sandbox.api_key)])):
        known = environment(sandbox) | {"BINANCE_API_KEY": api_key}
        known.pop("BINANCE_API_SECRET", None)
        with running("tail", "--json", "--journal", str(path), *options, env=known) as process:
            for item in lines(process.stdout):
                names.add(item["account"])
                if item["kind"] == "live":
                    break
            process.terminate()
            assert process.wait(20) == 0
    assert names == {fingerprint(sandbox.api_key)}
