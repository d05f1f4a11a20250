"""The arithmetic of a start is that of the sandbox's meters, and of the two limits."""

from __future__ import annotations

import asyncio
from pathlib import Path

from listenkey import Live, UserStream
from listenkey.gateway.cold_start import KEY_WEIGHT, PROOF_WEIGHT, SHARED_WEIGHT, cold_start
from listenkey.testing import LocalSandbox


def test_a_few_accounts_are_live_at_once() -> None:
    plan = cold_start(3)
    assert (plan.at_once, plan.all_live_after_s) == (3, 0)
    assert cold_start(0).all_live_after_s == 0


def test_weight_sets_the_rate_where_it_is_low() -> None:
    plan = cold_start(500, weight_limit=400)
    assert plan.weight == 500 * 4 + 3
    assert plan[3:] == (80, 80, 360, "weight")
    assert cold_start(80, weight_limit=400).all_live_after_s == 60  # The clock and the limits are read once besides.
    assert cold_start(79, weight_limit=400).all_live_after_s == 0


def test_connects_set_it_where_weight_is_high() -> None:
    plan = cold_start(1000, weight_limit=2400)
    assert plan[3:] == (60, 300, 900, "connects")
    assert cold_start(1000, weight_limit=2400, keys_per_socket=25).bound_by == "weight"


def test_accounts_without_a_secret_cost_less() -> None:
    assert cold_start(0, 100).weight == 100 * KEY_WEIGHT + SHARED_WEIGHT
    assert cold_start(50, 50).weight == 100 * KEY_WEIGHT + 50 * PROOF_WEIGHT + SHARED_WEIGHT


async def test_an_account_costs_so_much_at_the_venue(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    sandbox = binance_options_sandbox
    async with UserStream(
        api_key=sandbox.api_key, api_secret=sandbox.api_secret, venue=sandbox.venue, journal=tmp_path / "a.db"
    ) as stream:
        async for item in stream:
            if isinstance(item, Live):
                break
        spent = await asyncio.to_thread(sandbox.meters)
    assert sum(spent["weight_by_minute"].values()) == cold_start(1).weight
