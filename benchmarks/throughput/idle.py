"""
Measure the cost of idle streams: `python -m benchmarks.throughput.idle [--streams 1000] [--seconds 10] [--out FILE]`.

So many streams of as many accounts are opened in one process against the venue of `benchmarks.throughput`, and what the
process has grown by is divided by their number; bare sockets of picows the same way, with the read buffer that we ask
for and with the one that it has by default. Then nothing happens for a while but pings, and the CPU of it is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final, TypeAlias

from picows import WSListener, WSTransport

from benchmarks.common.shown import Shown
from benchmarks.throughput.bare import picows_socket
from benchmarks.throughput.process import VenueProcess
from listenkey import UserStream, Venue
from listenkey.items import Item
from listenkey.rest import rate_limiter
from listenkey.rest.rate_limiter import RateLimiter
from listenkey.transport.clock import SystemClock
from listenkey.transport.websocket import READ_BUFFER_BYTES

AT_ONCE: Final = 20
"""The streams opened at a time, so that the memory of opening does not count as a stream's."""

Held: TypeAlias = tuple[UserStream, asyncio.Task[None]] | WSTransport

BEFORE: Final = 40
"""Opened before the first look, so that what all of them share is there."""

HOUR_S: Final = 3600
KIB: Final = 1024


def rss() -> int:
    """Bytes of memory that the process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- what is opened ---------------------------------------------------------------------------------------------------


def on_item(_item: Item) -> None:
    """Read an item of any stream, and do nothing."""


@functools.cache
def place(rest_url: str, ws_url: str) -> Venue:
    """One for all, as users have it."""
    return Venue(rest_url, ws_url, "benchmark")


async def ours(rest_url: str, ws_url: str, number: int, **options: Any) -> Held:
    """A stream, and the task in which a function reads it."""
    stream = UserStream(api_key=f"account-{number}", venue=place(rest_url, ws_url), **options)
    await stream.__aenter__()
    running = asyncio.create_task(stream.run(on_item))
    while stream.health().status != "LIVE":  # noqa: ASYNC110 - an event of our own would be counted as the stream's
        await asyncio.sleep(0.005)
    return stream, running


async def ours_signed(rest_url: str, ws_url: str, number: int) -> Held:
    """One that could refill gaps."""
    return await ours(rest_url, ws_url, number, api_secret="benchmark")


async def bare(_rest_url: str, ws_url: str, _number: int, **options: Any) -> Held:
    """A socket of picows that is subscribed, and nothing else; its read buffer as picows has it."""
    transport: WSTransport = await picows_socket(ws_url, WSListener, **options)
    return transport


async def bare_small(rest_url: str, ws_url: str, number: int) -> Held:
    """The same with the read buffer that we ask for."""
    return await bare(rest_url, ws_url, number, read_buffer_init_size=READ_BUFFER_BYTES)


async def close(held: Held) -> None:
    if isinstance(held, tuple):
        stream, running = held
        await stream.aclose()
        await running
    else:
        held.disconnect(graceful=False)


def without_limit(rest_url: str, ws_url: str) -> RateLimiter:
    """A thousand streams would take their turn at the venue's weight limit for minutes; this venue has none."""
    limiter = rate_limiter.share(place(rest_url, ws_url), SystemClock())
    limiter.note_limit(1_000_000)
    return limiter


KINDS: Final[dict[str, Any]] = {one.__name__: one for one in (bare, bare_small, ours, ours_signed)}
TITLES: Final = {
    "bare": "bare socket of picows",
    "bare_small": "the same with our read buffer",
    "ours": "`UserStream`",
    "ours_signed": "`UserStream` with an API secret",
}


async def one(kind: str, rest_url: str, ws_url: str, count: int, seconds: float) -> dict[str, float]:
    """Open so many in this process of their own, and return the cost of each."""
    make = KINDS[kind]
    limiter = without_limit(rest_url, ws_url) if kind.startswith("ours") else None
    held: list[Held] = []

    async def open_until(total: int) -> None:
        while len(held) < total:
            first = len(held)
            numbers = range(first, min(first + AT_ONCE, total))
            held.extend(await asyncio.gather(*(make(rest_url, ws_url, number) for number in numbers)))

    await open_until(BEFORE)
    gc.collect()
    before = rss()
    await open_until(BEFORE + count)
    gc.collect()
    grown = rss() - before
    cpu_s, began_s = time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    cpu_s, took_s = time.process_time() - cpu_s, time.perf_counter() - began_s
    for one_of_them in held:
        await close(one_of_them)
    if limiter is not None:
        await rate_limiter.release(limiter)
    return {"kib": grown / count / KIB, "cpu_s_an_hour": cpu_s / took_s / len(held) * HOUR_S}


# --- all of them ------------------------------------------------------------------------------------------------------


def measure(count: int, seconds: float) -> dict[str, Any]:
    found: dict[str, Any] = {}
    venue = VenueProcess()
    try:
        for kind in KINDS:
            line = [sys.executable, "-m", "benchmarks.throughput.idle", "--one", kind]
            line += [venue.urls["rest_url"], venue.urls["ws_url"], str(count), str(seconds)]
            done = subprocess.run(line, stdout=subprocess.PIPE, check=True, text=True)
            found[kind] = json.loads(done.stdout)
            venue.tell("forget")
    finally:
        venue.close()
    return {"streams": count, "kinds": found}


def verdicts(results: dict[str, Any]) -> list[Shown]:
    shown = []
    for ours_kind in ("ours", "ours_signed"):
        held = results["kinds"][ours_kind]["kib"]
        for other in ("bare_small", "bare"):
            most = 1.5 * results["kinds"][other]["kib"] + 8
            what = f"{TITLES[ours_kind]} against {TITLES[other]}"
            shown.append(Shown(what, f"{held:.1f} KiB", f"<= 1.5 x + 8 = {most:.1f} KiB", held <= most))
    return shown


def show(results: dict[str, Any]) -> None:
    print(f"\n{results['streams']:,} idle streams, each")
    for kind, found in results["kinds"].items():
        print(f"{TITLES[kind]:<34}{found['kib']:>8.1f} KiB{found['cpu_s_an_hour']:>8.2f} s of CPU an hour")
    for result in verdicts(results):
        print(f"{result.what}: {result.figure} (bar {result.bar}) {'ok' if result.held else 'MISSED'}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput.idle")
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--out", type=Path, default=Path("build/idle.json"))
    asked = parser.parse_args()
    if asked.one:
        kind, rest_url, ws_url, count, seconds = asked.one
        print(json.dumps(asyncio.run(one(kind, rest_url, ws_url, int(count), float(seconds)))))
        return
    results = measure(asked.streams, asked.seconds)
    show(results)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(results, indent=1))
    print(f"raw results: {asked.out}")


if __name__ == "__main__":
    main()
