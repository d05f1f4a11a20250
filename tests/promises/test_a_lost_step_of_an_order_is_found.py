"""A step of an order that is lost on a healthy socket is found by looks at the lists of open orders, and brought back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from listenkey import GapClosed, GapOpened, Update
from listenkey.core.timing import Timing
from listenkey.events import OrderTradeUpdate, RecoveredOrder
from listenkey.outcomes import GapCause
from listenkey.sandbox.exchange.exchange import Exchange
from listenkey.sandbox.exchange.orders import OrderRequest
from listenkey.testing import LocalSandbox
from tests.promises.reader import Reader, reading
from tests.promises.test_gaps_are_refilled import until

QUICK = Timing(settle_after_s=(0.3,), audit_every_s=1.0, lag_hold_s=0.5, lag_max_s=6.0, doubt_after_s=0.3)
"""A second where there is a minute."""


def there(sandbox: LocalSandbox, what: Callable[[Exchange, str, int], object]) -> None:
    def do() -> None:
        what(sandbox.sandbox.world.exchange, sandbox.accounts[0].name, sandbox.sandbox.now_ms)
        sandbox.sandbox._flush()

    sandbox._there(do)


def symbol_of(sandbox: LocalSandbox, number: int = 0) -> str:
    return sandbox.sandbox.world.exchange.symbols()[number]


def place(sandbox: LocalSandbox, symbol: str, side: str = "BUY", price: str = "5", **more: str) -> None:
    request = OrderRequest(symbol=symbol, side=side, quantity=Decimal("0.01"), price=Decimal(price), **more)  # type: ignore[arg-type]
    there(sandbox, lambda exchange, name, now_ms: exchange.place_order(name, request, now_ms))


def cancel(sandbox: LocalSandbox, symbol: str) -> None:
    there(sandbox, lambda exchange, name, now_ms: exchange.cancel_symbol(name, symbol, now_ms))


def meet(sandbox: LocalSandbox, symbol: str) -> None:
    """An order of the account meets the one that rests, which expires for it, and so does this one."""
    place(sandbox, symbol, "SELL", "5", stp="EXPIRE_BOTH")


def weight(sandbox: LocalSandbox) -> int:
    return sum(sandbox.meters()["weight_by_minute"].values())


def states(reader: Reader) -> list[tuple[str, str]]:
    """The steps of orders that were told, and over which way."""
    events = [(one.event, one.provenance) for one in reader.updates()]
    return [(event.status, way) for event, way in events if isinstance(event, OrderTradeUpdate | RecoveredOrder)]


def check_brought_back(sandbox: LocalSandbox, reader: Reader) -> None:
    """As the state that REST shows, in a gap that is told, each once; and the last is the ledger's."""
    brought = [item for item in reader.items if isinstance(item, Update) and item.provenance == "rest"]
    assert len(brought) == 1
    [(opened, closed)] = reader.gaps()
    place = reader.items.index
    assert place(opened) < place(brought[0]) < place(closed)
    assert isinstance(brought[0].event, RecoveredOrder)
    assert opened.from_ms <= brought[0].event.updated_ms + 50, "clocks are compared to some milliseconds"
    assert closed.recovered == 1
    assert opened.cause is GapCause.REST_SHOWS_MORE
    assert "steps of orders" in opened.why
    ledger = sandbox.ledger()["orders"]
    last = {one.event.order_id: one.event.status for one in reader.updates()}  # type: ignore[union-attr]
    assert last == {row["order_id"]: row["status"] for row in ledger}


@pytest.mark.parametrize("lost", ["NEW", "CANCELED", "EXPIRED_IN_MATCH"])
async def test_a_lost_step_is_found_on_a_healthy_socket(binance_options_sandbox: LocalSandbox, lost: str) -> None:
    sandbox = binance_options_sandbox
    symbol = symbol_of(sandbox)
    async with reading(sandbox, QUICK, api_secret=sandbox.api_secret) as reader:
        if lost != "NEW":
            await asyncio.to_thread(place, sandbox, symbol)
            await reader.until(lambda: states(reader) == [("NEW", "ws")])
        sandbox.fault("drop_event", event="ORDER_TRADE_UPDATE", count=2 if lost == "EXPIRED_IN_MATCH" else 1)
        lose = {"NEW": place, "CANCELED": cancel, "EXPIRED_IN_MATCH": meet}[lost]
        await asyncio.to_thread(lose, sandbox, symbol)
        await reader.until(lambda: (lost, "rest") in states(reader))
        await reader.until(lambda: bool(reader.of(GapClosed)))
        if lost != "EXPIRED_IN_MATCH":
            check_brought_back(sandbox, reader)
        await until(lambda: reader.stream.health().status == "LIVE")
        assert states(reader).count((lost, "rest")) == 1


