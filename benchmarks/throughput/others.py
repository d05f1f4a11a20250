"""
Other people's clients, each as its own pages show. All of them run in environments of their own, so nothing of ours
that is not the standard library's is imported here, and each client only where it is used.
"""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

from benchmarks.interop.script import Place
from benchmarks.throughput.tally import Tally, ready

API_KEY = "benchmark"


async def official_sdk(tally: Tally, rest_url: str, ws_url: str) -> None:
    """The official Python SDK: a callback with an event of its models."""
    from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketStreams
    from binance_sdk_derivatives_trading_options.derivatives_trading_options import DerivativesTradingOptions

    logging.disable()
    ended = asyncio.Event()
    tally.done = ended.set

    def on_message(got: Any) -> None:
        event = got.actual_instance
        if type(event).__name__ == "OrderTradeUpdate":
            tally.order(event.o.i)
        else:
            tally.other()

    client: Any = DerivativesTradingOptions(
        config_rest_api=ConfigurationRestAPI(api_key=API_KEY, api_secret=API_KEY, base_path=rest_url),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=ws_url),
    )
    listen_key = client.rest_api.start_user_data_stream().data().listen_key
    await client.websocket_streams.create_connection()
    stream = await client.websocket_streams.user_data(listen_key)
    stream.on("message", on_message)
    ready()
    await ended.wait()
    await client.websocket_streams.close_connection()


async def ccxt_pro(tally: Tally, rest_url: str, ws_url: str) -> None:
    """ccxt.pro: `watch_orders` in a loop. Its user sees orders; what else comes is read and kept all the same."""
    from benchmarks.interop.ccxt_pro import exchange

    client = exchange(Place(rest_url, ws_url, API_KEY, API_KEY))
    try:
        await client.load_markets()
        ready()  # The first call asks for a key and connects.
        while tally.seen < tally.count:
            for order in await client.watch_orders():
                tally.order_alone(int(order["id"]))
    finally:
        await client.close()


async def python_binance(tally: Tally, rest_url: str, ws_url: str) -> None:
    """python-binance: `recv` of the futures user socket, with room in its queue, for it ends when 100 wait."""
    from binance import AsyncClient, BinanceSocketManager  # type: ignore[import-not-found,unused-ignore]

    client = AsyncClient(API_KEY, API_KEY)  # `create` would ask the live site for the time.
    client.FUTURES_URL = f"{rest_url}/fapi"
    manager = BinanceSocketManager(client, max_queue_size=tally.count + 1)
    manager.FSTREAM_URL = f"{ws_url}/"
    async with manager.futures_user_socket() as socket:
        ready()
        while tally.seen < tally.count:
            event = await socket.recv()
            if event["e"] == "ORDER_TRADE_UPDATE":
                tally.order(event["o"]["i"])
            else:
                tally.other()
    await client.close_connection()


async def unicorn(tally: Tally, _rest_url: str, ws_url: str) -> None:
    """unicorn-binance-websocket-api at its fastest: on picows, dicts by orjson, a callback."""
    from unicorn_binance_websocket_api import BinanceWebSocketApiManager  # type: ignore[import-not-found,unused-ignore]

    from benchmarks.throughput.frames import LISTEN_KEY

    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    tally.done = lambda: loop.call_soon_threadsafe(ended.set)

    def on_event(event: Any) -> None:
        if event["e"] == "ORDER_TRADE_UPDATE":
            tally.order(event["o"]["i"])
        else:
            tally.other()

    manager = BinanceWebSocketApiManager(
        exchange="binance.com-futures",
        output_default="dict",
        websocket_library="picows",
        websocket_base_uri=f"{ws_url}/",
        high_performance=True,
        warn_on_update=False,
        disable_colorama=True,
    )
    manager.create_stream(
        "arr", "!userData", listen_key=LISTEN_KEY, api_key=API_KEY, api_secret=API_KEY, process_stream_data=on_event
    )
    ready()
    await ended.wait()
    manager.stop_manager(delete_listen_key=False)


