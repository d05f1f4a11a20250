"""Dates, marks, and clients that take their time."""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from listenkey.sandbox import http_connections
from listenkey.sandbox.http_connections import standing_headers
from listenkey.sandbox.server import Sandbox
from tests.sandbox.visitor import DEADLINE_S, Visitor

START_MS = 1_795_330_000_123


def test_the_date_is_that_of_http() -> None:
    assert standing_headers(START_MS)["Date"] == "Sun, 22 Nov 2026 06:46:40 GMT"


async def test_the_date_is_the_exchanges_also_when_its_time_is_moved() -> None:
    async with Sandbox(market=False, start_ms=START_MS) as sandbox, Visitor(sandbox) as visitor:

        async def dated(path: str) -> float:
            async with visitor.session.get(sandbox.rest_url + path) as answer:
                assert answer.headers["X-Sandbox"] == "1"
                return parsedate_to_datetime(answer.headers["Date"]).timestamp() * 1000

        assert abs(await dated("/eapi/v1/time") - sandbox.now_ms) < 2_000
        sandbox.advance(3 * 3_600_000)
        for path in ("/eapi/v1/time", "/eapi/v1/nothing", "/sandbox/v1/meters", "/"):
            assert abs(await dated(path) - sandbox.now_ms) < 2_000
        sandbox.fault("clock_skew", ms=-60_000)
        assert abs(await dated("/eapi/v1/time") - sandbox.now_ms + 60_000) < 2_000
        ws = await visitor.connect("/private/stream")
        assert ws._response.headers["Date"]
        await ws.close()


@pytest.mark.parametrize("sent", [b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Sl"])
async def test_headers_that_do_not_come_in_time_end_the_connection(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connections, "HEADERS_TIMEOUT_S", 0.05)
    async with Sandbox(market=False) as sandbox:
        reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
        async with asyncio.timeout(DEADLINE_S):
            for whole_before in (False, True):
                if whole_before:
                    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
                    writer.write(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
                writer.write(sent)
                assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
                writer.close()


async def test_neither_an_idle_connection_nor_a_slow_answer_is_taken_for_slow_headers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_connections, "HEADERS_TIMEOUT_S", 0.05)
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.connect("/private/stream")
        sandbox.fault("slow_http", ms=20, bytes=4)  # the answer alone takes 100 ms and more
        assert (await visitor.call("GET", "/eapi/v1/time"))[0] == 200
        sandbox.clear_faults()
        connections = visitor.session.connector
        assert isinstance(connections, aiohttp.TCPConnector)
        kept = next(iter(connections._conns.values()))[0][0]
        assert (await visitor.call("GET", "/eapi/v1/time"))[0] == 200
        assert kept in [each[0] for each in next(iter(connections._conns.values()))], "the same connection"
        await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        assert (await asyncio.wait_for(ws.receive_json(), DEADLINE_S))["result"] == []
        await ws.close()
