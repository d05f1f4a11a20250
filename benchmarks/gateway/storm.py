"""
Measure the return of all accounts after every socket was lost at once: `python -m benchmarks.gateway.storm [accounts]`.

The sandbox has the venue's limits and a clock that runs faster; so does the gateway's idea of both. Some accounts hold a
position, and some trade while no socket brings anything. Beside it stands the arithmetic of `gateway/mass_return.py`.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterable
from typing import Any

from benchmarks.common.exchange import Exchange
from benchmarks.gateway.process import GatewayProcess
from listenkey.gateway.mass_return import mass_return

LOOK_EVERY_S = 0.25
AT_RISK = 20
PROGRAM = "benchmarks.gateway.faster"
WINDOW_S = 300
"""The venue's window of connects: so long is waited before the storm, for nothing of the start to count any more."""


class Storm:
    """
    Accounts of a sandbox in one gateway.

    Args:
        exchange: The sandbox.
        gateway: The process.
        scale: The venue's seconds in one of ours.
    """

    def __init__(self, exchange: Exchange, gateway: GatewayProcess, scale: float) -> None:
        self._exchange = exchange
        self._gateway = gateway
        self._scale = scale

    def wait_s(self, venue_s: float) -> None:
        """Let so many of the venue's seconds pass."""
        time.sleep(venue_s / self._scale)

    def wait_until_whole(self, within_s: float) -> None:
        """Wait until no account has an open gap, and none settles."""
        ends_s = time.monotonic() + within_s / self._scale
        while not all(account["fills_complete"] for account in self._gateway.accounts()):
            if time.monotonic() > ends_s:
                raise RuntimeError("the accounts do not all become complete")
            time.sleep(1)

    def healed(self, count: int, within_s: float) -> tuple[dict[str, float], dict[str, float]]:
        """Return when each account had a socket again, and when its gap was closed; seconds of the venue."""
        began_s = time.monotonic()
        lost: set[str] = set()
        attached: dict[str, float] = {}
        healed: dict[str, float] = {}
        while len(healed) < count and (time.monotonic() - began_s) * self._scale < within_s:
            accounts = self._gateway.accounts()
            at_s = (time.monotonic() - began_s) * self._scale
            for account in accounts:
                name = account["name"]
                if account["open_gap_from_ms"] is not None:
                    lost.add(name)
                    healed.pop(name, None)
                elif name in lost:
                    healed.setdefault(name, at_s)
                if account["sockets"] and name in lost:
                    attached.setdefault(name, at_s)
            time.sleep(LOOK_EVERY_S)
        return attached, healed


def at_steps(times: Iterable[float], every_s: float) -> str:
    """The counts reached at each step."""
    ordered = sorted(times)
    last = ordered[-1] if ordered else 0.0
    steps = [every_s * number for number in range(1, int(last / every_s) + 2)]
    return ", ".join(f"{step:.0f}: {sum(at <= step for at in ordered)}" for step in steps)


def used(before: dict[str, Any], after: dict[str, Any]) -> dict[str, int]:
    """Requests that were sent between two readings."""
    return {what: count - before["requests"].get(what, 0) for what, count in after["requests"].items()}


def one(count: int, scale: float, limit: int, outage_s: float, trading: int) -> None:
    """Start so many accounts, then cut all their sockets and refuse new ones for a while."""
    rng = random.Random(count)
    with Exchange("--time-scale", str(scale)) as exchange:
        exchange.call("POST", "/switches", {"weight_per_minute": limit})
        accounts = exchange.more_accounts(count)
        names = [account["name"] for account in accounts]
        with GatewayProcess(exchange, accounts, time_scale=scale, program=PROGRAM) as gateway:
            storm = Storm(exchange, gateway, scale)
            storm.wait_until_whole(7200)
            risky = set(rng.sample(names, AT_RISK))
            for name in risky:
                exchange.burst(1, account=name)
            storm.wait_s(WINDOW_S + 60)
            storm.wait_until_whole(3600)
            before = exchange.call("GET", "/meters")
            if outage_s:
                exchange.fault("refuse_connections", scope="ws", duration_ms=round(outage_s * 1000))
            exchange.fault("drop_sockets")
            trades = set(rng.sample(names, trading))
            for name in trades:
                exchange.burst(1, account=name)
            attached, healed = storm.healed(count, 3600)
            after = exchange.call("GET", "/meters")
    print(f"\n{count} accounts, {limit} weight a minute, no socket for {outage_s:.0f} s, {trading} traded meanwhile")
    show(attached, healed, risky)
    plan = mass_return(count, trading, len(trades | risky), weight_limit=limit)
    print(f"  arithmetic: weight {plan.weight}, all sockets after {outage_s + plan.sockets_s:.0f} s, ", end="")
    print(f"all healed after {outage_s + plan.all_healed_after_s:.0f} s")
    show_cost(before, after, limit)


def show(attached: dict[str, float], healed: dict[str, float], risky: set[str]) -> None:
    """Print when accounts came back."""
    order = sorted(healed, key=lambda name: healed[name])
    print(f"  sockets again: {at_steps(attached.values(), 60)}")
    print(f"  gaps closed:   {at_steps(healed.values(), 60)}")
    times = healed.values() or [0.0]
    print(f"  {len(healed)} healed, the first after {min(times):.1f} s, the last after {max(times):.0f} s")
    print(f"  places of those at risk {sorted(order.index(name) for name in risky if name in healed)}")


def show_cost(before: dict[str, Any], after: dict[str, Any], limit: int) -> None:
    """Print what it has cost."""
    began_ms = before["now_ms"] - 60_000
    minutes = [weight for at_ms, weight in after["weight_by_minute"].items() if int(at_ms) >= began_ms]
    print(f"  weight by minute {minutes}, the most {max(minutes)} of {limit}")
    print(f"  requests {used(before, after)}")
    print(f"  sockets opened {after['sockets_opened'] - before['sockets_opened']}")
    refused = {name: after[name] - before[name] for name in ("refused_429", "refused_418", "sockets_refused")}
    print(f"  {refused}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("accounts", nargs="*", type=int, default=[500])
    parser.add_argument("--time-scale", type=float, default=10.0)
    parser.add_argument("--weight", type=int, default=400)
    parser.add_argument(
        "--outage", type=float, default=0.0, help="the venue's seconds in which no socket can be opened"
    )
    parser.add_argument("--trading", type=int, default=50, help="accounts with a fill in the gap")
    asked = parser.parse_args()
    for count in asked.accounts:
        one(count, asked.time_scale, asked.weight, asked.outage, asked.trading)
    return 0


if __name__ == "__main__":
    sys.exit(main())
