"""A loss stays visible while REST refuses or lags: it is reported, asked again, and healed when REST answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from listenkey import GapClosed, GapOpened
from listenkey.core.timing import Timing
from listenkey.outcomes import Loss
from listenkey.testing import LocalSandbox
from tests.promises.reader import Reader, reading

QUICK = Timing(settle_after_s=(0.3, 0.7, 1.5), audit_every_s=1.0, lag_hold_s=0.5, lag_max_s=3.0, doubt_after_s=0.3)
ALL_EVENTS = ("ORDER_TRADE_UPDATE", "BALANCE_POSITION_UPDATE", "ACCOUNT_UPDATE", "GREEK_UPDATE")
REFUSAL = {"status": 400, "path": "/eapi/v1/userTrades", "body": '{"code":-1121,"msg":"Invalid symbol."}'}

TRADES = "/eapi/v1/userTrades"


@asynccontextmanager
async def recovering(sandbox: LocalSandbox, timing: Timing = QUICK) -> AsyncIterator[Reader]:
    async with reading(sandbox, timing, api_secret=sandbox.api_secret) as reader:
        yield reader


async def status_is(reader: Reader, *wanted: str, within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while reader.stream.health().status not in wanted:  # noqa: ASYNC110 - nothing tells of a status
            await asyncio.sleep(0.005)


async def burst(sandbox: LocalSandbox, fills: int, per_second: float | None = None) -> None:
    await asyncio.to_thread(lambda: sandbox.burst(fills, per_second=per_second))


async def lose_a_fill(sandbox: LocalSandbox) -> None:
    """One fill of which no socket brings a word."""
    faults = [sandbox.fault("drop_event", event=event, count=50) for event in ALL_EVENTS]
    await burst(sandbox, 1)
    for fault in faults:
        await asyncio.to_thread(sandbox.clear_faults, fault)


async def test_a_fill_that_rest_refuses_to_list_is_a_gap_that_names_the_refusal(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        await burst(sandbox, 2)
        await reader.until_fills(2)
        refusal = sandbox.fault("http_status", **REFUSAL)
        await lose_a_fill(sandbox)
        await reader.until(lambda: bool(reader.of(GapClosed)))
        (closed,) = reader.of(GapClosed)
        assert any("-1121" in reason for reason in closed.unrecoverable)  # type: ignore[union-attr]
        assert Loss.FILLS_REFUSED in closed.lost  # type: ignore[union-attr]
        audits = sandbox.meters()["requests"]["GET /eapi/v1/bill"]
        while sandbox.meters()["requests"]["GET /eapi/v1/bill"] < audits + 6:
            assert reader.stream.health().status == "SUSPECT"
            assert "-1121" in reader.stream.health().why or reader.stream.health().status != "SUSPECT"
            await asyncio.sleep(0.05)
        assert len(reader.of(GapOpened)) == 1, "a refusal that lasts opens no gap a minute"
        await asyncio.to_thread(sandbox.clear_faults, refusal)
        await reader.until_fills(3)
        await status_is(reader, "LIVE")
        assert sorted(reader.fills()) == sorted(sandbox.fills())
        # A gap that turns out to have begun earlier is opened again, so its openings are not counted.
        assert len(reader.of(GapClosed)) == 2


async def test_a_fill_lost_behind_a_lost_socket_is_named_and_healed_as_well(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        refusal = sandbox.fault("http_status", **REFUSAL)
        shut = sandbox.fault("refuse_connections", scope="ws")
        sandbox.fault("drop_sockets")
        await status_is(reader, "GAP")
        await burst(sandbox, 5)
        await asyncio.to_thread(sandbox.clear_faults, shut)
        await reader.until(lambda: bool(reader.of(GapClosed)))
        (closed,) = reader.of(GapClosed)
        assert any("-1121" in reason for reason in closed.unrecoverable)  # type: ignore[union-attr]
        assert Loss.FILLS_REFUSED in closed.lost  # type: ignore[union-attr]
        assert reader.stream.health().status == "SUSPECT"
        await asyncio.to_thread(sandbox.clear_faults, refusal)
        await reader.until_fills(5)
        await status_is(reader, "LIVE")
        assert sorted(reader.fills()) == sorted(sandbox.fills())


@pytest.mark.parametrize("lag_ms", [5_000, 8_000])
async def test_fills_are_held_against_history_that_lags_one_by_one(
    binance_options_sandbox: LocalSandbox, lag_ms: int
) -> None:
    """
    More fills than REST shows yet must not stand in for one that was lost.

    An audit looks 6 s back here. REST lags so far, and trading goes on for so long after the last loss, that counting
    would never see it: its row is shown when that part of history is no longer looked at, or among more fills than rows.
    """
    sandbox = binance_options_sandbox
    sandbox.set_switches(fill_events=("ORDER_TRADE_UPDATE",))
    async with recovering(sandbox) as reader:
        recovery = reader.stream._driver.delivery.recovery
        assert recovery is not None
        await burst(sandbox, 1)
        await reader.until(lambda: recovery.audits.matching.shows_fills)
        sandbox.fault("rest_lag", ms=lag_ms)
        trading = asyncio.create_task(burst(sandbox, 160, per_second=20.0))
        for _ in range(4):
            have = len(reader.fills())
            await reader.until_fills(have + 10)
            sandbox.fault("drop_event", event="ORDER_TRADE_UPDATE", count=2)  # an order and its fill
        await trading
        await reader.until_fills(161)
        assert sorted(reader.fills()) == sorted(sandbox.fills())


@pytest.mark.parametrize("delivered", [0, 3])
async def test_a_loss_is_found_though_rest_lags_from_before_the_first_fill_by_more_than_an_audit_looks_back(
    binance_options_sandbox: LocalSandbox, delivered: int
) -> None:
    """An audit looks 4 s back here. REST has shown no row yet that could be matched, so that its lag is not seen."""
    sandbox = binance_options_sandbox
    sandbox.fault("rest_lag", ms=9_000)
    async with recovering(sandbox) as reader:
        await lose_a_fill(sandbox)
        if delivered:
            await burst(sandbox, delivered)
            await reader.until_fills(delivered)
        assert len(reader.fills()) == delivered
        await reader.until_fills(1 + delivered)
        assert sorted(reader.fills()) == sorted(sandbox.fills())


async def test_a_loss_is_found_though_rest_begins_to_lag_while_nothing_is_traded(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        recovery = reader.stream._driver.delivery.recovery
        assert recovery is not None
        await burst(sandbox, 1)
        await reader.until(lambda: recovery.audits.matching.shows_fills)
        sandbox.fault("rest_lag", ms=9_000)
        await lose_a_fill(sandbox)
        await reader.until_fills(2)
        assert sorted(reader.fills()) == sorted(sandbox.fills())


async def test_a_gap_stays_open_while_rest_is_seen_to_lag(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox, replace(QUICK, lag_max_s=1.0)) as reader:
        sandbox.fault("rest_lag", ms=8_000)  # Long enough for REST not to list the three before it is asked.
        await burst(sandbox, 3)
        await reader.until_fills(3)
        shut = sandbox.fault("refuse_connections", scope="ws")
        sandbox.fault("drop_sockets")
        await status_is(reader, "GAP")
        await burst(sandbox, 4)
        await asyncio.to_thread(sandbox.clear_faults, shut)
        await reader.until(lambda: bool(reader.of(GapClosed)))
        assert reader.items[-1].seq <= reader.of(GapClosed)[0].seq + 1, "all of it came before the gap was closed"
        assert sorted(reader.fills()) == sorted(sandbox.fills())


async def test_beats_that_wait_while_rest_hangs_are_beats() -> None:
    """A position is open, and its beat comes on the new socket while `bill` does not answer for eight beats."""
    with LocalSandbox(time_scale=20) as sandbox:
        async with recovering(sandbox) as reader:
            delivery = reader.stream._driver.delivery
            assert delivery.recovery is not None
            detector = delivery.recovery.losses.detector
            await burst(sandbox, 1)
            await reader.until(lambda: detector.beat.count >= 2 and detector.beat.open_positions > 0)
            hang = sandbox.fault("hang_http", path="/eapi/v1/bill")
            sandbox.fault("drop_sockets")
            await status_is(reader, "RECOVERING")
            reconnects = reader.stream.health().reconnects
            async with asyncio.timeout(20):
                while len(delivery.held()) < 16:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert reader.stream.health().reconnects == reconnects
            assert reader.stream.health().status == "RECOVERING"
            await asyncio.to_thread(sandbox.clear_faults, hang)
            await status_is(reader, "LIVE", within_s=60)
            assert reader.stream.health().reconnects == reconnects


@pytest.mark.parametrize("trade_id", [0, -1])
async def test_fills_whose_rows_do_not_say_which_they_are_are_named_and_healed(
    binance_options_sandbox: LocalSandbox, trade_id: int
) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        await burst(sandbox, 2)
        await reader.until_fills(2)
        fault = sandbox.fault("wrong_shape", path=TRADES, field="/*/tradeId", value=trade_id)
        shut = sandbox.fault("refuse_connections", scope="ws")
        sandbox.fault("drop_sockets")
        await status_is(reader, "GAP")
        await burst(sandbox, 5)
        await asyncio.to_thread(sandbox.clear_faults, shut)
        await reader.until(lambda: bool(reader.of(GapClosed)))
        (closed,) = reader.of(GapClosed)
        assert Loss.FILLS_REFUSED in closed.lost  # type: ignore[union-attr]
        assert any("tradeId" in reason for reason in closed.unrecoverable)  # type: ignore[union-attr]
        await never_whole(reader, sandbox)
        assert len(reader.fills()) == 2, "no fill is made of such a row"
        await asyncio.to_thread(sandbox.clear_faults, fault)
        await reader.until_fills(7)
        await status_is(reader, "LIVE")
        assert sorted(reader.fills()) == sorted(sandbox.fills())


async def test_a_lost_fill_whose_row_does_not_say_which_it_is_opens_a_gap(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovering(sandbox) as reader:
        await burst(sandbox, 2)
        await reader.until_fills(2)
        fault = sandbox.fault("wrong_shape", path=TRADES, field="/*/tradeId", value=0)
        await lose_a_fill(sandbox)
        await reader.until(lambda: bool(reader.of(GapClosed)))
        (closed,) = reader.of(GapClosed)
        assert Loss.FILLS_REFUSED in closed.lost  # type: ignore[union-attr]
        await never_whole(reader, sandbox)
        assert len(reader.of(GapOpened)) == 1, "a row that stays unreadable opens no gap a minute"
        await asyncio.to_thread(sandbox.clear_faults, fault)
        await reader.until_fills(3)
        await status_is(reader, "LIVE")
        assert sorted(reader.fills()) == sorted(sandbox.fills())


async def never_whole(reader: Reader, sandbox: LocalSandbox) -> None:
    """Watch the status while REST is asked four times more for the fills."""
    wanted = sandbox.meters()["requests"].get(f"GET {TRADES}", 0) + 4
    while sandbox.meters()["requests"].get(f"GET {TRADES}", 0) < wanted:
        health = reader.stream.health()
        assert health.status == "SUSPECT"
        assert "tradeId" in health.why
        assert not health.fills_complete
        await asyncio.sleep(0.02)
