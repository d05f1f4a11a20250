"""
One consumer, as a process: `python -m benchmarks.speed.consumers NAME REST_URL WS_URL COUNT burst|pace`.

It attaches, prints `{"ready": true}`, takes COUNT events, looks that none is missing and that they are in order, and
prints what they cost from the first to the last.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.speed.frames import FIRST_ORDER_ID

TIMEOUT_S: Final = 120


class Tally:
    """What every consumer does with an event, whoever brought it: look at its id."""

    def __init__(self, count: int, *, paced: bool) -> None:
        self.count = count
        self.paced = paced
        self.seen = 0
        self.expected = FIRST_ORDER_ID
        self.wrong = 0
        self.late_ns: list[int] = []
        self.began_cpu_s = self.began_s = self.cpu_s = self.wall_s = 0.0
        self.done: Callable[[], None] = lambda: None

    def other(self) -> None:
        """An event that is no order."""
        self.seen += 1
        if self.seen == self.count:
            self.end()

    def order(self, order_id: int) -> None:
        """An order."""
        seen = self.seen = self.seen + 1
        if self.paced:
            self.late_ns.append(time.monotonic_ns() + FIRST_ORDER_ID - order_id)
        elif order_id != FIRST_ORDER_ID + seen - 1:
            self.wrong += 1
        if seen == 1:
            self.began_cpu_s, self.began_s = time.process_time(), time.perf_counter()
        elif seen == self.count:
            self.end()

    def end(self) -> None:
        self.cpu_s = time.process_time() - self.began_cpu_s
        self.wall_s = time.perf_counter() - self.began_s
        self.done()

    def result(self) -> dict[str, Any]:
        late = sorted(self.late_ns)
        shares = {
            f"p{share:g}_us": late[min(len(late) - 1, int(len(late) * share / 100))] / 1000 for share in (50, 99, 99.9)
        } if late else {}  # fmt: skip
        return {
            "events": self.seen,
            "wrong": self.wrong,
            "cpu_us": self.cpu_s / self.count * 1e6,
            "per_second": self.count / self.wall_s,
            "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            **shares,
        }


def ready() -> None:
    gc.collect()
    print('{"ready": true}', flush=True)


# --- the bare parts ---------------------------------------------------------------------------------------------------


async def _bare_socket(ws_url: str, on_text: Callable[[Any], None]) -> Any:
    from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

    from benchmarks.speed.frames import LISTEN_KEY

    text = WSMsgType.TEXT

    class Listener(WSListener):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: ARG002
            if frame.msg_type is text:
                on_text(frame)

    transport, _ = await ws_connect(Listener, f"{ws_url}/private/stream", use_aiofastnet=False)
    request = {"method": "SUBSCRIBE", "params": [LISTEN_KEY], "id": 1}
    transport.send(WSMsgType.TEXT, json.dumps(request).encode())
    return transport


def _bare_decoder(*, eager_decimal: bool = False) -> Callable[[Any], Any]:
    import msgspec

    from benchmarks.speed.plain import Decimals, Texts

    return msgspec.json.Decoder(Decimals if eager_decimal else Texts).decode


async def bare_callback(tally: Tally, _rest_url: str, ws_url: str, *, eager_decimal: bool = False) -> None:
    """picows and msgspec, put together as their pages show: a frame comes, is decoded, and the user's function called."""
    decode = _bare_decoder(eager_decimal=eager_decimal)
    from benchmarks.speed.plain import OrderEvent, OrderEventDecimals

    kinds, ended = (OrderEvent, OrderEventDecimals), asyncio.Event()
    tally.done = ended.set

    def on_event(event: Any) -> None:
        if isinstance(event, kinds):
            tally.order(event.o.i)
        elif event is not None:
            tally.other()

    def on_text(frame: Any) -> None:
        on_event(decode(frame.get_payload_as_memoryview()).data)

    await _bare_socket(ws_url, on_text)
    ready()
    await ended.wait()


async def bare_decimal(tally: Tally, rest_url: str, ws_url: str) -> None:
    """The same with every amount a Decimal at once."""
    await bare_callback(tally, rest_url, ws_url, eager_decimal=True)