async def test_the_end_of_an_order_from_before_the_stream_is_found_and_its_beginning_is_not_told(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    await asyncio.to_thread(place, sandbox, symbol_of(sandbox))
    await asyncio.sleep(0.3)  # The clocks of both sides are compared no better than that.
    async with reading(sandbox, QUICK, api_secret=sandbox.api_secret) as reader:
        recovery = reader.stream._driver.delivery.recovery
        assert recovery is not None
        await until(lambda: bool(recovery.account_state.orders))
        assert states(reader) == []
        assert reader.of(GapOpened) == []
        sandbox.fault("drop_event", event="ORDER_TRADE_UPDATE", count=1)
        await asyncio.to_thread(cancel, sandbox, symbol_of(sandbox))
        await reader.until(lambda: bool(reader.of(GapClosed)))
        assert states(reader) == [("CANCELED", "rest")]


@pytest.mark.parametrize("ended", ["CANCELED", "EXPIRED_IN_MATCH"])
async def test_the_end_of_an_order_while_no_process_ran_is_told_in_the_gap_of_the_restart(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, ended: str
) -> None:
    sandbox, path = binance_options_sandbox, tmp_path / "a.db"
    quiet, busy = symbol_of(sandbox), symbol_of(sandbox, 1)
    async with reading(sandbox, QUICK, api_secret=sandbox.api_secret, journal=path) as reader:
        await asyncio.to_thread(place, sandbox, quiet)
        await asyncio.to_thread(place, sandbox, busy)
        await asyncio.to_thread(place, sandbox, symbol_of(sandbox, 2))
        await reader.until(lambda: states(reader) == [("NEW", "ws")] * 3)
        await asyncio.to_thread(cancel, sandbox, busy)
        await reader.until(lambda: ("CANCELED", "ws") in states(reader))
    lose = {"CANCELED": cancel, "EXPIRED_IN_MATCH": meet}[ended]
    await asyncio.to_thread(lose, sandbox, quiet)
    async with reading(sandbox, QUICK, api_secret=sandbox.api_secret, journal=path) as reader:
        await reader.until(lambda: bool(reader.of(GapClosed)))
        [(opened, closed)] = reader.gaps()
        place_of = reader.items.index
        told = [one for one in reader.updates() if isinstance(one.event, RecoveredOrder) and one.event.symbol == quiet]
        [first] = [one for one in told if one.event.status == ended and one.event.side == "BUY"]  # type: ignore[union-attr]
        assert place_of(opened) < place_of(first) < place_of(closed)
        assert opened.cause is GapCause.NOT_RUNNING
        assert {
            event.symbol for event in (one.event for one in reader.updates()) if isinstance(event, RecoveredOrder)
        } == {quiet}, "the order that lives, and the one whose end was told, are no news"
    async with reading(sandbox, QUICK, api_secret=sandbox.api_secret, journal=path) as reader:
        await reader.until(lambda: bool(reader.of(GapClosed)))
        assert states(reader) == [], "and it is told once"


@pytest.mark.parametrize("limit", [400, 2400])
async def test_looks_at_twenty_resting_orders_stay_within_a_tenth_of_the_weight_limit(
    binance_options_sandbox: LocalSandbox, limit: int
) -> None:
    sandbox = binance_options_sandbox
    sandbox.set_switches(weight_per_minute=limit)
    async with reading(sandbox, QUICK, api_secret=sandbox.api_secret) as reader:
        for number in range(20):
            await asyncio.to_thread(place, sandbox, symbol_of(sandbox, number))
        await reader.until(lambda: len(states(reader)) == 20)

        def count(path: str) -> int:
            requests: dict[str, int] = sandbox.meters()["requests"]
            return requests.get(f"GET /eapi/v1/{path}", 0)

        begun, used = count("bill"), weight(sandbox)
        await until(lambda: count("bill") >= begun + 4)
        per_look = (weight(sandbox) - used) / (count("bill") - begun)
        assert 1 < per_look <= limit / 10, "there is a look a minute"
        assert count("openOrders") > 0
        assert reader.of(GapOpened) == []
