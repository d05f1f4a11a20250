"""
List the consumers to measure, and run one of them as a process:
`python -m benchmarks.throughput.consumers NAME REST_URL WS_URL COUNT burst|pace LOAD`.

It attaches, prints `{"ready": true}`, takes COUNT events, checks that none is missing and that they are in order, and
prints their cost from the first to the last.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
from dataclasses import dataclass
from typing import Final

from benchmarks.interop import environments
from benchmarks.interop.environments import Environment
from benchmarks.interop.script import stay_here
from benchmarks.throughput.tally import Tally, say

TIMEOUT_S: Final = 120


@dataclass(frozen=True)
class Consumer:
    """
    One way from a socket to a user's code.

    Args:
        name: Of its function, in the module.
        title: As shown.
        module: Where the function is.
        events: How many it gets in a burst; the slow ones get fewer.
        environment: Where it runs; None: our own.
        sockets: How many it opens.
    """

    name: str
    title: str
    module: str
    events: int = 200_000
    environment: Environment | None = None
    sockets: int = 1


CONSUMERS: Final = {
    one.name: one
    for one in (
        Consumer("bare_callback", "picows + msgspec, callback", "bare"),
        Consumer("ours_callback", "`await stream.run(function)`", "ours"),
        Consumer("bare_iterator", "picows + msgspec, `async for`", "bare"),
        Consumer("ours_iterator", "`async for item in stream`", "ours"),
        Consumer("bare_decimal", "picows + msgspec, every amount a `Decimal`", "bare"),
        Consumer("ours_decimal", "`stream.run`, price and quantity read", "ours"),
        Consumer("ours_blocking", "`for item in UserStream.blocking(…)`", "ours"),
        Consumer("ours_signed", "`stream.run`, with an API secret", "ours", 100_000),
        Consumer("ours_sqlite", "`stream.run`, journal on the disk", "ours", 100_000),
        Consumer("ours_signed_sqlite", "`stream.run`, with an API secret, journal on the disk", "ours", 100_000),
        Consumer("ours_two_sockets", "`stream.run`, two sockets bring the same", "ours", 30_000, sockets=2),
        Consumer("ours_fan_out", "`stream.run`, four streams of an account", "ours", 50_000, sockets=4),
        Consumer("bare_aiohttp", "aiohttp + msgspec", "bare", 100_000),
        Consumer("bare_websockets", "websockets + msgspec", "bare", 50_000, environments.WEBSOCKETS),
        Consumer("cryptofeed", "cryptofeed", "others", 50_000, environments.CRYPTOFEED),
        Consumer("nautilus", "NautilusTrader", "others", 50_000, environments.NAUTILUS),
        Consumer("unicorn", "unicorn-binance-websocket-api", "others", 50_000, environments.UNICORN),
        Consumer("python_binance", "python-binance", "others", 20_000, environments.PYTHON_BINANCE),
        Consumer("official_sdk", "official SDK", "others", 10_000, environments.OFFICIAL_SDK),
        Consumer("ccxt_pro", "ccxt.pro", "others", 10_000, environments.CCXT),
    )
}


def main() -> None:
    name, rest_url, ws_url, count, mode, load = sys.argv[1:7]
    stay_here()
    tally = Tally(int(count), paced=mode == "pace", load=load)
    consumer = getattr(importlib.import_module(f"benchmarks.throughput.{CONSUMERS[name].module}"), name)
    if inspect.iscoroutinefunction(consumer):
        asyncio.run(asyncio.wait_for(consumer(tally, rest_url, ws_url), TIMEOUT_S))
    else:
        consumer(tally, rest_url, ws_url)
    say(tally.result())


if __name__ == "__main__":
    main()