async def bare_iterator(tally: Tally, _rest_url: str, ws_url: str) -> None:
    """The same as `async for`: an async generator over the raw bytes, decoded when asked for."""
    from collections import deque

    from benchmarks.speed.plain import OrderEvent

    decode = _bare_decoder()
    waiting: deque[bytes] = deque()
    came = asyncio.Event()

    def on_text(frame: Any) -> None:
        waiting.append(frame.get_payload_as_bytes())
        came.set()

    async def events() -> Any:
        while True:
            while waiting:
                yield decode(waiting.popleft()).data
            came.clear()
            await came.wait()

    await _bare_socket(ws_url, on_text)
    ready()
    async for event in events():
        if isinstance(event, OrderEvent):
            tally.order(event.o.i)
        elif event is not None:
            tally.other()
        if tally.seen == tally.count:
            return


# --- ours -------------------------------------------------------------------------------------------------------------


def _stream(rest_url: str, ws_url: str, **options: Any) -> Any:
    from listenkey import UserStream, Venue

    return UserStream(api_key="benchmark", venue=Venue(rest_url, ws_url, "benchmark"), **options)


def _looker(tally: Tally, *, touch: bool = False) -> Callable[[Any], None]:
    from listenkey import Live, OrderTradeUpdate, Update

    def on_item(item: Any) -> None:
        if isinstance(item, Update):
            event = item.event
            if isinstance(event, OrderTradeUpdate):
                if touch:
                    _ = event.order.price, event.order.quantity
                tally.order(event.order.order_id)
            else:
                tally.other()
        elif isinstance(item, Live):
            ready()

    return on_item


async def ours_callback(tally: Tally, rest_url: str, ws_url: str, *, touch: bool = False, **options: Any) -> None:
    """`stream.run(function)`, in memory."""
    async with _stream(rest_url, ws_url, **options) as stream:
        running = asyncio.ensure_future(stream.run(_looker(tally, touch=touch)))
        tally.done = running.cancel
        await asyncio.wait({running})


async def ours_decimal(tally: Tally, rest_url: str, ws_url: str) -> None:
    """The same, with price and quantity of every order read as Decimal."""
    await ours_callback(tally, rest_url, ws_url, touch=True)


async def ours_iterator(tally: Tally, rest_url: str, ws_url: str, **options: Any) -> None:
    """`async for item in stream`, in memory."""
    on_item = _looker(tally)
    async with _stream(rest_url, ws_url, **options) as stream:
        async for item in stream:
            on_item(item)
            if tally.seen == tally.count:
                return


async def ours_signed(tally: Tally, rest_url: str, ws_url: str) -> None:
    """The same callback on a stream that could refill gaps: orders and positions are reckoned with, too."""
    await ours_callback(tally, rest_url, ws_url, api_secret="benchmark")


async def ours_sqlite(tally: Tally, rest_url: str, ws_url: str) -> None:
    """The same callback, behind a journal on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        await ours_callback(tally, rest_url, ws_url, journal=Path(folder) / "a.db")


def ours_blocking(tally: Tally, rest_url: str, ws_url: str) -> None:
    """`for item in UserStream.blocking(...)`, in memory."""
    from listenkey import UserStream, Venue

    on_item = _looker(tally)
    venue = Venue(rest_url, ws_url, "benchmark")
    with UserStream.blocking(api_key="benchmark", venue=venue) as stream:
        for item in stream:
            on_item(item)
            if tally.seen == tally.count:
                return


# --- others -----------------------------------------------------------------------------------------------------------


async def official_sdk(tally: Tally, rest_url: str, ws_url: str) -> None:
    """The official Python SDK, as its page shows."""
    import logging

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
        config_rest_api=ConfigurationRestAPI(api_key="benchmark", api_secret="benchmark", base_path=rest_url),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=f"{ws_url}/private"),
    )
    listen_key = client.rest_api.start_user_data_stream().data().listen_key
    await client.websocket_streams.create_connection()
    stream = await client.websocket_streams.user_data(listen_key)
    stream.on("message", on_message)
    ready()
    await ended.wait()
    await client.websocket_streams.close_connection()


CONSUMERS: Final[dict[str, Callable[..., Any]]] = {
    one.__name__: one
    for one in (
        bare_callback, bare_iterator, bare_decimal, ours_callback, ours_iterator, ours_decimal, ours_signed,
        ours_sqlite, ours_blocking, official_sdk,
    )
}  # fmt: skip


def main() -> None:
    name, rest_url, ws_url, count, mode = sys.argv[1:6]
    tally = Tally(int(count), paced=mode == "pace")
    consumer = CONSUMERS[name]
    if asyncio.iscoroutinefunction(consumer):
        asyncio.run(asyncio.wait_for(consumer(tally, rest_url, ws_url), TIMEOUT_S))
    else:
        consumer(tally, rest_url, ws_url)
    print(json.dumps(tally.result()), flush=True)


if __name__ == "__main__":
    main()
