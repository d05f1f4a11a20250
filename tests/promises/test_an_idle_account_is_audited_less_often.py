"""
An account with nothing at stake is audited less and less often, its first event ends that at once, and meanwhile no
process takes more to be covered than audits have confirmed.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from listenkey import GapClosed, GapOpened
from listenkey.outcomes import GapCause
from listenkey.testing import LocalSandbox
from listenkey.transport.clock import SystemClock
from tests.promises.reader import Reader, reading
from tests.promises.test_a_lost_step_of_an_order_is_found import QUICK, cancel, place, states, symbol_of
from tests.promises.test_gaps_are_refilled import until, until_status

RARELY = replace(QUICK, audit_every_s=0.2, idle_audit_every_s=1000.0)
"""A fifth of a second where there is a minute; a loss that only a slow audit found would not be found in the test."""

SLOW_S = 1.6


def every_s(reader: Reader) -> float:
    return reader.stream._driver.life.recovery_policy.audit_schedule.pace.every_s


async def until_idle(reader: Reader, at_least_s: float = SLOW_S) -> None:
    await until(lambda: every_s(reader) >= at_least_s)


async def test_audits_of_an_idle_account_become_rare_and_its_health_says_when_the_last_was(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with reading(sandbox, RARELY, api_secret=sandbox.api_secret) as reader:
        await until_idle(reader)
        await until(lambda: (reader.stream.health().last_audit_s or 0.0) > 2 * RARELY.audit_every_s)
        assert reader.stream.health().status == "LIVE"


async def test_the_first_event_of_an_idle_account_brings_audits_back_that_find_what_is_lost_after_it(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with reading(sandbox, RARELY, api_secret=sandbox.api_secret) as reader:
        await until_idle(reader, 3.2)
        await asyncio.to_thread(place, sandbox, symbol_of(sandbox))
        await reader.until(lambda: states(reader) == [("NEW", "ws")])
        assert every_s(reader) == RARELY.audit_every_s
        schedule = reader.stream._driver.life.recovery_policy.audit_schedule
        assert (schedule.audit_at_s or 0.0) - SystemClock().now_s() < 2 * RARELY.audit_every_s
        sandbox.fault("drop_event", event="ORDER_TRADE_UPDATE", count=1)
        await asyncio.to_thread(cancel, sandbox, symbol_of(sandbox))
        await reader.until(lambda: ("CANCELED", "rest") in states(reader), within_s=10.0)


async def test_what_an_idle_account_lost_is_found_by_its_next_audit(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with reading(sandbox, RARELY, api_secret=sandbox.api_secret) as reader:
        await until_idle(reader)
        sandbox.fault("mute")
        await asyncio.to_thread(sandbox.burst, 1)
        await until(lambda: reader.stream.health().status != "LIVE")
        await reader.until(lambda: bool(reader.of(GapClosed)))
        await reader.until_fills(1)
        [(opened, _)] = reader.gaps()
        assert opened.cause is GapCause.REST_SHOWS_MORE


async def test_coverage_ends_where_an_audit_confirmed_it_last(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    sandbox, path = binance_options_sandbox, tmp_path / "a.db"
    timing = replace(RARELY, ping_after_s=0.1, dead_after_s=5.0)
    async with reading(sandbox, timing, api_secret=sandbox.api_secret, journal=path) as reader:
        await until_idle(reader, 3.2)
        await until(lambda: (reader.stream.health().last_audit_s or 0.0) > 2.4)
        ended_ms = SystemClock().wall_ms()
    async with reading(sandbox, timing, api_secret=sandbox.api_secret, journal=path) as reader:
        await until_status(reader.stream, "LIVE")
        [opened] = [item for item in reader.of(GapOpened) if isinstance(item, GapOpened)]
        [closed] = [item for item in reader.of(GapClosed) if isinstance(item, GapClosed)]
        assert ended_ms - opened.from_ms > 1_500, "two audits beyond the last one, and not as far as pongs came"
        assert closed.fills_complete


@pytest.mark.parametrize("is_idle", [True, False])
async def test_an_order_that_rests_keeps_an_account_in_use(
    binance_options_sandbox: LocalSandbox, is_idle: bool
) -> None:
    sandbox = binance_options_sandbox
    async with reading(sandbox, RARELY, api_secret=sandbox.api_secret) as reader:
        if not is_idle:
            await asyncio.to_thread(place, sandbox, symbol_of(sandbox))
        schedule = reader.stream._driver.life.recovery_policy.audit_schedule
        audits = schedule.number
        await until(lambda: schedule.number >= audits + 4)
        assert (every_s(reader) > RARELY.audit_every_s) is is_idle
