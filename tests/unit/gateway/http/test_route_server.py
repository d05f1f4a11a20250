"""The server: it starts, says where, answers what goes wrong in words alone, and ends."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from listenkey.credentials import Secret
from listenkey.errors import JournalError
from listenkey.gateway.http.server import GatewayServer
from tests.unit.gateway.http.making import (
    TOKEN,
    WITHIN_S,
    StandInAccount,
    StandInAccounts,
    serving,
)


async def test_it_says_where_it_listens_and_ends_twice() -> None:
    server = GatewayServer(StandInAccounts(), Secret(TOKEN), "127.0.0.1", 0)
    await server.aclose()
    url = await server.start()
    assert url.startswith("http://127.0.0.1:")
    await server.aclose()
    await server.aclose()


async def test_ipv6_is_written_in_brackets() -> None:
    server = GatewayServer(StandInAccounts(), Secret(TOKEN), "::1", 0)
    try:
        assert (await server.start()).startswith("http://[::1]:")
    finally:
        await server.aclose()


async def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_behind() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = GatewayServer(StandInAccounts(), Secret(TOKEN), "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(OSError, match="address"):
            await server.start()


async def test_a_bug_is_answered_in_words_and_logged_without_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    account = StandInAccount()

    def broken() -> dict[str, object]:
        raise RuntimeError("secret-of-a-client")

    account.describe = broken  # type: ignore[method-assign]
    async with serving(account) as served:
        status, words, _ = await served.ask("GET", "/v1/accounts")
        assert (status, words["error"]) == (500, "internal")
        assert "secret-of-a-client" not in str(words) + caplog.text
        assert "RuntimeError at test_route_server.py" in caplog.text


async def test_a_journal_that_cannot_be_read_is_503(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    account = StandInAccount(before=1)

    async def broken(_after: int, _most: int) -> list[object]:
        raise JournalError("the disk is gone")

    account.read = broken  # type: ignore[method-assign,assignment]
    async with serving(account) as served:
        status, words, _ = await served.ask("GET", "/v1/accounts/desk-1/snapshot")
        assert (status, words["error"], words["message"]) == (503, "journal", "the disk is gone")


async def test_a_target_that_is_a_whole_url_counts_with_its_host() -> None:
    async with serving() as served:
        for target, code in [
            (f"http://localhost:{served.port}/healthz", b" 200 "),
            (f"http://localhost:{served.port}", b" 401 "),
            ("http://evil.test/healthz", b" 421 "),
        ]:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost:{served.port}\r\n\r\n".encode())
            async with asyncio.timeout(WITHIN_S):
                assert code in await reader.readline()
            writer.close()


async def test_two_hosts_or_two_origins_are_refused() -> None:
    async with serving() as served:
        for more, code in [("Host: evil.test", b" 421 "), ("Origin: null\r\nOrigin: null", b" 403 ")]:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(f"GET /healthz HTTP/1.1\r\nHost: localhost:{served.port}\r\n{more}\r\n\r\n".encode())
            async with asyncio.timeout(WITHIN_S):
                line = await reader.readline()
            assert code in line or b" 400 " in line
            writer.close()
