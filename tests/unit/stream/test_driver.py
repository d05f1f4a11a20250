"""The driver's own duties: events counted, sockets opened, bugs told. What a stream does is in tests/promises."""

from __future__ import annotations

import asyncio
import json
import logging
import time

import pytest

from listenkey import GapOpened, Live, Update, UserStream
from listenkey.core import inputs as on
from listenkey.core.lifecycle import Lifecycle
from listenkey.core.timing import Timing
from listenkey.journal.memory import MemoryJournal
from listenkey.testing import LocalSandbox


def stream(sandbox: LocalSandbox, **arguments: object) -> UserStream:
    settings: dict[str, object] = {"api_key": sandbox.api_key, "venue": sandbox.venue} | arguments
    return UserStream(**settings)  # type: ignore[arg-type]


async def test_fills_of_both_generations_are_counted(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    for generation in ("current", "legacy"):
        sandbox.set_switches(generation=generation)
        async with stream(sandbox) as made:
            assert isinstance(await anext(made), Live)
            await asyncio.to_thread(sandbox.burst, 3)
            async with asyncio.timeout(10):
                while made.health().fills < 3:
                    await anext(made)


async def test_a_server_that_says_it_leaves_proves_no_key(binance_options_sandbox: LocalSandbox) -> None:
    async with stream(binance_options_sandbox) as opened:
        proven_ms = 0
        async for item in opened:
            if isinstance(item, Live):
                proven_ms = opened._driver.life.listen_key.proof[0]
                binance_options_sandbox.fault("server_shutdown")
            elif isinstance(item, Update) and item.event.type == "serverShutdown":
                break
        assert opened._driver.life.listen_key.proof[0] == proven_ms > 0


@pytest.mark.parametrize("form", ["subscribe", "path", "query", "streams"])
async def test_every_form_of_address_brings_events(binance_options_sandbox: LocalSandbox, form: str) -> None:
    from dataclasses import replace

    from listenkey import Attach

    venue = replace(binance_options_sandbox.venue, attach=Attach(form))
    async with stream(binance_options_sandbox, venue=venue) as made:
        await anext(made)
        await asyncio.to_thread(binance_options_sandbox.burst, 3)
        for _ in range(12):
            item = await anext(made)
        assert item.seq == 13


async def test_the_legacy_generation_is_read_and_so_is_the_change_in_mid_life(
    binance_options_sandbox: LocalSandbox,
) -> None:
    async with stream(binance_options_sandbox) as made:
        await anext(made)
        generations = set()
        for generation in ("current", "legacy"):
            binance_options_sandbox.set_switches(generation=generation)
            await asyncio.to_thread(binance_options_sandbox.burst, 3)
            while generation not in generations:
                item = await anext(made)
                generations.add(item.event.generation)  # type: ignore[union-attr]
        assert made.health().gaps == 0


async def test_nothing_that_is_logged_shows_a_key(
    binance_options_sandbox: LocalSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with stream(binance_options_sandbox, timing=Timing(renew_after_s=0.2)) as made:
        await anext(made)
        binance_options_sandbox.fault("expire_key")
        while made.health().reconnects + made.health().gaps == 0:
            await anext(made)
        keys = [key["listen_key"] for key in binance_options_sandbox.ledger()["keys"] if "listen_key" in key]
    assert caplog.text, "the driver tells what it does"
    for secret in (binance_options_sandbox.api_key, binance_options_sandbox.api_secret, *keys):
        assert secret not in caplog.text


async def test_a_bug_reaches_the_reader_and_ends_everything(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stream(binance_options_sandbox) as made:
        assert isinstance(await anext(made), Live)
        handle = Lifecycle.handle

        def broken(life: Lifecycle, happened: on.Input, now: on.Moment) -> None:
            if isinstance(happened, on.SocketLost):
                raise RuntimeError("a bug")  # noqa: TRY004 - any will do
            handle(life, happened, now)

        monkeypatch.setattr(Lifecycle, "handle", broken)
        binance_options_sandbox.fault("drop_sockets")
        with pytest.raises(RuntimeError, match="a bug"):
            await anext(made)
        assert made.health().status == "ENDED"


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
        made._driver.journal._overflow._bytes_max = 10_000
        await asyncio.to_thread(binance_options_sandbox.burst, 50)
        while made._driver.journal.dropped == 0:  # noqa: ASYNC110 - sockets bring it about, and nobody tells
            await asyncio.sleep(0.001)
        assert made._driver.changes.status == "GAP"
        assert made.health().open_gap_from_ms is not None
        while made._driver.journal.losing:
            await anext(made)
        assert str(made._driver.changes.status) == "LIVE"
