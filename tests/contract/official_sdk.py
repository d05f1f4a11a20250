"""
A customer of the official Python SDK, unmodified, as a process of its own: its loop and its warnings are not ours.

It streams one account, trades with another, asks every endpoint, listens to every market stream, and says what it saw as
JSON lines on stdout. A line on stdin (`trade`, `ask`, `market`) starts each part; the end of stdin ends it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketStreams
from binance_common.errors import BadRequestError
from binance_sdk_derivatives_trading_options.derivatives_trading_options import DerivativesTradingOptions
from pydantic import BaseModel

PRICE = 25.0


def say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def unlike(value: object, at: str = "") -> Iterator[str]:
    """
    Yield the differences between an answer and the SDK's models: `-a.b` is missing, `+a.b` is not declared.

    Of rows in a list and of events the SDK drops what it does not declare, so there only the first can be seen.
    """
    if isinstance(value, list):
        for each in value:
            yield from unlike(each, f"{at}[]")
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            inner, key = getattr(value, name), f"{at}.{field.alias or name}"
            if name == "additional_properties":
                yield from (f"+{at}.{extra}" for extra in inner)
            elif inner is None:
                yield f"-{key}"
            else:
                yield from unlike(inner, key)


class Stream:
    """The events that the callback of the SDK's stream got."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.unlike: set[str] = set()

    def message(self, got: Any) -> None:
        """Counts by the model the SDK chose; a `dict` is an event that it could not read."""
        event = got.actual_instance
        name = type(event).__name__
        self.events[name] += 1
        self.unlike.update(f"{where[0]}{name}{where[1:]}" for where in unlike(event))
        if name == "OrderTradeUpdate" and event.o.x == "TRADE":
            say(fill=[event.o.s, event.o.t, event.o.i])

    def error(self, error: object) -> None:
        self.events[f"error {type(error).__name__}"] += 1


def client(name: str) -> Any:
    """The SDK for one account, pointed to the sandbox and otherwise as it comes."""
    return DerivativesTradingOptions(
        config_rest_api=ConfigurationRestAPI(
            api_key=os.environ[f"{name}_API_KEY"],
            api_secret=os.environ[f"{name}_API_SECRET"],
            base_path=os.environ["REST_URL"],
            timeout=10_000,
        ),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=os.environ["WS_URL"]),
    )


def far_call(api: Any) -> str:
    """A BTC call among those that expire last."""
    listed = api.exchange_information().data().option_symbols
    calls = [each for each in listed if each.underlying == "BTCUSDT" and each.side == "CALL"]
    return str(max(calls, key=lambda call: call.expiry_date).symbol)


def trade(ours: Any, theirs: Any) -> None:
    """15 fills: ten as the taker of one order, five as the maker of one."""
    symbol = far_call(ours)
    quote = {"symbol": symbol, "side": "SELL", "type": "LIMIT", "quantity": "0.01", "price": str(PRICE)}
    theirs.place_multiple_orders([quote] * 10)
    ours.new_order(symbol, "BUY", "LIMIT", 0.1, PRICE, "IOC", new_order_resp_type="RESULT")
    ours.new_order(symbol, "SELL", "LIMIT", 0.05, PRICE + 1, "GTC")
    for _ in range(5):
        theirs.new_order(symbol, "BUY", "LIMIT", 0.01, PRICE + 1, "IOC")


