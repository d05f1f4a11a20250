"""
ccxt: every unified method that it has for options, and every stream, against what must come of each.

A call is good when it answers something, or when it is refused as the exchange has to refuse it. ccxt reads the answers
itself: what it can't read it raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt.pro  # type: ignore[import-not-found]

from benchmarks.interop.ccxt_pro import exchange
from benchmarks.interop.script import place, say

PATIENCE_S = 9.0
FAILURES = (ccxt.BaseError, OSError, TimeoutError, LookupError, TypeError, ValueError, AttributeError)
"""The errors of an answer that it could not read, or that did not come."""


def pointed_here(client: Any, ws_url: str) -> Any:
    """Point its market data sockets here as well, beside those of `ccxt_pro.py`."""
    client.urls["api"]["ws"]["option"] = f"{ws_url}/public/ws"
    client.urls["api"]["ws"]["optionMarket"] = f"{ws_url}/market/ws"
    return client


def reads(client: Any, symbol: str) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Market data."""
    option = {"type": "option"}
    return {
        "fetch_time": client.eapiPublicGetTime,
        "ping": client.eapiPublicGetPing,
        "fetch_markets": client.fetch_markets,
        "fetch_order_book": lambda: client.fetch_order_book(symbol),
        "fetch_ticker": lambda: client.fetch_ticker(symbol),
        "fetch_tickers": lambda: client.fetch_tickers(None, option),
        "fetch_mark_price": lambda: client.fetch_mark_price(symbol),
        "fetch_mark_prices": lambda: client.fetch_mark_prices(None, option),
        "fetch_greeks": lambda: client.fetch_greeks(symbol),
        "fetch_all_greeks": lambda: client.fetch_all_greeks(None, option),
        "fetch_option": lambda: client.fetch_option(symbol),
        "fetch_ohlcv": lambda: client.fetch_ohlcv(symbol, "1m", None, 5),
        "fetch_trades": lambda: client.fetch_trades(symbol),
        "historicalTrades": lambda: client.eapiPublicGetHistoricalTrades({"symbol": client.market(symbol)["id"]}),
        "fetch_open_interest": lambda: client.fetch_open_interest(symbol),
        "fetch_settlement_history": lambda: client.fetch_settlement_history(None, None, None, option),
        "index": lambda: client.eapiPublicGetIndex({"underlying": "BTCUSDT"}),
        "blockTrades": client.eapiPrivateGetBlockTrades,
    }