async def cryptofeed(tally: Tally, rest_url: str, ws_url: str) -> None:
    """cryptofeed: the ORDER_INFO channel of its futures. Its user sees orders."""
    from cryptofeed import FeedHandler, connection  # type: ignore[import-not-found,unused-ignore]
    from cryptofeed.connection import RestEndpoint, Routes, WebsocketEndpoint  # type: ignore[import-not-found,unused-ignore]
    from cryptofeed.defines import ORDER_INFO  # type: ignore[import-not-found,unused-ignore]
    from cryptofeed.exchanges import BinanceFutures  # type: ignore[import-not-found,unused-ignore]

    logging.disable()
    ended = asyncio.Event()
    tally.done = ended.set

    async def on_order(order: Any, _received_s: float) -> None:
        tally.order_alone(int(order.id))

    # It takes addresses of wss alone; here nobody encrypts, so that all are compared alike.
    plain = connection.connect
    connection.connect = lambda address, **options: plain(address.replace("wss://", "ws://"), **options)
    routes = Routes("/fapi/v1/exchangeInfo", authentication="/fapi/v1/listenKey")
    BinanceFutures.rest_endpoints = [RestEndpoint(rest_url, routes=routes)]
    BinanceFutures.websocket_endpoints = [
        WebsocketEndpoint(ws_url.replace("ws://", "wss://"), options={"compression": None})
    ]
    config = {"log": {"disabled": True}, "binance_futures": {"key_id": API_KEY, "key_secret": API_KEY}}
    handler = FeedHandler(config=config)
    feed = BinanceFutures(
        config=handler.config, symbols=["BTC-USDT-PERP"], channels=[ORDER_INFO], callbacks={ORDER_INFO: on_order}
    )
    handler.add_feed(feed)
    handler.run(start_loop=False, install_signal_handlers=False)
    ready()
    await ended.wait()
    await handler.stop_async()


async def nautilus(tally: Tally, _rest_url: str, ws_url: str) -> None:
    """NautilusTrader: its socket in Rust and its own typed decoders, as its execution client calls them."""
    import msgspec
    from nautilus_trader.adapters.binance.futures.enums import BinanceFuturesEventType  # type: ignore[import-not-found,unused-ignore]
    from nautilus_trader.adapters.binance.futures.schemas import user  # type: ignore[import-not-found,unused-ignore]
    from nautilus_trader.core.nautilus_pyo3 import WebSocketClient, WebSocketConfig  # type: ignore[import-not-found,unused-ignore]

    from benchmarks.throughput.frames import LISTEN_KEY

    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    tally.done = lambda: loop.call_soon_threadsafe(ended.set)
    decode = SimpleNamespace(
        any=msgspec.json.Decoder(user.BinanceFuturesUserMsgWrapper).decode,
        order=msgspec.json.Decoder(user.BinanceFuturesOrderUpdateWrapper).decode,
        account=msgspec.json.Decoder(user.BinanceFuturesAccountUpdateWrapper).decode,
    )

    def on_order(raw: bytes) -> None:
        tally.order(decode.order(raw).data.o.i)

    def on_account(raw: bytes) -> None:
        decode.account(raw)
        tally.other()

    handlers = {
        BinanceFuturesEventType.ORDER_TRADE_UPDATE: on_order,
        BinanceFuturesEventType.ACCOUNT_UPDATE: on_account,
    }

    def on_message(raw: bytes) -> None:
        wrapper = decode.any(raw)
        if wrapper.stream and wrapper.data:
            handlers[wrapper.data.e](raw)

    config = WebSocketConfig(f"{ws_url}/stream?streams={LISTEN_KEY}", on_message, [], heartbeat=60)
    client = await WebSocketClient.connect(config=config)
    ready()
    await ended.wait()
    await client.disconnect()
