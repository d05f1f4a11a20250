"""The arithmetic of a start is that of the sandbox's meters, and of the two limits."""

from __future__ import annotations

import asyncio
from pathlib import Path

from listenkey import Live, UserStream
from listenkey.gateway.cold_start import KEY_WEIGHT, PROOF_WEIGHT, SHARED_WEIGHT, cold_start, live_at_most
from listenkey.testing import LocalSandbox


def test_a_few_accounts_are_live_at_once() -> None:
    plan = cold_start(3)
    assert (plan.at_once, plan.all_live_after_s) == (3, 0)
    assert cold_start(0).all_live_after_s == 0


def test_weight_sets_the_rate_at_first_and_connects_after_240() -> None:
    plan = cold_start(500, weight_limit=400)
    assert plan.weight == 500 * 4 + 3
    assert plan[3:] == (48, 80, 600, "connects")
    assert cold_start(200, weight_limit=400)[4:] == (80, 120, "weight")
    assert cold_start(81, weight_limit=400).all_live_after_s == 60
    assert cold_start(80, weight_limit=400)[4:] == (80, 0, "nothing")


def test_so_many_can_be_live_after_a_while() -> None:
    seen = [live_at_most(500, at_s) for at_s in (0, 59, 60, 120, 299, 300, 360, 420, 599, 600, 3600)]
    assert seen == [80, 80, 160, 240, 240, 320, 400, 480, 480, 500, 500]


def test_connects_set_it_where_weight_is_high() -> None:
    plan = cold_start(1000, weight_limit=2400)
    assert plan[3:] == (48, 240, 1200, "connects")
    assert cold_start(1000, weight_limit=2400, keys_per_socket=25)[3:] == (480, 480, 120, "weight")


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


def test_more_can_be_live_where_keys_share_sockets() -> None:
    assert live_at_most(500, 240.0) == 240
    assert live_at_most(500, 240.0, keys_per_socket=25) == 400
