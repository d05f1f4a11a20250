"""
`python -m benchmarks.speed [--runs 5] [--events 200000] [--only NAME ...] [--pace 1000 10000] [--out FILE]`.

Every consumer is a process of its own, and so is the venue that sends. All take their turn in every run, so whatever
else the machine does falls on all alike: read the ratios.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from benchmarks.speed.consumers import CONSUMERS

BURST: Final = (
    "bare_callback", "ours_callback", "bare_iterator", "ours_iterator", "bare_decimal", "ours_decimal", "ours_signed",
    "ours_blocking", "ours_sqlite", "official_sdk",
)  # fmt: skip
PACED: Final = ("bare_callback", "ours_callback", "ours_iterator", "ours_sqlite")
SHARE: Final = {"official_sdk": 20, "ours_sqlite": 2}
"""Slow ones get this many times fewer events."""

AGAINST: Final = (
    ("ours_callback", "bare_callback", 0.75),
    ("ours_callback", "official_sdk", 20.0),
    ("ours_iterator", "bare_iterator", 0.70),
    ("ours_iterator", "official_sdk", 15.0),
    ("ours_decimal", "bare_decimal", 1.3),
)
PACKAGES: Final = ("listenkey", "picows", "msgspec", "binance-sdk-derivatives-trading-options", "binance-common")


class Venue:
    """The venue's process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.speed.venue"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.urls: dict[str, str] = self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def send(self, line: str) -> dict[str, Any]:
        self.tell(line)
        return self._answer()

    def close(self) -> None:
        self.tell("quit")
        self._process.communicate(timeout=10)


def one(venue: Venue, name: str, count: int, per_second: int | None) -> dict[str, Any]:
    """One consumer, once."""
    venue.tell("forget")
    mode = "burst" if per_second is None else "pace"
    place = [venue.urls["rest_url"], venue.urls["ws_url"], str(count), mode]
    command = [sys.executable, "-m", "benchmarks.speed.consumers", name, *place]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if '"ready"' not in process.stdout.readline():
            raise SystemExit(f"{name} did not attach: {process.communicate()[1]}")
        sent = venue.send(f"burst {count}" if per_second is None else f"pace {per_second} {count}")
        out, err = process.communicate(timeout=180)
        if process.returncode:
            raise SystemExit(f"{name} failed: {err}")
    result: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    if result["events"] != count or result["wrong"]:
        raise SystemExit(f"{name} got {result['events']} of {count}, {result['wrong']} not in their place")
    return {"consumer": name, "per_second_sent": per_second, "venue": sent, **result}


def median(rows: list[dict[str, Any]], name: str, what: str, per_second: int | None = None) -> float:
    return statistics.median(
        float(r[what]) for r in rows if r["consumer"] == name and r["per_second_sent"] == per_second
    )


def print_burst(rows: list[dict[str, Any]], names: list[str]) -> None:
    print(f"\n{'burst':<16}{'CPU us/event':>14}{'events/s':>12}")
    for name in names:
        print(f"{name:<16}{median(rows, name, 'cpu_us'):>14.2f}{median(rows, name, 'per_second'):>12,.0f}")
    print()
    for ours, theirs, bar in AGAINST:
        if ours in names and theirs in names:
            by_run = [
                b["cpu_us"] / a["cpu_us"]
                for a, b in zip(
                    [r for r in rows if r["consumer"] == ours and r["per_second_sent"] is None],
                    [r for r in rows if r["consumer"] == theirs and r["per_second_sent"] is None],
                    strict=True,
                )
            ]
            ratio = statistics.median(by_run)
            print(f"{ours} against {theirs}: {ratio:.2f} (bar {bar}) {'ok' if ratio >= bar else 'MISSED'}")


def print_paced(rows: list[dict[str, Any]], names: list[str], per_second: int) -> None:
    print(f"\n{per_second:,} a second{'p50 us':>14}{'p99 us':>10}{'CPU us':>10}")
    for name in names:
        shown = [median(rows, name, what, per_second) for what in ("p50_us", "p99_us", "cpu_us")]
        print(f"{name:<16}" + "".join(f"{value:>10.1f}" for value in shown))


def versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in PACKAGES} | {"python": platform.python_version()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--only", nargs="*", choices=sorted(CONSUMERS), default=None)
    parser.add_argument("--pace", nargs="*", type=int, default=[])
    parser.add_argument("--out", type=Path, default=Path("build/speed.json"))
    asked = parser.parse_args()
    names = [name for name in BURST if asked.only is None or name in asked.only]
    paced = [name for name in PACED if asked.only is None or name in asked.only]
    rows: list[dict[str, Any]] = []
    venue = Venue()
    try:
        for run in range(asked.runs):
            rows.extend({"run": run, **one(venue, name, asked.events // SHARE.get(name, 1), None)} for name in names)
            for per_second in asked.pace:
                rows.extend({"run": run, **one(venue, name, per_second * 5, per_second)} for name in paced)
    finally:
        venue.close()
    print_burst(rows, names)
    for per_second in asked.pace:
        print_paced(rows, paced, per_second)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps({"versions": versions(), "machine": platform.platform(), "rows": rows}, indent=1))
    print(f"\nraw results: {asked.out}")


if __name__ == "__main__":
    main()