def questions(api: Any, maker: Any) -> dict[str, Callable[[], Any]]:
    """Every endpoint that answers, in an order that leaves no order behind."""
    symbol = far_call(api)
    base, day, *_ = symbol.split("-")
    protection = {"window_time_in_milliseconds": 3000, "frozen_time_in_milliseconds": 300}
    low = {"symbol": symbol, "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "1.0"}
    batch = [low | {"client_order_id": f"batch-{number}"} for number in range(3)]
    rest = (symbol, "BUY", "LIMIT", 0.01, 1.0, "GTC")
    return {
        "ping": api.test_connectivity,
        "time": api.check_server_time,
        "exchangeInfo": api.exchange_information,
        "index": lambda: api.index_price("BTCUSDT"),
        "depth": lambda: api.order_book(symbol),
        "ticker": lambda: api.ticker24hr_price_change_statistics(symbol),
        "mark": lambda: api.option_mark_price(symbol),
        "klines": lambda: api.kline_candlestick_data(symbol, "5m", limit=10),
        "trades": lambda: api.recent_trades_list(symbol),
        "openInterest": lambda: api.open_interest(base, day),
        "exerciseHistory": api.historical_exercise_records,
        "blockTrades": api.recent_block_trades_list,
        "GET block/order/orders": api.query_block_trade_order,
        "block/user-trades": api.account_block_trade_list,
        "marginAccount": api.option_margin_account_information,
        "position": api.option_position_information,
        "userTrades": lambda: api.account_trade_list(symbol),
        "historyOrders": lambda: api.query_option_order_history(symbol),
        "bill": lambda: api.account_funding_flow("USDT"),
        "exerciseRecord": api.user_exercise_record,
        "commission": api.user_commission,
        "POST order": lambda: api.new_order(*rest, client_order_id="single"),
        "GET order": lambda: api.query_single_order(symbol, client_order_id="single"),
        "openOrders": api.query_current_open_option_orders,
        "DELETE order": lambda: api.cancel_option_order(symbol, client_order_id="single"),
        "POST batchOrders": lambda: api.place_multiple_orders(batch),
        "DELETE batchOrders": lambda: api.cancel_multiple_option_orders(symbol, client_order_ids=["batch-0"]),
        "allOpenOrders": lambda: api.cancel_all_option_orders_on_specific_symbol(symbol),
        "allOpenOrdersByUnderlying": lambda: api.cancel_all_option_orders_by_underlying("BTCUSDT"),
        "POST countdownCancelAll": lambda: api.set_auto_cancel_all_open_orders("BTCUSDT", 60_000),
        "GET countdownCancelAll": lambda: api.get_auto_cancel_all_open_orders(underlying="BTCUSDT"),
        "countdownCancelAllHeartBeat": lambda: api.auto_cancel_all_open_orders("BTCUSDT"),
        "mmpSet": lambda: maker.set_market_maker_protection_config(
            underlying="BTCUSDT", qty_limit=2, delta_limit=2.3, **protection
        ),
        "mmp": lambda: maker.get_market_maker_protection_config("BTCUSDT"),
        "mmpReset": lambda: maker.reset_market_maker_protection_config("BTCUSDT"),
        "POST listenKey": api.start_user_data_stream,
        "PUT listenKey": api.keepalive_user_data_stream,
        "DELETE listenKey": api.close_user_data_stream,
    }


def refusals(api: Any) -> dict[str, Callable[[], Any]]:
    """Calls that this exchange has to refuse."""
    leg = {"symbol": far_call(api), "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "1"}
    return {
        "mmp": lambda: api.get_market_maker_protection_config("BTCUSDT"),
        "no symbol": lambda: api.new_order("BTC-200101-1-C", "BUY", "LIMIT", 0.01, 1.0),
        "POST block/order/create": lambda: api.new_block_trade_order("MAKER", [leg]),
        "PUT block/order/create": lambda: api.extend_block_trade_order("key"),
        "DELETE block/order/create": lambda: api.cancel_block_trade_order("key"),
        "POST block/order/execute": lambda: api.accept_block_trade_order("key"),
        "GET block/order/execute": lambda: api.query_block_trade_details("key"),
        "stock/contract": api.tradfi_options_contract,
    }


async def listen(streams: Any, symbol: str, seen: Callable[[str, Any], None]) -> None:
    """Subscribe to every market stream that the SDK has, as its examples do."""
    day = symbol.split("-")[1]
    handles = {
        "index_price_streams": await streams.index_price_streams(),
        "kline_candlestick_streams": await streams.kline_candlestick_streams(symbol, "1m"),
        "new_symbol_info": await streams.new_symbol_info(),
        "open_interest": await streams.open_interest("btcusdt", day),
        "option_mark_price": await streams.option_mark_price("btcusdt"),
        "diff_book_depth_streams": await streams.diff_book_depth_streams(symbol, update_speed="100ms"),
        "hour24_ticker": await streams.hour24_ticker(symbol),
        "individual_symbol_book_ticker_streams": await streams.individual_symbol_book_ticker_streams(symbol),
        "partial_book_depth_streams": await streams.partial_book_depth_streams(symbol, "5", update_speed="100ms"),
        "trade_streams": await streams.trade_streams(symbol),
    }
    for name, handle in handles.items():
        handle.on("message", lambda got, name=name: seen(name, got))


def say_once() -> Callable[[str, Any], None]:
    """Say the first message of each stream."""
    said: set[str] = set()

    def seen(name: str, got: Any) -> None:
        if name not in said:
            said.add(name)
            say(stream=name, model=type(got).__name__, unlike=sorted(set(unlike(got))))

    return seen


def rows(data: Any) -> int:
    """Count the rows of an answer, so that an empty list does not pass for a good one."""
    return len(data) if isinstance(data, list | dict) else 1


def ask(api: Any, maker: Any) -> None:
    """Ask everything, some of it as a market maker; then what must be refused."""
    for name, question in questions(api, maker).items():
        data = question().data()
        say(answer=name, rows=rows(data), unlike=sorted(set(unlike(data))))
    for name, question in refusals(api).items():
        try:
            question()
        except BadRequestError as refused:
            say(refused=name, code=refused.status_code, message=refused.error_message)
    say(asked=True)


async def main() -> None:
    logging.disable()  # It logs listen keys; what goes wrong comes to `Stream.error` as well.
    ours, theirs = client("ALICE"), client("BOB")
    maker = client("MAKER").rest_api
    api, streams, seen = ours.rest_api, ours.websocket_streams, Stream()
    listen_key = (await asyncio.to_thread(api.start_user_data_stream)).data().listen_key
    await streams.create_connection()
    handle = await streams.user_data(listen_key)
    handle.on("message", seen.message)
    streams.on_connection("error", seen.error)
    say(streaming=True)
    parts: dict[str, Callable[[], None]] = {
        "trade": lambda: trade(api, theirs.rest_api),
        "ask": lambda: ask(api, maker),
    }
    while part := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if part == "market":
            symbol = await asyncio.to_thread(far_call, api)
            await listen(streams, symbol, say_once())
            say(listening=symbol)
        else:
            await asyncio.to_thread(parts[part])
    await streams.close_connection()
    say(events=seen.events, unlike=sorted(seen.unlike))


if __name__ == "__main__":
    asyncio.run(main())
