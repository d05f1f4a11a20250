"""A gateway is asked with its token; whatever else answers is told apart."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from listenkey.credentials import Secret
from listenkey.errors import ListenKeyError, ProtocolError, TimedOut, Unreachable, UsageError, VenueDown
from listenkey.gateway import inquiry
from listenkey.gateway.config import read_config
from listenkey.gateway.inquiry import accounts_at
from listenkey.gateway.service import GatewayService
from listenkey.testing import LocalSandbox
from tests.unit.gateway.running_gateway import sandbox_config, sandbox_keys

TOKEN = Secret("a-token-that-is-long-enough")


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that gives one answer, whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def http(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


async def test_a_gateway_lists_its_accounts(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    sandbox_keys(tmp_path, binance_options_sandbox, "a", "b")
    config = read_config(sandbox_config(tmp_path, binance_options_sandbox, "a", "b"))
    async with GatewayService(config) as service:
        rows = await asyncio.to_thread(accounts_at, service.url, service.token)
        assert [row["name"] for row in rows] == ["a", "b"]
        with pytest.raises(UsageError, match="--token-file") as told:
            await asyncio.to_thread(accounts_at, service.url, TOKEN)
        assert TOKEN.reveal() not in str(told.value)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (http(200, b"<html>"), ProtocolError, "no gateway"),
        (http(200, b'{"accounts": [{"x": 1}]}'), ProtocolError, "no gateway"),
        (http(200, b'{"accounts": 3}'), ProtocolError, "no gateway"),
        (http(200, b"[" * 100_000), ProtocolError, "no gateway"),
        (http(200, b'{"accounts": [], "x": "\xff"}'), ProtocolError, "no gateway"),
        (http(302, b""), ProtocolError, "HTTP 302"),
        (http(404, b""), ProtocolError, "HTTP 404"),
        (http(421, b""), UsageError, "the address that it printed"),
        (http(429, b""), UsageError, "too many wrong ones"),
        (http(503, b""), VenueDown, "its log says why"),
        (b"SSH-2.0-x\r\n", ProtocolError, "does not speak HTTP"),
        (b"", Unreachable, "not reachable"),
        (b"HTTP/1.1 200 X\r\nContent-Length: 90\r\n\r\n{", ProtocolError, "no gateway"),
    ],
)
def test_what_is_no_gateway_is_told(answer: bytes, kind: type[ListenKeyError], words: str) -> None:
    with answering(answer) as url, pytest.raises(kind, match=words):
        accounts_at(url, TOKEN)


def test_an_answer_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiry, "BODY_MAX", 10)
    with answering(http(200, b" " * 11)) as url, pytest.raises(ProtocolError, match="more than 10 bytes"):
        accounts_at(url, TOKEN)


def test_a_gateway_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiry, "WITHIN_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(TimedOut, match="asking the gateway"):
        accounts_at(f"http://127.0.0.1:{server.getsockname()[1]}", TOKEN)


def test_nobody_there_and_tls_where_there_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unreachable, match="refused"):
        accounts_at(f"http://127.0.0.1:{port}", TOKEN)
    with answering(http(200, b"")) as url, pytest.raises(Unreachable, match="TLS failed"):
        accounts_at(url.replace("http", "https"), TOKEN)


def test_the_token_does_not_go_over_a_network_in_plain_text() -> None:
    with pytest.raises(UsageError, match="plain text"):
        accounts_at("http://gateway.example:8780", TOKEN)


@pytest.mark.parametrize("url", ["127.0.0.1:8780", "ws://127.0.0.1:8780", "wss://gateway.example"])
def test_the_address_is_one_of_http(url: str) -> None:
    with pytest.raises(UsageError, match="begins with https://"):
        accounts_at(url, TOKEN)


def test_a_path_before_the_gateway_is_kept() -> None:
    body = json.dumps({"accounts": []}).encode()
    with answering(http(200, body)) as url:
        assert accounts_at(f"{url}/options/", TOKEN) == []
