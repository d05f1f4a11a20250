"""
Measure how long a gap takes to be refilled: `python -m benchmarks.recovery.reconnects [gaps]`.

Three processes: the sandbox, the streams with their journals on the disk, and this one, which breaks things. In each
round an account's socket is dropped and none can be opened; fills happen in at most ten symbols; the door opens, and
the clock runs until the reader is told that the gap has ended, with every fill of it before. At the end each journal's
fills, as SQLite alone shows them, must be the ledger's, and `listenkey journal verify` must find it whole.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from typing import Any, NamedTuple

from benchmarks.common.client import Client
from benchmarks.common.exchange import Exchange
from benchmarks.common.shown import Shown

GAPS = 60
GAPS_AN_ACCOUNT = 20
"""So few that what slows a flapping socket down (30 losses in 5 minutes) stays out of it."""

FILLS = (4, 10)  # in as many symbols at most
OUT_S = (0.0, 1.0)
BARS_S = (1.5, 5.0)


class Gap(NamedTuple):
    from_door_s: float
    from_socket_s: float
    missed: int


def one_gap(exchange: Exchange, client: Client, account: dict[str, Any], rng: random.Random) -> Gap:
    """Seconds until the reader knows that all is whole, from the door's opening and from the socket being there."""
    name = account["name"]
    place = len(client.heard[name])
    exchange.call("POST", "/faults", {"kind": "refuse_connections", "scope": "ws"})
    exchange.fault("drop_sockets", account=name)
    client.until(name, lambda told: told["kind"] == "gap_opened", after=place)
    missed = rng.randint(*FILLS)
    exchange.burst(missed, account=name, wait=True)
    time.sleep(rng.uniform(*OUT_S))
    opened_s = time.time()
    exchange.clear_faults()
    closed = client.until(name, lambda told: told["kind"] == "gap_closed", after=place)
    return Gap(closed["at_s"] - opened_s, closed["at_s"] - closed["to_ms"] / 1000, missed)


def measure(gaps: int = GAPS) -> Shown:
    rng = random.Random(1)
    with Exchange() as exchange:
        # So many gaps in a minute are more than any limit is made for; one gap is what is measured.
        exchange.call("POST", "/switches", {"weight_per_minute": 1_000_000})
        accounts = exchange.more_accounts((gaps + GAPS_AN_ACCOUNT - 1) // GAPS_AN_ACCOUNT)
        with Client(exchange, accounts) as client:
            time.sleep(0.5)  # the limit is read in the background
            took = [one_gap(exchange, client, accounts[number % len(accounts)], rng) for number in range(gaps)]
            told = {account["name"]: len(client.fills(account["name"])) for account in accounts}
            late = sum(fill["late"] for account in accounts for fill in client.fills(account["name"]))
            client.stop()
            exact = [client.exact(exchange, account["name"]) for account in accounts]
    held = all(exact) and sum(told.values()) == sum(gap.missed for gap in took)
    figures: list[str] = []
    for what, seconds in (
        ("from the socket", [gap.from_socket_s for gap in took]),
        ("from the open door, the wait between two attempts included", [gap.from_door_s for gap in took]),
    ):
        p50, p99 = statistics.median(seconds), sorted(seconds)[min(len(seconds) - 1, round(len(seconds) * 0.99))]
        figures.append(f"{what}: p50 {p50:.3f} s, p99 {p99:.3f} s, max {max(seconds):.3f} s")
        held &= p50 <= BARS_S[0] and p99 <= BARS_S[1]
    figures.append(f"{sum(told.values())} fills missed and brought back, {late} late; ledger = journal: {all(exact)}")
    bar = f"p50 <= {BARS_S[0]} s, p99 <= {BARS_S[1]} s, exact"
    return Shown(f"link back -> whole again, {gaps} gaps", "; ".join(figures), bar, held)


def main() -> int:
    """Measure so many gaps."""
    shown = measure(int(sys.argv[1]) if len(sys.argv) > 1 else GAPS)
    print(shown.what, *shown.figure.split("; "), sep="\n  ")
    print(f"{'ok' if shown.held else 'MISS'} (bar: {shown.bar})")
    return 0 if shown.held else 1


if __name__ == "__main__":
    sys.exit(main())
