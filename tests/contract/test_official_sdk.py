"""
The official Python SDK, unmodified, against the sandbox: it places orders, streams, and finds every answer to be what
its models declare. Beside it, on the same account and listen key, run a `UserStream` and `listenkey tail`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from listenkey import OrderTradeUpdate, Update, UserStream
from listenkey.testing import LocalSandbox

FILLS = 1000
TRADED_BY_THE_SDK = 15
PATIENCE_S = 60.0
BEFORE_EXPIRY_MS = 1_788_418_800_000
"""2026-09-03 07:00 UTC; options expire at 08:00."""
PAST_EXPIRY_MS = 3_700_000
EVENTS = {"OrderTradeUpdate", "BalancePositionUpdate", "AccountUpdate", "GreekUpdate", "ListenKeyExpired"}

NOT_ANSWERED = {
    # One row holds either a price filter or a lot size; the SDK has one model for both.
    "exchangeInfo": [
        f"-.optionSymbols[].filters[].{key}"
        for key in ("maxPrice", "maxQty", "minPrice", "minQty", "stepSize", "tickSize")
    ],
    # Declared since connector 7.0.0; no page shows them, and the live service was not asked.
    "POST order": ["-.fee", "-.postOnly"],
    "GET order": ["-.postOnly"],
    "POST batchOrders": ["-[].fee", "-[].postOnly"],
    "DELETE batchOrders": ["-[].fee"],
}
"""The fields that the SDK's models declare and the sandbox leaves out, each with the reason."""

MAY_BE_EMPTY = {
    *("ping", "PUT listenKey", "DELETE listenKey"),
    # Nobody offers block trades.
    *("blockTrades", "GET block/order/orders", "block/user-trades"),
}

REFUSED = {
    "mmp": (-6005, "It is not market maker"),
    "no symbol": (-1121, "Invalid symbol."),
    **dict.fromkeys(
        (
            "POST block/order/create",
            "PUT block/order/create",
            "DELETE block/order/create",
            "POST block/order/execute",
            "GET block/order/execute",
            "stock/contract",
        ),
        (-1020, "This operation is not supported."),
    ),
}

STREAMS = {
    "index_price_streams",
    "kline_candlestick_streams",
    "new_symbol_info",
    "open_interest",
    "option_mark_price",
    "diff_book_depth_streams",
    "hour24_ticker",
    "individual_symbol_book_ticker_streams",
    "partial_book_depth_streams",
    "trade_streams",
}
"""All that the SDK has, but for the user's own."""


class Program:
    """A process that says JSON lines, and conditions to wait for."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next line that has this key; what else it says until then is kept."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.said.append(json.loads(line))
            if kind in self.said[-1]:
                return self.said[-1]
        raise AssertionError(f"it ended before it said {kind!r}")

    async def order(self, part: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{part}\n".encode())
        await self.process.stdin.drain()

    async def leave(self) -> None:
        """Close its stdin, read what it has left to say, and see it end well."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.hear("events")
        assert await self.process.wait() == 0

    def fills(self) -> list[tuple[str, int, int]]:
        return [(said["fill"][0], said["fill"][1], said["fill"][2]) for said in self.said if "fill" in said]

    async def hear_fills(self, count: int) -> None:
        while len(self.fills()) < count:
            await self.hear("fill")


