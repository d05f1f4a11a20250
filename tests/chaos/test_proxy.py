"""The proxy itself: what goes through untouched, and that each of its controls does what it says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.chaos.processes import SandboxProcess, until
from tests.chaos.proxy import Proxy


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("proxy")) as one:
        yield one


@pytest.fixture
def proxy(sandbox: SandboxProcess) -> Iterator[Proxy]:
    with Proxy(sandbox.port) as one:
        yield one


def connected(proxy: Proxy) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plain


def ask(plain: socket.socket, path: str = "/eapi/v1/ping") -> bytes:
    plain.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return plain.recv(65_536)


def upgraded(proxy: Proxy) -> socket.socket:
    plain = connected(proxy)
    words = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + "A" * 22
    plain.sendall(f"GET /private/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n{words}==\r\n\r\n".encode())
    assert plain.recv(65_536).startswith(b"HTTP/1.1 101")
    until(lambda: proxy.open_sockets() == 1, 5, "the proxy knows that it is a socket")
    return plain


def test_rest_goes_through_on_one_connection(proxy: Proxy) -> None:
    with closing(connected(proxy)) as plain:
        assert ask(plain).startswith(b"HTTP/1.1 200")
        assert ask(plain, "/eapi/v1/nothing").startswith(b"HTTP/1.1 404")
    assert proxy.connections == 1


def test_a_reset_and_a_polite_end(proxy: Proxy) -> None:
    with closing(upgraded(proxy)) as plain:
        assert proxy.cut("rst") == 1
        with pytest.raises(ConnectionResetError):
            plain.recv(1)
    with closing(upgraded(proxy)) as plain:
        assert proxy.cut("fin", "http") == 0
        assert proxy.cut("fin") == 1
        assert plain.recv(1) == b""


def test_a_pulled_cable_holds_everything_back(proxy: Proxy) -> None:
    with closing(connected(proxy)) as plain:
        assert ask(plain).startswith(b"HTTP/1.1 200")
        proxy.block("down")
        plain.settimeout(0.2)
        with pytest.raises(TimeoutError):
            ask(plain)
        proxy.unblock()
        plain.settimeout(5)
        assert plain.recv(65_536).startswith(b"HTTP/1.1 200")


def asked_twice(proxy: Proxy) -> None:
    with closing(connected(proxy)) as plain:
        assert ask(plain) == b"", "an end without an answer"
        ask(plain)


def test_doors(proxy: Proxy) -> None:
    proxy.doors("reset")
    with pytest.raises(ConnectionError):
        asked_twice(proxy)
    proxy.refuse(refused=True)
    with pytest.raises(ConnectionRefusedError):
        connected(proxy)
    proxy.heal()
    with closing(connected(proxy)) as plain:
        assert ask(plain).startswith(b"HTTP/1.1 200")
    assert [one.what for one in proxy.log][:2] == ["doors", "refuse"]


def test_secrets_that_went_through_are_remembered(sandbox: SandboxProcess, proxy: Proxy) -> None:
    key = sandbox.account["api_key"]
    with closing(connected(proxy)) as plain:
        words = (
            f"POST /eapi/v1/listenKey HTTP/1.1\r\nHost: 127.0.0.1\r\nX-MBX-APIKEY: {key}\r\nContent-Length: 0\r\n\r\n"
        )
        plain.sendall(words.encode())
        answer = plain.recv(65_536)
        ask(plain, "/eapi/v1/bill?timestamp=1&signature=abcdef0123")
    [listen_key] = [one for one in proxy.secrets if len(one) == 64]
    assert listen_key in answer
    assert b"abcdef0123" in proxy.secrets
