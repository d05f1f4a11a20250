"""One row of REST that can't be read keeps no other row back, and no gap open: it is named, and comes when REST heals."""

from __future__ import annotations

import asyncio

import pytest

from listenkey import GapClosed, venue
from listenkey.core.timing import Timing
from listenkey.testing import LocalSandbox
from tests.promises.reader import Reader, reading
from tests.promises.test_a_lost_step_of_an_order_is_found import place

QUICK = Timing(settle_after_s=(0.3, 0.7, 1.5), audit_every_s=1.0, lag_hold_s=0.5, lag_max_s=3.0, doubt_after_s=0.3)

FIRST_OF_A_LIST: dict[str, tuple[str, str, object]] = {
    "an order that lives": (venue.OPEN_ORDERS_PATH, "/0/orderId", "x"),
    "an order that ended": (venue.HISTORY_ORDERS_PATH, "/0/orderId", "x"),
    "an order without a status": (venue.HISTORY_ORDERS_PATH, "/0/status", None),
    "an order that is no object": (venue.HISTORY_ORDERS_PATH, "/0", 5),
    "a position of no amount": (venue.POSITION_PATH, "/0/quantity", []),
    "a position of no symbol": (venue.POSITION_PATH, "/0/symbol", {}),
    "a position that is no object": (venue.POSITION_PATH, "/0", None),
    "a row of the bill without an id": (venue.BILL_PATH, "/0/id", None),
    "a row of the bill without a time": (venue.BILL_PATH, "/0/createDate", "yesterday"),
    "a row of the bill that is no object": (venue.BILL_PATH, "/0", "row"),
    "a trade": (venue.USER_TRADES_PATH, "/0/tradeId", 0),
}


async def miss(reader: Reader, sandbox: LocalSandbox, fills: int) -> None:
    """Lose the socket, and let fills happen until another one may be opened."""
    shut = sandbox.fault("refuse_connections", scope="ws")
    sandbox.fault("drop_sockets")
    async with asyncio.timeout(20):
        while reader.stream.health().status != "GAP":  # noqa: ASYNC110 - nothing tells of a status
            await asyncio.sleep(0.005)
    await asyncio.to_thread(sandbox.burst, fills)
    await asyncio.to_thread(sandbox.clear_faults, shut)


@pytest.mark.parametrize("which", FIRST_OF_A_LIST)
async def test_a_gap_closes_though_a_row_cant_be_read(binance_options_sandbox: LocalSandbox, which: str) -> None:
    sandbox = binance_options_sandbox
    path, field, value = FIRST_OF_A_LIST[which]
    async with reading(sandbox, QUICK, api_secret=sandbox.api_secret) as reader:
        await asyncio.to_thread(sandbox.burst, 4)
        await reader.until_fills(4)
        place(sandbox, reader.fills()[0][0])
        fault = sandbox.fault("wrong_shape", path=path, field=field, value=value)
        await miss(reader, sandbox, 6)
        await reader.until(lambda: bool(reader.of(GapClosed)), within_s=30)
        closed = reader.of(GapClosed)[0]
        assert isinstance(closed, GapClosed)
        assert any("can't be read" in text for text in closed.unrecoverable), closed
        if path != venue.USER_TRADES_PATH:
            assert set(reader.fills()) == set(sandbox.fills()), "what can be read is used"
        await asyncio.to_thread(sandbox.clear_faults, fault)
        await reader.until_fills(10)
        async with asyncio.timeout(20):
            while reader.stream.health().status != "LIVE":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert sorted(reader.fills()) == sorted(sandbox.fills())
