"""
A program that follows an account into a journal, for what `listenkey tail` can't be told: durations, and its status.

    python -m tests.chaos.client JOURNAL STATUS TIMING

Prints items as `tail --json` does; adds a line to the file STATUS whenever the stream's status changes: wall clock (ms),
status, and why, as JSON. TIMING is JSON of `Timing`'s names. Keys and addresses come from the same environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from listenkey import Timing, UserStream, Venue
from listenkey.wire.json_lines import to_line

LOOK_EVERY_S = 0.005


async def watch(stream: UserStream, path: Path) -> None:
    last = ""
    with path.open("a", buffering=1) as file:
        while True:
            health = stream.health()
            if health.status != last:
                last = health.status
                line = {"wall_ms": time.time_ns() // 1_000_000, "status": last, "why": health.why}
                file.write(json.dumps(line) + "\n")
            await asyncio.sleep(LOOK_EVERY_S)


async def main(journal: str, status: Path, timing: Timing) -> None:
    given = os.environ
    venue = Venue(
        given["LISTENKEY_REST_URL"],
        given["LISTENKEY_WS_URL"],
        "sandbox",
        time_scale=float(given.get("LISTENKEY_TIME_SCALE", "1")),
    )
    stream = UserStream(
        api_key=given["BINANCE_API_KEY"],
        api_secret=given["BINANCE_API_SECRET"],
        venue=venue,
        journal=journal,
        timing=timing,
    )
    async with stream:
        watching = asyncio.create_task(watch(stream, status))
        async for item in stream:
            os.write(1, to_line(item) + b"\n")
        watching.cancel()


if __name__ == "__main__":
    words = json.loads(sys.argv[3])
    words = {name: tuple(value) if isinstance(value, list) else value for name, value in words.items()}
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), Timing(**words)))
