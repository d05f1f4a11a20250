"""
ccxt.pro: `watch_my_trades` and `watch_orders`, each in a loop, as its manual shows them.

Both limits of its caches are raised, as a careful user would: they hold the newest 1,000 by default. Between two calls
it keeps only the latest state of each order, so what can be compared of `watch_orders` is how each order ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt.pro  # type: ignore[import-not-found]

from benchmarks.interop.script import Place, place, say, told_to_stop

CACHE_MAX = 100_000


def exchange(here: Place) -> Any:
    """Make its binance, with options as the default market and every address on this machine."""
    client = ccxt.pro.binance(
        {
            "apiKey": here.api_key,
            "secret": here.api_secret,
            "options": {
                "defaultType": "option",
                "fetchMarkets": {"types": ["option"]},
                "watchPositions": {"fetchPositionsSnapshot": False},
                "tradesLimit": CACHE_MAX,
                "ordersLimit": CACHE_MAX,
            },
        }
    )
    client.has["fetchCurrencies"] = False  # They are not on the options host.
    client.urls["api"] = on_this_machine(client.urls["api"], here)
    client.urls["api"]["eapiPublic"] = client.urls["api"]["eapiPrivate"] = f"{here.rest_url}/eapi/v1"
    client.urls["api"]["ws"]["optionPrivate"] = f"{here.ws_url}/private/ws"
    return client


def on_this_machine(addresses: Any, here: Place) -> Any:
    if isinstance(addresses, dict):
        return {name: on_this_machine(address, here) for name, address in addresses.items()}
    return here.ws_url if str(addresses).startswith("ws") else here.rest_url


async def read(detector: Callable[[], Awaitable[list[Any]]], tell: Callable[[Any], None]) -> None:
    while True:
        try:
            for one in await detector():
                tell(one)
        except ccxt.NetworkError as error:
            say(error=type(error).__name__)  # The connection is gone; the next call opens another one.


def tell_fill(trade: Any) -> None:
    info = trade["info"]
    say(fill=[info["s"], int(info["t"]), int(info["i"])])


def tell_order(order: Any) -> None:
    say(order=[[order["info"]["s"], int(order["id"])], order["info"]["X"]])


async def main() -> None:
    client = exchange(place())
    try:
        await client.load_markets()
        readers = [
            asyncio.create_task(read(client.watch_my_trades, tell_fill)),
            asyncio.create_task(read(client.watch_orders, tell_order)),
        ]
        say(ready=True)
        stopping = asyncio.create_task(told_to_stop())
        done, _ = await asyncio.wait([*readers, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task  # A reader that ended has failed: let it be seen.
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    finally:
        await client.close()


if __name__ == "__main__":
    asyncio.run(main())
