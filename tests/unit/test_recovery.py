"""The way through the lists, where a whole stream would hide it: paging, refused symbols, what an audit makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest

from listenkey import venue
from listenkey.clock import SystemClock
from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core import reconcile
from listenkey.core.gap import Resumed
from listenkey.core.known import Fills
from listenkey.core.timing import Timing
from listenkey.credentials import Credentials
from listenkey.errors import ListenKeyError, VenueDown, VenueError
from listenkey.recovery import Recovery
from listenkey.snapshots import Snapshots
from listenkey.testing import LocalSandbox
from listenkey.together import AT_ONCE
from listenkey.wire.rows import BillRow, PositionRow, TradeRow
from tests.unit.core.making import beat, fill, order

DAY_MS = 24 * 3600 * 1000


@asynccontextmanager
async def recovery_of(sandbox: LocalSandbox, **timing: float) -> AsyncIterator[Recovery]:
    credentials = Credentials.of(sandbox.api_key, sandbox.api_secret)
    times = Timing(**timing)  # type: ignore[arg-type]
    made = Recovery(credentials, sandbox.venue, SystemClock(), times, Fills(), lambda: None)
    try:
        await made.prepare()
        made.follows(whole=True)
        yield made
    finally:
        await made.aclose()


def recover(back_ms: int = 60_000, *, blind: bool = True) -> do.Recover:
    now_ms = SystemClock().wall_ms()
    return do.Recover(1, now_ms - back_ms, now_ms, now_ms - back_ms, blind)


async def test_pages_of_one_symbol_and_of_the_bill_are_followed_to_the_end(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = binance_options_sandbox
    monkeypatch.setattr(venue, "ROWS_MAX", 7)
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 300)
        found = await recovery.run(recover(), list)
        assert [(row.fill.symbol, row.fill.trade_id) for row in found.fills] == sandbox.fills()
        assert found.complete


@pytest.mark.parametrize("used", [350, 900])
async def test_what_others_used_does_not_keep_us_from_asking_for_the_limit(
    binance_options_sandbox: LocalSandbox, used: int
) -> None:
    """The lowest limit is assumed until the venue has told its own; waiting for that would cost up to a minute."""
    sandbox = binance_options_sandbox
    sandbox.sandbox.world.limits.spend("127.0.0.1", used, SystemClock().wall_ms())
    async with asyncio.timeout(10), recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 3)
        assert len((await recovery.run(recover(), list)).fills) == 3


async def test_fills_of_the_first_moments_are_asked_for_although_clocks_are_compared_badly(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        now_s, now_ms = SystemClock().now_s(), SystemClock().wall_ms()
        recovery._time.note(now_ms, now_s - 1.9, now_s + 0.1)  # Off by 0.9 s, of the second it may be off.
        recovery._began_ms = None
        recovery.follows(whole=True)
        await asyncio.to_thread(sandbox.burst, 5)
        assert len((await recovery.run(recover(0), list)).fills) == 5


async def test_a_symbol_that_rest_refuses_keeps_nobody_else_from_theirs(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        recovery.known.note(order(1, symbol="BTC-200101-1-C"))
        await asyncio.to_thread(sandbox.burst, 10)
        found = await recovery.run(recover(), list)
        assert len(found.fills) == 10
        assert any("BTC-200101-1-C" in left for left in found.unrecoverable)


async def test_where_the_bill_names_no_symbols_all_trades_are_asked_for_at_once(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = binance_options_sandbox
    sandbox.set_switches(generation="legacy")
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 10)
        monkeypatch.setattr(Snapshots, "positions", no_positions)  # which would name them
        assert len((await recovery.run(recover(), list)).fills) == 10

        # When they are asked for, the venue may be another: it names them, or nobody does.
        monkeypatch.setattr(recovery, "_moved", lambda *_: [""])
        sandbox.set_switches(generation="current")
        found = await recovery.run(recover(), list)
        assert len(found.fills) == 10
        assert reconcile.NO_SYMBOLS not in found.unrecoverable
        sandbox.set_switches(generation="legacy")
        monkeypatch.setattr(Snapshots, "user_trades", refused(VenueError(400, -1102, "'symbol' was not sent")))
        assert reconcile.NO_SYMBOLS in (await recovery.run(recover(), list)).unrecoverable
        monkeypatch.setattr(Snapshots, "user_trades", refused(VenueDown(503)))
        with pytest.raises(VenueDown):
            await recovery.run(recover(), list)


async def no_positions(_: Snapshots) -> list[PositionRow]:
    return []


def refused(error: VenueError) -> Callable[..., Coroutine[None, None, list[TradeRow]]]:
    async def user_trades(*_: object, **__: object) -> list[TradeRow]:
        raise error

    return user_trades


async def test_what_rest_has_forgotten_is_said(binance_options_sandbox: LocalSandbox) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        assert set(reconcile.SNAPSHOTS_LOST) == set((await recovery.run(recover(), list)).unrecoverable)
        assert reconcile.ORDERS_TOO_OLD in (await recovery.run(recover(6 * DAY_MS), list)).unrecoverable
        assert reconcile.TRADES_TOO_OLD in (await recovery.run(recover(100 * DAY_MS), list)).unrecoverable
        assert (await recovery.run(recover(blind=False), list)).unrecoverable == (reconcile.NOTHING_FOUND,)


async def test_the_day_before_rest_forgets_is_not_asked_for_and_said_to_be_lost(
    binance_options_sandbox: LocalSandbox,
) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        assert reconcile.TRADES_TOO_OLD in (await recovery.run(recover(90 * DAY_MS - 1000), list)).unrecoverable
        assert reconcile.TRADES_TOO_OLD not in (await recovery.run(recover(88 * DAY_MS), list)).unrecoverable


async def test_a_venue_that_keeps_less_than_it_says_is_asked_for_what_it_has(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 10)
        recovery._began_ms = 0
        monkeypatch.setattr("listenkey.sandbox.trading.queries.TRADES_MS", 50_000)
        found = await recovery.run(recover(), list)
        assert len(found.fills) == 10
        assert reconcile.TRADES_TOO_OLD in found.unrecoverable


async def test_what_was_not_held_against_the_bill_until_it_was_forgotten_is_a_gap(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms = SystemClock().wall_ms()
    async with recovery_of(binance_options_sandbox) as recovery:
        monkeypatch.setattr(venue, "TRADES_KEPT_S", DAY_MS // 1000 + 600)
        recovery._began_ms, recovery._audited_to_ms = 0, now_ms - 900_000
        doubt = await recovery.audit(do.Audit(1, None, 0))
        assert isinstance(doubt, on.Doubted)
        assert doubt.why == reconcile.FORGOTTEN
        assert now_ms - 940_000 < doubt.from_ms < now_ms - 930_000, (
            "and half a minute before, in which the bill may have lagged"
        )
        assert await recovery.audit(do.Audit(2, None, 0)) is None, "once"


async def test_rest_that_does_not_show_what_the_stream_brought_is_said_to_lag(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox, lag_hold_s=0.1) as recovery:
        await asyncio.to_thread(sandbox.burst, 1)
        symbol = sandbox.fills()[0][0]
        recovery.delivering(fill(999, "1", at_ms=SystemClock().wall_ms(), symbol=symbol))
        assert not (await recovery.run(recover(), list)).complete


async def test_an_audit_tells_one_loss_from_a_dead_socket(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        assert await recovery.audit(do.Audit(1, None, SystemClock().wall_ms())) is None
        await asyncio.to_thread(sandbox.burst, 5)
        assert await recovery.audit(do.Audit(2, None, 0)) is None, "too young to be missed"
        sandbox.fault("clock_skew", ms=5000)
        recovery._time.forget()
        recovery._audited_to_ms = None
        dead = await recovery.audit(do.Audit(3, None, 0))
        assert isinstance(dead, on.StreamSilent)
        assert "5 fills" in dead.why
        recovery.delivering(beat(SystemClock().wall_ms() + 1000))
        recovery._audited_to_ms = None
        assert isinstance(await recovery.audit(do.Audit(4, None, 0)), on.Doubted)


async def test_what_failed_audits_did_not_see_is_seen_when_a_later_gap_settles(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        assert await recovery.audit(do.Audit(1, None, 0)) is None
        await asyncio.to_thread(sandbox.burst, 5)
        sandbox.fault("clock_skew", ms=5000)
        recovery._time.forget()
        later_ms = SystemClock().wall_ms() + 60_000
        assert await recovery.audit(do.Audit(2, later_ms, 0)) is not None


async def test_what_an_earlier_process_could_not_audit_any_more_is_audited_by_the_next(
    binance_options_sandbox: LocalSandbox,
) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        covered_ms = SystemClock().wall_ms() - 600_000
        recovery._audited_to_ms = recovery._began_ms = None
        recovery.resume(Resumed(covered_ms))
        recovery.follows(whole=False)
        assert recovery._audit_since(do.Audit(1, None, 0)) <= covered_ms - 120_000


async def test_a_stream_whose_audits_fail_is_not_taken_for_whole(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox, audit_every_s=60.0) as recovery:
        now_s = SystemClock().now_s()
        assert recovery.is_audited(now_s + 119)
        assert not recovery.is_audited(now_s + 130)
        sandbox.fault("ban", seconds=60)
        with pytest.raises(ListenKeyError):
            await recovery.audit(do.Audit(1, None, 0))
        assert not recovery.is_audited(now_s + 130)


async def test_when_the_newest_happened_is_told_by_our_clock(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        assert (await recovery.recover(recover(), list)).newest_ms == 0  # type: ignore[union-attr]
        await asyncio.to_thread(sandbox.burst, 5)
        found = await recovery.recover(recover(), list)
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
        budget = recovery._governor.budget
        symbols = len({symbol for symbol, _ in sandbox.fills()})
        budget.limit = round((budget._sum + 1 + 5 + 5 * symbols + 10) / 0.75)
        found = await recovery.run(recover(), list)
        assert (len(found.fills), found.orders_due, found.orders) == (30, True, {})
        budget.limit = 2400
        later = await recovery.run_orders()
        assert {row.fill.order_id for row in found.fills} <= set(later.orders)
        assert later.unrecoverable
        assert later.fills == []


async def test_a_limit_that_is_only_assumed_is_asked_before_anybody_waits_for_it(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 30)
        governor = recovery._governor
        governor.budget.limit, governor.limit_at_s = 100, None
        found = await recovery.run(recover(), list)
        assert governor.budget.limit == 2400
        assert not found.orders_due


async def test_a_poll_brings_what_is_old_enough_and_goes_on_where_the_last_one_ended(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox, asked_from, bill_since = binance_options_sandbox, [], Snapshots.bill_since

    async def noted(snapshots: Snapshots, from_ms: int) -> list[BillRow]:
        asked_from.append(from_ms)
        return await bill_since(snapshots, from_ms)

    monkeypatch.setattr(Snapshots, "bill_since", noted)
    async with recovery_of(sandbox, lag_hold_s=5.0, lag_max_s=30.0) as recovery:
        began_ms = recovery._began_ms
        now_ms = SystemClock().wall_ms()
        poll = do.Poll(1, now_ms - 120_000, now_ms - 120_000)
        await asyncio.to_thread(sandbox.burst, 5)
        assert (await recovery.poll(poll)).fills == [], "too young: REST may not show yet all that happened before them"
        sandbox.fault("clock_skew", ms=60_000)
        recovery._time.forget()
        answer = await recovery.recover(poll, list)
        assert isinstance(answer, on.Recovered)
        assert (answer.attempt, answer.count, answer.unrecoverable, answer.orders_due) == (1, 5, (), False)
        for one in recovery.combined([]):
            recovery.delivering(one.event)
        recovery.delivered(closed=False)
        assert (await recovery.poll(poll)).fills == []
        assert asked_from[:2] == [began_ms, began_ms]
        assert asked_from[2] - asked_from[0] > 20_000, "half a minute before the end of the last one, and not all again"


async def test_a_loss_is_told_before_all_of_it_was_asked_for(binance_options_sandbox: LocalSandbox) -> None:
    """The weight limit may make a look at forty symbols last a minute, and nobody would know meanwhile."""
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 100)
        traded = {symbol for symbol, _ in sandbox.fills()}
        assert len(traded) > AT_ONCE
        sandbox.fault("clock_skew", ms=5000)
        recovery._time.forget()
        recovery._audited_to_ms = None
        before = sandbox.meters()["requests"].get("GET /eapi/v1/userTrades", 0)
        dead = await recovery.audit(do.Audit(1, None, 0))
        assert isinstance(dead, on.StreamSilent)
        assert "at least" in dead.why
        assert sandbox.meters()["requests"]["GET /eapi/v1/userTrades"] - before <= AT_ONCE
        assert recovery._suspects == traded
        first_ms = min(row["time_ms"] for row in sandbox.ledger()["fills"])
        assert recovery._of_wall(dead.from_ms) <= first_ms
        found = await recovery.run(recover(), list)
        assert len(found.fills) == 100, "the recovery asks for the others"
