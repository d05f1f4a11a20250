"""A stream, its blocking twin and the command do on uvloop what they do on the standard library's loop."""

from __future__ import annotations

import signal
from typing import Any

import pytest
import uvloop

from listenkey import GapClosed, Live, OrderTradeUpdate, Update, UserStream
from listenkey.blocking.event_loop import CHOICE
from listenkey.events import RecoveredFill
from listenkey.testing import LocalSandbox
from tests.promises.command import ended_after_s, environment, lines, running

FILLS = 400


def ids(fills: list[Any]) -> list[tuple[str, int, int]]:
    return [(fill["symbol"], fill["trade_id"], fill["order_id"]) for fill in fills]


async def follow(exchange: LocalSandbox, got: list[tuple[str, int, int]]) -> None:
    """A burst of more than one read brings; then the socket is lost, and what is missed is brought back."""
    async with UserStream(
        api_key=exchange.api_key, api_secret=exchange.api_secret, venue=exchange.venue
    ) as stream:  # fmt: skip
        async for item in stream:
            if isinstance(item, Live) and not got:
                exchange.burst(FILLS)
            elif isinstance(item, GapClosed):
                return
            if isinstance(item, Update) and isinstance(item.event, OrderTradeUpdate | RecoveredFill):
                if item.event.is_fill:
                    got.append((item.event.symbol, item.event.trade_id, item.event.order_id))
                if len(got) == FILLS:
                    exchange.fault("refuse_connections", count=1)
                    exchange.fault("drop_sockets")
                    exchange.burst(3)


def test_bursts_and_a_lost_socket(binance_options_sandbox: LocalSandbox) -> None:
    got: list[tuple[str, int, int]] = []
    uvloop.run(follow(binance_options_sandbox, got))
    assert got == ids(binance_options_sandbox.ledger()["fills"])


def test_the_blocking_twin_runs_on_it(binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = binance_options_sandbox
    monkeypatch.delenv(CHOICE)
    with UserStream.blocking(api_key=exchange.api_key, venue=exchange.venue) as stream:
        assert isinstance(next(stream), Live)
        exchange.burst(5)
        got = [next(stream) for _ in range(5)]
    assert all(isinstance(item, Update) for item in got)


def test_tail_runs_on_it_and_ends_at_once(binance_options_sandbox: LocalSandbox) -> None:
    exchange = binance_options_sandbox
    env = {name: value for name, value in environment(exchange).items() if name != CHOICE}
    with running("tail", "--json", env=env) as process:
        coming = lines(process.stdout)
        assert next(coming)["kind"] == "live"
        exchange.burst(5)
        assert [next(coming)["kind"] for _ in range(5)] == ["update"] * 5
        assert ended_after_s(process, signal.SIGTERM) < 2
