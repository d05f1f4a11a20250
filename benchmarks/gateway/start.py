"""
Measure a cold start: `python -m benchmarks.gateway.start [accounts ...] [--keys-per-socket 1 25]`.

The sandbox has the venue's limits (weight per minute, connects in five minutes) and its clock runs faster; so does the
gateway's idea of both. Beside the number of live accounts stands what the arithmetic of docs/reference/gateway.md allows.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.common.exchange import Exchange
from benchmarks.gateway.process import GatewayProcess
from listenkey.gateway.cold_start import live_at_most

LOOK_EVERY_S = 0.25
AT_RISK = 20
LIVE = {"LIVE", "SETTLING"}


def watched(
    gateway: GatewayProcess, count: int, scale: float, allowed: Callable[[float], int], within_s: float
) -> tuple[dict[str, float], list[tuple[float, int, int]], dict[str, str]]:
    """
    Return the time at which each account was live, at each look how many were and could be, and why each last was not.

    Times are the venue's seconds.
    """
    began_s = time.monotonic()
    since: dict[str, float] = {}
    looks: list[tuple[float, int, int]] = []
    why: dict[str, str] = {}
    while len(since) < count and time.monotonic() - began_s < within_s:
        at_s = (time.monotonic() - began_s) * scale
        for account in gateway.accounts():
            if account["status"] in LIVE:
                since.setdefault(account["name"], at_s)
            elif account["name"] not in since:
                why[account["name"]] = f"{account['status']}: {account['why']}"
        looks.append((at_s, len(since), allowed(at_s)))
        time.sleep(LOOK_EVERY_S)
    return since, looks, why


def show(what: str, since: dict[str, float], looks: list[tuple[float, int, int]], risky: set[str], meters: Any) -> None:
    """Print what was seen."""
    order = sorted(since, key=lambda name: since[name])
    print(f"\n{what}: {len(since)} live; seconds of the venue: live (allowed)")
    step = max(1, len(looks) // 16)
    print("  " + ", ".join(f"{at_s:.0f}: {live} ({most})" for at_s, live, most in looks[::step]))
    if since:
        first, last = since[order[0]], since[order[-1]]
        places = sorted(order.index(name) for name in risky if name in since)
        print(f"  first after {first:.1f} s, last after {last:.0f} s; places of those at risk {places}")
    print(f"  429: {meters['refused_429']}, 418: {meters['refused_418']}, sockets refused: {meters['sockets_refused']}")


def one(count: int, scale: float, limit: int, keys_per_socket: int) -> None:
    """Start so many accounts."""
    rng = random.Random(count)
    with Exchange("--time-scale", str(scale)) as exchange:
        exchange.call("POST", "/switches", {"weight_per_minute": limit})
        accounts = exchange.more_accounts(count)
        risky = {account["name"] for account in rng.sample(accounts, AT_RISK)}
        stakes = dict.fromkeys(risky, (2, 1))
        with GatewayProcess(
            exchange, accounts, time_scale=scale, stakes=stakes, keys_per_socket=keys_per_socket
        ) as gateway:
            within_s = 3600 / scale

            def allowed(at_s: float) -> int:
                return live_at_most(count, at_s, weight_limit=limit, keys_per_socket=keys_per_socket)

            since, looks, why = watched(gateway, count, scale, allowed, within_s)
            show(
                f"cold start of {count} at {limit} weight a minute, listen keys a socket: {keys_per_socket}",
                since,
                looks,
                risky,
                exchange.call("GET", "/meters"),
            )
            if since:
                print(f"  the last one was before: {why.get(max(since, key=since.__getitem__))}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("accounts", nargs="*", type=int, default=[500, 1000])
    parser.add_argument("--time-scale", type=float, default=10.0)
    parser.add_argument("--weight", type=int, default=400)
    parser.add_argument("--keys-per-socket", type=int, nargs="+", default=[1])
    asked = parser.parse_args()
    for count in asked.accounts:
        for keys_per_socket in asked.keys_per_socket:
            one(count, asked.time_scale, asked.weight, keys_per_socket)
    return 0


if __name__ == "__main__":
    sys.exit(main())
