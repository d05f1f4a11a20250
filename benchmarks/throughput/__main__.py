"""
`python -m benchmarks.throughput [--runs 5] [--events 200000] [--only NAME ...] [--pace 1000 10000] [--loads LOAD ...] [--out FILE]`

Everything that is measured of one event, of one key, and of a stream that has nothing to do.
Every consumer is a process of its own, and so is the venue that sends. All take their turn in every run, so whatever
else the machine does falls on all alike: read the ratios.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from benchmarks.interop import environments
from benchmarks.throughput import costs, idle, report
from benchmarks.throughput.consumers import CONSUMERS, Consumer
from benchmarks.throughput.frames import LOADS, ONE_SYMBOL
from benchmarks.throughput.process import VenueProcess

PACED: Final = ("bare_callback", "ours_callback", "bare_iterator", "ours_iterator", "ours_sqlite", "official_sdk")
LOADED: Final = (
    "bare_callback",
    "ours_callback",
    "bare_iterator",
    "ours_iterator",
    "ours_signed",
    "ours_sqlite",
    "ours_signed_sqlite",
)
"""The consumers that are measured with each load; the others with the first alone."""

PACE_S: Final = 3
IDLE_S: Final = 5.0
ROOT: Final = Path(__file__).resolve().parents[2]
OUR_PACKAGES: Final = ("listenkey", "picows", "msgspec", "aiohttp", "click", "rich")


def one(
    venue: VenueProcess, consumer: Consumer, python: Path, count: int, per_second: int | None, load: str = ONE_SYMBOL
) -> dict[str, Any]:
    """One consumer, once. Raises SystemExit where anything is missing or out of its place: then no figure counts."""
    venue.tell("forget")
    mode = "burst" if per_second is None else "pace"
    place = [venue.urls["rest_url"], venue.urls["ws_url"], str(count), mode, load]
    command = [str(python), "-m", "benchmarks.throughput.consumers", consumer.name, *place]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        if '"ready"' not in process.stdout.readline():
            raise SystemExit(f"{consumer.name} did not start: {process.communicate()[1]}")
        if venue.send(f"attached {consumer.sockets}")["attached"] != consumer.sockets:
            process.kill()
            raise SystemExit(f"{consumer.name} did not attach: {process.communicate()[1]}")
        sent = venue.send(f"burst {count} {load}" if per_second is None else f"pace {per_second} {count}")
        out, err = process.communicate(timeout=180)
        if process.returncode:
            raise SystemExit(f"{consumer.name} failed ({process.returncode}): {err}")
    result: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    if result["events"] != count or result["wrong"]:
        raise SystemExit(f"{consumer.name} got {result['events']} of {count}, {result['wrong']} not as they should be")
    return {"consumer": consumer.name, "load": load, "per_second_sent": per_second, "venue": sent, **result}


def pythons(consumers: list[Consumer], folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the Python of each consumer; and the reason for each that can't be had here."""
    found: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for consumer in consumers:
        if consumer.environment is None:
            found[consumer.name] = Path(sys.executable)
            continue
        try:
            found[consumer.name] = consumer.environment.python(folder)
        except (OSError, subprocess.SubprocessError) as error:
            requirement = consumer.environment.requirements[0]
            missing[consumer.name] = f"{time.strftime('%Y-%m-%d')}: {requirement} could not be installed: {error}"
    return found, missing


def versions(consumers: list[Consumer]) -> dict[str, str]:
    ours = {name: metadata.version(name) for name in OUR_PACKAGES}
    peers = {one.environment.name: one.environment.version for one in consumers if one.environment is not None}
    return {"python": platform.python_version()} | ours | peers


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    consumers = [one for one in CONSUMERS.values() if asked.only is None or one.name in asked.only]
    python, missing = pythons(consumers, asked.envs)
    consumers = [consumer for consumer in consumers if consumer.name in python]
    rows: list[dict[str, Any]] = []
    spent: list[dict[str, float]] = []
    venue = VenueProcess()
    try:
        for run in range(asked.runs):
            for consumer, load in itertools.product(consumers, asked.loads):
                if load == ONE_SYMBOL or consumer.name in LOADED:
                    got = one(venue, consumer, python[consumer.name], min(consumer.events, asked.events), None, load)
                    rows.append({"run": run, **got})
            for per_second in asked.pace:
                for consumer in [consumer for consumer in consumers if consumer.name in PACED]:
                    got = one(venue, consumer, python[consumer.name], per_second * PACE_S, per_second)
                    rows.append({"run": run, **got})
            if asked.only is None:
                spent.append(costs.measure(venue.urls["rest_url"], python.get("official_sdk")))
            print(f"run {run + 1} of {asked.runs}", file=sys.stderr)
    finally:
        venue.close()
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, {platform.system()}, {platform.machine()}",
        "versions": versions(consumers),
        "missing": missing,
        "rows": rows,
        "costs": spent,
        "idle": idle.measure(asked.streams, IDLE_S) if asked.only is None and asked.streams else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=sorted(CONSUMERS), default=None)
    parser.add_argument("--events", type=int, default=200_000, help="in a burst at most; a multiple of 500")
    parser.add_argument("--pace", nargs="*", type=int, help="events a second; left out: 1000 10000, with --only none")
    parser.add_argument("--loads", nargs="*", choices=LOADS, default=list(LOADS), help="accounts; all if left out")
    parser.add_argument("--streams", type=int, default=1_000, help="idle ones; 0: none")
    parser.add_argument("--envs", type=Path, default=environments.DEFAULT)
    parser.add_argument("--out", type=Path, default=Path("build/speed.json"))
    asked = parser.parse_args()
    if asked.pace is None:
        asked.pace = [1_000, 10_000] if asked.only is None else []
    results = measure(asked)
    report.show(results)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(report.written(results))
    print(f"\nraw results: {asked.out}")


if __name__ == "__main__":
    main()