@asynccontextmanager
async def running(*line: str, env: dict[str, str]) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(*line, env=env, stdin=PIPE, stdout=PIPE)
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def sdk(sandbox: LocalSandbox) -> Any:
    """The SDK's customer: alice streams and trades, bob is on the other side."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env |= {"REST_URL": sandbox.rest_url, "WS_URL": sandbox.ws_url}
    for account in (*sandbox.accounts, sandbox.add_account("maker", market_maker=True)):
        name = account.name.upper()
        env |= {f"{name}_API_KEY": account.api_key, f"{name}_API_SECRET": account.api_secret or ""}
    return running(sys.executable, str(Path(__file__).with_name("official_sdk.py")), env=env)


def tail(sandbox: LocalSandbox) -> Any:
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env |= {"BINANCE_API_KEY": sandbox.api_key}
    env |= {"LISTENKEY_REST_URL": sandbox.rest_url, "LISTENKEY_WS_URL": sandbox.ws_url}
    return running(sys.executable, "-m", "listenkey", "tail", "--json", env=env)


async def attached(sandbox: LocalSandbox, sockets: int) -> None:
    """
    Until so many sockets bring alice's events.

    The SDK sends SUBSCRIBE and does not wait for the answer, so only the exchange knows when it listens.
    """
    async with asyncio.timeout(PATIENCE_S):
        while sum("alice" in socket["accounts"] for socket in sandbox.meters()["sockets"]) < sockets:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # What the exchange counts is in another thread.


async def read_fills(stream: UserStream, count: int) -> list[tuple[str, int, int]]:
    got: list[tuple[str, int, int]] = []
    async for item in stream:
        if isinstance(item, Update) and isinstance(item.event, OrderTradeUpdate) and item.event.is_fill:
            got.append((item.event.symbol, item.event.trade_id, item.event.order_id))
        if len(got) == count:
            break
    return got


async def tailed_fills(tail: Program, count: int) -> list[tuple[str, int, int]]:
    got: list[tuple[str, int, int]] = []
    while len(got) < count:
        event = (await tail.hear("event"))["event"]
        if event.get("execution_type") == "TRADE":
            got.append((event["symbol"], event["trade_id"], event["order_id"]))
    return got


async def test_it_and_we_receive_every_fill_of_the_ledger_in_order() -> None:
    with LocalSandbox(accounts=("alice", "bob")) as sandbox:
        async with (
            asyncio.timeout(PATIENCE_S),
            UserStream(api_key=sandbox.api_key, venue=sandbox.venue) as stream,
            sdk(sandbox) as customer,
            tail(sandbox) as tailing,
        ):
            await customer.hear("streaming")
            await attached(sandbox, sockets=3)
            async with asyncio.TaskGroup() as reading:
                ours = reading.create_task(read_fills(stream, FILLS))
                tailed = reading.create_task(tailed_fills(tailing, FILLS))
                await customer.order("trade")
                await customer.hear_fills(TRADED_BY_THE_SDK)
                await asyncio.to_thread(sandbox.burst, FILLS - TRADED_BY_THE_SDK)
                await customer.hear_fills(FILLS)
            tailing.process.send_signal(signal.SIGTERM)
            assert await tailing.process.wait() == 0
            await customer.leave()
        ledger, truth = sandbox.ledger(), sandbox.fills()
    assert len(truth) == FILLS
    assert customer.fills() == truth
    assert ours.result() == truth
    assert tailed.result() == truth
    assert customer.said[-1]["unlike"] == []
    assert len({entry["key"] for entry in ledger["keys"]}) == 1, "they shared one listen key"


async def test_every_answer_is_what_its_models_declare() -> None:
    with LocalSandbox(accounts=("alice", "bob"), start_ms=BEFORE_EXPIRY_MS) as sandbox:
        sandbox.set_switches(lenient_timestamps=True)  # the SDK keeps this machine's time
        async with asyncio.timeout(PATIENCE_S), sdk(sandbox) as customer:
            await customer.hear("streaming")
            await attached(sandbox, sockets=1)
            await customer.order("trade")
            await customer.hear_fills(TRADED_BY_THE_SDK)
            await asyncio.to_thread(sandbox.burst, 100)
            sandbox.advance(PAST_EXPIRY_MS)  # something was exercised, and the listen key expired
            await customer.order("ask")
            await customer.hear("asked")
            await customer.leave()
    answers = {said["answer"]: said for said in customer.said if "answer" in said}
    assert {name: said["unlike"] for name, said in answers.items() if said["unlike"]} == NOT_ANSWERED
    assert {name for name, said in answers.items() if not said["rows"]} == MAY_BE_EMPTY
    assert len(answers) == 38
    assert {said["refused"]: (said["code"], said["message"]) for said in customer.said if "refused" in said} == REFUSED
    end = customer.said[-1]
    assert end["unlike"] == []
    assert set(end["events"]) == EVENTS


async def test_every_market_stream_is_what_its_models_declare() -> None:
    with LocalSandbox(accounts=("alice", "bob"), start_ms=BEFORE_EXPIRY_MS) as sandbox:
        sandbox.set_switches(lenient_timestamps=True)
        async with asyncio.timeout(PATIENCE_S), sdk(sandbox) as customer:
            await customer.hear("streaming")
            await customer.order("market")
            symbol = (await customer.hear("listening"))["listening"]
            while sum(socket["streams"] for socket in sandbox.meters()["sockets"]) <= len(STREAMS):  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # What the exchange counts is in another thread.
            await customer.order("trade")
            await customer.hear_fills(TRADED_BY_THE_SDK)
            sandbox.advance(61_000)  # a candle is over, and open interest is told
            sandbox.advance(PAST_EXPIRY_MS)  # contracts are listed
            while len([said for said in customer.said if "stream" in said]) < len(STREAMS):
                await customer.hear("stream")
            await customer.leave()
    told = {said["stream"]: said for said in customer.said if "stream" in said}
    assert set(told) == STREAMS
    assert {name: said["unlike"] for name, said in told.items() if said["unlike"]} == {}
    assert symbol.startswith("BTC-")
