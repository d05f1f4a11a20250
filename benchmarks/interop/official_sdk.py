"""The official Python SDK: `start_user_data_stream`, `user_data`, and a callback."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketStreams
from binance_sdk_derivatives_trading_options.derivatives_trading_options import DerivativesTradingOptions

from benchmarks.interop.script import place, say, told_to_stop


def tell_fill(got: Any) -> None:
    event = got.actual_instance
    if type(event).__name__ == "OrderTradeUpdate" and event.o.x == "TRADE":
        say(fill=[event.o.s, event.o.t, event.o.i])


async def main() -> None:
    logging.disable()  # It logs listen keys.
    here = place()
    client: Any = DerivativesTradingOptions(
        config_rest_api=ConfigurationRestAPI(
            api_key=here.api_key, api_secret=here.api_secret, base_path=here.rest_url, timeout=10_000
        ),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=here.ws_url),
    )
    listen_key = client.rest_api.start_user_data_stream().data().listen_key
    await client.websocket_streams.create_connection()
    stream = await client.websocket_streams.user_data(listen_key)
    stream.on("message", tell_fill)
    client.websocket_streams.on_connection("close", lambda: say(closed=True))
    say(ready=True)
    await told_to_stop()
    await client.websocket_streams.close_connection()


if __name__ == "__main__":
    asyncio.run(main())
