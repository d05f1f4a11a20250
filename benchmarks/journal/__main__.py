"""
The journal, measured: `python -m benchmarks.journal [--minute | --million] [folder]`.

Durable appends a second; from append to visible, at several rates, to the reader of the process and to one in another
process; memory while a million events pass a slow reader, and how fast these are read back and exported. With `--minute`
only 20,000 a second for a minute, followed by another process; with `--million` only the million. The folder should be on
the disk that is to be measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.journal import million
from benchmarks.journal.events import fill, wall_ms
from benchmarks.journal.million import BATCH
from listenkey.items import Update
from listenkey.journal.sqlite.group import Group
from listenkey.journal.sqlite.journal import SqliteJournal
from listenkey.journal.sqlite.reader import JournalReader

SECONDS = 10


def shown(what: str, times_s: list[float]) -> str:
    times_s.sort()
    at = [times_s[min(len(times_s) - 1, int(len(times_s) * share))] * 1000 for share in (0.5, 0.99, 0.999)]
    return f"{what}: p50 {at[0]:.2f} ms, p99 {at[1]:.2f} ms, p99.9 {at[2]:.2f} ms, most {times_s[-1] * 1000:.1f} ms"


async def as_fast_as_possible(path: Path, count: int) -> None:
    """Append all at once, and time it until the last one is on the disk."""
    journal = SqliteJournal(path, "bench", wall_ms)
    await journal.open()
    fills = [fill(number) for number in range(1, count + 1)]
    began_s = time.perf_counter()
    for event, raw in fills:
        journal.append_event(event, raw, wall_ms())
    seen = 0
    while seen < count:
        await journal.next()
        seen += 1 + len(journal.take_ready(4096))
    took_s = time.perf_counter() - began_s
    journal.end(None)
    await journal.aclose()
    print(f"durable appends and read, {count:,} waiting: {count / took_s:,.0f} a second")


async def at_a_rate(path: Path, per_second: int, *, follower: bool, seconds: int = SECONDS) -> None:
    """Append at a steady rate; when each was read, and what a follower in another process saw."""
    journal = SqliteJournal(path, "bench", wall_ms)
    await journal.open()
    commits = timed_commits(journal)
    process = following(path, seconds) if follower else None
    count = per_second * seconds
    appended = [0.0] * (count + 1)
    taken: list[float] = []

    async def read() -> None:
        seen = 0
        while seen < count:
            items = [await journal.next(), *journal.take_ready(4096)]
            now_s = time.perf_counter()
            taken.extend(now_s - appended[item.seq] for item in items)
            seen += len(items)

    reading = asyncio.create_task(read())
    began_s = time.perf_counter()
    number = 0
    while number < count and not reading.done():
        due = min(count, int((time.perf_counter() - began_s) * per_second))
        if due <= number:
            await asyncio.sleep(0.0005)
            continue
        # As from a socket: what has come since the loop looked last is read at once, up to so many, and decoded here.
        last = min(due, number + BATCH)
        fills = [fill(each) for each in range(number + 1, last + 1)]
        now_s = time.perf_counter()
        appended[number + 1 : last + 1] = [now_s] * len(fills)
        journal.append_events([event for event, _ in fills], [raw for _, raw in fills], wall_ms())
        number = last
        await asyncio.sleep(0)
    took_s = time.perf_counter() - began_s
    await reading
    journal.end(None)
    await journal.aclose()
    print(shown(f"append to visible at {count / took_s:,.0f} a second{' with a follower' if follower else ''}", taken))
    print("  of that, " + shown(f"{len(commits):,} commits", commits))
    if process is not None:
        print("  " + process.communicate(timeout=60)[0].strip())


def timed_commits(journal: SqliteJournal) -> list[float]:
    """Time each commit, its fsync and, at times, its checkpoint included; grows while the journal is used."""
    store, times_s = journal.store, []
    write = store.write

    def timed(group: Group) -> None:
        began_s = time.perf_counter()
        write(group)
        times_s.append(time.perf_counter() - began_s)

    store.write = timed  # type: ignore[method-assign]
    return times_s


def following(path: Path, seconds: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.journal", "--follow", str(path), str(seconds + 3)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def follow(path: Path, seconds: float) -> None:
    """Another process: every item once, in order, and how old it is when seen."""
    reader = JournalReader(path)
    print("ready", flush=True)
    ages: list[float] = []
    last, ends_s = 0, time.monotonic() + seconds
    while time.monotonic() < ends_s:
        items = reader.read(last)
        now = wall_ms()
        assert [item.seq for item in items] == list(range(last + 1, last + 1 + len(items)))
        ages.extend((now - item.received_ms) / 1000 for item in items if isinstance(item, Update))
        last += len(items)
        if not items:
            time.sleep(0.002)
    print(shown(f"another process saw {last:,} in order", ages))


def a_million(here: Path) -> None:
    million.in_a_process_of_its_own(here / "million.db")
    million.read_back(here / "million.db")
    million.export(here / "million.db")


@contextlib.contextmanager
def folder(where: list[str]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=where[0] if where else None) as name:
        yield Path(name)


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--follow"]:
        follow(Path(arguments[1]), float(arguments[2]))
        return
    part = arguments.pop(0) if arguments[:1] in (["--minute"], ["--million"]) else None
    with folder(arguments) as here:
        if part == "--minute":
            asyncio.run(at_a_rate(here / "minute.db", 20_000, follower=True, seconds=60))
            return
        if part == "--million":
            a_million(here)
            return
        for number, count in enumerate((20_000, 40_000)):
            asyncio.run(as_fast_as_possible(here / f"fast{number}.db", count))
        for per_second in (1_000, 10_000, 20_000):
            asyncio.run(at_a_rate(here / f"rate{per_second}.db", per_second, follower=False))
        asyncio.run(at_a_rate(here / "followed.db", 10_000, follower=True))
        sizes = [path.stat().st_size for path in here.glob("rate20000.db")]
        print(f"bytes an item: {statistics.mean(sizes) / (20_000 * SECONDS):.0f}")
        a_million(here)


if __name__ == "__main__":
    main()
