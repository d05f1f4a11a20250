"""The WebSocket hand against a real server on loopback, also one that misbehaves."""

from __future__ import annotations

import asyncio
import gc
import ssl
import struct
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from socket import create_server
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from listenkey.core.retry_policy import classify
from listenkey.credentials import Secret
from listenkey.errors import (
    Banned,
    Disconnected,
    RateLimited,
    Refused,
    Retired,
    TimedOut,
    Unreachable,
    UsageError,
    VenueDown,
)
from listenkey.stream.listen_key_manager import Attachment
from listenkey.transport import websocket as websockets
from listenkey.transport.base import Socket
from listenkey.transport.clock import SystemClock
from listenkey.transport.message_parts import MESSAGE_BYTES_MAX, MESSAGE_PARTS_MAX
from listenkey.transport.websocket import READ_BYTES_MAX, PicowsSocket, connect
from tests.unit.transport.certificates import self_signed

Handler = Callable[[web.WebSocketResponse, web.Request], Awaitable[None]]


class Heard:
    """Received messages, and conditions to wait for."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.pongs: list[int] = []
        self.batches = 0
        self.lost: asyncio.Future[Disconnected] = asyncio.get_running_loop().create_future()
        self.changed = asyncio.Event()

    def _note(self) -> None:
        self.changed.set()

    def on_message(self, message: bytes) -> None:
        self.messages.append(message)
        self._note()

    def on_heard(self) -> None:
        self.batches += 1

    def on_pong(self, number: int) -> None:
        self.pongs.append(number)
        self._note()

    def on_lost(self, reason: Disconnected) -> None:
        assert not self.lost.done(), "told once"
        self.lost.set_result(reason)

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not what():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def served(
    handler: Handler | None = None, status: int = 101, tls: ssl.SSLContext | None = None, *, autoping: bool = True
) -> AsyncIterator[str]:
    async def upgrade(request: web.Request) -> web.StreamResponse:
        if status != 101:
            headers = {"Location": "ws://elsewhere.test/", "Retry-After": "77"}
            return web.Response(status=status, text="<html>no</html>", headers=headers)
        socket = web.WebSocketResponse(max_msg_size=0, autoping=autoping)
        await socket.prepare(request)
        assert handler is not None
        await handler(socket, request)
        return socket

    app = web.Application()
    app.router.add_get("/{path:.*}", upgrade)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"ws://127.0.0.1:{port}/private/stream"
    finally:
        await runner.cleanup()


async def opened(url: str, heard: Heard, timeout_s: float = 5.0) -> Socket:
    return await connect(url, heard.on_message, heard.on_heard, heard.on_pong, heard.on_lost, timeout_s=timeout_s)


def transport_of(request: web.Request) -> asyncio.Transport:
    transport = request.transport
    assert transport is not None
    return transport


async def until_closed(socket: web.WebSocketResponse, request: web.Request) -> None:
    async for _ in socket:
        pass


async def test_messages_arrive_whole_and_in_order_however_they_are_cut() -> None:
    async def cut(socket: web.WebSocketResponse, request: web.Request) -> None:
        write = transport_of(request).write
        write(b"\x01\x02ab" + b"\x89\x01p" + b"\x00\x01c" + b"\x80\x01d")  # a ping inside a fragmented message
        for byte in b"\x81\x03efg":
            write(bytes([byte]))
        write(b"\x82\x02hi")  # binary, which no document announces
        await until_closed(socket, request)

    async with served(cut) as url:
        heard = Heard()
        socket = await opened(url, heard)
        await heard.until(lambda: len(heard.messages) == 3)
        assert heard.messages == [b"abcd", b"efg", b"hi"]
        assert heard.batches >= 1
        socket.close()


async def test_a_message_with_a_ping_right_behind_it_is_heard_at_once() -> None:
    answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def both(socket: web.WebSocketResponse, request: web.Request) -> None:
        transport_of(request).write(b"\x81\x02ab" + b"\x89\x01p")  # one read brings them
        message = await socket.receive()
        assert message.type is WSMsgType.PONG
        answered.set_result(message.data)
        await until_closed(socket, request)

    async with served(both, autoping=False) as url:
        heard = Heard()
        socket = await opened(url, heard)
        assert await answered == b"p"
        assert heard.messages == [b"ab"]
        assert heard.batches == 1, "else the message would lie until something else comes"
        socket.close()


async def test_a_pong_inside_a_message_says_nothing_before_the_message_is_whole() -> None:
    order: list[str] = []

    async def pong_between(socket: web.WebSocketResponse, request: web.Request) -> None:
        pong = b"\x8a\x08" + (7).to_bytes(8, "big")
        transport_of(request).write(b"\x01\x02ab" + pong + b"\x80\x02cd" + b"\x81\x02ef" + pong)
        await until_closed(socket, request)

    async with served(pong_between) as url:
        heard = Heard()

        def on_pong(number: int) -> None:
            order.append(f"pong {number}")
            heard.on_pong(number)

        def on_message(message: bytes) -> None:
            order.append(message.decode())

        socket = await connect(url, on_message, heard.on_heard, on_pong, heard.on_lost, timeout_s=5)
        await heard.until(lambda: len(heard.pongs) == 2)
        # What a pong proves is that all was read which the other side had begun to send before it.
        assert order == ["abcd", "pong 7", "ef", "pong 7"]
        socket.close()


@pytest.mark.parametrize(
    "wrong", [b"\x01\x02ab" + b"\x81\x02cd", b"\x01\x02ab" + b"\x01\x02cd", b"\x80\x02cd", b"\xc1\x02cd"]
)
async def test_a_message_that_is_lost_between_others_ends_the_socket_and_nothing_behind_it_counts(wrong: bytes) -> None:
    async def send(socket: web.WebSocketResponse, request: web.Request) -> None:
        pong = b"\x8a\x08" + (7).to_bytes(8, "big")
        large = b"\x81\x7e\x01\x00" + bytes(256)
        transport_of(request).write(b"\x81\x02ok" + wrong + pong + b"\x81\x02ef" + large)
        await until_closed(socket, request)

    async with served(send) as url:
        heard = Heard()
        await opened(url, heard)
        assert (await heard.lost).close_code == 1002
        assert heard.messages == [b"ok"]
        assert heard.pongs == [], "it would prove that all was read"


@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_read_is_bounded_however_much_there_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, encrypted: bool
) -> None:
    count, size = 600, 4096
    context = None
    if encrypted:
        pair = self_signed(tmp_path, "127.0.0.1")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.certificate, pair.key)
        monkeypatch.setenv("SSL_CERT_FILE", str(pair.certificate))

    async def pour(socket: web.WebSocketResponse, request: web.Request) -> None:
        transport_of(request).write(count * (b"\x82\x7e" + size.to_bytes(2, "big") + bytes(size)))
        await until_closed(socket, request)

    async with served(pour, tls=context) as url:
        heard = Heard()
        socket = await opened(url.replace("ws:", "wss:") if encrypted else url, heard)
        assert isinstance(socket, PicowsSocket)
        socket.read_less()
        room: list[int] = []
        socket.pause()  # until the system's buffer holds more than one read may bring
        protocol = below(socket).get_protocol()
        read_into: Callable[[Any, int], memoryview] = type(protocol).get_buffer

        def get_buffer(reader: Any, sizehint: int) -> memoryview:
            offered = read_into(reader, sizehint)
            room.append(len(offered))
            return offered

        monkeypatch.setattr(type(protocol), "get_buffer", get_buffer)
        below(socket).set_protocol(protocol)
        socket.read_less()
        assert below(socket).get_protocol() is protocol, "once is enough"
        socket.resume()
        await heard.until(lambda: len(heard.messages) == count)
        # Through TLS the event loop itself brings less at a time.
        assert max(room) <= READ_BYTES_MAX if encrypted else max(room) == READ_BYTES_MAX
        socket.close()


def below(socket: PicowsSocket) -> Any:
    assert socket._transport is not None
    return socket._transport.underlying_transport


async def test_a_ping_is_answered_with_its_number() -> None:
    async with served(until_closed) as url:
        heard = Heard()
        socket = await opened(url, heard)
        socket.ping(41)
        socket.ping(42)
        await heard.until(lambda: heard.pongs == [41, 42])
        socket.abort()


async def test_a_text_message_reaches_the_other_side() -> None:
    got: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def receive(socket: web.WebSocketResponse, request: web.Request) -> None:
        message = await socket.receive()
        assert message.type is WSMsgType.TEXT
        got.set_result(message.data)

    async with served(receive) as url:
        socket = await opened(url, Heard())
        socket.send_text(b'{"id":1}')
        assert await asyncio.wait_for(got, 10) == '{"id":1}'
        socket.abort()


async def test_a_close_frame_gives_its_code_and_clean_words() -> None:
    async def close(socket: web.WebSocketResponse, request: web.Request) -> None:
        await socket.close(code=1008, message=b"bye \x1b[31m " + b"k" * 40)

    async with served(close) as url:
        heard = Heard()
        await opened(url, heard)
        reason = await asyncio.wait_for(heard.lost, 10)
        assert reason.close_code == 1008
        assert "bye" in reason.reason
        assert "\x1b" not in reason.reason
        assert "k" * 40 not in reason.reason, "what looks like a key is masked"


async def test_a_reset_is_told_at_once_without_a_code() -> None:
    async def reset(socket: web.WebSocketResponse, request: web.Request) -> None:
        transport_of(request).abort()

    async with served(reset) as url:
        heard = Heard()
        await opened(url, heard)
        assert (await asyncio.wait_for(heard.lost, 10)).close_code is None


async def test_a_message_past_the_cap_ends_the_socket_and_not_the_memory() -> None:
    async def flood(socket: web.WebSocketResponse, request: web.Request) -> None:
        transport_of(request).write(b"\x81\x7f" + struct.pack(">Q", MESSAGE_BYTES_MAX + 1))
        await until_closed(socket, request)

    async def fragments(socket: web.WebSocketResponse, request: web.Request) -> None:
        write = transport_of(request).write
        part = b"\x7f" + struct.pack(">Q", 1 << 20) + b"x" * (1 << 20)
        write(b"\x01" + part)
        for _ in range(4):
            write(b"\x00" + part)
        await until_closed(socket, request)

    for handler in (flood, fragments):
        async with served(handler) as url:
            heard = Heard()
            await opened(url, heard)
            await asyncio.wait_for(heard.lost, 10)
            assert heard.messages == []


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x83\x02ab", 1002),  # an opcode that means nothing
        (b"\x81\x82\x00\x00\x00\x00ab", 1002),  # a server does not mask
        (b"\x89\x7e\x00\x80" + bytes(128), 1002),  # a ping is short
        (b"\x81\x7f" + struct.pack(">Q", MESSAGE_BYTES_MAX + 1), 1009),
    ],
)
async def test_a_frame_that_ends_the_socket_says_so_and_asyncio_has_nothing_to_complain_of(
    frame: bytes, code: int
) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    async def forbidden(socket: web.WebSocketResponse, request: web.Request) -> None:
        transport_of(request).write(frame)
        await until_closed(socket, request)

    async with served(forbidden) as url:
        heard = Heard()
        await opened(url, heard)
        lost = await asyncio.wait_for(heard.lost, 10)
        assert (lost.close_code, "not to be read" in str(lost)) == (code, True)
    gc.collect()  # A future complains when its memory is cleaned up.
    assert complaints == []


@pytest.mark.parametrize("bit", [0x40, 0x20, 0x10])
async def test_reserved_bits_end_the_socket(bit: int) -> None:
    async def reserved(socket: web.WebSocketResponse, request: web.Request) -> None:
        transport_of(request).write(bytes((0x81 | bit, 2)) + b"ab")
        await until_closed(socket, request)

    async with served(reserved) as url:
        heard = Heard()
        await opened(url, heard)
        assert (await asyncio.wait_for(heard.lost, 10)).close_code == 1002
        assert heard.messages == []


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, Retired),
        (410, Retired),
        (401, Refused),
        (403, RateLimited),
        (418, Banned),
        (429, RateLimited),
        (503, VenueDown),
    ],
)
async def test_a_handshake_that_is_answered_with_an_error_is_that_error(status: int, error: type[Exception]) -> None:
    async with served(status=status) as url:
        with pytest.raises(error) as caught:
            await opened(f"{url}?listenKey={'k' * 64}", Heard())
        assert "k" * 64 not in str(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize("status", [403, 418, 429])
async def test_a_handshake_that_is_told_to_wait_says_how_long(status: int) -> None:
    async with served(status=status) as url:
        with pytest.raises(RateLimited) as caught:
            await opened(url, Heard())
        assert classify(caught.value, SystemClock().wall_ms()).wait_s == pytest.approx(77, abs=3)


async def test_a_redirect_is_not_followed() -> None:
    async with served(status=302) as url:
        with pytest.raises(Exception, match="302"):
            await opened(url, Heard())


async def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1"):
        await opened("ws://127.0.0.1:1/private/stream", Heard())


async def test_a_server_that_hangs_up_before_it_answers_is_unreachable() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        with pytest.raises(Unreachable, match="before the WebSocket handshake"):
            await opened(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", Heard())


async def test_a_server_that_never_answers_times_out() -> None:
    with closing(create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(TimedOut):
            await opened(f"ws://127.0.0.1:{port}/", Heard(), timeout_s=0.2)


async def test_a_handshake_nobody_waits_for_leaves_no_connection_behind() -> None:
    asked, answer, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def upgrade(request: web.Request) -> web.StreamResponse:
        asked.set()
        await answer.wait()
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()  # until the other side has gone
        ended.set()
        return socket

    app = web.Application()
    app.router.add_get("/", upgrade)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    heard = Heard()
    opening = asyncio.ensure_future(opened(f"ws://127.0.0.1:{runner.addresses[0][1]}/", heard))
    await asked.wait()
    opening.cancel()
    await asyncio.wait([opening])
    assert opening.cancelled()
    answer.set()
    await asyncio.wait_for(ended.wait(), 2)
    assert not heard.lost.done()
    await runner.cleanup()


async def test_plain_text_to_another_machine_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(UsageError, match="plain text"):
        await opened("ws://192.0.2.1/private/stream", Heard())


async def test_a_self_signed_certificate_is_refused(tmp_path: Path) -> None:
    pair = self_signed(tmp_path, "127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    async with served(until_closed, tls=context) as url:
        with pytest.raises(Unreachable, match="TLS"):
            await opened(url.replace("ws:", "wss:"), Heard())


async def test_pings_without_end_from_a_peer_that_does_not_read_end_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websockets, "WRITE_BYTES_MAX", 1024)

    async def pings(socket: web.WebSocketResponse, request: web.Request) -> None:
        transport = transport_of(request)
        transport.pause_reading()
        while not transport.is_closing():
            transport.write((b"\x89\x7d" + b"p" * 125) * 512)
            await asyncio.sleep(0)

    async with served(pings, autoping=False) as url:
        heard = Heard()
        socket = await opened(url, heard)
        assert isinstance(socket, PicowsSocket)
        assert socket._transport is not None
        reason = await asyncio.wait_for(heard.lost, 60)
        assert reason.close_code == 1008
        assert "does not read" in str(reason)
        socket.ping(1)
        socket.send_text(b"late")  # nothing happens on a connection that has ended


async def test_a_message_that_never_ends_is_no_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("listenkey.transport.message_parts.MESSAGE_WITHIN_S", 0.05)

    async def begins(socket: web.WebSocketResponse, request: web.Request) -> None:
        transport_of(request).write(b"\x01\x01{" + b"\x00\x00" * 3)
        await until_closed(socket, request)

    async with served(begins) as url:
        heard = Heard()
        await opened(url, heard)
        reason = await asyncio.wait_for(heard.lost, 10)
        assert "no end within" in str(reason)
        assert heard.messages == []


async def test_fragments_are_counted_even_where_they_hold_nothing() -> None:
    async def empty(socket: web.WebSocketResponse, request: web.Request) -> None:
        transport_of(request).write(b"\x01\x01{" + b"\x00\x00" * MESSAGE_PARTS_MAX)
        await until_closed(socket, request)

    async with served(empty) as url:
        heard = Heard()
        await opened(url, heard)
        reason = await asyncio.wait_for(heard.lost, 10)
        assert reason.close_code == 1009


async def test_a_message_that_ended_in_time_leaves_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("listenkey.transport.message_parts.MESSAGE_WITHIN_S", 0.05)
    go_on = asyncio.Event()

    async def two(socket: web.WebSocketResponse, request: web.Request) -> None:
        transport_of(request).write(b"\x01\x01a" + b"\x80\x01b")
        await go_on.wait()
        transport_of(request).write(b"\x01\x01c" + b"\x80\x01d")
        await until_closed(socket, request)

    async with served(two) as url:
        heard = Heard()
        socket = await opened(url, heard)
        await heard.until(lambda: len(heard.messages) == 1)
        assert isinstance(socket, PicowsSocket)
        assert socket._parts._timer is None
        go_on.set()
        await heard.until(lambda: len(heard.messages) == 2)
        assert heard.messages == [b"ab", b"cd"]
        socket.close()


@pytest.mark.parametrize("within_s", [0.2, 5.0])
async def test_no_frame_of_a_handshake_shows_the_listen_key(within_s: float) -> None:
    listen_key = Secret("pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1")
    with closing(create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        shown = await shown_of_a_handshake(port, listen_key, within_s)
    assert "websocket.py" in shown
    assert listen_key.reveal() not in shown


async def shown_of_a_handshake(port: int, key: Secret, within_s: float) -> str:
    """Return a crash reporter's view of a handshake that nobody answered: each frame with its variables."""
    heard = Heard()
    attachment = Attachment(f"ws://127.0.0.1:{port}/private/ws/{key.reveal()}?listenKey={key.reveal()}", None, 1)
    try:
        async with asyncio.timeout(within_s):
            told = (heard.on_message, heard.on_heard, heard.on_pong, heard.on_lost)
            await connect(attachment.url, *told, timeout_s=0.6)
    except (TimeoutError, TimedOut) as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    raise AssertionError
