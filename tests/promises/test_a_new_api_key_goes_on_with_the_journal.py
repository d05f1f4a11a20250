"""A journal belongs to an account and not to an API key: a new key of the same account goes on with it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from listenkey import Live, UserStream
from listenkey.credentials import fingerprint
from listenkey.errors import UsageError
from listenkey.testing import LocalSandbox
from tests.promises.command import environment, lines, running


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
