"""The recovery of a gap, where a whole stream would hide it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from listenkey.core import inputs as on
from listenkey.core import reconciliation
from listenkey.errors import ListenKeyError, ProtocolError, VenueDown
from listenkey.outcomes import have_all_fills
from listenkey.stream import recovery as recovering
from listenkey.testing import LocalSandbox
from listenkey.transport.clock import SystemClock
from tests.unit.recovering import break_lists, no_part, recover, recovery_of

DAY_MS = 24 * 3600 * 1000


async def test_what_rest_has_forgotten_is_said(binance_options_sandbox: LocalSandbox) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        assert set(reconciliation.SNAPSHOTS_LOST) == set((await recovery.run(recover(), list)).lost)
        recovery.delivered(closed=True)
        assert reconciliation.ORDERS_TOO_OLD in (await recovery.run(recover(6 * DAY_MS), list)).lost
        recovery.delivered(closed=True)
        found = await recovery.run(recover(100 * DAY_MS), list)
        assert (reconciliation.TRADES_TOO_OLD in found.lost, have_all_fills(found.lost)) == (True, False)
        recovery.delivered(closed=True)
        assert have_all_fills((await recovery.run(recover(6 * DAY_MS), list)).lost), "orders alone are forgotten"
        recovery.delivered(closed=True)
        assert (await recovery.run(recover(blind=False), list)).lost == (reconciliation.NOTHING_FOUND,)


async def test_another_recovery_of_a_gap_asks_only_for_what_came_since_and_for_orders_last(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sockets that last no second begin one after another: they must not spend the weight that its answer needs."""
    sandbox = binance_options_sandbox

    def listed() -> int:
        return int(sandbox.meters()["requests"].get("GET /eapi/v1/userTrades", 0))

    async with recovery_of(sandbox) as recovery:
        gap = replace(recover(), to_ms=SystemClock().wall_ms() + 10_000)
        await asyncio.to_thread(sandbox.burst, 60)
        first = await recovery.recover(gap, list, no_part)
        assert isinstance(first, on.Recovered)
        assert (first.orders_due, first.complete) == (False, True)
        for one in recovery.combined([]):
            recovery.losses.delivering(one.event)
        recovery.delivered(closed=False)
        monkeypatch.setattr(recovering, "COVERED_MARGIN_S", 0.0)
        before = listed()
        symbols = {symbol for symbol, *_ in sandbox.fills()}
        later = await recovery.recover(replace(gap, attempt=2), list, no_part)
        assert isinstance(later, on.Recovered)
        assert (later.newest_ms, later.orders_due) == (0, True)
        assert listed() - before < len(symbols) / 2
        recovery.delivered(closed=True)
        again = await recovery.recover(gap, list, no_part)
        assert isinstance(again, on.Recovered)
        assert not again.orders_due


@pytest.mark.parametrize("error", [VenueDown(503), ProtocolError("the answer is not a list of rows")])
async def test_the_list_of_one_symbol_that_breaks_down_keeps_no_other_fill_from_the_reader(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch, error: ListenKeyError
) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 20)
        fills = sandbox.fills()
        broken = fills[0][0]
        parts: list[reconciliation.Findings] = []

        async def deliver(part: reconciliation.Findings) -> None:
            parts.append(part)

        with monkeypatch.context() as patches:
            break_lists(patches, {broken}, error)
            with pytest.raises(type(error)):
                await recovery.run(recover(), list, deliver)
            whole = {key for key in fills if key[0] != broken}
            assert {reconciliation.key_of(row) for part in parts for row in part.fills} == whole
            parts.clear()
            break_lists(patches, {symbol for symbol, *_ in fills}, error)
            with pytest.raises(type(error)):
                await recovery.run(recover(), list, deliver)
            assert parts == []
        found = await recovery.run(recover(), list)
        assert {reconciliation.key_of(row) for row in found.fills} == set(fills)


async def test_when_the_newest_happened_is_told_by_our_clock(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        assert (await recovery.recover(recover(), list, no_part)).newest_ms == 0  # type: ignore[union-attr]
        await asyncio.to_thread(sandbox.burst, 5)
        found = await recovery.recover(recover(), list, no_part)
        assert isinstance(found, on.Recovered)
        assert abs(found.newest_ms - SystemClock().wall_ms()) < 5_000


async def test_a_first_failure_ends_the_others(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 50)
        sandbox.fault("ban", seconds=60)
        before = asyncio.all_tasks()
        with pytest.raises(Exception, match="418"):
            await recovery.run(recover(), list)
        assert asyncio.all_tasks() == before
        assert sandbox.meters()["requests"].get("GET /eapi/v1/userTrades", 0) == 0


async def test_fills_do_not_wait_for_the_room_that_orders_need(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 30)
        budget = recovery.backfill.limiter.budget
        symbols = len({symbol for symbol, *_ in sandbox.fills()})
        budget.limit = round((budget._sum + 1 + 5 + 5 * symbols + 10) / 0.75)
        found = await recovery.run(recover(), list)
        assert (len(found.fills), found.orders_due, found.orders) == (30, True, {})
        budget.limit = 2400
        later = await recovery.run_orders()
        assert {(row.fill.symbol, row.fill.order_id) for row in found.fills} <= set(later.orders)
        assert later.lost
        assert later.fills == []
