"""A gateway is opened and closed as one thing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from listenkey.credentials import Credentials
from listenkey.errors import Fenced, JournalError
from listenkey.gateway import process
from listenkey.gateway.at_stake import read_stakes
from listenkey.gateway.process import Gateway
from listenkey.journal.shared.accounts_schema import FILE_NAME
from listenkey.journal.shared.shared_journals import SharedJournals
from listenkey.journal.sqlite.lock import lock_path
from listenkey.testing import LocalSandbox
from listenkey.transport.runtime import Runtime
from tests.unit.gateway.gateway_of import until


def gateway_of(sandbox: LocalSandbox, folder: Path, **more: Any) -> Gateway:
    runtime = Runtime()

    def credentials(_: str) -> Credentials:
        return Credentials.of(sandbox.api_key, sandbox.api_secret, None)

    return Gateway(sandbox.venue, SharedJournals(folder, runtime.clock.wall_ms), folder, credentials, runtime, **more)


async def test_a_gateway_runs_until_it_is_closed(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    async with gateway_of(binance_options_sandbox, tmp_path / "journals") as gateway:
        gateway.accounts.start([("desk", "any")])
        await until(lambda: gateway.accounts.is_ready)
    assert binance_options_sandbox.meters()["sockets_open"] == 0
    async with gateway_of(binance_options_sandbox, tmp_path / "journals") as gateway:
        gateway.accounts.start([("desk", "any")])
        await until(lambda: [account.health().live for account in gateway.accounts] == [True])
        assert [account.feed.last_seq > 1 for account in gateway.accounts] == [True], "it goes on with its journal"


@pytest.mark.parametrize("every_s", [None, 600.0])
async def test_idle_accounts_are_audited_every_half_hour_where_nothing_else_is_said(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, every_s: float | None
) -> None:
    made = gateway_of(binance_options_sandbox, tmp_path, **({} if every_s is None else {"idle_audit_every_s": every_s}))
    assert made.accounts.around.timing.idle_audit_every_s == (every_s or 1800.0)


async def test_what_accounts_hold_is_noted_for_the_next_start(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "NOTE_EVERY_S", 0.02)
    async with gateway_of(binance_options_sandbox, tmp_path) as gateway:
        gateway.accounts.start([("desk", "any")])
        await until(lambda: gateway.accounts.is_ready)
        await asyncio.to_thread(binance_options_sandbox.burst, 1)
        await until(lambda: read_stakes(tmp_path).get("desk", (0,))[0] > 0)


async def test_a_note_that_can_not_be_written_is_told_once(
    binance_options_sandbox: LocalSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(process, "NOTE_EVERY_S", 0.005)
    tries: list[Path] = []

    def full(folder: Path, _: object) -> None:
        tries.append(folder)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(process, "note_stakes", full)
    async with gateway_of(binance_options_sandbox, tmp_path):
        await until(lambda: len(tries) > 3)
    assert caplog.text.count("can't be noted") == 1


async def test_a_folder_that_can_not_be_had_is_told_at_once(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="can't be made"):
        async with gateway_of(binance_options_sandbox, tmp_path / "file" / "x"):
            raise AssertionError("it must not get here")


async def test_it_tells_what_has_ended_all_accounts(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    async with gateway_of(binance_options_sandbox, tmp_path) as gateway:
        gateway.accounts.start([("desk", "any")])
        ended = asyncio.ensure_future(gateway.ended())
        await until(lambda: gateway.accounts.is_ready)
        lock_path(tmp_path / FILE_NAME).unlink()
        lock_path(tmp_path / FILE_NAME).touch()
        assert isinstance(await ended, Fenced)
