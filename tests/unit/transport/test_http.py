"""The hand that sends: what it puts on the wire, and what it does not let through."""

from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from listenkey import errors
from listenkey.credentials import Credentials, Secret
from listenkey.transport.http import AiohttpClient
from listenkey.wire import requests, responses
from listenkey.wire.requests import Request
from tests.unit.transport import certificates
from tests.unit.transport.leaks import everything_told_by
from tests.unit.transport.raw_server import DROP, RawServer, reply

API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
CREDENTIALS = Credentials.of(API_KEY, api_secret="NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j")
POST = requests.create_listen_key(CREDENTIALS)
PUT = requests.renew_listen_key(CREDENTIALS)
DELETE = requests.close_listen_key(CREDENTIALS)
GET = requests.server_time()


@pytest.fixture
async def client() -> AsyncIterator[AiohttpClient]:
    made = AiohttpClient()
    yield made
    await made.aclose()


async def test_a_call_has_the_documented_headers_and_no_body(client: AiohttpClient) -> None:
    async with RawServer(reply()) as server:
        answer = await client.send(POST, server.url)
        assert (answer.status, answer.body) == (200, b"{}")
        (heard,) = server.heard
        assert heard.line == "POST /eapi/v1/listenKey HTTP/1.1"
        assert heard.headers["X-MBX-APIKEY"] == API_KEY
        assert heard.headers["Accept"] == "application/json"
        assert not {name.lower() for name in heard.headers} & {"content-type", "authorization", "cookie"}
        assert heard.headers.get("Content-Length", "0") == "0"
        assert heard.after_head == b""


async def test_a_signed_query_is_sent_as_it_was_signed(client: AiohttpClient) -> None:
    request = requests.signed_get("/eapi/v1/order", {"clientOrderId": "a b/é+%2F"}, CREDENTIALS, 1795330000123)
    async with RawServer(reply()) as server:
        await client.send(request, server.url + "/")
        assert server.heard[0].line == f"GET /eapi/v1/order?{request.query} HTTP/1.1"
        assert (
            "clientOrderId=a%20b%2F%C3%A9%2B%252F&recvWindow=5000&timestamp=1795330000123&signature=" in request.query
        )


async def test_public_calls_do_not_carry_the_key(client: AiohttpClient) -> None:
    async with RawServer(reply()) as server:
        await client.send(GET, server.url)
        assert "X-MBX-APIKEY" not in server.heard[0].headers


async def test_cookies_are_neither_kept_nor_sent(client: AiohttpClient) -> None:
    async with RawServer(reply(b"{}", 200, "Set-Cookie: who=you; Path=/")) as server:
        named = server.url.replace("127.0.0.1", "localhost")  # A jar keeps cookies of names only.
        await client.send(GET, named)
        await client.send(GET, named)
        assert "Cookie" not in server.heard[1].headers


