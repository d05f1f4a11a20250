"""The server of a gateway: heartbeats by itself, and an end for every reader."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.credentials import Secret
from listenkey.gateway.http.server import GatewayServer
from tests.unit.gateway.http.making import (
    AUTHORIZED,
    TOKEN,
    WITHIN_S,
    StandInAccount,
    StandInAccounts,
    serving,
    until,
)


async def test_it_ends_twice_and_also_before_it_began() -> None:
    server = GatewayServer(StandInAccounts(), Secret(TOKEN), "127.0.0.1", 0)
    await server.aclose()
    assert (await server.start()).startswith("http://127.0.0.1:")
    await server.aclose()
    await server.aclose()


async def test_a_heartbeat_comes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("listenkey.gateway.http.server.BEAT_EVERY_S", 0.01)
    monkeypatch.setattr("listenkey.gateway.http.fanout.HEARTBEAT_S", 0.05)
    async with (
        serving() as served,
        served.session.get(f"{served.url}/v1/accounts/desk-1/events", headers=AUTHORIZED) as answer,
    ):
        async with asyncio.timeout(WITHIN_S):
            assert await answer.content.readany() == b": \n\n"


async def test_closing_ends_readers_that_catch_up_too() -> None:
    account = StandInAccount(before=5_000)
    async with serving(account) as served:
        token = AUTHORIZED["Authorization"]
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(
            f"GET /v1/accounts/desk-1/events?after=0 HTTP/1.1\r\nHost: localhost:{served.port}\r\nAuthorization: {token}\r\n\r\n".encode()
        )
        await until(lambda: served.server.readers)
        async with asyncio.timeout(WITHIN_S):
            await served.server.aclose()
        assert served.server.readers == 0
        writer.close()
