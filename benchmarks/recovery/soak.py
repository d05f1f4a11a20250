"""
A stream under steady load and steady faults: what it takes must not grow, and what it brings must be the ledger.

    python -m benchmarks.recovery.soak [--minutes 30] [--fills-per-second 200] [--fault-every-s 18]

Three processes: the sandbox, a stream with its journal on the disk, and this one. It prints a line a minute, and ends
with 1 where a bar was missed: resident memory that grew by more than 5 MiB over the second half, descriptors or threads
that grew, or a journal that does not hold the fills of the ledger, each once.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.common.client import Client
from benchmarks.common.exchange import Exchange

GROWTH_BYTES_MAX: Final = 5 * 1024 * 1024
SAMPLE_EVERY_S: Final = 5.0
AROUND: Final = 12
"""Samples whose median is compared: a minute's, for a recovery that is under way takes room and gives it back."""

FAULTS: Final[tuple[tuple[dict[str, Any], ...], ...]] = (
    ({"kind": "drop_sockets"},),
    ({"kind": "drop_event", "event": "ORDER_TRADE_UPDATE", "execution_type": "TRADE", "count": 3},),
    ({"kind": "refuse_connections", "scope": "ws", "duration_ms": 3_000}, {"kind": "drop_sockets"}),
    ({"kind": "rest_lag", "ms": 3_000, "duration_ms": 6_000}, {"kind": "drop_sockets", "close_code": 1012}),
    ({"kind": "http_status", "status": 503, "duration_ms": 2_000}, {"kind": "drop_sockets"}),
    ({"kind": "delay", "ms": 2_000, "count": 50},),
    ({"kind": "drop_event", "event": "BALANCE_POSITION_UPDATE", "count": 3},),
    ({"kind": "refuse_connections", "duration_ms": 8_000}, {"kind": "drop_sockets"}),
)
"""Each in its turn."""


class Sample(NamedTuple):
    """The memory, descriptors and threads of the process of the stream at a moment."""

    rss_bytes: int
    descriptors: int
    threads: int


def sample(pid: int) -> Sample:
    folder = Path(f"/proc/{pid}")
    words = dict(line.split(":", 1) for line in (folder / "status").read_text("utf-8").splitlines())
    return Sample(int(words["VmRSS"].split()[0]) * 1024, len(list((folder / "fd").iterdir())), int(words["Threads"]))


def median(samples: list[Sample]) -> Sample:
    return Sample(*(int(statistics.median(each)) for each in zip(*samples, strict=True)))


def missed(samples: list[Sample], *, exact: bool) -> list[str]:
    """The bars that were missed, in words."""
    half, last = samples[len(samples) // 2 :][:AROUND], samples[-AROUND:]
    before, after = median(half), median(last)
    grown = after.rss_bytes - before.rss_bytes
    out = []
    if grown > GROWTH_BYTES_MAX:
        out.append(f"memory grew by {grown / 2**20:.1f} MiB over the second half, more than 5")
    if after.descriptors > before.descriptors or after.threads > before.threads:
        out.append(
            f"descriptors {before.descriptors} -> {after.descriptors}, threads {before.threads} -> {after.threads}"
        )
    if not exact:
        out.append("the journal does not hold the fills of the ledger, each once")
    return out


def run(minutes: float, per_second: float, fault_every_s: float) -> list[str]:
    """Play it, print a line a minute, and return the bars that were missed."""
    with Exchange() as exchange:
        exchange.call("POST", "/switches", {"weight_per_minute": 20_000})
        name = exchange.account["name"]
        with Client(exchange, [exchange.account]) as client:
            began_s = time.monotonic()
            ends_s, fault_s, minute_s = began_s + minutes * 60, began_s + fault_every_s, began_s + 60
            exchange.burst(round(minutes * 60 * per_second), per_second)
            samples: list[Sample] = []
            faults = itertools.cycle(FAULTS)
            print("minute   MiB  descriptors  threads     told   status", flush=True)
            while (now_s := time.monotonic()) < ends_s:
                samples.append(sample(client.process.pid))
                if now_s >= fault_s:
                    fault_s += fault_every_s
                    strike(exchange, next(faults))
                if now_s >= minute_s:
                    minute_s += 60
                    show(round((now_s - began_s) / 60), samples[-1], client, name)
                time.sleep(SAMPLE_EVERY_S)
            exchange.clear_faults()
            ledger = len(exchange.fills())
            while (now := len(exchange.fills())) != ledger:
                ledger = now
            client.until_fills(name, ledger)
            client.until_status(name, "LIVE", within_s=240)
            samples.append(sample(client.process.pid))
            show(round(minutes), samples[-1], client, name)
            client.stop()
            exact = client.exact(exchange, name)
            gaps = sum(told["kind"] == "gap_opened" for told in client.heard[name])
            print(f"ledger {ledger} fills, {gaps} gaps; ledger = journal: {exact}", flush=True)
    return missed(samples, exact=exact)


def strike(exchange: Exchange, faults: tuple[dict[str, Any], ...]) -> None:
    for fault in faults:
        exchange.call("POST", "/faults", fault)


def show(minute: int, now: Sample, client: Client, name: str) -> None:
    told, status = len(client.fills(name)), client.statuses(name)[-1]
    print(
        f"{minute:6} {now.rss_bytes / 2**20:5.1f}  {now.descriptors:11}  {now.threads:7}  {told:7}   {status}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recovery.soak", description="A stream under steady load and faults."
    )
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--fills-per-second", type=float, default=200)
    parser.add_argument("--fault-every-s", type=float, default=18)
    asked = parser.parse_args()
    bars = run(asked.minutes, asked.fills_per_second, asked.fault_every_s)
    print("\n".join(f"MISS: {bar}" for bar in bars) or "ok")
    return 1 if bars else 0


if __name__ == "__main__":
    sys.exit(main())
