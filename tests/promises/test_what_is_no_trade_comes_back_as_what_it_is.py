"""Contracts that end and money that moves while no socket is there are reported as what they are, once, for ever."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import urllib.request
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from listenkey import RecoveredCash, RecoveredExercise, Update, UserStream
from listenkey.core.timing import Timing
from listenkey.testing import LocalSandbox
from listenkey.wire.json_lines import from_line, to_line
from tests.promises.reader import Reader

QUICK = Timing(settle_after_s=(0.3, 0.7), audit_every_s=1.0, lag_hold_s=0.5, lag_max_s=3.0, doubt_after_s=0.3)
DAY_MS = 24 * 3600 * 1000


async def transfer(sandbox: LocalSandbox, amount: str) -> None:
    where, token = sandbox.sandbox.control_url, sandbox.sandbox.control_token
    body = json.dumps({"account": sandbox.accounts[0].name, "amount": amount}).encode()
    headers = {"X-Sandbox-Token": token, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{where}/transfer", body, headers)
    await asyncio.to_thread(lambda: urllib.request.urlopen(request).close())


def records(journal: Path, kind: str) -> list[str]:
    with closing(sqlite3.connect(journal)) as connection:
        sql = "SELECT json_extract(event, '$.record_id') FROM items WHERE type = ? ORDER BY seq"
        return [str(row[0]) for row in connection.execute(sql, (kind,))]


async def run_once(sandbox: LocalSandbox, journal: Path) -> list[Update]:
    stream = UserStream(
        api_key=sandbox.api_key, api_secret=sandbox.api_secret, venue=sandbox.venue, timing=QUICK, journal=journal,
        consumer="reader",
    )  # fmt: skip
    async with stream:
        reader = Reader(stream)
        task = asyncio.create_task(reader.run())
        try:
            async with asyncio.timeout(30):
                while stream.health().status != "LIVE":  # noqa: ASYNC110 - nothing tells of a status
                    await asyncio.sleep(0.01)
            await asyncio.to_thread(sandbox.burst, 5)
            await reader.until_fills(5)
        finally:
            task.cancel()
        return reader.updates()


@pytest.mark.parametrize("refused", [False, True])
async def test_an_exercise_and_a_transfer_while_the_process_is_stopped(tmp_path: Path, *, refused: bool) -> None:
    journal = tmp_path / "fills.db"
    with LocalSandbox() as sandbox:
        await run_once(sandbox, journal)
        with closing(sqlite3.connect(journal)) as connection:
            assert connection.execute("SELECT count(*) FROM positions").fetchone()[0] > 0
        held = set(sandbox.sandbox.world.exchange.state.accounts[sandbox.accounts[0].name].positions)
        await asyncio.to_thread(sandbox.advance, 9 * DAY_MS)
        await transfer(sandbox, "12.5")
        if refused:
            sandbox.fault("http_status", status=400, path="/eapi/v1/exerciseRecord", body='{"code":-1121,"msg":"no"}')
        updates = await run_once(sandbox, journal)
        told = [update.event for update in updates]
        cash = [event for event in told if isinstance(event, RecoveredCash)]
        exercises = [event for event in told if isinstance(event, RecoveredExercise)]
        assert [event.amount for event in cash if event.kind == "TRANSFER"] == [Decimal("12.5")]
        if refused:
            assert not exercises
            assert any(event.kind == "EXERCISE_FEE" for event in cash)
        else:
            assert {event.symbol for event in exercises} <= held
            assert exercises
            assert not {event.kind for event in cash} & {"EXERCISE_PNL", "EXERCISE_FEE", "FEE", "CONTRACT"}
            with closing(sqlite3.connect(journal)) as connection:
                open_now = {
                    row[0] for row in connection.execute("SELECT symbol FROM positions WHERE quantity + 0 <> 0")
                }
                assert not open_now & {event.symbol for event in exercises}
                assert connection.execute("SELECT count(*) FROM exercises").fetchone()[0] == len(exercises)
        for update in updates:
            assert from_line(to_line(update)) == update
        before = records(journal, "bill"), records(journal, "exerciseRecord")
        await run_once(sandbox, journal)
        assert (records(journal, "bill"), records(journal, "exerciseRecord")) == before, "each once"
