"""A million events past a slow reader, and then read back: part of `python -m benchmarks.journal`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.journal.events import fill, wall_ms
from listenkey.cli import table_export
from listenkey.items import Item
from listenkey.journal.sqlite.journal import SqliteJournal
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.wire.json_lines import to_line

COUNT: Final = 1_000_000
BATCH: Final = 256
"""The events taken from a socket before others have their turn, as in `link.py`."""

WARM: Final = 20_000
"""Events until memory counts: by then everything has been imported and every buffer been made."""

READER_PAUSE_S: Final = 0.01
SHOW_EVERY: Final = 100_000


def resident_mib() -> float:
    """Return the resident memory of this process, MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


async def past_a_slow_reader(path: Path, count: int = COUNT) -> None:
    """Events as fast as the journal takes them, and a reader that takes a few thousand a second; memory meanwhile."""
    journal = SqliteJournal(path, "bench", wall_ms, consumer="slow")
    await journal.open()
    read = 0

    async def read_slowly() -> None:
        nonlocal read
        while True:
            await journal.next()
            read += 1 + len(journal.take_ready(63))
            await asyncio.sleep(READER_PAUSE_S)

    reading = asyncio.create_task(read_slowly())
    sizes: list[float] = []
    began_s = time.perf_counter()
    for first in range(1, count + 1, BATCH):
        fills = [fill(number) for number in range(first, min(first + BATCH, count + 1))]
        journal.append_events([event for event, _ in fills], [raw for _, raw in fills], wall_ms())
        while (wait_s := journal.turn_after_s()) is not None:  # noqa: ASYNC110 - as a stream does with its socket
            await asyncio.sleep(wait_s)
        await asyncio.sleep(0)
        if first > WARM:
            sizes.append(resident_mib())
        if first // SHOW_EVERY != (first + BATCH) // SHOW_EVERY:
            print(f"  {first + BATCH - 1:>9,} appended, {read:>9,} read, {sizes[-1]:.0f} MiB", flush=True)
    took_s = time.perf_counter() - began_s
    reading.cancel()
    journal.end(None)
    await journal.aclose()
    assert journal.overflow.dropped == 0
    grown = max(sizes) - sizes[0]
    print(
        f"{count:,} events at {count / took_s:,.0f} a second past a reader that took {read:,}: "
        f"memory {sizes[0]:.0f} MiB after {WARM:,}, at most {grown:+.1f} MiB, at the end {sizes[-1] - sizes[0]:+.1f} MiB"
    )


def in_a_process_of_its_own(path: Path) -> None:
    """Run in a process of its own, so that its memory is the journal's alone."""
    subprocess.run([sys.executable, "-m", "benchmarks.journal.million", str(path)], check=True)


def read_back(path: Path) -> None:
    """The whole journal, as items and as lines."""
    kinds: tuple[tuple[str, Callable[[list[Item]], object]], ...] = (
        ("typed items", lambda items: items),
        ("lines of JSON", lambda items: [to_line(item) for item in items]),
    )
    for name, use in kinds:
        reader = JournalReader(path)
        last, count, began_s = 0, 0, time.perf_counter()
        while items := reader.read(last):
            use(items)
            last, count = items[-1].seq, count + len(items)
        print(f"read back as {name}: {count / (time.perf_counter() - began_s):,.0f} a second")
        reader.close()


def export(path: Path) -> None:
    """Tables as Parquet, once the package that writes it is there."""
    table_export.pyarrow()
    from pyarrow import parquet  # noqa: F401 - to load it is no part of the figure

    for table in ("items", "fills"):
        began_s = time.perf_counter()
        count = table_export.to_file(path, table, "parquet", path.with_name(f"{table}.parquet"))
        print(f"exported to Parquet, table {table}: {count / (time.perf_counter() - began_s):,.0f} rows a second")


if __name__ == "__main__":
    asyncio.run(past_a_slow_reader(Path(sys.argv[1])))
