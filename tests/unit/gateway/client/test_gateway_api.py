"""The calls to a gateway: refusals become errors of ours, and the token is in none of them."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from listenkey import errors
from listenkey.credentials import Secret
from listenkey.gateway.client import gateway_api
from listenkey.gateway.client.gateway_api import GatewayApi, HeldElsewhere, PassingRefusal
from tests.unit.gateway.http.making import TOKEN, StandInAccount, serving


@asynccontextmanager
async def api_of(url: str, token: str = TOKEN, account: str = "desk-1") -> AsyncIterator[GatewayApi]:
    made = GatewayApi(url, Secret(token), account)
    try:
        yield made
    finally:
        await made.aclose()
        await made.aclose()


@asynccontextmanager
async def answering(text: bytes) -> AsyncIterator[str]:
    """A server that answers every request so, and ends the connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(text)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """A server that takes requests and answers none."""

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.mark.parametrize(
    ("url", "token", "account"),
    [
        ("http://gateway.example", TOKEN, "a"),
        ("ws://127.0.0.1", TOKEN, "a"),
        ("wss://gateway.example", TOKEN, "a"),
        ("gateway", TOKEN, "a"),
        ("https://gateway.example?token=x", TOKEN, "a"),
        ("http://127.0.0.1", "", "a"),
        ("http://127.0.0.1", "two words", "a"),
        ("http://127.0.0.1", "line\nbreak", "a"),
        ("http://127.0.0.1", TOKEN, ""),
    ],
)
def test_what_can_not_be_right_is_said_before_anything_is_sent(url: str, token: str, account: str) -> None:
    with pytest.raises(errors.UsageError) as refused:
        GatewayApi(url, Secret(token), account)
    assert TOKEN not in str(refused.value)


def test_an_address_without_a_scheme_is_told_with_the_one_that_is_meant() -> None:
    with pytest.raises(errors.UsageError, match=r"write http://127\.0\.0\.1:8780$"):
        GatewayApi("127.0.0.1:8780", Secret(TOKEN), "a")


async def test_events_begin_behind_the_number_that_is_asked_for_or_told() -> None:
    account = StandInAccount(before=5)
    async with serving(account) as served, api_of(served.url) as api:
        for asked, told in [(None, 5), (2, 2)]:
            answer = await api.events(asked)
            assert answer.after == told
            answer.close()


async def test_a_cursor_is_kept_and_a_new_consumer_begins_with_what_is_kept() -> None:
    account = StandInAccount(before=50)
    account.forget(20)
    async with serving(account) as served, api_of(served.url) as api:
        assert await api.cursor("book") == 19
        await api.commit("book", 33)
        assert await api.cursor("book") == 33


@pytest.mark.parametrize(
    ("change", "call", "kind", "word"),
    [
        ({"token": "wrong"}, lambda api: api.events(None), errors.TokenRefused, "wrong_token"),
        ({"account": "no/body"}, lambda api: api.events(None), errors.AccountUnknown, "unknown_account"),
        ({}, lambda api: api.events(99), errors.GatewayError, "too_new"),
        ({}, lambda api: api.cursor("a b"), errors.GatewayError, "bad_consumer"),
    ],
)
async def test_a_refusal_is_an_error_by_what_to_do(
    change: dict[str, str],
    call: Callable[[GatewayApi], Awaitable[object]],
    kind: type[errors.GatewayError],
    word: str,
) -> None:
    async with serving() as served, api_of(served.url, **change) as api:
        with pytest.raises(errors.GatewayError) as refused:
            await call(api)
        assert type(refused.value) is kind
        assert refused.value.error == word
        assert str(refused.value)


async def test_what_is_gone_is_too_old() -> None:
    account = StandInAccount(before=50)
    account.forget(20)
    async with serving(account) as served, api_of(served.url) as api:
        with pytest.raises(errors.TooOld) as gone:
            await api.events(3)
        assert (gone.value.after, gone.value.oldest_seq) == (3, 20)


async def test_what_passes_is_an_error_of_its_own() -> None:
    account = StandInAccount()
    account.has_begun = False
    async with serving(account) as served, api_of(served.url) as api:
        with pytest.raises(PassingRefusal, match="turn to start"):
            await api.events(None)
    async with answering(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno") as url, api_of(url) as api:
        with pytest.raises(PassingRefusal, match="HTTP 502"):
            await api.events(None)


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nListenkey-After: -1\r\n\r\n{}",
        b"HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n[[[[",
        b'HTTP/1.1 410 Gone\r\nContent-Length: 19\r\n\r\n{"error":"too_old"}',
        b"HTTP/1.1 401 No\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000,
        b"\x00\x01not http\r\n\r\n",
        b"",
    ],
)
async def test_what_is_no_gateway_is_said_and_believed_in_nothing(text: bytes) -> None:
    async with answering(text) as url, api_of(url) as api:
        for call in (lambda: api.events(None), lambda: api.cursor("book")):
            with pytest.raises((errors.GatewayError, errors.ProtocolError, errors.TransportError)) as refused:
                await call()
            assert not isinstance(refused.value, errors.TokenRefused)
            shown = "".join(traceback.format_exception(refused.value))
            assert TOKEN not in shown


async def test_a_redirect_is_not_followed() -> None:
    asked: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    other = await asyncio.start_server(note, "127.0.0.1", 0)
    to = f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}/"
    text = f"HTTP/1.1 307 No\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()
    async with answering(text) as url, api_of(url) as api:
        with pytest.raises(errors.GatewayError, match="HTTP 307"):
            await api.events(None)
    other.close()
    assert asked == []


async def test_nobody_there_is_unreachable_and_no_answer_is_timed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async with api_of("http://127.0.0.1:1") as api:
        with pytest.raises(errors.Unreachable, match=r"127\.0\.0\.1 is not reachable"):
            await api.events(None)
    monkeypatch.setattr(gateway_api, "WITHIN_S", 0.1)
    async with silent() as url, api_of(url) as api:
        with pytest.raises(errors.TimedOut):
            await api.events(None)


async def test_a_connection_that_breaks_ends_the_events_quietly() -> None:
    text = b"HTTP/1.1 200 OK\r\nListenkey-After: 0\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n: \n\n\r\n5\r\n"
    async with answering(text) as url, api_of(url) as api:
        answer = await api.events(0)
        while await answer.read():
            pass
        assert await answer.read() == b""
        answer.close()


async def test_another_worker_is_asked_where_the_token_may_go_and_left_again() -> None:
    async with answering(b"") as other:
        words = b'{"error":"held_elsewhere","message":"m","what_to_do":"w","owner_url":"%b"}' % other.encode()
        head = b"HTTP/1.1 421 Misdirected\r\nContent-Length: %d\r\n\r\n" % len(words)
        async with answering(head + words) as home, api_of(home) as api:
            with pytest.raises(HeldElsewhere) as told:
                await api.events(None)
            assert told.value.url == other
            await api.follow(other)
            with pytest.raises(errors.Unreachable):
                await api.events(None)
            with pytest.raises(errors.UsageError):
                await api.follow("http://10.0.0.1:8780")
            for _ in range(2):
                await api.go_home()
                with pytest.raises(HeldElsewhere):
                    await api.events(None)
