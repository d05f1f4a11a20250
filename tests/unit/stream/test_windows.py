"""Spans of time that REST is asked for."""

from __future__ import annotations

import asyncio

from listenkey.core import reconciliation
from listenkey.core.gaps import Resumed
from listenkey.testing import LocalSandbox
from listenkey.transport.clock import SystemClock
from tests.unit.recovering import recover, recovery_of

DAY_MS = 24 * 3600 * 1000


async def test_fills_of_the_first_moments_are_asked_for_although_clocks_are_compared_badly(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        now_s, now_ms = SystemClock().now_s(), SystemClock().wall_ms()
        recovery.backfill.time.note(now_ms, now_s - 1.9, now_s + 0.1)  # Off by 0.9 s, of the second it may be off.
        recovery.windows.began_ms = None
        recovery.follows(whole=True)
        await asyncio.to_thread(sandbox.burst, 5)
        assert len((await recovery.run(recover(0), list)).fills) == 5


async def test_a_beginning_that_is_not_known_is_none_by_a_venues_clock_that_is_behind_either(
    binance_options_sandbox: LocalSandbox,
) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        now_s, now_ms = SystemClock().now_s(), SystemClock().wall_ms()
        recovery.backfill.time.note(now_ms - 5_000, now_s - 0.1, now_s)
        recovery.windows.began_ms = None
        assert recovery.windows.floor(0) == recovery.windows.kept_ms()
        assert recovery.windows.began_ms == 0, "a time before 1970 is none that a journal takes"


async def test_the_day_before_rest_forgets_is_not_asked_for_and_said_to_be_lost(
    binance_options_sandbox: LocalSandbox,
) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        assert reconciliation.TRADES_TOO_OLD in (await recovery.run(recover(90 * DAY_MS - 1000), list)).lost
        assert reconciliation.TRADES_TOO_OLD not in (await recovery.run(recover(88 * DAY_MS), list)).lost


async def test_what_an_earlier_process_covered_is_told_by_the_venues_clock(
    binance_options_sandbox: LocalSandbox,
) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        windows, now_s, now_ms = recovery.windows, SystemClock().now_s(), SystemClock().wall_ms()
        assert windows.resumed_ms() is None
        windows.resume(Resumed(now_ms, covered_venue_ms=now_ms - 9_000, began_venue_ms=5))
        assert (windows.resumed_ms(), windows.began_ms) == (now_ms - 9_000, 5)
        assert abs((windows.resumed_wall_ms() or 0) - now_ms + 9_000) < 100
        assert windows.covered(now_ms + DAY_MS) == now_ms - 9_000, "whatever our wall clock says"
        windows.resume(Resumed(now_ms, covered_until_s=now_s - 4.0))
        assert abs((windows.resumed_ms() or 0) - now_ms + 4_000) < 100
        windows.resume(Resumed(now_ms, covered_until_s=now_s - 4.0, covered_venue_ms=now_ms - 5_000))
        assert windows.resumed_ms() == now_ms - 5_000
        assert windows.resumed_wall_ms() is None, "our own clock could tell"
        recovery.backfill.time.forget()
        assert windows.resumed_ms() == now_ms - 5_000
        windows.closed()
        assert windows.resumed_ms() is None


async def test_a_gap_that_was_left_open_with_an_older_loss_is_asked_for_from_its_beginning(
    binance_options_sandbox: LocalSandbox,
) -> None:
    """REST shows a loss minutes late; the process ends when the gap is opened, and coverage was noted long after it."""
    async with recovery_of(binance_options_sandbox) as recovery:
        windows, now_s, now_ms = recovery.windows, SystemClock().now_s(), SystemClock().wall_ms()
        long_ago_ms = now_ms - 70_000
        windows.resume(Resumed(now_ms - 10_000, covered_venue_ms=now_ms - 9_000, open_since_ms=long_ago_ms))
        assert windows.covered(now_ms) == now_ms - 69_000, "a minute before the coverage"
        windows.resume(Resumed(now_ms - 10_000, covered_until_s=now_s - 10.0, open_since_ms=long_ago_ms))
        assert abs(windows.covered(now_ms) - now_ms + 70_000) < 100
        windows.resume(Resumed(now_ms - 10_000, covered_venue_ms=now_ms - 9_000, open_since_ms=now_ms))
        assert windows.covered(now_ms) == now_ms - 9_000, "a later one begins where coverage ended"
