"""Order ids may count by contract: the same id in two contracts is two orders, wherever one is looked at."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from listenkey import OrderTradeUpdate, Update, UserStream
from listenkey.testing import LocalSandbox
from tests.unit.core.making import OTHER, SYMBOL

AT_MS = 1_795_330_000_000


def frame(symbol: str, order_id: int, at_ms: int, status: str = "NEW") -> str:
    order = {
        "s": symbol, "c": "x", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "1", "p": "1", "ap": "1", "x": status,
        "X": status, "i": order_id, "l": "0", "z": "0", "L": "0", "N": "USDT", "n": "0", "T": at_ms, "t": 0, "b": "0",
        "a": "0", "m": False, "R": False, "ot": "LIMIT", "rp": "0", "V": "NONE",
    }  # fmt: skip
    return json.dumps({"e": "ORDER_TRADE_UPDATE", "E": at_ms, "T": at_ms, "o": order})


async def told_orders(stream: UserStream, count: int) -> list[tuple[str, int]]:
    told: list[tuple[str, int]] = []
    async with asyncio.timeout(20):
        while len(told) < count:
            item = await anext(stream)
            if isinstance(item, Update) and isinstance(item.event, OrderTradeUpdate) and item.event.order_id == 1:
                told.append((item.event.symbol, item.event.order_id))
    return told


@pytest.mark.parametrize("later_ms", [0, 7])
@pytest.mark.parametrize("has_secret", [False, True])
async def test_orders_of_two_contracts_with_one_id_are_two_orders(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, has_secret: bool, later_ms: int
) -> None:
    sandbox, path = binance_options_sandbox, tmp_path / "a.db"
    secret = sandbox.api_secret if has_secret else None
    async with UserStream(api_key=sandbox.api_key, api_secret=secret, venue=sandbox.venue, journal=path) as stream:
        await anext(stream)
        texts = [frame(SYMBOL, 1, AT_MS), frame(OTHER, 1, AT_MS + later_ms), frame(SYMBOL, 1, AT_MS + 9, "CANCELED")]
        sandbox.fault("malformed_frame", texts=texts, count=1)
        await asyncio.to_thread(sandbox.burst, 1)  # The frames above come with its events.
        told = await told_orders(stream, 3)
        assert told == [(SYMBOL, 1), (OTHER, 1), (SYMBOL, 1)]
        assert stream.health().duplicates_removed == 0
        if stream._driver.delivery.recovery is not None:
            assert (OTHER, 1) in stream._driver.delivery.recovery.account_state.orders, (
                "only the other contract's has ended"
            )
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT symbol, order_id, status FROM orders WHERE order_id = 1 ORDER BY symbol")
        assert rows.fetchall() == [(SYMBOL, 1, "CANCELED"), (OTHER, 1, "NEW")]