def account(client: Any, symbol: str) -> dict[str, Callable[[], Awaitable[Any]]]:
    """The account, and orders that leave nothing behind; in this order."""
    made: dict[str, Any] = {}
    option = {"type": "option"}
    low = {"symbol": client.market(symbol)["id"], "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "1.0"}

    async def create() -> Any:
        made.update(await client.create_order(symbol, "limit", "buy", 0.01, 1.0))
        return made

    return {
        "create_order": create,
        "fetch_order": lambda: client.fetch_order(made["id"], symbol),
        "fetch_open_orders": lambda: client.fetch_open_orders(symbol),
        "cancel_order": lambda: client.cancel_order(made["id"], symbol),
        "batchOrders": lambda: client.eapiPrivatePostBatchOrders({"orders": client.json([dict(low), dict(low)])}),
        "cancel_all_orders": lambda: client.cancel_all_orders(symbol),
        "fetch_orders": lambda: client.fetch_orders(symbol),
        "fetch_closed_orders": lambda: client.fetch_closed_orders(symbol),
        "fetch_canceled_orders": lambda: client.fetch_canceled_orders(symbol),
        "fetch_my_trades": lambda: client.fetch_my_trades(symbol),
        "fetch_positions": lambda: client.fetch_positions(None, {"method": "option"}),
        "fetch_position": lambda: client.fetch_position(symbol),
        "fetch_ledger": lambda: client.fetch_ledger("USDT", None, None, option),
        "fetch_my_settlement_history": lambda: client.fetch_my_settlement_history(None, None, None, option),
        "account": client.eapiPrivateGetAccount,
        "marginAccount": client.eapiPrivateGetMarginAccount,
        "countdownCancelAll": lambda: client.eapiPrivatePostCountdownCancelAll(
            {"underlying": "BTCUSDT", "countdownTime": 60_000}
        ),
        "GET countdownCancelAll": client.eapiPrivateGetCountdownCancelAll,
        "countdownCancelAllHeartBeat": lambda: client.eapiPrivatePostCountdownCancelAllHeartBeat(
            {"underlyings": "BTCUSDT"}
        ),
        "allOpenOrdersByUnderlying": lambda: client.eapiPrivateDeleteAllOpenOrdersByUnderlying(
            {"underlying": "BTCUSDT"}
        ),
        "block/order/orders": client.eapiPrivateGetBlockOrderOrders,
        "block/user-trades": client.eapiPrivateGetBlockUserTrades,
        "listenKey": client.eapiPrivatePostListenKey,
        "PUT listenKey": client.eapiPrivatePutListenKey,
    }


def refusals(client: Any, symbol: str) -> dict[str, tuple[Callable[[], Awaitable[Any]], str]]:
    """Calls that must be refused, and the code."""
    return {
        "block/order/create": (lambda: client.eapiPrivatePostBlockOrderCreate({"liquidity": "MAKER"}), "-1020"),
        "block/order/execute": (
            lambda: client.eapiPrivatePostBlockOrderExecute({"blockOrderMatchingKey": "x"}),
            "-1020",
        ),
        "stock/contract": (client.eapiPrivatePostStockContract, "-1020"),
        "income/asyn": (client.eapiPrivateGetIncomeAsyn, "-1020"),
        "mmp": (lambda: client.eapiPrivateGetMmp({"underlying": "BTCUSDT"}), "-6005"),
        # It sends them to the futures host, and under another name than the venue's.
        "create_orders": (
            lambda: client.create_orders(
                [{"symbol": symbol, "type": "limit", "side": "buy", "amount": 0.01, "price": 1.0} for _ in range(2)]
            ),
            "-1020",
        ),
        "comission (its spelling)": (client.eapiPrivateGetComission, "-1020"),
    }


def streams(client: Any, symbol: str) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Market data and the user's own, over sockets."""
    return {
        "watch_order_book": lambda: client.watch_order_book(symbol),
        "watch_trades": lambda: client.watch_trades(symbol),
        # Without a name it waits for mini tickers, which options don't have.
        "watch_ticker": lambda: client.watch_ticker(symbol, {"name": "ticker"}),
        "watch_bids_asks": lambda: client.watch_bids_asks([symbol]),
        "watch_mark_price": lambda: client.watch_mark_price(symbol),
        "watch_ohlcv": lambda: client.watch_ohlcv(symbol, "1m"),
        "watch_my_trades": client.watch_my_trades,
        "watch_orders": client.watch_orders,
        "watch_positions": client.watch_positions,
        "watch_balance": lambda: client.watch_balance({"type": "option"}),
    }


async def told(name: str, call: Callable[[], Awaitable[Any]], refused_with: str = "") -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            answer = await call()
    except ccxt.ExchangeError as error:
        say(call=name, good=bool(refused_with) and refused_with in str(error), note=str(error)[:200])
    except FAILURES as error:
        say(call=name, good=False, note=f"{type(error).__name__}: {error}"[:200])
    else:
        say(call=name, good=answer is not None and not refused_with)


async def busiest(client: Any) -> str:
    """The contract that the market trades most: its streams have something to say."""
    tickers = await client.eapiPublicGetTicker()
    most = max(tickers, key=lambda row: int(row["tradeCount"]))
    return str(client.safe_symbol(most["symbol"], None, None, "option"))


async def main() -> None:
    here = place()
    client = pointed_here(exchange(here), here.ws_url)
    try:
        await client.load_markets()
        symbol = await busiest(client)
        for name, call in (reads(client, symbol) | account(client, symbol)).items():
            await told(name, call)
        for name, (call, code) in refusals(client, symbol).items():
            await told(name, call, code)
        await asyncio.gather(*(told(name, call) for name, call in streams(client, symbol).items()))
    finally:
        await client.close()


if __name__ == "__main__":
    asyncio.run(main())
