"""A hostile peer costs a bounded amount of memory and no long stretch of the event loop: `python -m benchmarks.throughput.floods`."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from benchmarks.throughput.floods import BLOCKED_MAX_S, FLOODS, RSS_MAX

LINE = re.compile(r"^(.+?) +([+-][\d.]+) MiB +(\d+) ms", re.MULTILINE)


async def measured(seconds: float, *kinds: str) -> dict[str, tuple[float, float]]:
    """Growth in bytes and the longest stretch in seconds, by kind."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.throughput.floods", str(seconds), *kinds,
        cwd=Path(__file__).parents[2], stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, _ = await process.communicate()
    return {kind: (float(mib) * 2**20, int(ms) / 1000) for kind, mib, ms in LINE.findall(told.decode())}


SHORT = [
    "types of 900 kB",
    "malformed frames",
    "messages of 240 fills from before 2026",
    "pings that nobody reads the answer to",
    "an idle REST connection",
]


@pytest.mark.parametrize("kind", SHORT)
async def test_a_flood_of_two_seconds(kind: str) -> None:
    found = await measured(2, kind)
    grown_bytes, blocked_s = found[kind]
    assert grown_bytes <= RSS_MAX
    assert blocked_s <= 4 * BLOCKED_MAX_S, "four times: what else runs here costs CPU as well"


@pytest.mark.nightly
@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_of_a_minute(kind: str) -> None:
    found = await measured(60, kind)
    assert found[kind][0] <= RSS_MAX
    assert found[kind][1] <= BLOCKED_MAX_S
