"""
Measure many accounts in one process: `python -m benchmarks.gateway.many [--accounts 1000] [--seconds 300]`.

Three processes: the sandbox, the gateway with its journals on the disk, and this one, which reads a few accounts over
HTTP. Every account trades at a steady pace. At the end the journal of each must hold the ledger's fills, each once and in
order. The added latency is the time from the exchange's stamp to the reader's line, by one clock of one machine; what
the exchange itself is late counts with it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.common.exchange import Exchange
from benchmarks.gateway.process import GatewayProcess
from listenkey.journal.shared.shared_journals import SharedJournals

READ_AT_MOST = 10
LIVE = {"LIVE", "SETTLING"}


class Reader(threading.Thread):
    """Reads one account's events, and notes how old each was when it came."""

    def __init__(self, gateway: GatewayProcess, name: str) -> None:
        super().__init__(daemon=True)
        self.ages_ms: list[float] = []
        self._request = urllib.request.Request(
            f"{gateway.told['url']}/v1/accounts/{name}/events",
            headers={"Authorization": f"Bearer {gateway.told['token']}"},
        )

    def run(self) -> None:
        """Read until the gateway ends."""
        try:
            with urllib.request.urlopen(self._request, timeout=60) as answer:
                for line in answer:
                    if line.startswith(b"data: "):
                        self._note(json.loads(line[6:]), time.time() * 1000)
        except OSError:
            pass  # The gateway has ended.

    def _note(self, told: dict[str, Any], now_ms: float) -> None:
        if told["kind"] == "update" and told["event_ms"] is not None:
            self.ages_ms.append(now_ms - told["event_ms"])


def wait_until_live(gateway: GatewayProcess, count: int) -> float:
    """Wait until all are live; seconds."""
    began_s = time.monotonic()
    while sum(account["status"] in LIVE for account in gateway.accounts()) < count:
        time.sleep(1)
    return time.monotonic() - began_s


def wait_until_filled(gateway: GatewayProcess, fills: int, within_s: float = 300.0) -> None:
    """Wait until all fills have come: a sandbox that is slower than was asked for ends later."""
    until_s = time.monotonic() + within_s
    while sum(account["fills"] for account in gateway.accounts()) < fills and time.monotonic() < until_s:
        time.sleep(1)


async def exact(folder: Path, exchange: Exchange, names: list[str]) -> int:
    """Count the accounts whose journal holds the ledger's fills, each once and in order."""
    journals = SharedJournals(folder, lambda: 0)
    await journals.open()
    count = 0
    for name in names:
        ledger = exchange.call("GET", f"/ledger?account={name}")["fills"]
        found, after = [], 0
        while items := await journals.read(name, after):
            found += [fill.key for item in items for fill in item.fills]
            after = items[-1].seq
        count += found == [(fill["symbol"], fill["trade_id"], fill["order_id"]) for fill in ledger]
    await journals.aclose()
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument(
        "--fills-per-second", type=float, default=1.0, help="of each account; each is two events or more"
    )
    asked = parser.parse_args()
    with Exchange() as exchange:
        limits = {"weight_per_minute": 1_000_000, "connections_per_5_min": 1_000_000}
        exchange.call("POST", "/switches", limits)  # The start has a benchmark of its own.
        accounts = exchange.more_accounts(asked.accounts)
        with GatewayProcess(exchange, accounts, program="benchmarks.gateway.unhurried") as gateway:
            print(
                f"{asked.accounts} live after {wait_until_live(gateway, asked.accounts):.1f} s, {gateway.rss_mib():.0f} MiB"
            )
            idle_s, began_s = gateway.cpu_s(), time.monotonic()
            time.sleep(10)
            print(f"idle: {(gateway.cpu_s() - idle_s) / (time.monotonic() - began_s):.1%} of a core")
            readers = [Reader(gateway, account["name"]) for account in accounts[:READ_AT_MOST]]
            for reader in readers:
                reader.start()
            fills = round(asked.seconds * asked.fills_per_second)
            for account in accounts:
                exchange.burst(fills, account=account["name"], per_second=asked.fills_per_second)
            before_s, before = gateway.cpu_s(), sum(account["events"] for account in gateway.accounts())
            began_s = time.monotonic()
            time.sleep(asked.seconds)
            took_s = time.monotonic() - began_s
            cpu = (gateway.cpu_s() - before_s) / took_s
            events = sum(account["events"] for account in gateway.accounts()) - before
            rss = gateway.rss_mib()
            wait_until_filled(gateway, fills * len(accounts))
            gateway.stop()
            whole = asyncio.run(exact(gateway.journals, exchange, [account["name"] for account in accounts]))
            ages = sorted(age for reader in readers for age in reader.ages_ms)
            print(
                f"{events / took_s:.0f} events/s: CPU {cpu:.1%} of a core, {cpu / (events / took_s) * 1e6:.0f} us an event, RSS {rss:.0f} MiB"
            )
            if ages:
                print(f"age at a reader: p50 {ages[len(ages) // 2]:.1f} ms, p99 {ages[int(len(ages) * 0.99)]:.1f} ms")
            print(f"ledger = journal for {whole} of {asked.accounts} accounts")
    return 0 if whole == asked.accounts else 1


if __name__ == "__main__":
    sys.exit(main())
