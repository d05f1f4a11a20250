"""A trade of an account with itself has one trade id and two orders: both fills come, whichever way, each once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from listenkey import Item, OrderTradeUpdate, Update, UserStream
from listenkey.events import RecoveredFill
from listenkey.sandbox.exchange.exchange import Exchange
from listenkey.sandbox.exchange.orders import OrderRequest
from listenkey.testing import LocalSandbox
from tests.promises.test_gaps_are_refilled import QUICK, until


def trade_with_oneself(sandbox: LocalSandbox) -> None:
    """One order rests, and another of the same account meets it."""
    symbol = sandbox.sandbox.world.exchange.symbols()[0]
    for side in ("SELL", "BUY"):
        request = OrderRequest(symbol=symbol, side=side, quantity=Decimal("0.01"), price=Decimal(2500), stp="NONE")
        there(sandbox, lambda exchange, name, now_ms, one=request: exchange.place_order(name, one, now_ms))  # type: ignore[misc]


def there(sandbox: LocalSandbox, what: Callable[[Exchange, str, int], object]) -> None:
    def do() -> None:
        what(sandbox.sandbox.world.exchange, sandbox.accounts[0].name, sandbox.sandbox.now_ms)
        sandbox.sandbox._flush()

    sandbox._there(do)


def fills(items: list[Item]) -> list[Update]:
    updates = [item for item in items if isinstance(item, Update)]
    return [one for one in updates if isinstance(one.event, OrderTradeUpdate | RecoveredFill) and one.event.is_fill]


def keys(items: list[Item]) -> list[tuple[str, int, int]]:
    return [(one.event.symbol, one.event.trade_id, one.event.order_id) for one in fills(items)]  # type: ignore[union-attr]


def check(sandbox: LocalSandbox, items: list[Item]) -> None:
    truth = sandbox.fills()
    assert len(truth) == 2
    assert truth[0][:2] == truth[1][:2]
    assert sorted(keys(items)) == sorted(truth)
    assert len({one.event.identity for one in fills(items)}) == 2  # type: ignore[union-attr]
    assert not any(one.late for one in fills(items))


@pytest.mark.parametrize("over", ["socket", "rest"])
async def test_both_fills_come_over_socket_and_rest_and_are_in_the_journal(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, over: str
) -> None:
    sandbox, path, items = binance_options_sandbox, tmp_path / "a.db", list[Item]()

    async def read(stream: UserStream) -> None:
        async for item in stream:
            items.append(item)

    secrets = {"api_key": sandbox.api_key, "api_secret": sandbox.api_secret}
    async with UserStream(**secrets, venue=sandbox.venue, journal=path, timing=QUICK) as stream:  # type: ignore[arg-type]
        reading = asyncio.create_task(read(stream))
        await until(lambda: bool(items))
        if over == "rest":
            fault = sandbox.fault("refuse_connections", scope="ws")
            sandbox.fault("drop_sockets")
            await until(lambda: stream.health().reconnects > 0)
        await asyncio.to_thread(trade_with_oneself, sandbox)
        if over == "rest":
            await asyncio.to_thread(sandbox.clear_faults, fault)
        await until(lambda: len(fills(items)) == 2)
        await until(lambda: stream.health().status == "LIVE")
        assert stream.health().duplicates_removed == 0
        reading.cancel()
    check(sandbox, items)
    assert all(("ws" if over == "socket" else "rest") in one.provenance for one in fills(items))
    with closing(sqlite3.connect(path)) as database:
        view = database.execute("SELECT symbol, trade_id, order_id FROM fills ORDER BY seq").fetchall()
    assert view == keys(items)
    async with UserStream(**secrets, venue=sandbox.venue, journal=path, timing=QUICK) as again:  # type: ignore[arg-type]
        await until(lambda: again.health().status == "LIVE")
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM fills").fetchone() == (2,), "the next process has both, too"


def test_both_fills_come_to_a_blocking_reader(binance_options_sandbox: LocalSandbox) -> None:
    sandbox, items = binance_options_sandbox, list[Item]()
    with UserStream.blocking(api_key=sandbox.api_key, venue=sandbox.venue) as stream:
        items.append(next(stream))
        trade_with_oneself(sandbox)
        while len(fills(items)) < 2:
            items.append(next(stream))
    check(sandbox, items)
