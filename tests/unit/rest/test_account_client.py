"""Signed pages of an account, against the exchange."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from listenkey import venue
from listenkey.core.bill import Bill
from listenkey.core.budget import Priority
from listenkey.core.clock_sync import ClockSync
from listenkey.credentials import Credentials
from listenkey.errors import OutOfWindow, ProtocolError, Refused, VenueError
from listenkey.rest import account_client
from listenkey.rest.account_client import AccountClient
from listenkey.rest.rate_limiter import RateLimiter
from listenkey.testing import LocalSandbox
from listenkey.transport.clock import SystemClock
from listenkey.transport.http import AiohttpClient
from listenkey.wire.rows import CONTRACT, TradeRow


@asynccontextmanager
async def snapshots_of(
    sandbox: LocalSandbox, secret: str | None = None, limits: venue.RestLimits | None = None
) -> AsyncIterator[AccountClient]:
    http, clock = AiohttpClient(), SystemClock()
    credentials = Credentials.of(sandbox.api_key, secret or sandbox.api_secret)
    lane = RateLimiter(clock, sandbox.venue, http).lane(Priority.RECOVERY)
    yield AccountClient(credentials, sandbox.rest_url, lane, clock, ClockSync(), limits)
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
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    await asyncio.to_thread(sandbox.burst, 12)
    symbol = sandbox.fills()[0][0]
    ours = [key for key in sandbox.fills() if key[0] == symbol]
    async with snapshots_of(sandbox, limits=venue.RestLimits(rows_max=3)) as snapshots:
        whole = await snapshots.bill_since(0)
        for place in range(3):
            fault = sandbox.fault("wrong_shape", path=venue.BILL_PATH, field=f"/{place}/id", value=[])
            bill = await snapshots.bill_since(0)
            assert trades_in(bill) == trades_in(whole)
            assert bill.unreadable or place == 2, "the last row of a page is the second of the next one, and read there"
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


ANY = Credentials.of("a-key", "a-secret")
BEGUN_AT = 100


def row(number: int, **other: Any) -> dict[str, Any]:
    """A row of the bill, a trade's; its time is its number."""
    return {"id": BEGUN_AT + number, "type": "CONTRACT", "createDate": number, "symbol": "s"} | other


async def paged(
    monkeypatch: pytest.MonkeyPatch, every: list[Any], page_of: Callable[[int], list[Any]] | None = None
) -> tuple[Bill, list[int]]:
    """Read the bill of a venue with these rows in pages of three; `page_of`: its page from a record on. The asked ids."""
    asked: list[int] = []

    async def of_venue(_: AccountClient, __: str, wanted: dict[str, Any]) -> tuple[list[Any], list[bytes]]:
        first = wanted["recordId"]
        if first is None:
            page = every[:3]
        else:
            asked.append(first)
            begin = next(place for place, one in enumerate(every) if one["id"] == first)
            page = page_of(first) if page_of else every[begin : begin + 3]
        return page, [b"{}"] * len(page)

    monkeypatch.setattr(AccountClient, "_rows", of_venue)
    clock = SystemClock()
    lane = RateLimiter(clock, venue.PRODUCTION, AiohttpClient()).lane(Priority.RECOVERY)
    limits = venue.RestLimits(rows_max=3)
    return await AccountClient(ANY, "https://nowhere", lane, clock, ClockSync(), limits).bill_since(0), asked


async def test_rows_without_an_id_at_the_end_of_a_page_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    every = [row(1), row(2), row(3, id=None), row(4), row(5, id=None, type="TRANSFER"), row(6), row(7, id="")]
    bill, asked = await paged(monkeypatch, every)
    assert sorted(one.time_ms for one in bill) == [1, 2, 3, 4, 6, 7]
    assert len(bill.unreadable) == 3
    assert asked == [102, 104, 106]
    assert not bill.is_cut


async def test_a_row_that_lacks_only_its_time_leads_to_the_next_page(monkeypatch: pytest.MonkeyPatch) -> None:
    bill, asked = await paged(monkeypatch, [row(number, createDate=None) for number in range(1, 6)])
    assert len(list(bill)) == len(bill.unreadable) == 5
    assert asked == [103, 105]


async def test_a_venue_that_ignores_the_record_asked_from_is_asked_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    first = [row(1, id=0), row(2), row(3, id=0)]
    bill, asked = await paged(monkeypatch, first, lambda _: first)
    assert sorted(one.time_ms for one in bill) == [1, 2, 3], "each once"
    assert asked == [102]
    assert bill.is_cut, "there may be more, and nothing leads there"


async def test_pages_that_lead_in_a_circle_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_client, "PAGES_MAX", 5)
    pages = {103: [row(4), row(5), row(6)], 106: [row(1), row(2), row(3)]}
    bill, asked = await paged(monkeypatch, [row(number) for number in range(1, 7)], pages.__getitem__)
    assert asked == [103, 106]
    assert bill.is_cut
    assert len(list(bill)) == 6
