"""
The journals of many accounts in one file, measured: `python -m benchmarks.journal.accounts [--seconds 20] [folder]`.

At 2,000 events a second in all, for one account, a hundred and a thousand: CPU time an event, of the appending and of the
writing, and the time from append to visible; beside them one journal of one account, at the same rate in the same run. Then
as fast as it goes, and the memory of accounts at rest. The folder should be on the disk that is to be measured.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from benchmarks.journal.__main__ import shown
from benchmarks.journal.events import fill, wall_ms
from listenkey.items import Item
from listenkey.journal.base import Journal
from listenkey.journal.shared.shared_journals import SharedJournals
from listenkey.journal.sqlite.journal import SqliteJournal

RATE = 2_000
WAITING = 100_000
IDLE = 5_000
SECONDS_AT_REST = 10
PAGE_BYTES = resource.getpagesize()


class Paced:
    """Appends at a steady rate to journals in turn; notes when each event was appended and seen."""

    def __init__(self, seconds: float) -> None:
        self.count = int(RATE * seconds)
        self.appended: dict[int, float] = {}
        self.taken: list[float] = []

    def seen(self, items: list[Item]) -> None:
        now_s = time.perf_counter()
        for item in items:
            self.taken.append(now_s - self.appended.pop(item.event.trade_id))  # type: ignore[union-attr]

    async def run(self, journals: list[Any]) -> float:
        """Return the CPU seconds that it took."""
        count = self.count
        began_s, cpu_s = time.perf_counter(), time.process_time()
        number = 0
        while number < count:
            due = min(count, int((time.perf_counter() - began_s) * RATE))
            if due <= number:
                await asyncio.sleep(0.0005)
                continue
            for each in range(number + 1, due + 1):
                event, raw = fill(each)
                self.appended[each] = time.perf_counter()
                journals[each % len(journals)].append_events([event], [raw], wall_ms())
            number = due
        while len(self.taken) < count:  # noqa: ASYNC110 - the thread tells the journals, and nobody else
            await asyncio.sleep(0.001)
        return time.process_time() - cpu_s


class Nothing:
    """A journal that keeps nothing: the cost of the measuring itself."""

    def __init__(self, seen: Callable[[list[Any]], None]) -> None:
        self._seen = seen

    def append_events(self, events: list[Any], _raws: list[bytes], _received_ms: int) -> None:
        class Kept:
            event = events[0]

        self._seen([Kept])

    def heard(self, _wall_ms: int) -> None:
        """Keep nothing of that, either."""


async def read_all(journal: Journal, seen: Callable[[list[Item]], None]) -> None:
    while True:
        seen([await journal.next(), *journal.take_ready(4096)])


async def alone(folder: Path, seconds: float) -> tuple[float, Paced]:
    """The journal of one account, in a file of its own."""
    paced = Paced(seconds)
    journal = SqliteJournal(folder / "alone.db", "bench", wall_ms)
    await journal.open()
    reading = asyncio.create_task(read_all(journal, paced.seen))
    cpu_s = await paced.run([journal])
    reading.cancel()
    await journal.aclose()
    return cpu_s, paced


async def shared(folder: Path, accounts: int, seconds: float) -> tuple[float, Paced]:
    """So many accounts in one file, each item handed over when it is on the disk."""
    paced = Paced(seconds)
    place = folder / f"shared-{accounts}"
    place.mkdir()
    journals = SharedJournals(place, wall_ms)
    await journals.open()
    made = [journals.journal(f"desk-{number}", on_items=paced.seen) for number in range(accounts)]
    for journal in made:
        await journal.open()
    heard = asyncio.create_task(hear(made))
    cpu_s = await paced.run(made)
    heard.cancel()
    await journals.aclose()
    return cpu_s, paced


async def hear(journals: list[Any]) -> None:
    """Each stream says once a second that it is whole, as it does in life; not all at the same moment."""
    while True:
        for journal in journals:
            journal.heard(wall_ms())
            await asyncio.sleep(1 / len(journals))


def told(what: str, result: tuple[float, Paced], base_s: float, beside_s: float | None = None) -> float:
    cpu_s, paced = result
    each_us = (cpu_s - base_s) / paced.count * 1e6
    share = (cpu_s - base_s) / (paced.count / RATE)
    ratio = "" if beside_s is None else f", {each_us / beside_s:.2f} times that of one account's file"
    print(f"{what}: {each_us:.0f} us of CPU an event, {share:.1%} of a core{ratio}")
    print("  " + shown("append to visible", paced.taken))
    return each_us


async def burst(folder: Path) -> None:
    """A burst of one account; how long single entries of others take meanwhile."""
    place = folder / "burst"
    place.mkdir()
    journals = SharedJournals(place, wall_ms)
    await journals.open()
    seen = 0
    done = asyncio.Event()

    def count(items: list[Item]) -> None:
        nonlocal seen
        seen += len(items)
        if seen >= WAITING:
            done.set()

    loud = journals.journal("loud", on_items=count, queue_bytes_max=1 << 30)
    quiet: list[float] = []
    began: dict[str, float] = {}
    others = [
        journals.journal(
            f"quiet-{number}", on_items=lambda items: quiet.append(time.perf_counter() - began[items[0].account])
        )
        for number in range(50)
    ]
    for journal in (loud, *others):
        await journal.open()
    fills = [fill(number) for number in range(1, WAITING + 1)]
    began_s, cpu_s = time.perf_counter(), time.process_time()
    for event, raw in fills:
        loud.append_event(event, raw, wall_ms())
    for number, journal in enumerate(others, WAITING + 1):
        event, raw = fill(number)
        began[journal.account] = time.perf_counter()
        journal.append_event(event, raw, wall_ms())
        await asyncio.sleep(0.005)
    await done.wait()
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    print(
        f"a burst of {WAITING:,} of one account: {WAITING / took_s:,.0f} a second, {cpu_s / WAITING * 1e6:.1f} us of CPU each"
    )
    print("  " + shown("one entry of each of 50 others meanwhile", quiet))
    await journals.aclose()


async def share_of(work: Coroutine[Any, Any, None]) -> float:
    """Return the share of a core that the process takes while this goes on."""
    cpu_s, task = time.process_time(), asyncio.create_task(work)
    await asyncio.sleep(SECONDS_AT_REST)
    task.cancel()
    return (time.process_time() - cpu_s) / SECONDS_AT_REST


def memory_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


async def idle(folder: Path) -> None:
    """The memory of accounts that wrote one item each, and rest."""
    place = folder / "idle"
    place.mkdir()
    journals = SharedJournals(place, wall_ms)
    await journals.open()
    before = memory_bytes()
    made = [journals.journal(f"desk-{number}", on_items=lambda _: None) for number in range(IDLE)]
    for number, journal in enumerate(made, 1_000_000):
        await journal.open()
        event, raw = fill(number)
        journal.append_event(event, raw, wall_ms())
    while any(journal.backlog for journal in made):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    after = memory_bytes()
    base, share = [await share_of(hear(those)) for those in ([Nothing(lambda _: None)] * IDLE, made)]
    print(
        f"{IDLE:,} accounts at rest: {(after - before) / IDLE / 1024:.1f} KiB each, {share - base:.1%} of a core to note that they are whole"
    )
    await journals.aclose()


async def main(folder: Path, seconds: float) -> None:
    paced = Paced(seconds)
    base_s = await paced.run([Nothing(paced.seen)])
    one_us = told("one account's file", await alone(folder, seconds), base_s)
    for accounts in (1, 100, 1_000):
        told(f"{accounts:,} accounts in one file", await shared(folder, accounts, seconds), base_s, one_us)
    await burst(folder)
    await idle(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        asyncio.run(main(Path(folder), given.seconds))
