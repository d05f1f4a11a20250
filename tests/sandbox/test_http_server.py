from __future__ import annotations

import asyncio
import io
import json
import logging
import time
from typing import Any

import aiohttp
import pytest

from listenkey.sandbox.server import Sandbox
from tests.sandbox.visitor import DEADLINE_S, Visitor, until

KEY = "/eapi/v1/listenKey"


async def raw(sandbox: Sandbox, text: bytes) -> bytes:
    """Return the port's answer to these bytes, until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
    writer.write(text)
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", b"200"),
        ("LOCALHOST:1", b"200"),
        ("127.0.0.1:8700", b"200"),
        ("[::1]:80", b"200"),
        ("evil.test", b"421"),
        ("127.0.0.1.evil.test", b"421"),
        ("localhost.evil.test:80", b"421"),
        ("", b"421"),
    ],
)
async def test_only_this_machines_names_are_answered(host: Any, status: Any) -> None:
    async with Sandbox(market=False) as sandbox:
        for path in ("/eapi/v1/time", "/sandbox/v1/meters", "/private/stream"):
            request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            answer = await raw(sandbox, request.encode())
            if status == b"421" or path.endswith("time"):
                assert answer.startswith(b"HTTP/1.1 " + status), path
            assert b"X-Sandbox: 1" in answer


async def test_pages_of_other_places_are_refused() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        own = f"http://127.0.0.1:{sandbox.port}"
        for origin, status in (("http://evil.test", 403), ("null", 403), (own, 200)):
            headers = {"Origin": origin}
            assert (await visitor.call("POST", KEY, headers=headers))[0] == status
            advance = {"advance_ms": 0}
            assert (await visitor.owner("POST", "clock", advance, headers=headers))[0] == status
            if status == 403:
                with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                    await visitor.connect("/private/stream", headers=headers)
            else:
                await (await visitor.connect("/private/stream", headers=headers)).close()


async def test_control_calls_need_the_token() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        for token in ("", "wrong", sandbox.control_token[:-1], "é"):
            headers = {"X-Sandbox-Token": token}
            status, answer = await visitor.call("GET", "/sandbox/v1/ledger?account=alice", headers=headers)
            assert status == 401
            assert sandbox.control_token not in json.dumps(answer)
        assert (await visitor.owner("GET", "ledger?account=alice"))[0] == 200


async def test_every_answer_says_that_it_is_a_sandbox() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        for path in ("/eapi/v1/time", "/nowhere", "/sandbox/v1/meters", "/private/ws/"):
            async with visitor.session.get(sandbox.rest_url + path) as answer:
                assert answer.headers["X-Sandbox"] == "1"
        ws = await visitor.connect("/private/stream")
        assert ws._response.headers["X-Sandbox"] == "1"
        await ws.close()
        assert b"X-Sandbox: 1" in await raw(sandbox, b"NONSENSE\r\n\r\n")


async def test_bodies_have_a_bound_and_must_be_text() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        async with visitor.session.post(sandbox.rest_url + KEY, data=io.BytesIO(b"x" * (2 << 20))) as answer:
            assert answer.status == 413
        assert (await visitor.call("POST", KEY, data=b"\xff\xfe"))[0] == 400


async def test_an_error_inside_shows_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:

        def fail(*_: Any) -> None:
            raise RuntimeError("the secret is " + sandbox.accounts[0].api_secret)

        monkeypatch.setattr(sandbox.world.api, "handle", fail)
        status, answer = await visitor.call("POST", KEY)
        assert (status, answer["code"]) == (500, -1000)
        assert "RuntimeError" in caplog.text
        assert sandbox.accounts[0].api_secret not in caplog.text


async def test_logs_show_no_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        account = sandbox.accounts[0]
        key = await visitor.key()
        ws = await visitor.listen()
        await visitor.signed("GET", "/eapi/v1/marginAccount")
        await raw(sandbox, f"GET /private/ws/{key} NONSENSE\r\n{account.api_key}\r\n\r\n".encode())
        await visitor.call("DELETE", KEY)
        await ws.close()
        for secret in (key, account.api_key, account.api_secret, sandbox.control_token):
            assert secret not in caplog.text
            assert secret not in repr(sandbox)
            assert secret not in repr(sandbox.accounts)
        assert key not in json.dumps(sandbox.ledger("alice"))
        assert key not in json.dumps(sandbox.meters())


async def test_refused_connections_get_no_answer_but_the_owner_does() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        assert (await visitor.owner("POST", "faults", {"kind": "refuse_connections"}))[0] == 200
        with pytest.raises(aiohttp.ClientConnectionError):
            await visitor.call("POST", KEY)
        with pytest.raises(aiohttp.ClientError):
            await visitor.connect("/private/stream")
        status, answer = await visitor.owner("DELETE", "faults")
        assert (status, answer) == (200, {"taken_out": 1})
        assert (await visitor.call("POST", KEY))[0] == 200


async def test_hanging_ends_with_the_fault_and_did_it_or_did_not() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        for executed in (False, True):
            fault = sandbox.fault("hang_http", path=KEY, executed=executed)
            # A POST: aiohttp's client sends a PUT or DELETE again by itself when the connection breaks.
            call = asyncio.create_task(visitor.call("POST", KEY))
            await until(lambda: sandbox.faults()[0]["struck"])
            assert not call.done()
            assert len(sandbox.ledger("alice")["keys"]) == executed
            sandbox.clear_faults(fault)
            with pytest.raises(aiohttp.ClientConnectionError):
                await call


async def test_slow_answers_drip_and_are_whole() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        sandbox.fault("slow_http", ms=2, bytes=10, count=1)
        started_s = time.monotonic()
        status, answer = await visitor.call("POST", KEY)
        assert status == 200
        assert len(answer["listenKey"]) == 64
        assert time.monotonic() - started_s > 0.01


async def test_a_sandbox_stops_while_requests_hang() -> None:
    sandbox = Sandbox(market=False)
    await sandbox.start()
    async with Visitor(sandbox) as visitor:
        sandbox.fault("hang_http")
        call = asyncio.create_task(visitor.call("POST", KEY))
        await until(lambda: sandbox.faults()[0]["struck"])
        async with asyncio.timeout(5):
            await sandbox.stop()
        with pytest.raises(aiohttp.ClientConnectionError):
            await call


async def test_a_body_that_waits_for_100_continue_gets_it() -> None:
    async with Sandbox(market=False) as sandbox:
        reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
        key = sandbox.accounts[0].api_key
        head = f"POST {KEY} HTTP/1.1\r\nHost: localhost\r\nX-MBX-APIKEY: {key}\r\nContent-Length: 3\r\nConnection: close\r\n"
        writer.write(f"{head}Expect: 100-continue\r\n\r\n".encode())
        async with asyncio.timeout(DEADLINE_S):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"a=1")
            assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        writer.close()
        assert b" 417 " in await raw(sandbox, f"{head}Expect: wonders\r\n\r\na=1".encode())
        stranger = head.replace("localhost", "evil.test")
        assert (await raw(sandbox, f"{stranger}Expect: 100-continue\r\n\r\na=1".encode())).startswith(b"HTTP/1.1 421")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("path", [KEY, "/sandbox/v1/burst"])
async def test_a_body_that_is_not_encoded_as_it_says_is_a_bad_request(
    encoding: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Sandbox(market=False) as sandbox:
        token = sandbox.control_token
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Sandbox-Token: {token}\r\nConnection: close\r\n"
        answer = await raw(
            sandbox, f"{head}Content-Encoding: {encoding}\r\nContent-Length: 9\r\n\r\nno gzip!!".encode()
        )
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert await raw(sandbox, f"{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n".encode()) != b""
        assert caplog.text == ""


async def test_head_is_get_without_the_body() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        for path, status in (("/eapi/v1/time", 200), ("/eapi/v1/nothing", 404), ("/", 200), ("/favicon.ico", 404)):
            async with visitor.session.head(sandbox.rest_url + path) as answer:
                assert (answer.status, await answer.read()) == (status, b"")
        assert sandbox.meters()["requests"]["GET /eapi/v1/time"] == 1


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("http://127.0.0.1:80/eapi/v1/time", "evil.test", 200),
        ("HTTP://localhost/eapi/v1/time?x=1", "localhost", 200),
        ("http://localhost", "localhost", 200),
        ("http://evil.test/eapi/v1/time", "localhost", 421),
        ("ftp://localhost/eapi/v1/time", "localhost", 404),
    ],
)
async def test_a_target_may_be_a_whole_url_and_its_host_counts(target: str, host: str, status: int) -> None:
    async with Sandbox(market=False) as sandbox:
        answer = await raw(sandbox, f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer


async def test_nothing_that_a_browser_asks_for_by_itself_costs_weight() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        for path in ("/", "/favicon.ico", "/robots.txt"):
            await visitor.call("GET", path)
        assert (sandbox.meters()["requests"], sandbox.meters()["weight_by_minute"]) == ({}, {})
