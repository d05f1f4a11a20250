"""
python-binance: every options call of its asynchronous client, and every options socket, against what must come of each.

Some of its calls are of an API that is gone, or send what the venue has another name for; they must be refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from binance import AsyncClient, BinanceSocketManager  # type: ignore[import-not-found]
from binance.exceptions import BinanceAPIException, BinanceRequestException  # type: ignore[import-not-found]

from benchmarks.interop.script import place, say

FAILURES = (BinanceRequestException, OSError, TimeoutError, LookupError, TypeError, ValueError, AttributeError)
"""The errors of an answer that it could not read, that did not come, or of a call that it lacks."""

PATIENCE_S = 70.0
"""The time it gets: its sockets lose messages in their first second, and open interest comes once a minute."""


def calls(client: Any, symbol: str) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Return the calls that answer, in an order that leaves no order behind."""
    order = {"symbol": symbol, "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "1.0", "timeInForce": "GTC"}
    made: dict[str, Any] = {}

    async def place_order() -> Any:
        made.update(await client.options_place_order(**order))
        return made

    return {
        "options_ping": client.options_ping,
        "options_time": client.options_time,
        "options_exchange_info": client.options_exchange_info,
        "options_index_price": lambda: client.options_index_price(underlying="BTCUSDT"),
        "options_price": lambda: client.options_price(symbol=symbol),
        "options_mark_price": lambda: client.options_mark_price(symbol=symbol),
        "options_order_book": lambda: client.options_order_book(symbol=symbol, limit=10),
        "options_klines": lambda: client.options_klines(symbol=symbol, interval="1m"),
        "options_recent_trades": lambda: client.options_recent_trades(symbol=symbol),
        "options_historical_trades": lambda: client.options_historical_trades(symbol=symbol),
        "options_account_info": client.options_account_info,
        "options_positions": client.options_positions,
        "options_place_order": place_order,
        "options_query_order": lambda: client.options_query_order(symbol=symbol, orderId=made["orderId"]),
        "options_query_pending_orders": lambda: client.options_query_pending_orders(symbol=symbol),
        "options_cancel_order": lambda: client.options_cancel_order(symbol=symbol, orderId=made["orderId"]),
        "options_cancel_all_orders": lambda: client.options_cancel_all_orders(symbol=symbol),
        "options_query_order_history": lambda: client.options_query_order_history(symbol=symbol),
        "options_user_trades": lambda: client.options_user_trades(symbol=symbol),
        "options_get_block_trade_orders": client.options_get_block_trade_orders,
        "options_account_get_block_trades": client.options_account_get_block_trades,
        "options_v1_get_exercise_history": client.options_v1_get_exercise_history,
        "options_v1_get_block_trades": client.options_v1_get_block_trades,
        "options_v1_get_margin_account": client.options_v1_get_margin_account,
        "options_v1_post_countdown_cancel_all": lambda: client.options_v1_post_countdown_cancel_all(
            underlying="BTCUSDT", countdownTime=60_000
        ),
        "options_v1_get_countdown_cancel_all": client.options_v1_get_countdown_cancel_all,
        "options_v1_post_countdown_cancel_all_heart_beat": lambda: (
            client.options_v1_post_countdown_cancel_all_heart_beat(underlyings="BTCUSDT")
        ),
        "options_v1_delete_all_open_orders_by_underlying": lambda: (
            client.options_v1_delete_all_open_orders_by_underlying(underlying="BTCUSDT")
        ),
    }


def refusals(client: Any) -> dict[str, tuple[Callable[[], Awaitable[Any]], int]]:
    """Return the calls that must be refused, each with its code."""
    key = {"blockOrderMatchingKey": "x"}
    return {
        "options_info (optionInfo)": (client.options_info, -1020),
        "options_funds_transfer (transfer)": (
            lambda: client.options_funds_transfer(currency="USDT", type="IN", amount="1"),
            -1020,
        ),
        "options_bill (POST bill)": (lambda: client.options_bill(currency="USDT"), -1020),
        # It sends `batchOrders`, and the venue wants `orders`.
        "options_place_batch_order": (lambda: client.options_place_batch_order(batchOrders=[{}]), -1102),
        # It signs the text before it is encoded; see the sandbox's switch signature_over.
        "options_cancel_batch_order": (
            lambda: client.options_cancel_batch_order(symbol="BTC-261225-90000-C", orderIds="[1]"),
            -1022,
        ),
        "options_v1_get_income_asyn": (client.options_v1_get_income_asyn, -1020),
        "options_v1_get_income_asyn_id": (client.options_v1_get_income_asyn_id, -1020),
        "options_create_block_trade_order": (
            lambda: client.options_create_block_trade_order(liquidity="MAKER"),
            -1020,
        ),
        "options_extend_block_trade_order": (lambda: client.options_extend_block_trade_order(**key), -1020),
        "options_cancel_block_trade_order": (lambda: client.options_cancel_block_trade_order(**key), -1020),
        "options_accept_block_trade_order": (lambda: client.options_accept_block_trade_order(**key), -1020),
        "options_get_block_trade_order": (lambda: client.options_get_block_trade_order(**key), -1020),
    }


def sockets(manager: Any, symbol: str, when: str) -> dict[str, Any]:
    """Return its options sockets, but for that of new contracts: those are listed once a day."""
    return {
        "options_ticker_socket": manager.options_ticker_socket(symbol),
        "options_ticker_by_expiration_socket": manager.options_ticker_by_expiration_socket("BTCUSDT", when),
        "options_recent_trades_socket": manager.options_recent_trades_socket(symbol),
        "options_kline_socket": manager.options_kline_socket(symbol),
        "options_depth_socket": manager.options_depth_socket(symbol),
        "options_book_ticker_socket": manager.options_book_ticker_socket(symbol),
        "options_multiplex_socket": manager.options_multiplex_socket(["btcusdt@optionMarkPrice"]),
        "options_open_interest_socket": manager.options_open_interest_socket("BTCUSDT", when),
        "options_mark_price_socket": manager.options_mark_price_socket("BTCUSDT"),
        "options_index_price_socket": manager.options_index_price_socket(),
    }


async def told(name: str, call: Callable[[], Awaitable[Any]], refused_with: int = 0) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            answer = await call()
    except BinanceAPIException as error:
        say(call=name, good=error.code == refused_with, note=str(error)[:200])
    except FAILURES as error:
        say(call=name, good=False, note=f"{type(error).__name__}: {error}"[:200])
    else:
        say(call=name, good=answer is not None and not refused_with)


async def first_of(socket: Any) -> Any:
    """The first message of a socket that is none of its own errors."""
    async with socket as open_socket:
        message = await open_socket.recv()
        if isinstance(message, dict) and message.get("e") == "error":
            raise ConnectionError(str(message))
        return message


async def say_that_it_waits() -> None:
    """Keep the one who counts its silence from giving up."""
    while True:
        say(waiting=True)
        await asyncio.sleep(5)


async def main() -> None:
    here = place()
    client = AsyncClient(here.api_key, here.api_secret)
    client.OPTIONS_URL = f"{here.rest_url}/eapi"
    manager = BinanceSocketManager(client)
    manager.FSTREAM_URL = f"{here.ws_url}/"
    try:
        tickers = await client.options_price()
        symbol = max((row for row in tickers if row["symbol"][:3] == "BTC"), key=lambda row: int(row["tradeCount"]))[
            "symbol"
        ]
        when = symbol.split("-")[1]
        for name, call in calls(client, symbol).items():
            await told(name, call)
        for name, (call, code) in refusals(client).items():
            await told(name, call, code)
        opened = sockets(manager, symbol, when)
        waiting = asyncio.create_task(say_that_it_waits())
        await asyncio.gather(*(told(name, partial(first_of, socket)) for name, socket in opened.items()))
        waiting.cancel()
    finally:
        await client.close_connection()


if __name__ == "__main__":
    asyncio.run(main())
