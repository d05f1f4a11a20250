"""The demo's verdict is true; the whole demo as a process is in tests/promises."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from listenkey.cli import demo as module
from listenkey.cli import run
from listenkey.cli.demo import settled, watch
from listenkey.cli.running import Stop
from listenkey.cli.summary import Tally
from listenkey.sandbox.server import Sandbox
from tests.unit.cli.making import FakeStream, ListShow, live


def test_a_short_demo_ends_with_a_summary(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--json", "--seconds", "1.5"]) == 0
    *items, last = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    fills = [item for item in items if item["kind"] == "update" and item["event"].get("execution_type") == "TRADE"]
    assert last["kind"] == "summary"
    assert last["ledger_equals_stream"] is True
    assert last["fills"] == last["ledger_fills"] == len(fills) > 0


async def test_a_fill_that_does_not_arrive_makes_the_answer_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_WITHIN_S", 0.05)
    exchange, stop = Sandbox(), Stop()
    exchange.run_market(False)
    async with exchange:
        await exchange.burst("alice", 3)
        stream = FakeStream([live()])
        watching = asyncio.create_task(watch(stop, exchange, stream, ListShow(), Tally(keep_trades=True)))  # type: ignore[arg-type]
        await asyncio.wait_for(stream.idle.wait(), 5)
        stop.ask("signal")
        verdict = await asyncio.wait_for(watching, 5)
    assert (verdict.equal, verdict.first_difference) == (False, 0)
    assert verdict.ledger_fills >= 3


async def test_settling_waits_for_what_is_on_its_way() -> None:
    exchange = Sandbox()
    exchange.run_market(False)
    async with exchange:
        await exchange.burst("alice", 2)
        tally = Tally(keep_trades=True)
        waiting = asyncio.create_task(settled(exchange, tally))
        await asyncio.sleep(0)
        assert not waiting.done()
        tally.trades += [("x", 1), ("x", 2)]
        assert len(await asyncio.wait_for(waiting, 5)) == 2


def test_a_demo_keeps_its_items_in_a_new_journal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "demo.db")
    assert run(["demo", "--json", "--seconds", "1", "--journal", path]) == 0
    shown = capfd.readouterr().out.splitlines()[:-1]
    assert run(["replay", path]) == 0
    assert capfd.readouterr().out.splitlines()[: len(shown)] == shown
    assert run(["demo", "--seconds", "1", "--journal", path]) == 2
    assert "name a new file" in capfd.readouterr().err
