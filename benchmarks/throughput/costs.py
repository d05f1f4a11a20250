"""
Measure the cost of a key and of a start: `python -m benchmarks.throughput.costs NAME REST_URL` runs one as a process.

CPU and not time: a call's time is the venue's and the line's.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

CALLS: Final = 300
CALLS_BEFORE: Final = 30
"""Calls before the measured ones, so that sessions, connections and caches are there."""

STARTS: Final = 3
"""Each start is made so often in a run, and the least is taken: what is over it is the machine's."""

ROOT: Final = Path(__file__).resolve().parents[2]
API_KEY: Final = "benchmark"


async def post_ours(rest_url: str) -> float:
    """`options_create_listen_key_v1`."""
    from listenkey import AsyncUserDataStreamsApi

    async with AsyncUserDataStreamsApi(API_KEY, rest_url) as api:
        return await _cpu_us(api.options_create_listen_key_v1)


async def post_aiohttp(rest_url: str) -> float:
    """The same call with aiohttp alone."""
    import aiohttp

    async with aiohttp.ClientSession() as session:

        async def post() -> str:
            async with session.post(f"{rest_url}/eapi/v1/listenKey", headers={"X-MBX-APIKEY": API_KEY}) as answer:
                body = await answer.json()
                return str(body["listenKey"])

        return await _cpu_us(post)


def post_official_sdk(rest_url: str) -> float:
    """The same call of the official SDK."""
    from binance_common.configuration import ConfigurationRestAPI
    from binance_sdk_derivatives_trading_options.derivatives_trading_options import DerivativesTradingOptions

    place = ConfigurationRestAPI(api_key=API_KEY, api_secret=API_KEY, base_path=rest_url)
    api = DerivativesTradingOptions(config_rest_api=place).rest_api
    for _ in range(CALLS_BEFORE):
        api.start_user_data_stream().data()
    began_s = time.process_time()
    for _ in range(CALLS):
        api.start_user_data_stream().data()
    return (time.process_time() - began_s) / CALLS * 1e6


async def _cpu_us(call: Callable[[], Awaitable[Any]]) -> float:
    for _ in range(CALLS_BEFORE):
        await call()
    began_s = time.process_time()
    for _ in range(CALLS):
        await call()
    return (time.process_time() - began_s) / CALLS * 1e6


POSTS: Final[dict[str, Callable[[str], Any]]] = {
    one.__name__: one for one in (post_ours, post_aiohttp, post_official_sdk)
}  # fmt: skip
STARTED: Final = {
    "start_python": ("-c", "pass"),
    "start_parts": ("-c", "import picows, msgspec, aiohttp"),
    "start_ours": ("-c", "import listenkey"),
    "start_help": ("-m", "listenkey", "--help"),
}
START_SDK: Final = ("-c", "import binance_sdk_derivatives_trading_options.derivatives_trading_options")


def start_ms(python: Path, line: tuple[str, ...]) -> float:
    """CPU of a process from its beginning to its end, the least of a few."""
    took = []
    for _ in range(STARTS):
        process = subprocess.Popen([str(python), *line], stdout=subprocess.DEVNULL, cwd=ROOT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{line} failed")
        took.append((used.ru_utime + used.ru_stime) * 1000)
    return min(took)


def measure(rest_url: str, sdk: Path | None) -> dict[str, float]:
    """One round of everything; `sdk` is the interpreter that has the official SDK."""
    found = {}
    for name in POSTS:
        python = sdk if name == "post_official_sdk" else Path(sys.executable)
        if python is not None:
            line = [str(python), "-m", "benchmarks.throughput.costs", name, rest_url]
            done = subprocess.run(line, stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT)
            found[name] = float(done.stdout)
    for name, line_of in STARTED.items():
        found[name] = start_ms(Path(sys.executable), line_of)
    if sdk is not None:
        found["start_official_sdk"] = start_ms(sdk, START_SDK)
    return found


def main() -> None:
    name, rest_url = sys.argv[1:3]
    post = POSTS[name]
    print(asyncio.run(post(rest_url)) if asyncio.iscoroutinefunction(post) else post(rest_url))


if __name__ == "__main__":
    main()
