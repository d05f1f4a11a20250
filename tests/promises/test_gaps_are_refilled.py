"""Test that missed fills come back: the reader's are the ledger's, each once, in order, in gaps that are reported."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from listenkey import GapClosed, GapOpened, Live, UserStream
from listenkey.core import undelivered as backlog
from listenkey.core.timing import Timing
from listenkey.events import OrderTradeUpdate, RecoveredFill, RecoveredOrder
from listenkey.journal.sqlite import write_queue
from listenkey.outcomes import GapCause, Loss
from listenkey.sandbox.exchange.exchange import Exchange
from listenkey.sandbox.exchange.orders import OrderRequest
from listenkey.testing import LocalSandbox
from listenkey.wire.json_lines import from_line, to_line
from tests.promises.reader import Reader, reading

QUICK = Timing(settle_after_s=(0.3, 0.7, 1.5, 4.0), audit_every_s=1.0, lag_hold_s=0.5, lag_max_s=6.0, doubt_after_s=0.3)
"""Seconds where there are minutes, so that a lag of 3 s stands for one of 30."""


@pytest.fixture(autouse=True)
def all_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@asynccontextmanager
async def recovering(sandbox: LocalSandbox, timing: Timing = QUICK) -> AsyncIterator[Reader]:
    async with reading(sandbox, timing, api_secret=sandbox.api_secret) as reader:
        yield reader


async def burst(sandbox: LocalSandbox, fills: int) -> None:
    await asyncio.to_thread(sandbox.burst, fills)


@asynccontextmanager
async def no_socket(sandbox: LocalSandbox, reader: Reader) -> AsyncIterator[None]:
    """No socket is there in this block, and none can be opened; the door is open again at its end."""
    fault = sandbox.fault("refuse_connections", scope="ws")
    await dropped(sandbox, reader)
    yield
    await asyncio.to_thread(sandbox.clear_faults, fault)


async def dropped(sandbox: LocalSandbox, reader: Reader) -> None:
    """The socket is gone, and the stream has noticed."""
    reconnects = reader.stream.health().reconnects
    sandbox.fault("drop_sockets")
    await until(lambda: reader.stream.health().reconnects > reconnects)


async def cut_off(sandbox: LocalSandbox, reader: Reader, fills: int) -> None:
    """So many fills happen while no socket is there."""
    async with no_socket(sandbox, reader):
        await burst(sandbox, fills)


async def until(what: Callable[[], bool], within_s: float = 20.0) -> None:
    """A condition of which nobody tells; looked at often."""
    async with asyncio.timeout(within_s):
        while not what():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def arrived(sandbox: LocalSandbox) -> dict[str, int]:
    """Return the requests by path once a second has brought no other: all that was under way has arrived."""
    requests: dict[str, int] = {}
    while requests != (requests := sandbox.meters()["requests"]):  # noqa: ASYNC110 - the sandbox tells nobody
        await asyncio.sleep(1.0)
    return requests


async def until_status(stream: UserStream, *status: str) -> None:
    await until(lambda: stream.health().status in status)


def check_whole(sandbox: LocalSandbox, reader: Reader) -> None:
    """The ledger, each fill once and true to the digit; per symbol in order but for what is flagged; gaps told."""
    fills = reader.fills()
    assert len(fills) == len(set(fills)), "a fill came twice"
    assert sorted(fills) == sorted(sandbox.fills()), "the ledger has other fills"
    check_truth(sandbox, reader)
    check_order(reader)
    check_gaps(reader)


def check_truth(sandbox: LocalSandbox, reader: Reader) -> None:
    truth = {(row["symbol"], row["trade_id"], row["order_id"]): row for row in sandbox.ledger()["fills"]}
    for update in reader.updates():
        event = update.event
        if not isinstance(event, OrderTradeUpdate | RecoveredFill) or not event.is_fill:
            continue
        row, words = truth[event.symbol, event.trade_id, event.order_id], event.to_dict()
        told = {
            "order_id": words["order_id"], "side": words["side"], "quantity": words["last_quantity"],
            "price": words["last_price"], "commission": words["commission"], "maker": words["maker"],
            "commission_asset": words["commission_asset"], "realized_profit": words["realized_profit"],
            "time_ms": words["trade_time_ms"],
        }  # fmt: skip
        assert told == {name: row[name] for name in told}
        assert words["filled_quantity"] in (None, row["filled_quantity"])
        assert isinstance(event, RecoveredFill) == (update.provenance == "rest")
        line = to_line(update)
        assert to_line(from_line(line)) == line


def check_order(reader: Reader) -> None:
    newest: dict[str, int] = {}
    newest_ms = 0
    for update in reader.updates():
        event = update.event
        if isinstance(event, OrderTradeUpdate | RecoveredFill) and event.is_fill:
            in_order = event.trade_id > newest.get(event.symbol, -1) and event.trade_time_ms >= newest_ms
            assert update.late == (not in_order)
            newest[event.symbol] = max(event.trade_id, newest.get(event.symbol, -1))
            newest_ms = max(newest_ms, event.trade_time_ms)


def check_gaps(reader: Reader) -> None:
    """Opened and closed in turns; what came over REST alone lies inside one, and is counted by its end."""
    inside: GapOpened | None = None
    recovered = fills = orders = 0
    for item in reader.items:
        match item:
            case GapOpened():
                if inside is None:
                    recovered = fills = orders = 0
                else:
                    assert item.from_ms < inside.from_ms, "it turned out to have begun earlier"
                inside = item
            case GapClosed():
                assert inside is not None
                assert item.from_ms == inside.from_ms
                assert (item.recovered, item.recovered_fills, item.recovered_orders) == (recovered, fills, orders)
                inside = None
            case Live():
                assert inside is None
            case _ if item.provenance == "rest":
                assert inside is not None
                recovered += 1
                fills += isinstance(item.event, RecoveredFill)
                orders += isinstance(item.event, RecoveredOrder)
    assert inside is None


def check_secrets(sandbox: LocalSandbox, reader: Reader, log: str) -> None:
    said = log + repr(reader.items) + repr([to_line(item) for item in reader.items])
    assert sandbox.api_key not in said
    assert sandbox.api_secret not in said
    assert "signature=" not in said


async def test_sockets_that_last_no_second_keep_no_fill_from_the_reader_while_rest_works(
    binance_options_sandbox: LocalSandbox,
) -> None:
    """A socket that is lost lets its recovery go on, the next asks only for what is new, and the weight lasts."""
    sandbox = binance_options_sandbox
    async with recovering(sandbox, Timing()) as reader:
        await burst(sandbox, 100)
        await reader.until_fills(100)
        sandbox.fault("drop_sockets", count=1_000, every_ms=300)
        for reconnects in range(1, 31):
            await until(lambda least=reconnects: reader.stream.health().reconnects >= least)  # type: ignore[misc]
            await burst(sandbox, 1)
            await reader.until_fills(len(sandbox.fills()), within_s=20)
        await asyncio.to_thread(sandbox.clear_faults)
        await until_status(reader.stream, "LIVE", "SETTLING")
        check_whole(sandbox, reader)


async def test_a_gap_of_more_than_fits_is_refilled_in_parts_and_waits_for_the_disk(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part is nearly on the disk before the next is asked for, so that nothing finds no room on its way there."""
    sandbox = binance_options_sandbox
    sandbox.set_switches(weight_per_minute=1_000_000)  # Parts so small cost more than they ever do.
    monkeypatch.setattr(backlog, "BACKLOG_BYTES_MAX", 100_000)
    monkeypatch.setattr(write_queue, "TURN_BYTES", 20_000)
    most = 0
    append = write_queue.WriteQueue.append_event

    def noted(queue: write_queue.WriteQueue, *args: Any, **words: Any) -> None:
        nonlocal most
        append(queue, *args, **words)
        most = max(most, queue.bytes)

    monkeypatch.setattr(write_queue.WriteQueue, "append_event", noted)
    async with reading(sandbox, QUICK, api_secret=sandbox.api_secret, journal=tmp_path / "j.db") as reader:
        await reader.until_live()
        async with no_socket(sandbox, reader):
            await burst(sandbox, 400)
        await reader.until(lambda: len(reader.of(GapClosed)) == 1)
        await burst(sandbox, 20)
        await reader.until_fills(420)
        check_whole(sandbox, reader)
        assert 0 < most < 150_000


