"""
Measure what an idle account costs with a socket of its own and with a shared one: `python -m benchmarks.gateway.idle`.

Two gateways with as many accounts each run side by side, and their processor time is taken over the same seconds, so that
what else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from benchmarks.common.exchange import Exchange
from benchmarks.gateway.many import wait_until_live
from benchmarks.gateway.process import GatewayProcess

LIMITS = {"weight_per_minute": 1_000_000, "connections_per_5_min": 1_000_000}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--keys-per-socket", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=20.0)
    asked = parser.parse_args()
    unhurried = "benchmarks.gateway.unhurried"
    with Exchange() as exchange:
        exchange.call("POST", "/switches", LIMITS)
        accounts = exchange.more_accounts(2 * asked.accounts)
        apart, together = accounts[: asked.accounts], accounts[asked.accounts :]
        with (
            GatewayProcess(exchange, apart, program=unhurried) as alone,
            GatewayProcess(exchange, together, program=unhurried, keys_per_socket=asked.keys_per_socket) as shared,
        ):
            gateways = (alone, shared)
            for gateway in gateways:
                wait_until_live(gateway, asked.accounts)
            before_s, began_s = [gateway.cpu_s() for gateway in gateways], time.monotonic()
            time.sleep(asked.seconds)
            took_s = time.monotonic() - began_s
            used = [(gateway.cpu_s() - at_s) / took_s for gateway, at_s in zip(gateways, before_s, strict=True)]
            sockets = len(exchange.call("GET", "/meters")["sockets"])
            print(f"{asked.accounts} idle accounts each, {sockets} sockets in all, load {os.getloadavg()[0]:.1f}")
            for gateway, many, share in zip(gateways, (1, asked.keys_per_socket), used, strict=True):
                print(f"listen keys a socket: {many}: {share:.1%} of a core, {gateway.rss_mib():.0f} MiB")
            print(f"ratio: {used[1] / used[0]:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
