from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import aiohttp
import pytest

from listenkey.sandbox.server import Sandbox
from tests.sandbox.visitor import DEADLINE_S, Visitor, receive, receive_trades

HOUR_MS = 3_600_000


async def test_it_describes_itself_and_frees_its_port() -> None:
    sandbox = Sandbox(market=False, accounts=("alice", "bob"))
    async with sandbox:
        told = sandbox.describe()
        assert list(told) == ["rest_url", "ws_url", "control_url", "control_token", "accounts"]
        assert told["rest_url"] == f"http://127.0.0.1:{sandbox.port}"
        assert [set(each) for each in told["accounts"]] == [{"name", "api_key", "api_secret"}] * 2
    async with Sandbox(market=False, port=sandbox.port) as again:
        assert again.port == sandbox.port


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.test"])
def test_other_addresses_are_bound_only_when_allowed(host: Any) -> None:
    with pytest.raises(ValueError, match="listen=True"):
        Sandbox(host=host)
    assert host in repr(Sandbox(host=host, listen=True, market=False))


async def test_a_key_lives_as_long_as_it_should_under_a_moved_clock() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        key = await visitor.key()
        ws = await visitor.connect(f"/private/ws/{key}")
        sandbox.advance(HOUR_MS - 60_000)
        assert (await visitor.call("PUT", "/eapi/v1/listenKey"))[0] == 200
        sandbox.advance(HOUR_MS - 60_000)
        assert await visitor.key() == key
        sandbox.advance(HOUR_MS)
        event = await receive(ws)
        assert (event["e"], event["listenKey"]) == ("listenKeyExpired", key)
        status, answer = await visitor.call("PUT", "/eapi/v1/listenKey")
        assert (status, answer["code"]) == (400, -1125)
        assert await visitor.key() != key


async def test_a_scaled_clock_ends_a_key_in_a_moment() -> None:
    async with Sandbox(market=False, time_scale=36_000) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.listen()
        assert (await receive(ws))["e"] == "listenKeyExpired"
        assert (await visitor.signed("GET", "/eapi/v1/marginAccount"))[0] == 200


async def test_the_market_fills_the_first_accounts_orders() -> None:
    async with Sandbox() as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.listen()
        heard = await receive_trades(ws, 3)
        sandbox.run_market(running=False)
        told = [(fill["symbol"], fill["trade_id"]) for fill in sandbox.ledger("alice")["fills"]]
        assert heard == told[-len(told) :][told.index(heard[0]) :][:3]


async def test_a_fault_in_the_future_happens_by_itself() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.listen()
        sandbox.fault("expire_key", after_ms=20)
        assert (await receive(ws))["e"] == "listenKeyExpired"


async def test_a_failure_of_the_clocks_task_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox(market=False)
    await sandbox.start()

    def fail(_: Any) -> None:
        raise RuntimeError("broken world")

    monkeypatch.setattr(sandbox.world, "advance", fail)
    assert sandbox._turner is not None
    await asyncio.wait([sandbox._turner], timeout=DEADLINE_S)
    with pytest.raises(RuntimeError, match="broken world"):
        await sandbox.stop()


async def test_python_m_prints_one_json_line() -> None:
    arguments = ["-m", "listenkey.sandbox", "--port", "0", "--json", "--no-market", "--account", "carol"]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        told = json.loads(await asyncio.wait_for(process.stdout.readline(), DEADLINE_S))
        assert [each["name"] for each in told["accounts"]] == ["carol"]
        async with aiohttp.ClientSession() as session, session.get(told["rest_url"] + "/eapi/v1/time") as answer:
            assert answer.status == 200
    finally:
        process.terminate()
        await process.communicate()
