"""`Update.late`: a fill behind a newer one of the account, with a secret and without; an odd trade id makes no other late."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from listenkey import Live, OrderTradeUpdate, Update, UserStream
from listenkey.testing import LocalSandbox
from tests.unit.core.making import OTHER, SYMBOL

FILLS = [(SYMBOL, 5, 0), (SYMBOL, 2**62 + 1, 7), (SYMBOL, 66, 8), (SYMBOL, 77, 8), (SYMBOL, 76, 8), (OTHER, 1, 3),
         (SYMBOL, 65, 2), (SYMBOL, 78, 9)]  # fmt: skip
"""Symbol, trade id and milliseconds after the first."""

LATE = [False, False, False, False, True, True, True, False]


def frame(symbol: str, trade_id: int, at_ms: int) -> str:
    order = {
        "s": symbol, "c": "x", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "9", "p": "1", "ap": "1", "x": "TRADE",
        "X": "FILLED", "i": trade_id, "l": "1", "z": "1", "L": "1", "N": "USDT", "n": "0", "T": at_ms, "t": trade_id,
        "b": "0", "a": "0", "m": False, "R": False, "ot": "LIMIT", "rp": "0", "V": "NONE",
    }  # fmt: skip
    return json.dumps({"e": "ORDER_TRADE_UPDATE", "E": at_ms, "T": at_ms, "o": order})


@pytest.mark.parametrize("has_secret", [False, True])
async def test_late_is_by_time_and_no_odd_id_makes_others_late(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, has_secret: bool
) -> None:
    sandbox, told = binance_options_sandbox, list[tuple[int, bool]]()
    secret = sandbox.api_secret if has_secret else None
    async with (
        asyncio.timeout(20),
        UserStream(
            api_key=sandbox.api_key, api_secret=secret, venue=sandbox.venue, journal=tmp_path / "a.db"
        ) as stream,
    ):
        await anext(stream)
        begun_ms = sandbox.sandbox.now_ms + 60_000
        texts = [frame(symbol, trade_id, begun_ms + later_ms) for symbol, trade_id, later_ms in FILLS]
        sandbox.fault("malformed_frame", texts=texts, count=1)
        await asyncio.to_thread(sandbox.burst, 4)  # The frames above come with its events.
        while len(told) < len(FILLS):
            item = await anext(stream)
            if isinstance(item, Update) and isinstance(item.event, OrderTradeUpdate) and item.event.is_fill:
                told += [(item.event.trade_id, item.late)] * (item.event.event_ms >= begun_ms)
        assert told == [(trade_id, late) for (_, trade_id, _), late in zip(FILLS, LATE, strict=True)]
    async with (
        asyncio.timeout(20),
        UserStream(api_key=sandbox.api_key, venue=sandbox.venue, journal=tmp_path / "a.db") as again,
    ):
        while not isinstance(await anext(again), Live):
            pass
        await asyncio.to_thread(sandbox.burst, 1)
        while not (isinstance(item := await anext(again), Update) and getattr(item.event, "is_fill", False)):
            pass
        assert item.late, "an earlier process has delivered newer ones"
