"""
How long a gap takes to be refilled: `python -m benchmarks.recovery [gaps]`.

The sandbox is a process of its own. In each round its sockets are dropped and none can be opened; fills happen in at
most ten symbols; the door opens, and the clock runs until the reader has the last of them. At the end the reader's
fills must be the ledger's.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time

from benchmarks.exchange import Exchange
from listenkey import GapClosed, Timing, Update, UserStream
from listenkey.events import OrderTradeUpdate, RecoveredFill

GAPS = 50
FILLS = 8  # in as many symbols at most
BARS_S = (1.5, 5.0)


class Reader:
    def __init__(self, stream: UserStream) -> None:
        self.stream = stream
        self.fills: list[tuple[str, int]] = []
        self.closed = 0
        self.late = 0
        self.changed = asyncio.Event()

    async def run(self) -> None:
        async for item in self.stream:
            if isinstance(item, Update) and isinstance(item.event, OrderTradeUpdate | RecoveredFill):
                if item.event.is_fill:
                    self.fills.append((item.event.symbol, item.event.trade_id))
                    self.late += item.late
            elif isinstance(item, GapClosed):
                self.closed += 1
            self.changed.set()

    async def until_fills(self, count: int) -> None:
        async with asyncio.timeout(120):
            while len(self.fills) < count:
                self.changed.clear()
                await self.changed.wait()


async def one_gap(exchange: Exchange, reader: Reader) -> tuple[float, float]:
    """Seconds from the door's opening, and from the socket being there, until the last fill."""
    stream = reader.stream
    exchange.call("POST", "/faults", {"kind": "refuse_connections", "scope": "ws"})
    exchange.fault("drop_sockets")
    while stream.health().sockets:  # noqa: ASYNC110 - health has no event
        await asyncio.sleep(0.002)
    await asyncio.to_thread(exchange.burst, FILLS)
    wanted = len(exchange.fills())
    exchange.clear_faults()
    opened_s = time.monotonic()
    while not stream.health().sockets:  # noqa: ASYNC110
        await asyncio.sleep(0.002)
    linked_s = time.monotonic()
    await reader.until_fills(wanted)
    done_s = time.monotonic()
    return done_s - opened_s, done_s - linked_s


async def measure(gaps: int) -> bool:
    with Exchange() as exchange:
        # Fifty gaps in a minute are more than any limit is made for; one gap is what is measured.
        exchange.call("POST", "/switches", {"weight_per_minute": 1_000_000})
        account = exchange.account
        stream = UserStream(
            api_key=account["api_key"],
            api_secret=account["api_secret"],
            venue=exchange.venue,
            timing=Timing(quick_reconnects=gaps + 1),  # nor is what slows a flapping socket down
        )
        async with stream:
            reader = Reader(stream)
            task = asyncio.create_task(reader.run())
            while stream.health().status != "LIVE":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)  # the limit is read in the background
            took = [await one_gap(exchange, reader) for _ in range(gaps)]
            equal = sorted(reader.fills) == sorted(exchange.fills()) and len(set(reader.fills)) == len(reader.fills)
            task.cancel()
    held = equal
    for what, figures in zip(("from the open door", "from the socket"), zip(*took, strict=True), strict=True):
        p50, p99 = statistics.median(figures), sorted(figures)[min(len(figures) - 1, round(len(figures) * 0.99))]
        print(f"{what}: p50 {p50:.3f} s, p99 {p99:.3f} s, max {max(figures):.3f} s of {gaps} gaps")
        held &= p50 <= BARS_S[0] and p99 <= BARS_S[1]
    print(f"{len(reader.fills)} fills, {reader.late} late, ledger = stream: {equal}")
    print(f"{'ok' if held else 'MISS'} (bar: p50 <= {BARS_S[0]} s, p99 <= {BARS_S[1]} s)")
    return held


def main() -> int:
    """Measure so many gaps."""
    gaps = int(sys.argv[1]) if len(sys.argv) > 1 else GAPS
    return 0 if asyncio.run(measure(gaps)) else 1


if __name__ == "__main__":
    sys.exit(main())
