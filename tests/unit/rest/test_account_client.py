"""Signed pages of an account, against the exchange."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from listenkey.core.budget import Priority
from listenkey.core.clock_sync import ClockSync
from listenkey.credentials import Credentials
from listenkey.errors import OutOfWindow, ProtocolError, Refused, VenueError
from listenkey.rest.account_client import AccountClient
from listenkey.rest.rate_limiter import RateLimiter
from listenkey.testing import LocalSandbox
from listenkey.transport.clock import SystemClock
from listenkey.transport.http import AiohttpClient


@asynccontextmanager
async def snapshots_of(sandbox: LocalSandbox, secret: str | None = None) -> AsyncIterator[AccountClient]:
    http, clock = AiohttpClient(), SystemClock()
    credentials = Credentials.of(sandbox.api_key, secret or sandbox.api_secret)
    lane = RateLimiter(clock, sandbox.venue, http).lane(Priority.RECOVERY)
    yield AccountClient(credentials, sandbox.rest_url, lane, clock, ClockSync())
    await http.aclose()


async def test_every_page_says_what_the_ledger_says(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    await asyncio.to_thread(sandbox.burst, 30)
    ledger = sandbox.ledger()
    async with snapshots_of(sandbox) as snapshots:
        symbol = ledger["fills"][0]["symbol"]
        of_symbol = [fill for fill in ledger["fills"] if fill["symbol"] == symbol]
        trades = await snapshots.user_trades(symbol)
        assert [row.fill.trade_id for row in trades] == [fill["trade_id"] for fill in of_symbol]
        assert b'"tradeId"' in trades[0].raw
        assert await snapshots.user_trades(symbol, from_id=trades[-1].id) == trades[-1:], "inclusive"
        bill = await snapshots.bill(from_ms=ledger["fills"][0]["time_ms"])
        assert sum(row.type == "CONTRACT" for row in bill) == 30
        assert await snapshots.bill(record_id=bill[-1].id) == bill[-1:], "inclusive"
        ended = await snapshots.history_orders(symbol)
        assert {row.order.order_id for row in ended} >= {of_symbol[0]["order_id"]}
        one = await snapshots.order(symbol, of_symbol[0]["order_id"])
        assert one.order.status == "FILLED"
        assert {row.symbol for row in await snapshots.positions()} <= {fill["symbol"] for fill in ledger["fills"]}
        assert await snapshots.open_orders(None) == await snapshots.open_orders(symbol) == []
        assert await snapshots.weight_limit() == 2400


async def test_a_clock_that_is_off_is_read_again_once(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with snapshots_of(sandbox) as snapshots:
        await snapshots.positions()
        sandbox.fault("clock_skew", ms=-30_000)
        await snapshots.positions()
        assert sandbox.meters()["requests"]["GET /eapi/v1/time"] == 2
        body = {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}
        sandbox.fault("http_status", status=400, path="/eapi/v1/position", body=body)
        with pytest.raises(OutOfWindow):
            await snapshots.positions()
        assert sandbox.meters()["requests"]["GET /eapi/v1/time"] == 3
        assert sandbox.meters()["requests"]["GET /eapi/v1/position"] == 5


async def test_errors_are_those_of_the_tree(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with snapshots_of(sandbox, "another-secret") as snapshots:
        with pytest.raises(Refused) as caught:
            await snapshots.positions()
        assert "another-secret" not in str(caught.value)
    async with snapshots_of(sandbox) as snapshots:
        with pytest.raises(VenueError):
            await snapshots.user_trades("NO-SUCH-1-C")
        sandbox.fault("http_status", status=200, body={"rows": []}, count=1, path="/eapi/v1/position")
        with pytest.raises(ProtocolError):
            await snapshots.positions()
