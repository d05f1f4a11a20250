"""The way through the lists: paging, refused symbols, and room for all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from listenkey.core import reconciliation
from listenkey.core.reconciliation import Lists
from listenkey.core.undelivered import UndeliveredFills, UndeliveredOrders
from listenkey.errors import ProtocolError, VenueDown, VenueError
from listenkey.outcomes import Loss, have_all_fills
from listenkey.rest.account_client import AccountClient
from listenkey.testing import LocalSandbox
from listenkey.transport.clock import SystemClock
from listenkey.wire.rows import OrderRow, PositionRow, RowPage, TradeRow, UnreadableRow
from tests.unit.core.making import OTHER, SYMBOL, fill, order, order_row
from tests.unit.recovering import recover, recovery_of


async def test_pages_of_one_symbol_and_of_the_bill_are_followed_to_the_end(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        recovery.backfill.limits.rows_max = 7
        await asyncio.to_thread(sandbox.burst, 300)
        found = await recovery.run(recover(), list)
        assert [reconciliation.key_of(row) for row in found.fills] == sandbox.fills()
        assert not found.lag_s


@pytest.mark.parametrize("used", [350, 900])
async def test_what_others_used_does_not_keep_us_from_asking_for_the_limit(
    binance_options_sandbox: LocalSandbox, used: int
) -> None:
    """The lowest limit is assumed until the venue has told its own; waiting for that would cost up to a minute."""
    sandbox = binance_options_sandbox
    sandbox.sandbox.world.limits.spend("127.0.0.1", used, SystemClock().wall_ms())
    async with asyncio.timeout(10), recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 3)
        assert len((await recovery.run(recover(), list)).fills) == 3


async def test_a_symbol_that_rest_refuses_keeps_nobody_else_from_theirs(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        recovery.account_state.note(order(1, symbol="BTC-200101-1-C"))
        await asyncio.to_thread(sandbox.burst, 10)
        found = await recovery.run(recover(), list)
        assert len(found.fills) == 10
        assert any("BTC-200101-1-C" in text and loss is Loss.FILLS_REFUSED for loss, text in found.lost)


async def test_a_row_that_can_t_be_read_keeps_no_other_contract_from_its_fills(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = binance_options_sandbox
    user_trades = AccountClient.user_trades
    async with recovery_of(sandbox, lag_hold_s=0.1) as recovery:
        await asyncio.to_thread(sandbox.burst, 20)
        fills = sandbox.fills()
        broken = fills[0][0]

        is_none = False

        async def one_unreadable(
            snapshots: AccountClient, symbol: str | None, *more: int, **which: int
        ) -> RowPage[TradeRow]:
            page = await user_trades(snapshots, symbol, *more, **which)
            if symbol != broken:
                return page
            if is_none:
                raise ProtocolError("the answer is not a list of rows")
            return RowPage(page[1:], page.size, [UnreadableRow("a row's tradeId does not say which fill it is")])

        monkeypatch.setattr(AccountClient, "user_trades", one_unreadable)
        newest = fill(1, "1", at_ms=SystemClock().wall_ms(), symbol=broken)
        recovery.account_state.fills.lateness.note_event(newest)
        recovery.losses.delivering(newest)
        found = await recovery.run(recover(), list)
        missing = set(fills) - {reconciliation.key_of(row) for row in found.fills}
        assert [symbol for symbol, *_ in missing] == [broken], "what can be read is used"
        assert any(broken in text and "tradeId" in text and loss is Loss.FILLS_REFUSED for loss, text in found.lost)
        assert not found.lag_s, "a list that can't be read shows no lag"
        is_none = True  # A page is no answer, and another may come when it is asked again.
        with pytest.raises(ProtocolError):
            await recovery.run(recover(), list)


async def test_where_the_bill_names_no_symbols_all_trades_are_asked_for_at_once(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = binance_options_sandbox
    sandbox.set_switches(generation="legacy")
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 10)
        monkeypatch.setattr(AccountClient, "positions", no_positions)  # which would name them
        assert len((await recovery.run(recover(), list)).fills) == 10

        # When they are asked for, the venue may be another: it names them, or nobody does.
        monkeypatch.setattr(recovery, "_moved", lambda *_: [""])
        sandbox.set_switches(generation="current")
        found = await recovery.run(recover(), list)
        assert len(found.fills) == 10
        assert reconciliation.NO_SYMBOLS not in found.lost
        sandbox.set_switches(generation="legacy")
        recovery.delivered(closed=True)
        monkeypatch.setattr(AccountClient, "user_trades", refused(VenueError(400, -1102, "'symbol' was not sent")))
        assert reconciliation.NO_SYMBOLS in (await recovery.run(recover(), list)).lost
        monkeypatch.setattr(AccountClient, "user_trades", refused(VenueDown(503)))
        with pytest.raises(VenueDown):
            await recovery.run(recover(), list)


async def no_positions(_: AccountClient) -> RowPage[PositionRow]:
    return RowPage()


def refused(error: VenueError) -> Callable[..., Coroutine[None, None, list[TradeRow]]]:
    async def user_trades(*_: object, **__: object) -> list[TradeRow]:
        raise error

    return user_trades


async def test_a_venue_that_keeps_less_than_it_says_is_asked_for_what_it_has(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 10)
        recovery.windows.began_ms = 0
        sandbox.sandbox.world.exchange.state.kept.trades_ms = 50_000
        found = await recovery.run(recover(), list)
        assert len(found.fills) == 10
        assert (reconciliation.TRADES_TOO_OLD in found.lost, have_all_fills(found.lost)) == (True, False)


async def test_a_limit_that_is_only_assumed_is_asked_before_anybody_waits_for_it(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 30)
        limiter = recovery.backfill.limiter
        limiter.note_limit(100)
        limiter.limit_reading.doubt()
        found = await recovery.run(recover(), list)
        assert limiter.budget.limit == 2400
        assert not found.orders_due


async def test_a_limit_in_doubt_is_asked_for_although_there_seems_to_be_room(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 2)
        limiter = recovery.backfill.limiter
        limiter.note_limit(100_000)
        limiter.limit_reading.doubt()
        await recovery.run(recover(), list)
        assert (limiter.budget.limit, limiter.limit_reading.is_doubted) == (2400, False)


async def test_a_lowered_limit_is_read_again_while_a_recovery_waits_for_it(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = binance_options_sandbox
    monkeypatch.setattr("listenkey.core.limit_reading.LOWERED_WAITS_S", -1.0)
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 30)
        limiter = recovery.backfill.limiter
        limiter.note_limit(100)
        assert len((await asyncio.wait_for(recovery.run(recover(), list), 30)).fills) == 30
        assert limiter.budget.limit == 2400


async def never() -> None:
    raise AssertionError("it all fits into memory")


async def test_orders_of_two_contracts_with_one_id_are_asked_for_and_found_each(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, object]] = []

    async def open_orders(_: AccountClient, symbol: str | None) -> RowPage[OrderRow]:
        asked.append(("open", symbol))
        return RowPage([order_row(1, "NEW", "0", 500)] if symbol == SYMBOL else [])

    async def history_orders(_: AccountClient, symbol: str) -> RowPage[OrderRow]:
        asked.append(("history", symbol))
        rows = [order_row(1, "CANCELED", "0", 500, symbol=OTHER), order_row(1, "EXPIRED", "0", 5, symbol="a third")]
        return RowPage(rows)

    async with recovery_of(binance_options_sandbox) as recovery:
        for symbol in (SYMBOL, OTHER):
            recovery.account_state.note(order(1, "NEW", symbol=symbol))
        monkeypatch.setattr(AccountClient, "open_orders", open_orders)
        monkeypatch.setattr(AccountClient, "history_orders", history_orders)
        found = UndeliveredOrders(recovery.account_state, 0, 1000, [(SYMBOL, 1)])
        await recovery.backfill.orders([], [], Lists(0, 1000, []), found, never)
    assert {key: row.order.status for key, row in found.take().items()} == {(SYMBOL, 1): "NEW", (OTHER, 1): "CANCELED"}
    assert sorted(asked, key=str) == [("history", OTHER), ("open", SYMBOL), ("open", OTHER)]


async def test_orders_that_cant_be_read_are_named_and_keep_no_other_back(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = UnreadableRow("a row's status is no text, or too long", OTHER)

    async def open_orders(_: AccountClient, symbol: str | None) -> RowPage[OrderRow]:
        return RowPage([order_row(1, "NEW", "0", 500)] if symbol in (SYMBOL, None) else [], 2, [row])

    async def history_orders(_: AccountClient, __: str) -> RowPage[OrderRow]:
        return RowPage()

    async def one_order(_: AccountClient, __: str, ___: int) -> OrderRow:
        raise error

    async with recovery_of(binance_options_sandbox) as recovery:
        for symbol in (SYMBOL, OTHER):
            recovery.account_state.note(order(1, "NEW", symbol=symbol))
        monkeypatch.setattr(AccountClient, "open_orders", open_orders)
        monkeypatch.setattr(AccountClient, "history_orders", history_orders)
        monkeypatch.setattr(AccountClient, "order", one_order)
        for one_by_one in (40, 1):
            monkeypatch.setattr(reconciliation, "OPEN_ORDERS_ONE_BY_ONE_MAX", one_by_one)
            lists, found = Lists(0, 1000, []), UndeliveredOrders(recovery.account_state, 0, 1000, [(SYMBOL, 1)])
            error = ProtocolError("a row's status is no text, or too long", is_of_row=True)
            await recovery.backfill.orders([], [], lists, found, never)
            assert list(found.take()) == [(SYMBOL, 1)]
            assert {loss for loss, _ in lists.refused} == {Loss.ORDERS}
            assert all("status" in text and OTHER in text for _, text in lists.refused)
            error = ProtocolError("the answer is no list")
            with pytest.raises(ProtocolError):
                await recovery.backfill.orders([], [], lists, found, never)


async def test_trades_of_all_symbols_that_cant_be_read_are_named(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_of_row = True

    async def trades_since(*_: object) -> None:
        raise ProtocolError("a row's time is not an integer", is_of_row=is_of_row)

    async with recovery_of(binance_options_sandbox) as recovery:
        monkeypatch.setattr(AccountClient, "trades_since", trades_since)
        lists, fills = Lists(0, 1000, []), UndeliveredFills(recovery.account_state, 0)
        await recovery.backfill.trades_of(recovery.backfill.urgent, [""], lists, fills)
        assert [loss for loss, _ in lists.refused] == [Loss.FILLS_REFUSED]
        assert list(lists.unread) == [""]
        is_of_row = False
        with pytest.raises(ProtocolError):
            await recovery.backfill.trades_of(recovery.backfill.urgent, [""], lists, fills)


async def test_an_order_that_rest_has_forgotten_is_a_loss_of_one_gap(
    binance_options_sandbox: LocalSandbox,
) -> None:
    symbol, losses = binance_options_sandbox.sandbox.world.exchange.symbols()[0], []
    async with recovery_of(binance_options_sandbox) as recovery:
        recovery.backfill.limits.unfilled_orders_kept_s = 0.05
        recovery.account_state.note(order(1, "NEW", at_ms=20, symbol=symbol))
        recovery.account_state.note(order(2, "NEW", at_ms=90, symbol=symbol))  # so young that REST may lag
        found = UndeliveredOrders(recovery.account_state, 0, 100)
        for _ in range(2):
            lists = Lists(10, 100, [])
            await recovery.backfill.orders([], [], lists, found, never)
            losses.append([text.split(" of ")[1] for _, text in lists.refused])
    assert losses == [["order 1", "order 2"], ["order 2"]]
    assert found.take() == {}
