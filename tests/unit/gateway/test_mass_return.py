"""The arithmetic of a return is that of the two limits, and of what the sandbox counts for one account."""

from __future__ import annotations

import asyncio

from listenkey import GapClosed, Live, UserStream
from listenkey.gateway.mass_return import GAP_WEIGHT, PROVE_WEIGHT, SYMBOL_WEIGHT, mass_return
from listenkey.testing import LocalSandbox


def test_weight_or_sockets_hold_up_the_last_whichever_takes_longer() -> None:
    plan = mass_return(500, 50, 70, weight_limit=400)
    assert plan.weight == 500 * 8 + 50 * 9 + 70 * 4
    assert (plan.sockets_s, plan.weight_s) == (600, 886)
    assert plan.all_healed_after_s == 886
    assert mass_return(500, weight_limit=2400).all_healed_after_s == 600, "240 sockets in five minutes"
    assert mass_return(500, weight_limit=2400, keys_per_socket=25).sockets_s == 0
    assert mass_return(30, weight_limit=400).all_healed_after_s == 0


async def test_an_account_costs_so_much_at_the_venue(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with (
        asyncio.timeout(30),
        UserStream(api_key=sandbox.api_key, api_secret=sandbox.api_secret, venue=sandbox.venue) as stream,
    ):
        while not isinstance(await anext(stream), Live):
            pass
        before = await asyncio.to_thread(spent, sandbox)
        sandbox.fault("drop_sockets")
        await asyncio.to_thread(sandbox.burst, 1)
        while not isinstance(await anext(stream), GapClosed):
            pass
        after = await asyncio.to_thread(spent, sandbox)
    assert after - before in (PROVE_WEIGHT + GAP_WEIGHT, PROVE_WEIGHT + GAP_WEIGHT + SYMBOL_WEIGHT), (
        "the fill may have come before the socket was lost or after it was there again"
    )


def spent(sandbox: LocalSandbox) -> int:
    return sum(sandbox.meters()["weight_by_minute"].values())
