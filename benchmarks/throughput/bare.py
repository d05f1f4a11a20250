"""The bare parts, put together as their pages show: no deduplication, renewal, numbers, gaps or raw JSON."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from benchmarks.throughput.frames import LISTEN_KEY
from benchmarks.throughput.plain import Decimals, OrderEvent, OrderEventDecimals, Texts
from benchmarks.throughput.tally import Tally, ready

SUBSCRIBE = json.dumps({"method": "SUBSCRIBE", "params": [LISTEN_KEY], "id": 1})


def listener_of(on_text: Callable[[Any], None]) -> Any:
    """A listener's class."""
    from picows import WSFrame, WSListener, WSMsgType, WSTransport

    text = WSMsgType.TEXT

    class Listener(WSListener):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: ARG002
            if frame.msg_type is text:
                on_text(frame)

    return Listener


async def picows_socket(ws_url: str, make_listener: Callable[[], Any], **options: Any) -> Any:
    """A socket of picows that is subscribed; its transport."""
    from picows import WSMsgType, ws_connect

    transport, _ = await ws_connect(make_listener, f"{ws_url}/private/stream", use_aiofastnet=False, **options)
    transport.send(WSMsgType.TEXT, SUBSCRIBE.encode())
    return transport


def _look(tally: Tally, event: Any) -> None:
    if isinstance(event, OrderEvent):
        tally.order(event.o.i)
    elif event is not None:
        tally.other()


async def bare_callback(tally: Tally, _rest_url: str, ws_url: str, *, eager_decimal: bool = False) -> None:
    """picows and msgspec: a frame comes, is decoded, and the user's function called."""
    decode: Callable[[Any], Any] = msgspec.json.Decoder(Decimals if eager_decimal else Texts).decode
    kinds, ended = (OrderEvent, OrderEventDecimals), asyncio.Event()
    tally.done = ended.set

    def on_event(event: Any) -> None:
        if isinstance(event, kinds):
            tally.order(event.o.i)
        elif event is not None:
            tally.other()

    def on_text(frame: Any) -> None:
        on_event(decode(frame.get_payload_as_memoryview()).data)

    await picows_socket(ws_url, listener_of(on_text))
    ready()
    await ended.wait()


async def bare_decimal(tally: Tally, rest_url: str, ws_url: str) -> None:
    """The same with every amount a Decimal at once."""
    await bare_callback(tally, rest_url, ws_url, eager_decimal=True)


async def bare_iterator(tally: Tally, _rest_url: str, ws_url: str) -> None:
    """The same as `async for`: an async generator over the raw bytes, decoded when asked for."""
    decode = msgspec.json.Decoder(Texts).decode
    waiting: deque[bytes] = deque()
    came = asyncio.Event()

    def on_text(frame: Any) -> None:
        waiting.append(frame.get_payload_as_bytes())
        came.set()

    async def events() -> AsyncIterator[Any]:
        while True:
            while waiting:
                yield decode(waiting.popleft()).data
            came.clear()
            await came.wait()

    await picows_socket(ws_url, listener_of(on_text))
    ready()
    async for event in events():
        _look(tally, event)
        if tally.seen == tally.count:
            return


async def bare_aiohttp(tally: Tally, _rest_url: str, ws_url: str) -> None:
    """aiohttp's client and msgspec."""
    import aiohttp

    decode = msgspec.json.Decoder(Texts).decode
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{ws_url}/private/stream") as socket:
        await socket.send_str(SUBSCRIBE)
        await socket.receive()
        ready()
        async for message in socket:
            _look(tally, decode(message.data).data)
            if tally.seen == tally.count:
                return


async def bare_websockets(tally: Tally, _rest_url: str, ws_url: str) -> None:
    """websockets and msgspec; bytes, for its texts would be made for nothing."""
    from websockets.asyncio.client import connect  # type: ignore[import-not-found,unused-ignore]

    decode = msgspec.json.Decoder(Texts).decode
    async with connect(f"{ws_url}/private/stream", compression=None) as socket:
        await socket.send(SUBSCRIBE)
        await socket.recv()
        ready()
        while tally.seen < tally.count:
            _look(tally, decode(await socket.recv(decode=False)).data)
