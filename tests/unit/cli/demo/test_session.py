"""The demo's comparison is true; the whole demo as a process is in tests/promises."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from listenkey.cli.demo import session as module
from listenkey.cli.demo.comparison import ReceivedFill, ledger_fills
from listenkey.cli.demo.faults import plan_for
from listenkey.cli.demo.recorder import Recorder
from listenkey.cli.demo.session import journal_path_for, settled, temporary_folder, watch
from listenkey.cli.running import Stop
from listenkey.errors import UsageError
from listenkey.journal.sqlite.journal import SqliteJournal
from listenkey.sandbox.server import Sandbox
from tests.unit.cli.samples import FakeStream, ListRenderer, live


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
            watch(stop, exchange, stream, ListRenderer(), Recorder(), path, plan_for(60))  # type: ignore[arg-type]
        )
        await asyncio.wait_for(stream.idle.wait(), 5)
        stop.ask("signal")
        result = await asyncio.wait_for(watching, 5)
    assert not result.equal
    assert not result.journal.equal
    assert len(result.stream.missing) >= 3
    assert result.verification.whole


async def test_settling_waits_for_what_is_on_its_way() -> None:
    exchange = Sandbox()
    exchange.run_market(False)
    async with exchange:
        await exchange.burst("alice", 2)
        recorder = Recorder()
        waiting = asyncio.create_task(settled(exchange, recorder, 5))
        await asyncio.sleep(0)
        assert not waiting.done()
        recorder.received += [ReceivedFill(fill, late=False) for fill in ledger_fills(exchange.ledger("alice"))]
        assert len(await asyncio.wait_for(waiting, 5)) == 2


async def test_a_journal_that_nobody_asked_for_goes_with_the_demo(tmp_path: Path) -> None:
    stop = Stop()
    with journal_path_for(stop, None) as path:
        path.touch()
        assert len(stop.last_words) == 1
        stop.last_words[0]()  # as an end by force does
        assert not path.parent.exists()
    assert stop.last_words == []
    with journal_path_for(stop, str(tmp_path / "kept.db")) as path:
        assert path == tmp_path / "kept.db"


def test_without_a_temporary_folder_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(**_: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.TemporaryDirectory", nowhere)
    with pytest.raises(UsageError, match="TMPDIR"):
        temporary_folder()
