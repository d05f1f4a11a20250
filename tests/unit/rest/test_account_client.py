"""Signed pages of an account, against the exchange."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from listenkey import venue
from listenkey.core.bill import Bill
from listenkey.core.budget import Priority
from listenkey.core.clock_sync import ClockSync
from listenkey.credentials import Credentials
from listenkey.errors import OutOfWindow, ProtocolError, Refused, VenueError
from listenkey.rest.account_client import AccountClient
from listenkey.rest.rate_limiter import RateLimiter
from listenkey.testing import LocalSandbox
from listenkey.transport.clock import SystemClock
from listenkey.transport.http import AiohttpClient
from listenkey.wire.rows import CONTRACT, TradeRow


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


def trades_in(bill: Bill) -> set[tuple[str, int]]:
    return {(row.symbol, row.time_ms) for row in bill if row.type == CONTRACT}


async def test_pages_are_followed_over_rows_that_cant_be_read(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = binance_options_sandbox
    await asyncio.to_thread(sandbox.burst, 12)
    symbol = sandbox.fills()[0][0]
    ours = [key for key in sandbox.fills() if key[0] == symbol]
    monkeypatch.setattr(venue, "ROWS_MAX", 3)
    async with snapshots_of(sandbox) as snapshots:
        whole = await snapshots.bill_since(0)
        for place in range(3):
            fault = sandbox.fault("wrong_shape", path=venue.BILL_PATH, field=f"/{place}/id", value=[])
            bill = await snapshots.bill_since(0)
            assert trades_in(bill) == trades_in(whole)
            assert bill.unreadable
            assert not bill.is_cut
            await asyncio.to_thread(sandbox.clear_faults, fault)
        fault = sandbox.fault("wrong_shape", path=venue.BILL_PATH, field="/*/id", value=[])
        assert (await snapshots.bill_since(0)).is_cut
        await asyncio.to_thread(sandbox.clear_faults, fault)
        found: list[TradeRow] = []
        sandbox.fault("wrong_shape", path=venue.USER_TRADES_PATH, field="/1/tradeId", value=0)

        def collect(page: list[TradeRow]) -> bool:
            found.extend(page)
            return True

        with pytest.raises(ProtocolError) as caught:
            await snapshots.trades_since(symbol, snapshots.now_ms() - 60_000, collect)
        assert caught.value.is_of_row
        assert {row.fill.trade_id for row in found} < {trade_id for _, trade_id, _ in ours} or len(ours) < 2
