"""
Measure the stream's promises: `python -m benchmarks.recovery.promises [row ...]`.

The exchange is a process of its own; the stream runs here, or with a journal on the disk in a process of its own, too.
Prints one line a row and exits with 1 if a bar is missed. `ban` takes ten minutes and runs only when it is named.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.common.exchange import Exchange
from benchmarks.common.shown import Shown
from benchmarks.recovery import losses, reconnects
from listenkey import GapOpened, Live, OrderTradeUpdate, Timing, Update, UserDataStreamsApi, UserStream


class Reader:
    """Reads in a task; `slow_s` sleeps after each item."""

    def __init__(self, stream: UserStream, slow_s: float = 0.0) -> None:
        self.stream = stream
        self.slow_s = slow_s
        self.fills: list[tuple[str, int]] = []
        self.lives = 0
        self.gaps = 0
        self.seen_twice = 0
        self._raws: set[bytes] = set()
        self.changed = asyncio.Event()

    async def run(self) -> None:
        async for item in self.stream:
            if isinstance(item, Live):
                self.lives += 1
            elif isinstance(item, GapOpened):
                self.gaps += 1
            elif isinstance(item, Update):
                self.seen_twice += item.raw in self._raws
                if self.slow_s == 0:
                    self._raws.add(item.raw)
                event = item.event
                if isinstance(event, OrderTradeUpdate) and event.is_fill:
                    self.fills.append((event.symbol, event.trade_id))
                    if self.slow_s:
                        await asyncio.sleep(self.slow_s)
            self.changed.set()

    async def until(self, what: Callable[[], bool], within_s: float = 60) -> float:
        began_s = time.monotonic()
        async with asyncio.timeout(within_s):
            while not what():
                self.changed.clear()
                await self.changed.wait()
        return time.monotonic() - began_s


async def with_stream(
    exchange: Exchange,
    work: Callable[[Reader], Awaitable[None]],
    timing: Timing | None = None,
    slow_s: float = 0.0,
) -> Reader:
    async with UserStream(api_key=exchange.api_key, venue=exchange.venue, timing=timing) as stream:
        reader = Reader(stream, slow_s)
        task = asyncio.create_task(reader.run())
        await reader.until(lambda: reader.lives == 1)
        await work(reader)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return reader


async def back_after(reader: Reader, exchange: Exchange, cause: Callable[[], None]) -> float:
    """Seconds from a cause to the first fill of after it."""
    lives = reader.lives
    began_s = time.monotonic()
    await asyncio.to_thread(cause)
    await reader.until(lambda: reader.lives > lives, 30)
    fills = len(reader.fills)
    await asyncio.to_thread(exchange.burst, 1)
    await reader.until(lambda: len(reader.fills) > fills, 30)
    return time.monotonic() - began_s


async def dropped_sockets() -> Shown:
    took: list[float] = []
    with Exchange() as exchange:

        async def work(reader: Reader) -> None:
            took.extend([await back_after(reader, exchange, lambda: exchange.fault("drop_sockets")) for _ in range(20)])

        await with_stream(exchange, work)
    median = statistics.median(took)
    return Shown(
        "socket dropped -> a fill received again",
        f"median {median:.3f} s, max {max(took):.3f} s of 20",
        "<= 0.5 s",
        median <= 0.5,
    )


async def half_open() -> Shown:
    took: list[float] = []
    with Exchange() as exchange:

        async def work(reader: Reader) -> None:
            for _ in range(3):
                took.append(await back_after(reader, exchange, lambda: exchange.fault("half_open")))
                exchange.clear_faults()

        await with_stream(exchange, work)
    return Shown("half-open socket noticed and replaced", f"max {max(took):.2f} s of 3", "<= 10 s", max(took) <= 10)


async def dead_keys() -> Shown:
    took: dict[str, float] = {}
    with Exchange() as exchange:

        def delete() -> None:
            with UserDataStreamsApi(api_key=exchange.api_key, base_url=exchange.venue.rest_url) as other:
                other.options_delete_listen_key_v1()

        async def told(reader: Reader) -> None:
            took["expired, told"] = await back_after(reader, exchange, lambda: exchange.fault("expire_key"))
            took["deleted by another process"] = await back_after(reader, exchange, delete)

        async def silent(reader: Reader) -> None:
            # The renewal is what finds it, so the clock starts when it is due: at most 1.1 s after the cause here.
            waited_s = await back_after(reader, exchange, lambda: exchange.fault("expire_key_silently"))
            took["silent; from the renewal that answers -1125"] = max(0.0, waited_s - 0.9)

        await with_stream(exchange, told)
        await with_stream(exchange, silent, Timing(renew_after_s=1.0))
    figure = ", ".join(f"{how}: {s:.2f} s" for how, s in took.items())
    return Shown("key dead -> a fill received again", figure, "<= 2 s", max(took.values()) <= 2)


async def rotation() -> Shown:
    """Sockets are rotated every 2 s instead of every 23 h; 20 fills a second make an event every 12 ms on average."""
    timing = Timing(rotate_after_s=2.0, rotate_jitter_s=0.0, overlap_s=1.0)
    figures = {}
    with Exchange() as exchange:

        async def work(reader: Reader) -> None:
            await asyncio.to_thread(exchange.burst, 600, 20)
            await reader.until(lambda: len(reader.fills) >= 600)
            figures["rotations"] = reader.stream.health().rotations
            figures["removed"] = reader.stream.health().duplicates_removed

        reader = await with_stream(exchange, work, timing)
        truth = exchange.fills()
    lost = len(set(truth) - set(reader.fills))
    figure = (
        f"{figures['rotations']} rotations, {lost} lost, {reader.seen_twice} seen twice, {reader.gaps} gaps, "
        f"in order: {reader.fills == truth} ({figures['removed']} duplicates removed)"
    )
    held = figures["rotations"] > 3 and (lost, reader.seen_twice, reader.gaps) == (0, 0, 0) and reader.fills == truth
    return Shown("rotation under 20 fills/s", figure, "0 lost, 0 twice, no gap", held)


async def malformed() -> Shown:
    presets = ["not_json", "array", "null", "number", "string", "unknown_event", "wrong_types", "long_id", "big"]
    with Exchange() as exchange:

        async def work(reader: Reader) -> None:
            for preset in presets:
                await asyncio.to_thread(exchange.fault, "malformed_frame", frames=[preset])
                await asyncio.to_thread(exchange.burst, 10)
            await reader.until(lambda: len(reader.fills) >= 10 * len(presets))

        reader = await with_stream(exchange, work)
        health, truth = reader.stream.health(), exchange.fills()
    figure = (
        f"{len(reader.fills)} of {len(truth)} good fills between {len(presets)} bad frames, "
        f"{health.reconnects} reconnects, {health.unreadable} told, {health.unknown_events} passed on"
    )
    return Shown("malformed frames", figure, "all, stream alive", reader.fills == truth and health.reconnects == 0)


async def slow_reader() -> Shown:
    peaks: list[int] = []
    with Exchange() as exchange:

        async def work(reader: Reader) -> None:
            peaks.append(peak_kib())  # with the stream live, so that imports don't count
            await asyncio.to_thread(exchange.burst, 10_000)
            await reader.until(lambda: len(reader.fills) >= 10_000, 300)

        reader = await with_stream(exchange, work, slow_s=0.001)
        truth = exchange.fills()
        grown_mib = (peak_kib() - peaks[0]) / 1024
    in_order = reader.fills == truth
    figure = f"{len(reader.fills)} of {len(truth)}, in order: {in_order}, {reader.gaps} gaps, +{grown_mib:.0f} MiB peak"
    return Shown(
        "10,000 fills at once, reader sleeps 1 ms a fill", figure, "all, +64 MiB", in_order and grown_mib <= 64
    )


def peak_kib() -> int:
    """Peak resident memory of this process, from /proc (Linux)."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def in_a_thread(measure: Callable[[], Shown]) -> Callable[[], Awaitable[Shown]]:
    """Run a row in a thread: its streams are in a process of their own, and nothing here runs in a loop."""

    async def row() -> Shown:
        return await asyncio.to_thread(measure)

    return row


ROWS: dict[str, Callable[[], Awaitable[Shown]]] = {
    "drop": dropped_sockets,
    "half-open": half_open,
    "keys": dead_keys,
    "rotation": rotation,
    "malformed": malformed,
    "slow": slow_reader,
    "recovery": in_a_thread(reconnects.measure),
    "lost": in_a_thread(losses.lost_messages),
    "lag": in_a_thread(losses.lagging_rest),
    "ban": in_a_thread(losses.long_ban),
}

ONLY_BY_NAME = {"ban"}
"""Ten minutes are ten minutes."""


def main() -> int:
    """Measure the rows named, or all but the longest."""
    chosen = sys.argv[1:] or [name for name in ROWS if name not in ONLY_BY_NAME]
    held = True
    for name in chosen:
        shown = asyncio.run(run(ROWS[name]))
        held &= shown.held
        print(f"{'ok  ' if shown.held else 'MISS'} {shown.what}: {shown.figure}  (bar: {shown.bar})", flush=True)
    return 0 if held else 1


async def run(row: Callable[[], Awaitable[Shown]]) -> Shown:
    """A row, as the coroutine that a loop wants."""
    return await row()


if __name__ == "__main__":
    sys.exit(main())
