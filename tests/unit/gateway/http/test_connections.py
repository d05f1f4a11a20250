"""Connections have their time for each step, and those that ask nothing keep nobody out."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from listenkey.gateway.http import connections
from tests.unit.gateway.http.making import AUTHORIZED, WITHIN_S, Served, StandInAccount, serving, until


async def opened(served: Served, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(sent)
    return reader, writer


async def rest(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the other side ends it."""
    async with asyncio.timeout(WITHIN_S):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "])
async def test_half_a_request_is_ended_when_its_time_is_over(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADERS_WITHIN_S", 0.2)
    async with serving() as served:
        reader, writer = await opened(served, sent)
        assert (await rest(reader)).startswith(b"HTTP/1.1 408 ")
        writer.close()
        await until(lambda: served.server.connections == 0)


async def test_bytes_that_drip_buy_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADERS_WITHIN_S", 0.3)
    async with serving() as served:
        reader, writer = await opened(served, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")

        async def drip() -> None:
            while True:
                writer.write(b"X: y\r\n")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        assert (await rest(reader)).startswith((b"HTTP/1.1 408 ", b"")), "a reset may overtake the answer"
        dripping.cancel()
        writer.close()
        await until(lambda: served.server.connections == 0)


async def test_a_second_request_has_its_time_from_its_first_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADERS_WITHIN_S", 0.2)
    async with serving() as served:
        request = f"GET /healthz HTTP/1.1\r\nHost: localhost:{served.port}\r\n\r\n".encode()
        reader, writer = await opened(served, request)
        await reader.readuntil(b"}")
        await asyncio.sleep(0.3)
        writer.write(request)
        await reader.readuntil(b"}")
        writer.write(request[:20])
        assert (await rest(reader)).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_too_many_that_wait_end_the_one_that_has_waited_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WAITING_MAX", 5)
    async with serving() as served:
        first, *others = [await opened(served, b"GET ") for _ in range(5)]
        await until(lambda: served.server.connections == 5)
        assert (await served.ask("GET", "/v1/accounts"))[0] == 200
        assert await rest(first[0]) == b""
        for _, writer in (first, *others):
            writer.close()


async def test_readers_are_not_counted_among_those_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WAITING_MAX", 3)
    account = StandInAccount()
    async with serving(account) as served, served.events() as events:
        await until(lambda: served.server.readers)
        waiting = [await opened(served) for _ in range(9)]
        await until(lambda: served.server.connections == 4)
        account.happen(3)
        assert await events.seqs(3) == [1, 2, 3]
        for _, writer in waiting:
            writer.close()


async def test_connections_are_bounded_with_readers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CONNECTIONS_MAX", 1)
    async with serving() as served, served.events():
        await until(lambda: served.server.readers)
        reader, writer = await opened(served)
        assert await rest(reader) == b""
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SECRET-TOKEN /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nAuthorization SECRET-TOKEN\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"SECRET-TOKEN" * 1_000 + b"\r\n\r\n",
        b"GET /SECRET-TOKEN" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"X: SECRET-TOKEN\r\n" * 200 + b"\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
    ],
)
async def test_bad_http_is_refused_in_json_and_quoted_nowhere(sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving() as served:
        reader, writer = await opened(served, sent)
        came = await rest(reader)
        assert b" 400 " in came
        assert b'"bad_request"' in came
        assert b"SECRET-TOKEN" not in came
        assert "SECRET-TOKEN" not in caplog.text
        writer.close()


async def test_an_answer_that_nobody_takes_ends_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "ANSWER_WITHIN_S", 0.3)
    monkeypatch.setattr(connections, "_end_where_nothing_is_taken", lambda _: None)  # the system would end it as well
    account = StandInAccount()
    account.describe = lambda: {"name": "desk-1", "long": "x" * 30_000_000}  # type: ignore[method-assign]
    async with serving(account) as served:
        token = AUTHORIZED["Authorization"]
        _, writer = await opened(
            served,
            f"GET /v1/accounts HTTP/1.1\r\nHost: localhost:{served.port}\r\nAuthorization: {token}\r\n\r\n".encode(),
        )
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await until(lambda: served.server.connections == 1)
        await until(lambda: served.server.connections == 0)
        writer.close()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="2026-11-30: Linux alone has it")
async def test_the_system_ends_a_connection_whose_other_side_is_gone() -> None:
    async with serving() as served, served.events():
        (reader,) = served.server._events._open
        found = reader._transport.get_extra_info("socket")
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


async def test_a_body_that_nobody_wants_is_thrown_away_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LINGER_S", 0.2)
    async with serving() as served:
        lines = f"GET /healthz HTTP/1.1\r\nHost: localhost:{served.port}\r\nContent-Length: 99\r\n\r\nx"
        reader, writer = await opened(served, lines.encode())
        assert b" 200 " in await rest(reader)
        writer.close()


async def test_what_a_websocket_wants_to_speak_is_logged_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving() as served:
        url = served.url + "/v1/accounts/desk-1/events"
        async with served.session.ws_connect(url, headers=AUTHORIZED, protocols=["SECRET-TOKEN"]):
            pass
    assert "SECRET-TOKEN" not in caplog.text
