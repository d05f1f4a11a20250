"""The status and the health of a stream: since when it holds, and who is told."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from pathlib import Path

import pytest

from listenkey import GapOpened, Live, UserStream
from listenkey.journal.memory import MemoryJournal
from listenkey.testing import LocalSandbox


def stream(sandbox: LocalSandbox, **arguments: object) -> UserStream:
    settings: dict[str, object] = {"api_key": sandbox.api_key, "venue": sandbox.venue} | arguments
    return UserStream(**settings)  # type: ignore[arg-type]


def test_a_stream_that_was_never_opened_has_a_health() -> None:
    made = UserStream(api_key="key")
    health = made.health()
    assert health.status == made._driver.monitor.status
    assert (health.status, health.why, health.used_weight, health.account_doubt) == (
        "CONNECTING", "not started", None, None,
    )  # fmt: skip


async def test_since_when_it_is_how_it_is_is_known_though_nobody_asked(
    binance_options_sandbox: LocalSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox = binance_options_sandbox
    caplog.set_level(logging.INFO)
    options = {"api_secret": sandbox.api_secret, "account": "desk"}
    async with stream(sandbox, **options) as made, asyncio.timeout(30):
        assert isinstance(await anext(made), Live)
        live_ms = made.health().status_since_ms
        assert abs(live_ms - time.time() * 1000) < 5_000
        assert (made.health().live, made.health().fills_complete) == (True, True)
        sandbox.fault("refuse_connections", duration_ms=300)
        sandbox.fault("drop_sockets")
        await asyncio.to_thread(sandbox.burst, 3)
        while not isinstance(item := await anext(made), GapOpened):
            pass
        opened = made.health()
        assert (opened.live, opened.open_gap_from_ms, opened.fills_complete) == (False, item.from_ms, False)
        while not isinstance(await anext(made), Live):
            pass
        await asyncio.sleep(0)
        settling = made.health()
        assert (settling.status, settling.open_gap_from_ms, settling.fills_complete) == ("SETTLING", None, False)
        assert settling.live, "as the item Live says"
        told_ms = settling.status_since_ms
        assert live_ms < told_ms
        await asyncio.to_thread(sandbox.burst, 1)
        assert made.health().status_since_ms == told_ms
    assert json.loads(json.dumps(settling.to_dict()))["status"] == "SETTLING"
    healed = [record for record in caplog.records if "live again after" in record.getMessage()]
    assert len(healed) == 1
    assert (healed[0].levelname, healed[0].account) == ("WARNING", "desk")  # type: ignore[attr-defined]
    assert "3 fills recovered" in healed[0].getMessage()
    assert any("status: GAP: " in record.getMessage() for record in caplog.records)


async def test_a_full_buffer_changes_the_status_when_it_happens(
    binance_options_sandbox: LocalSandbox,
) -> None:
    async with stream(binance_options_sandbox) as made, asyncio.timeout(20):
        assert isinstance(await anext(made), Live)
        assert isinstance(made._driver.journal, MemoryJournal)
        made._driver.journal.overflow.bytes_max = 10_000
        await asyncio.to_thread(binance_options_sandbox.burst, 50)
        while made._driver.journal.overflow.dropped == 0:  # noqa: ASYNC110 - sockets bring it about, and nobody tells
            await asyncio.sleep(0.001)
        assert made._driver.monitor.changes.status == "GAP"
        assert made.health().open_gap_from_ms is not None
        while made._driver.journal.overflow.losing:
            await anext(made)
        assert str(made._driver.monitor.changes.status) == "LIVE"


async def test_fills_that_wait_for_the_disk_are_in_no_stream(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stream(binance_options_sandbox, journal=tmp_path / "a.db") as made, asyncio.timeout(20):
        assert isinstance(await anext(made), Live)
        assert made.health().fills_complete
        problem = property(lambda _: "the disk is full")
        monkeypatch.setattr(type(made._driver.journal), "problem", problem)
        health = made.health()
        assert (health.status, health.fills_complete) == ("DEGRADED", False)
