"""The lag of REST, as a recovery learns it."""

from __future__ import annotations

import asyncio

from listenkey.core.deduplicator import Held
from listenkey.core.timing import Timing
from listenkey.stream.recovery import Recovery
from listenkey.stream.rest_lag import RestLag
from listenkey.testing import LocalSandbox
from listenkey.transport.clock import SystemClock
from tests.unit.core.making import fill
from tests.unit.recovering import recover, recovery_of

CLOCK = SystemClock()


def lag_of(recovery: Recovery) -> RestLag:
    timing = Timing(lag_hold_s=0.1)
    return RestLag(
        recovery.backfill, recovery.windows, recovery.audits, recovery.account_state, CLOCK, timing
    )  # fmt: skip


async def test_rest_that_does_not_show_what_the_stream_brought_is_said_to_lag(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox, lag_hold_s=0.1) as recovery:
        await asyncio.to_thread(sandbox.burst, 1)
        symbol = sandbox.fills()[0][0]
        unshown = fill(999, "1", at_ms=SystemClock().wall_ms(), symbol=symbol)
        recovery.account_state.fills.lateness.note_event(unshown)
        recovery.losses.delivering(unshown)
        assert (await recovery.run(recover(), list)).lag_s > 0


async def test_a_fill_that_was_not_shown_is_waited_for_until_it_is_or_the_gap_is_closed(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 1)
        symbol = sandbox.fills()[0][0]
        await recovery.backfill.read_time()
        lag, ended_ms = lag_of(recovery), recovery.windows.now_ms()
        assert await lag.of_trades(list, ended_ms) == 0.0, "nothing was brought that REST could lack"
        held = Held(fill(10**12, "1", at_ms=ended_ms + 1_000, symbol=symbol), b"{}", 0)
        assert await lag.of_trades(lambda: [held], ended_ms) > 0
        assert await lag.of_trades(list, ended_ms) > 0, "it is remembered, though nothing is held any more"
        lag.forget()
        assert await lag.of_trades(list, ended_ms) == 0.0


async def test_a_fill_that_is_too_old_to_lag_is_not_waited_for(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 1)
        await recovery.backfill.read_time()
        at_ms = recovery.windows.now_ms() - recovery.windows.venue_ms(10 * Timing().lag_max_s)
        held = Held(fill(10**12, "1", at_ms=at_ms, symbol=sandbox.fills()[0][0]), b"{}", 0)
        assert await lag_of(recovery).of_trades(lambda: [held], at_ms) == 0.0