async def test_the_environment_sends_nobody_through_a_proxy(
    client: AiohttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RawServer(reply()) as server, RawServer(reply()) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        await client.send(POST, server.url)
        assert (len(server.heard), len(proxy.heard)) == (1, 0)


async def test_an_error_is_an_answer_too(client: AiohttpClient) -> None:
    async with RawServer(reply(b"<html>no</html>", 403, "Content-Type: text/html", "retry-AFTER: 7")) as server:
        answer = await client.send(POST, server.url)
        assert answer.status == 403
        assert answer.body == b"<html>no</html>"
        assert answer.header("Retry-After") == "7"


@pytest.mark.parametrize("request_", [POST, PUT, DELETE, GET], ids=lambda request: request.method)
async def test_a_kept_connection_that_was_closed_is_replaced_once(client: AiohttpClient, request_: Request) -> None:
    async with RawServer(reply(), DROP, reply(b"[1]")) as server:
        await client.send(request_, server.url)
        answer = await client.send(request_, server.url)
        assert answer.body == b"[1]"
        assert [heard.connection for heard in server.heard] == [1, 1, 2]


@pytest.mark.parametrize("request_", [POST, PUT, DELETE, GET], ids=lambda request: request.method)
async def test_a_new_connection_that_fails_is_not_tried_again(client: AiohttpClient, request_: Request) -> None:
    async with RawServer(DROP) as server:
        with pytest.raises(errors.Unreachable, match=r"127\.0\.0\.1 is not reachable: .*closed before an answer"):
            await client.send(request_, server.url)
        assert len(server.heard) == 1


async def test_the_second_try_is_the_last(client: AiohttpClient) -> None:
    async with RawServer(reply(), DROP, DROP, reply()) as server:
        await client.send(PUT, server.url)
        with pytest.raises(errors.Unreachable):
            await client.send(PUT, server.url)
        assert len(server.heard) == 3


async def test_nobody_listens(client: AiohttpClient) -> None:
    async with RawServer(reply()) as server:
        url = server.url
    with pytest.raises(errors.Unreachable) as caught:
        await client.send(POST, url)
    assert API_KEY not in everything_told_by(caught.value)


async def test_an_answer_that_drips_ends_at_the_deadline(client: AiohttpClient) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with RawServer(drip) as server:
        started = asyncio.get_running_loop().time()
        with pytest.raises(errors.TimedOut, match=r"^POST /eapi/v1/listenKey: no answer within 0\.2 s$") as caught:
            await client.send(requests.create_listen_key(CREDENTIALS, timeout_s=0.2), server.url)
        assert asyncio.get_running_loop().time() - started < 2
        assert API_KEY not in everything_told_by(caught.value)


async def test_an_endless_body_is_cut_at_the_cap(client: AiohttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("listenkey.transport.http.BODY_MAX", 100_000)
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
            await writer.drain()
            sent += 0x4000

    async with RawServer(flood) as server:
        with pytest.raises(errors.ProtocolError, match="a body of more than 100000 bytes"):
            await client.send(GET, server.url)
        # What stands in the buffers of the kernel was sent too; it is a matter of megabytes, not of for ever.
        assert sent < 20_000_000


async def test_a_bomb_is_defused_at_the_cap(client: AiohttpClient) -> None:
    bomb = gzip.compress(b"0" * (responses.BODY_MAX + 1))
    assert len(bomb) < 10_000
    async with RawServer(reply(bomb, 200, "Content-Encoding: gzip")) as server:
        with pytest.raises(errors.ProtocolError, match="inflated"):
            await client.send(GET, server.url)
        assert server.heard[0].headers["Accept-Encoding"] == "identity"


async def test_a_compressed_answer_is_read_all_the_same(client: AiohttpClient) -> None:
    async with RawServer(reply(gzip.compress(b'{"a": 1}'), 200, "Content-Encoding: gzip")) as server:
        assert (await client.send(GET, server.url)).body == b'{"a": 1}'


@pytest.mark.parametrize("location", ["https://evil.example/", "/elsewhere"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_refused(client: AiohttpClient, location: str, status: int) -> None:
    async with RawServer(reply(b"", status, f"Location: {location}"), reply()) as server:
        with pytest.raises(errors.ProtocolError, match=f"HTTP {status}: a redirect"):
            await client.send(POST, server.url)
        assert len(server.heard) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not an answer of HTTP"),
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n", "headers are too large"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-One: 1\r\n" * 200 + b"Content-Length: 0\r\n\r\n", "headers are too large"),
        (b"HTTP/1.1 200 OK\r\n" + (b"X-One: " + b"1" * 4000 + b"\r\n") * 5 + b"Content-Length: 0\r\n\r\n", "more than"),
        (reply(b"x" * 10, 200, "Content-Encoding: br"), "compressed"),
        (reply(b"x" * 10, 200, "Content-Encoding: gzip"), "can't be inflated"),
        (reply(gzip.compress(b"{}" * 100)[:-8], 200, "Content-Encoding: gzip"), "ended early"),
    ],
    ids=["ssh", "long header", "many headers", "large headers", "brotli", "no gzip", "cut gzip"],
)
async def test_what_is_no_answer_is_told_as_such(client: AiohttpClient, answer: Any, words: str) -> None:
    async with RawServer(answer) as server:
        with pytest.raises(errors.ProtocolError, match=words) as caught:
            await client.send(POST, server.url)
        assert API_KEY not in everything_told_by(caught.value)


async def test_a_truncated_body_is_no_answer(client: AiohttpClient) -> None:
    async def cut(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        writer.close()

    async with RawServer(cut) as server:
        with pytest.raises(errors.ProtocolError, match="ended early"):
            await client.send(GET, server.url)


@pytest.fixture
def certificate(tmp_path: Path) -> certificates.Pair:
    return certificates.self_signed(tmp_path, "127.0.0.1")


def serving(pair: certificates.Pair) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


async def test_a_self_signed_certificate_is_refused_and_sees_no_key(
    client: AiohttpClient, certificate: certificates.Pair
) -> None:
    async with RawServer(reply(), secure=serving(certificate)) as server:
        with pytest.raises(errors.Unreachable, match=r"certificate is refused: self[- ]signed certificate") as caught:
            await client.send(POST, server.url)
        assert server.heard == []
        assert API_KEY not in everything_told_by(caught.value)


async def test_ssl_cert_file_adds_an_authority(
    client: AiohttpClient, certificate: certificates.Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))
    async with RawServer(reply(), secure=serving(certificate)) as server:
        assert (await client.send(POST, server.url)).status == 200


async def test_a_certificate_for_another_name_is_refused(
    client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = certificates.self_signed(tmp_path, "127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(pair.certificate))
    async with RawServer(reply(), secure=serving(pair)) as server:
        with pytest.raises(errors.Unreachable, match="certificate is refused: IP address mismatch"):
            await client.send(POST, server.url)


async def test_a_stranger_gets_the_key_only_with_a_word_about_it(
    client: AiohttpClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A test can't reach a stranger, so the one at hand is declared to be one.
    monkeypatch.setattr("listenkey.transport.address.is_venue", lambda host: False)
    async with RawServer(reply()) as server:
        with caplog.at_level(logging.WARNING):
            await client.send(GET, server.url)
            assert caplog.messages == []
            await client.send(POST, server.url)
            await client.send(POST, server.url)
    assert caplog.messages == ["the API key goes to 127.0.0.1, which is not an address of Binance"]


async def test_what_is_not_allowed_is_stopped_here_as_well(client: AiohttpClient) -> None:
    forged = requests.server_time()
    object.__setattr__(forged, "method", "POST")
    object.__setattr__(forged, "path", "/eapi/v1/order")
    async with RawServer(reply()) as server:
        with pytest.raises(errors.UsageError, match="never trades"):
            await client.send(forged, server.url)
        assert server.connections == 0


async def test_after_closing_nothing_is_sent(client: AiohttpClient) -> None:
    async with RawServer(reply()) as server:
        await client.send(GET, server.url)
        await client.aclose()
        await client.aclose()
        with pytest.raises(errors.UsageError, match="closed"):
            await client.send(GET, server.url)


def test_one_client_belongs_to_one_loop() -> None:
    client = AiohttpClient()

    async def twice(url: str) -> None:
        await client.send(GET, url)

    async def serve_and_ask() -> str:
        async with RawServer(reply()) as server:
            await twice(server.url)
            return server.url

    with asyncio.Runner() as first, asyncio.Runner() as second:
        url = first.run(serve_and_ask())
        with pytest.raises(errors.UsageError, match="another event loop"):
            second.run(twice(url))
        first.run(client.aclose())


async def test_many_at_once_share_few_connections(client: AiohttpClient) -> None:
    async with RawServer(reply()) as server:
        await asyncio.gather(*(client.send(Request("GET", "/eapi/v1/time"), server.url) for _ in range(100)))
        assert len(server.heard) == 100
        assert server.connections <= 32


@pytest.mark.parametrize("flood", [reply(b"{}"), b"x" * 100, b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_a_flood_on_a_connection_that_nobody_uses_ends_it(flood: bytes) -> None:
    taken, ended = asyncio.Event(), asyncio.Event()

    async def answer_and_go_on(writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b'{"serverTime":1}'))
        await taken.wait()
        try:
            for _ in range(200_000):
                writer.write(flood * 100)
                await writer.drain()
        except ConnectionError:
            ended.set()
            raise

    async with RawServer(answer_and_go_on, reply(b'{"serverTime":2}')) as server:
        http = AiohttpClient()
        assert (await http.send(requests.server_time(), server.url)).body == b'{"serverTime":1}'
        taken.set()
        await asyncio.wait_for(ended.wait(), 20)
        assert (await http.send(requests.server_time(), server.url)).body == b'{"serverTime":2}'
        assert server.connections == 2
        await http.aclose()


async def shown_of_a_call(api_key: Secret, server_url: str, within_s: float) -> str:
    """Return a crash reporter's view of a call that ended from outside, or by itself: each frame with its variables."""
    http = AiohttpClient()
    credentials = Credentials(api_key, Secret("s" * 64))
    request = requests.signed_get("/eapi/v1/bill", {}, credentials, 5, timeout_s=1.0)
    try:
        async with asyncio.timeout(within_s):
            await http.send(request, server_url)
    except (TimeoutError, errors.ListenKeyError) as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    finally:
        await http.aclose()
    raise AssertionError


@pytest.mark.parametrize(("within_s", "silent"), [(0.3, True), (5.0, True), (5.0, False)])
async def test_no_frame_of_a_call_shows_the_api_key(within_s: float, *, silent: bool) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        if silent:
            await asyncio.Event().wait()
        writer.transport.abort()

    api_key = Secret("vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A")
    async with RawServer(answer) as server:
        shown = await shown_of_a_call(api_key, server.url, within_s)
        assert server.heard[0].headers["X-MBX-APIKEY"] == api_key.reveal()
    assert "http.send" in shown
    assert api_key.reveal() not in shown
    assert "signature=" not in shown
    assert "s" * 64 not in shown
    assert "site-packages/aiohttp" not in shown, "no frame of the library is kept at all"