async def test_fills_of_a_gap_come_back_in_order(
    binance_options_sandbox: LocalSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        await burst(sandbox, 30)
        await cut_off(sandbox, reader, 40)
        await reader.until_live(2)
        await burst(sandbox, 30)
        await reader.until_fills(100)
        assert reader.fills() == sandbox.fills()
        assert len(reader.gaps()) == 1
        found = [update for update in reader.updates() if update.provenance == "rest"]
        assert sum(isinstance(update.event, RecoveredFill) for update in found) == 40
        assert not any(update.late for update in found)
        check_whole(sandbox, reader)
        check_secrets(sandbox, reader, caplog.text)
        await until_status(reader.stream, "LIVE")
        assert len(reader.gaps()) == 1, "settling found nothing more"
        assert reader.stream.health().recovered == len(found)


async def test_fills_come_over_rest_while_no_socket_is_to_be_had(
    binance_options_sandbox: LocalSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The address of listen keys and sockets is retired for good, as far as anybody knows, and REST still answers."""
    sandbox = binance_options_sandbox
    async with recovering(sandbox, replace(QUICK, poll_every_s=0.3, backoff_max_s=1.0)) as reader:
        await burst(sandbox, 10)
        await reader.until_fills(10)
        retired = sandbox.fault("retire_endpoint", status=410)
        await dropped(sandbox, reader)
        for fills in (20, 30):
            await burst(sandbox, fills - 10)
            await reader.until_fills(fills)
            assert reader.fills() == sandbox.fills()
            assert reader.stream.health().status == "GAP"
        assert not any(update.late for update in reader.updates())
        await asyncio.to_thread(sandbox.clear_faults, retired)
        await asyncio.to_thread(sandbox.burst, 5)
        await reader.until_live(2, within_s=90)
        await reader.until_fills(35)
        check_whole(sandbox, reader)
        check_secrets(sandbox, reader, caplog.text)


async def test_fills_made_while_rest_is_asked_take_their_place_behind(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        await burst(sandbox, 5)
        sandbox.fault("slow_http", ms=30, bytes=4_000)
        await cut_off(sandbox, reader, 60)
        await until_status(reader.stream, "RECOVERING")
        await burst(sandbox, 60)
        await reader.until_fills(125)
        assert reader.fills() == sandbox.fills()
        assert not any(update.late for update in reader.updates())
        check_whole(sandbox, reader)


@pytest.mark.parametrize("lag_ms", [400, 3000])
async def test_rest_that_lags_is_waited_for(binance_options_sandbox: LocalSandbox, lag_ms: int) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        sandbox.fault("rest_lag", ms=lag_ms)
        await burst(sandbox, 10)
        await cut_off(sandbox, reader, 25)
        await until_status(reader.stream, "RECOVERING", "SETTLING")
        await burst(sandbox, 10)
        await reader.until_fills(45)
        await until_status(reader.stream, "LIVE")
        check_whole(sandbox, reader)
        if lag_ms < 1000 * QUICK.lag_hold_s:
            assert not any(update.late for update in reader.updates())


async def test_a_straggler_after_the_gap_is_found_before_live(binance_options_sandbox: LocalSandbox) -> None:
    """Nothing had happened for a while before the gap, so nothing shows that REST lags."""
    sandbox = binance_options_sandbox
    async with recovering(sandbox, Timing(settle_after_s=(0.5, 1.5, 3.0), lag_max_s=0.0)) as reader:
        sandbox.fault("rest_lag", ms=1000)
        await cut_off(sandbox, reader, 12)
        await until_status(reader.stream, "SETTLING")
        await until_status(reader.stream, "LIVE")
        check_whole(sandbox, reader)
        assert len(reader.gaps()) >= 2, "the stragglers have a gap of their own"


async def test_a_dropped_event_on_a_healthy_socket_is_found_at_the_next_one(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    slow_audit = Timing(doubt_after_s=0.3, audit_every_s=1000.0)
    async with recovering(sandbox, slow_audit) as reader:
        await burst(sandbox, 200)
        await reader.until_fills(200)
        sandbox.fault("drop_event", event="ORDER_TRADE_UPDATE", execution_type="TRADE", count=3)
        await burst(sandbox, 60)
        await reader.until_fills(260, within_s=5)
        # Where one loss was noticed after another, orders are asked for once the fills are delivered.
        await until_status(reader.stream, "SETTLING", "LIVE")
        check_whole(sandbox, reader)
        health = reader.stream.health()
        assert health.reconnects == 0
        assert health.gaps >= 1


async def test_a_fill_of_which_every_event_was_lost_is_found_by_the_audit(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        await burst(sandbox, 10)
        sandbox.fault("mute", duration_ms=200)
        await burst(sandbox, 3)
        await reader.until_fills(13, within_s=10)
        await until_status(reader.stream, "LIVE")
        check_whole(sandbox, reader)


async def test_a_socket_that_was_acknowledged_dead_is_found_and_replaced(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        await burst(sandbox, 10)
        sandbox.fault("ack_dead", count=1)
        await dropped(sandbox, reader)
        await reader.until_live(2)
        await burst(sandbox, 10)
        await reader.until_fills(20, within_s=10)
        await reader.until_live(3)
        assert reader.stream.health().reconnects == 2, "the dead socket was replaced, not only asked around"
        await burst(sandbox, 10)
        await reader.until_fills(30)
        check_whole(sandbox, reader)


async def test_a_key_that_died_silently_loses_nothing(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    timing = Timing(renew_after_s=1.0, audit_every_s=1000.0)
    async with recovering(sandbox, timing) as reader:
        await burst(sandbox, 10)
        await reader.until_fills(10)
        sandbox.fault("expire_key_silently")
        await burst(sandbox, 15)
        await reader.until_live(2, within_s=1.0 * 1.1 + 2)
        await burst(sandbox, 10)
        await reader.until_fills(35)
        assert reader.fills() == sandbox.fills()
        check_whole(sandbox, reader)


async def test_nothing_is_sent_during_a_ban_and_all_comes_back_after(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox, replace(QUICK, renew_after_s=1.0)) as reader:
        await burst(sandbox, 10)
        await reader.until_fills(10)
        async with no_socket(sandbox, reader):
            await burst(sandbox, 15)
            sandbox.fault("http_status", status=418, path="/eapi/v1/bill", count=1, retry_after=15)
        await until(lambda: "GET /eapi/v1/bill" in sandbox.meters()["requests"])
        before = await arrived(sandbox)
        assert reader.stream.health().status in ("GAP", "RECOVERING")  # a poll may have met the ban before a socket did
        await burst(sandbox, 5)
        await asyncio.sleep(2.0)  # far from the ban's end, on a busy machine too
        assert sandbox.meters()["requests"] == before
        await reader.until_live(2, within_s=30)
        await burst(sandbox, 5)
        await reader.until_fills(35)
        check_whole(sandbox, reader)


async def test_a_ban_on_a_living_socket_is_a_stream_that_delivers_and_says_what_it_lacks(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox, replace(QUICK, audit_every_s=0.3)) as reader:
        sandbox.fault("http_status", status=418, path="/eapi/v1/bill", count=1, retry_after=2)
        await until(lambda: reader.stream.health().status == "DEGRADED")
        assert "418" in reader.stream.health().why
        await burst(sandbox, 5)
        await reader.until_fills(5)
        await until(lambda: reader.stream.health().status == "LIVE")
        assert reader.stream.health().gaps == 0


async def test_more_than_a_page_of_one_symbol(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        await burst(sandbox, 10)
        await cut_off(sandbox, reader, 2500)
        await reader.until_live(2)
        await burst(sandbox, 10)
        await reader.until_fills(2520)
        assert reader.fills() == sandbox.fills()
        check_whole(sandbox, reader)


async def test_symbols_never_seen_before(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        await cut_off(sandbox, reader, 40)
        await reader.until_live(2)
        assert reader.fills() == sandbox.fills()
        assert len({symbol for symbol, *_ in reader.fills()}) > 5
        check_whole(sandbox, reader)


async def test_a_bill_without_a_row_for_each_fill_is_not_relied_on(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    sandbox.set_switches(bill_row_per_fill=False)
    async with recovering(sandbox) as reader:
        await burst(sandbox, 30)
        await cut_off(sandbox, reader, 30)
        await reader.until_live(2)
        await reader.until_fills(60)
        check_whole(sandbox, reader)


async def test_an_older_snapshot_moves_nothing_back(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        symbol = await asyncio.to_thread(rest_an_order, sandbox)
        await reader.until(lambda: bool(orders_of(reader)))
        sandbox.fault("stale_snapshot")
        await asyncio.to_thread(cancel_all, sandbox, symbol)
        await reader.until(lambda: [state.status for state in orders_of(reader)] == ["NEW", "CANCELED"])
        await cut_off(sandbox, reader, 60)
        await reader.until_live(2)
        await burst(sandbox, 10)
        await reader.until_fills(70)
        check_whole(sandbox, reader)
        assert symbol in {symbol for symbol, *_ in reader.fills()}, "its open orders were asked for"
        ended: set[int] = set()
        for order in orders_of(reader):
            assert order.order_id not in ended, "an order that had ended lives again"
            ended |= {order.order_id} if order.status in ("FILLED", "CANCELED", "EXPIRED") else set()


def orders_of(reader: Reader) -> list[OrderTradeUpdate | RecoveredOrder]:
    events = [update.event for update in reader.updates()]
    return [event for event in events if isinstance(event, OrderTradeUpdate | RecoveredOrder)]


def rest_an_order(sandbox: LocalSandbox) -> str:
    """An order of the account that nobody meets; its symbol."""
    symbol = sandbox.sandbox.world.exchange.symbols()[0]
    request = OrderRequest(symbol=symbol, side="BUY", quantity=Decimal("0.01"), price=Decimal(5), time_in_force="GTC")
    there(sandbox, lambda exchange, name, now_ms: exchange.place_order(name, request, now_ms))
    return symbol


def cancel_all(sandbox: LocalSandbox, symbol: str) -> None:
    there(sandbox, lambda exchange, name, now_ms: exchange.cancel_symbol(name, symbol, now_ms))


def there(sandbox: LocalSandbox, what: Callable[[Exchange, str, int], object]) -> None:
    """Do something for the account on the exchange, in its own thread, and send what comes of it."""

    def do() -> None:
        what(sandbox.sandbox.world.exchange, sandbox.accounts[0].name, sandbox.sandbox.now_ms)
        sandbox.sandbox._flush()

    sandbox._there(do)


async def test_a_frame_that_cant_be_read_is_asked_for(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        sandbox.fault("malformed_frame", frames=["not_json"])
        await burst(sandbox, 5)
        await reader.until(lambda: len(reader.gaps()) >= 1)
        [(opened, closed), *_] = reader.gaps()
        assert opened.cause is GapCause.UNREADABLE
        assert Loss.UNREADABLE in closed.lost
        assert "could not be read" in opened.why
        assert any("could not be read" in what for what in closed.unrecoverable)
        await until_status(reader.stream, "LIVE")
        check_whole(sandbox, reader)


async def test_a_wrong_clock_costs_one_refusal(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        await burst(sandbox, 5)
        await cut_off(sandbox, reader, 5)
        await reader.until_live(2)
        sandbox.fault("clock_skew", ms=-20_000)
        await dropped(sandbox, reader)
        await burst(sandbox, 5)
        await reader.until_live(3)
        await reader.until_fills(15)
        assert sandbox.meters()["requests"]["GET /eapi/v1/time"] <= 3
        check_whole(sandbox, reader)


async def test_flapping_loses_nothing(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    sandbox.set_switches(weight_per_minute=20_000)  # Eight recoveries a minute are not what the budget is for.
    async with recovering(sandbox) as reader:
        sandbox.fault("drop_sockets", count=8, every_ms=250)
        for _ in range(20):
            await burst(sandbox, 10)
            await asyncio.sleep(0.1)
        await until_status(reader.stream, "SETTLING", "LIVE")
        await reader.until_fills(200)
        await until_status(reader.stream, "LIVE")
        check_whole(sandbox, reader)


async def test_duplicates_and_changed_places_make_no_gap_worse(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        sandbox.fault("duplicate_event", count=1000, probability=0.2)
        sandbox.fault("reorder", window=5, hold_ms=100)
        await burst(sandbox, 100)
        await reader.until_fills(100)
        await cut_off(sandbox, reader, 20)
        await reader.until_live(2)
        await reader.until_fills(120)
        await until_status(reader.stream, "LIVE")
        check_whole(sandbox, reader)


async def test_the_lines_of_a_gap_read_back(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        await cut_off(sandbox, reader, 5)
        await reader.until_live(2)
        lines: list[dict[str, Any]] = [json.loads(to_line(item)) for item in reader.items]
        fill = next(line for line in lines if line.get("provenance") == "rest" and line["event"]["execution_type"])
        assert fill["type"] == "ORDER_TRADE_UPDATE"
        assert fill["raw"]["tradeId"] == fill["event"]["trade_id"]


async def test_what_happened_while_no_process_ran_comes_back_into_the_journal(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    sandbox = binance_options_sandbox
    journal = tmp_path / "fills.db"
    for number in range(3):
        stream = UserStream(
            api_key=sandbox.api_key,
            api_secret=sandbox.api_secret,
            venue=sandbox.venue,
            timing=QUICK,
            journal=journal,
            consumer=f"reader of process {number}",
        )
        async with stream:
            reader = Reader(stream)
            task = asyncio.create_task(reader.run())
            await reader.until_live(number + 1)
            await burst(sandbox, 10)
            await until(lambda: len(in_journal(journal)) == len(sandbox.fills()))
            assert stream.health().duplicates_removed == 0, "nothing was brought back that was there"
            task.cancel()
        await burst(sandbox, 7)
    assert in_journal(journal) == sandbox.fills()[:-7]
    with closing(sqlite3.connect(journal)) as connection:
        inside = "SELECT count(*) FROM items WHERE provenance = 'rest' AND seq BETWEEN opened_seq AND closed_seq"
        gaps = connection.execute(f"SELECT recovered, ({inside}), recovered_fills FROM gaps").fetchall()
        by_rest = connection.execute("SELECT count(*) FROM fills WHERE provenance = 'rest'").fetchone()
    assert by_rest == (14,)
    assert [(recovered == there, fills) for recovered, there, fills in gaps] == [(True, 7), (True, 7)]


def in_journal(path: Path) -> list[tuple[str, int, int]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT symbol, trade_id, order_id FROM fills ORDER BY seq").fetchall()


async def test_a_recovery_that_waits_for_request_weight_says_so() -> None:
    with LocalSandbox(time_scale=10) as sandbox:
        sandbox.set_switches(weight_per_minute=100)
        async with reading(sandbox, api_secret=sandbox.api_secret) as reader:
            shut = sandbox.fault("refuse_connections", scope="ws")
            sandbox.fault("drop_sockets")
            await until(lambda: reader.stream.health().status == "GAP")
            await asyncio.to_thread(sandbox.burst, 100)
            await asyncio.to_thread(sandbox.clear_faults, shut)
            await until(lambda: "waiting for request weight (limit 100 per minute)" in reader.stream.health().why)
            assert reader.stream.health().status == "RECOVERING"
            await reader.until(lambda: bool(reader.of(GapClosed)), within_s=60)
            assert "request weight" not in reader.stream.health().why
            assert sorted(reader.fills()) == sorted(sandbox.fills())
