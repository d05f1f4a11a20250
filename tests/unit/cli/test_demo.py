"""The demo's verdict is true; the whole demo as a process is in tests/promises."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from listenkey.cli import demo as module
from listenkey.cli import run
from listenkey.cli.demo import place_for, settled, temporary_folder, watch
from listenkey.cli.demo_plug import plan_for
from listenkey.cli.demo_truth import Received, ledger_fills
from listenkey.cli.demo_witness import Witness
from listenkey.cli.running import Stop
from listenkey.errors import UsageError
from listenkey.journal.sqlite import SqliteJournal
from listenkey.sandbox.server import Sandbox
from tests.unit.cli.making import FakeStream, ListShow, live


def test_a_short_demo_pulls_the_plug_and_ends_with_the_truth(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--json", "--seconds", "3"]) == 0
    *items, last = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    fills = [item for item in items if item["kind"] == "update" and item["event"].get("execution_type") == "TRADE"]
    assert last["kind"] == "summary"
    assert (last["ledger_equals_stream"], last["ledger_equals_journal"], last["journal_whole"]) == (True, True, True)
    assert last["fills"] == last["ledger_fills"] == len(fills) > 0
    assert [one["what"] for one in last["broken"]] == ["plug"]
    assert last["broken"][0]["whole_after_s"] is not None
    assert [item["kind"] for item in items if item["kind"].startswith("gap")] == ["gap_opened", "gap_closed"]


async def test_a_fill_that_does_not_arrive_makes_the_answer_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_WITHIN_S", 0.05)
    exchange, stop = Sandbox(), Stop()
    exchange.run_market(False)
    path = tmp_path / "demo.db"
    journal = SqliteJournal(path, "alice", lambda: 0)
    await journal.open()
    await journal.aclose()
    async with exchange:
        await exchange.burst("alice", 3)
        stream = FakeStream([live()])
        watching = asyncio.create_task(
            watch(stop, exchange, stream, ListShow(), Witness(), path, plan_for(60))  # type: ignore[arg-type]
        )
        await asyncio.wait_for(stream.idle.wait(), 5)
        stop.ask("signal")
        ending = await asyncio.wait_for(watching, 5)
    assert not ending.equal
    assert not ending.journal.equal
    assert len(ending.stream.missing) >= 3
    assert ending.whole.whole


async def test_settling_waits_for_what_is_on_its_way() -> None:
    exchange = Sandbox()
    exchange.run_market(False)
    async with exchange:
        await exchange.burst("alice", 2)
        witness = Witness()
        waiting = asyncio.create_task(settled(exchange, witness, 5))
        await asyncio.sleep(0)
        assert not waiting.done()
        witness.received += [Received(fill, late=False) for fill in ledger_fills(exchange.ledger("alice"))]
        assert len(await asyncio.wait_for(waiting, 5)) == 2


def test_a_demo_keeps_its_items_in_a_new_journal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "demo.db")
    assert run(["demo", "--json", "--seconds", "1", "--journal", path]) == 0
    shown = capfd.readouterr().out.splitlines()[:-1]
    assert run(["replay", path]) == 0
    assert capfd.readouterr().out.splitlines()[: len(shown)] == shown
    assert run(["demo", "--seconds", "1", "--journal", path]) == 2
    assert "name a new file" in capfd.readouterr().err


async def test_a_journal_that_nobody_asked_for_goes_with_the_demo(tmp_path: Path) -> None:
    stop = Stop()
    with place_for(stop, None) as path:
        path.touch()
        assert len(stop.last_words) == 1
        stop.last_words[0]()  # as an end by force does
        assert not path.parent.exists()
    assert stop.last_words == []
    with place_for(stop, str(tmp_path / "kept.db")) as path:
        assert path == tmp_path / "kept.db"


def test_without_a_temporary_folder_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(**_: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.TemporaryDirectory", nowhere)
    with pytest.raises(UsageError, match="TMPDIR"):
        temporary_folder()
