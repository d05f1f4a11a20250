"""
The journal, measured: `python -m benchmarks.journal [--minute] [folder]`.

Durable appends a second; from append to visible, at 10,000 and 20,000 a second, to the reader of the process and to one
in another process; and how fast a journal is read back. With `--minute` only 20,000 a second for a minute, followed by
another process. The folder should be on the disk that is to be measured.
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

from listenkey.events import Event
from listenkey.items import Update
from listenkey.journal.reader import JournalReader
from listenkey.journal.sqlite import SqliteJournal
from listenkey.wire.frames import Unreadable, read_payload
from listenkey.wire.lines import to_line

FILL = (
    b'{"e":"ORDER_TRADE_UPDATE","E":1795330000120,"T":1795330000120,"o":{"s":"BTC-261225-90000-C","c":"bench-%d",'
    b'"S":"BUY","o":"LIMIT","f":"GTC","q":"0.3000","p":"3660.000","ap":"3660.000","x":"TRADE","X":"FILLED",'
    b'"i":%d,"l":"0.1000","z":"0.3000","L":"3660.000","N":"USDT","n":"-0.07320000","T":1795330000120,"t":%d,'
    b'"b":"0.1000","a":"0.3000","m":true,"R":false,"ot":"LIMIT","rp":"1.5","V":"EXPIRE_MAKER"}}'
)
SECONDS = 10


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def fill(number: int) -> tuple[Event, bytes]:
    raw = FILL % (number, 4611869636869226548 + number, number)
    event = read_payload(raw)
    assert not isinstance(event, Unreadable)
    return event, raw


def shown(what: str, times_s: list[float]) -> str:
    times_s.sort()
    at = [times_s[min(len(times_s) - 1, int(len(times_s) * share))] * 1000 for share in (0.5, 0.99, 0.999)]
    return f"{what}: p50 {at[0]:.2f} ms, p99 {at[1]:.2f} ms, p99.9 {at[2]:.2f} ms, most {times_s[-1] * 1000:.1f} ms"


async def as_fast_as_possible(path: Path, count: int) -> None:
    """Everything at once; how long until the last one is on the disk."""
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
    for number in range(1, count + 1):
        # As from a socket: what has come since the loop looked last is read at once, and decoded here.
        while began_s + number / per_second > time.perf_counter():  # noqa: ASYNC110 - the clock sets no event
            await asyncio.sleep(0.0005)
        event, raw = fill(number)
        appended[number] = time.perf_counter()
        journal.append_event(event, raw, wall_ms())
    took_s = time.perf_counter() - began_s
    await reading
    journal.end(None)
    await journal.aclose()
    print(shown(f"append to visible at {count / took_s:,.0f} a second{' with a follower' if follower else ''}", taken))
    if process is not None:
        print("  " + process.communicate(timeout=60)[0].strip())


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


def read_back(path: Path) -> None:
    """The whole journal, as items and as lines."""
    for name, use in (("items", lambda items: items), ("lines", lambda items: [to_line(item) for item in items])):
        reader = JournalReader(path)
        last, began_s = 0, time.perf_counter()
        while items := reader.read(last):
            use(items)
            last = items[-1].seq
        print(f"read back as {name}: {last / (time.perf_counter() - began_s):,.0f} a second")
        reader.close()


@contextlib.contextmanager
def folder(where: list[str]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=where[0] if where else None) as name:
        yield Path(name)


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--follow"]:
        follow(Path(arguments[1]), float(arguments[2]))
        return
    minute = arguments[:1] == ["--minute"]
    with folder(arguments[minute:]) as here:
        if minute:
            asyncio.run(at_a_rate(here / "minute.db", 20_000, follower=True, seconds=60))
            return
        for number, count in enumerate((20_000, 40_000)):
            asyncio.run(as_fast_as_possible(here / f"fast{number}.db", count))
        for per_second in (1_000, 10_000, 20_000):
            asyncio.run(at_a_rate(here / f"rate{per_second}.db", per_second, follower=False))
        asyncio.run(at_a_rate(here / "followed.db", 10_000, follower=True))
        read_back(here / "rate20000.db")
        sizes = [path.stat().st_size for path in here.glob("rate20000.db")]
        print(f"bytes an item: {statistics.mean(sizes) / (20_000 * SECONDS):.0f}")


if __name__ == "__main__":
    main()
