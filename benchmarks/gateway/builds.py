"""
Measure accounts in which nothing happens: `python -m benchmarks.gateway.builds [--accounts 1000] [--seconds 30] [--beside SRC]`.

The sandbox in one process, the gateway in another, with its journals on the disk. When all accounts are live, and idle for their
gateway, its CPU time is counted for a while, and its memory beside that of a gateway without accounts. `--beside` names the `src` of another
build: it runs beside, with as many accounts of the same sandbox, and over the same seconds; the ratio does not depend on
what else the machine does.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import ExitStack
from typing import Any

from benchmarks.common.exchange import Exchange
from benchmarks.gateway.many import wait_until_live
from benchmarks.gateway.process import GatewayProcess

SETTLED_S = 45.0
"""The last gap of a start settles for 35 s, and looks at REST history meanwhile."""

KIB_A_MIB = 1024
QUIET = "benchmarks.gateway.quiet"


def started(
    stack: ExitStack, exchange: Exchange, accounts: list[dict[str, Any]], source: str | None
) -> tuple[GatewayProcess, float]:
    """Start a gateway with these accounts; it, and the memory of one without any, MiB."""
    before = os.environ.get("PYTHONPATH")
    if source is not None:
        os.environ["PYTHONPATH"] = source
    with GatewayProcess(exchange, [], program=QUIET) as empty:
        base_mib = empty.rss_mib()
    gateway = stack.enter_context(GatewayProcess(exchange, accounts, program=QUIET))
    if source is not None:
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)
    took_s = wait_until_live(gateway, len(accounts))
    print(f"{source or 'this build'}: {len(accounts)} live after {took_s:.1f} s", flush=True)
    return gateway, base_mib


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--beside", metavar="SRC")
    asked = parser.parse_args()
    with ExitStack() as stack:
        exchange = stack.enter_context(Exchange())
        exchange.call("POST", "/switches", {"weight_per_minute": 1_000_000, "connections_per_5_min": 1_000_000})
        sources = [asked.beside, None] if asked.beside else [None]
        accounts, count = exchange.more_accounts(len(sources) * asked.accounts), asked.accounts
        gateways = [
            started(stack, exchange, accounts[place * count :][:count], source) for place, source in enumerate(sources)
        ]
        time.sleep(SETTLED_S)
        before_s, began_s = [gateway.cpu_s() for gateway, _ in gateways], time.monotonic()
        time.sleep(asked.seconds)
        took_s = time.monotonic() - began_s
        used = [(gateway.cpu_s() - cpu_s) / took_s for (gateway, _), cpu_s in zip(gateways, before_s, strict=True)]
        for source, cpu, (gateway, base_mib) in zip(sources, used, gateways, strict=True):
            each_kib = (gateway.rss_mib() - base_mib) * KIB_A_MIB / asked.accounts
            print(
                f"{source or 'this build'}: {cpu:.2%} of a core, {cpu / asked.accounts * 1e6:.1f} us per second and account; "
                f"{each_kib:.0f} KiB an account over {base_mib:.0f} MiB"
            )
        if asked.beside:
            print(f"CPU of this build / of the other: {used[1] / used[0]:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
