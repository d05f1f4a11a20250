"""Test the order audit's reading of lists of open orders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from listenkey.core import inputs as on
from listenkey.errors import ProtocolError, VenueDown, VenueError
from listenkey.rest.account_client import AccountClient
from listenkey.stream import order_audit as looking
from listenkey.stream.order_audit import OrderAudit
from listenkey.stream.recovery import Recovery
from listenkey.testing import LocalSandbox
from listenkey.wire.rows import OrderRow, RowPage, UnreadableRow
from tests.unit.core.making import OTHER, SYMBOL, beat, order, order_row
from tests.unit.recovering import recovery_of


class Answers:
    """REST's answers about orders, and the requests for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[OrderRow] = []
        self.orders: dict[tuple[str, int], OrderRow] = {}
        self.asked: list[object] = []
        self.refused: set[str | None] = set()
        self.error: type[VenueError] = VenueError
        self.unreadable: list[UnreadableRow] = []
        self.is_of_row = True
        answers = self

        async def open_orders(_: AccountClient, symbol: str | None) -> RowPage[OrderRow]:
            answers.asked.append(symbol)
            if symbol in answers.refused:
                raise answers.error(400, -1121)
            rows = [row for row in answers.rows if symbol in (None, row.order.symbol)]
            return RowPage(rows, unreadable=answers.unreadable)

        async def one(_: AccountClient, symbol: str, order_id: int) -> OrderRow:
            answers.asked.append((symbol, order_id))
            if answers.unreadable:
                raise ProtocolError(answers.unreadable[0].why, is_of_row=answers.is_of_row)
            if (symbol, order_id) not in answers.orders:
                raise VenueError(400, -2013)
            return answers.orders[symbol, order_id]

        monkeypatch.setattr(AccountClient, "open_orders", open_orders)
        monkeypatch.setattr(AccountClient, "order", one)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    monkeypatch.setattr(looking, "SECOND_LOOK_S", 0.0)
    return Answers(monkeypatch)


@asynccontextmanager
async def looks_of(sandbox: LocalSandbox) -> AsyncIterator[tuple[Recovery, OrderAudit, int]]:
    async with recovery_of(sandbox, audit_every_s=1.0) as recovery:
        audit = recovery.audits.lists.orders
        began_s = audit._began_s
        assert began_s is not None
        audit._began_s = began_s - 60  # the stream has run for a minute
        yield recovery, audit, recovery.windows.now_ms() - 30_000


async def test_where_lists_and_stream_agree_nothing_is_told(
    binance_options_sandbox: LocalSandbox, answers: Answers
) -> None:
    async with looks_of(binance_options_sandbox) as (recovery, audit, at_ms):
        recovery.account_state.note(order(1, at_ms=at_ms))
        answers.rows = [order_row(1, "NEW", "0", at_ms), order_row(2, "NEW", "0", at_ms - 60_000)]
        assert await audit.look() is None
        assert (SYMBOL, 2) in recovery.account_state.orders, "one from before the stream is known from here on"
        assert answers.asked == [None]


async def test_a_step_that_is_lost_is_told_from_when_it_happened_and_its_symbol_is_asked_for(
    binance_options_sandbox: LocalSandbox, answers: Answers
) -> None:
    async with looks_of(binance_options_sandbox) as (recovery, audit, at_ms):
        recovery.account_state.note(order(1, at_ms=at_ms))
        recovery.account_state.note(beat(at_ms + 20_000))
        answers.rows = [order_row(1, "NEW", "0", at_ms), order_row(7, "NEW", "0", at_ms + 10_000, symbol=OTHER)]
        told = await audit.look()
        assert isinstance(told, on.Doubted)
        assert abs(told.from_ms - recovery.windows.to_wall(at_ms + 10_000)) <= 5
        assert f"7 in {OTHER} is NEW" in told.reason.text
        assert list(recovery._suspects) == [OTHER]


async def test_where_nothing_came_since_the_socket_is_dead(
    binance_options_sandbox: LocalSandbox, answers: Answers
) -> None:
    async with looks_of(binance_options_sandbox) as (recovery, audit, at_ms):
        recovery.account_state.note(order(1, at_ms=at_ms))
        answers.orders[SYMBOL, 1] = order_row(1, "CANCELED", "0", at_ms + 10_000)
        told = await audit.look()
        assert isinstance(told, on.StreamSilent)
        assert abs(told.from_ms - recovery.windows.to_wall(at_ms)) <= 5


async def test_an_order_that_is_in_no_list_is_lost_only_where_rest_says_that_it_ended(
    binance_options_sandbox: LocalSandbox, answers: Answers
) -> None:
    async with looks_of(binance_options_sandbox) as (recovery, audit, at_ms):
        for number in (1, 2, 3):
            recovery.account_state.note(order(number, at_ms=at_ms))
        answers.orders[SYMBOL, 1] = order_row(1, "NEW", "0", at_ms)
        answers.orders[SYMBOL, 2] = order_row(2, "CANCELED", "0", recovery.windows.now_ms())
        assert await audit.look() is None, "one lives, one may be on its way, of one REST does not know yet"
        assert answers.asked == [None, (SYMBOL, 1), (SYMBOL, 2), (SYMBOL, 3)]


async def test_an_end_that_was_too_young_is_told_by_the_next_look_though_another_order_is_gone_since(
    binance_options_sandbox: LocalSandbox, answers: Answers
) -> None:
    async with looks_of(binance_options_sandbox) as (recovery, audit, at_ms):
        recovery.account_state.note(order(1, at_ms=at_ms))
        answers.orders[SYMBOL, 1] = order_row(1, "CANCELED", "0", recovery.windows.now_ms())
        assert await audit.look() is None
        answers.orders[SYMBOL, 1] = order_row(1, "CANCELED", "0", at_ms)  # as it is a minute later
        recovery.account_state.note(order(2, at_ms=at_ms))
        answers.orders[SYMBOL, 2] = order_row(2, "CANCELED", "0", recovery.windows.now_ms())
        told = await audit.look()
        assert told is not None
        assert "1 in " in told.reason.text


async def test_what_comes_after_all_is_not_lost(
    binance_options_sandbox: LocalSandbox, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "SECOND_LOOK_S", 0.2)
    async with looks_of(binance_options_sandbox) as (recovery, audit, at_ms):
        answers.rows = [order_row(1, "NEW", "0", at_ms)]
        look = asyncio.create_task(audit.look())
        await asyncio.sleep(0.05)
        recovery.account_state.note(order(1, at_ms=at_ms))
        assert await look is None


async def test_what_the_venue_refuses_keeps_nobody_from_the_rest_and_other_errors_are_told(
    binance_options_sandbox: LocalSandbox, answers: Answers
) -> None:
    async with looks_of(binance_options_sandbox) as (recovery, audit, at_ms):
        recovery.account_state.note(order(1, at_ms=at_ms))
        recovery.account_state.note(order(1, at_ms=at_ms, symbol=OTHER))
        answers.refused = {None, SYMBOL}
        answers.orders = {(OTHER, 1): order_row(1, "EXPIRED", "0", at_ms + 1, symbol=OTHER)}
        told = await audit.look()
        assert told is not None
        assert "EXPIRED" in told.reason.text
        assert answers.asked == [None, SYMBOL, OTHER, (OTHER, 1)], "of a list without an answer nothing is missing"
        answers.error = VenueDown
        with pytest.raises(VenueDown):
            await audit.look()


@pytest.mark.parametrize("asked", ["all", "symbols"])
async def test_an_order_that_cant_be_read_is_logged_and_keeps_no_other_back(
    binance_options_sandbox: LocalSandbox, answers: Answers, caplog: pytest.LogCaptureFixture, asked: str
) -> None:
    async with looks_of(binance_options_sandbox) as (recovery, audit, at_ms):
        recovery.account_state.note(order(1, at_ms=at_ms))
        recovery.account_state.note(order(2, at_ms=at_ms))
        answers.refused = {None} if asked == "symbols" else set()
        answers.unreadable = [UnreadableRow("a row's orderId is not an integer", SYMBOL)]
        answers.rows = [order_row(1, "PARTIALLY_FILLED", "0.5", at_ms + 1)]
        told = await audit.look()
        assert told is not None
        assert "1 steps" in told.reason.text
        assert f"{SYMBOL}: a row can't be read: a row's orderId" in caplog.text
        answers.is_of_row = False
        with pytest.raises(ProtocolError):
            await audit.look()


async def test_where_there_is_no_room_for_the_list_of_all_symbols_are_asked_for(
    binance_options_sandbox: LocalSandbox, answers: Answers
) -> None:
    async with looks_of(binance_options_sandbox) as (recovery, audit, at_ms):
        recovery.account_state.note(order(1, at_ms=at_ms))
        recovery.backfill.limiter.budget.limit = 150
        answers.rows = [order_row(1, "NEW", "0", at_ms)]
        assert await audit.look() is None
        assert answers.asked == [SYMBOL]
        recovery.backfill.limiter.budget.limit = 6000
        assert await audit.look() is None
        assert answers.asked == [SYMBOL, None], "the list of all is not put off by a look that had no room for it"


async def test_looks_are_half_an_audit_apart_and_begin_with_the_first_socket(
    binance_options_sandbox: LocalSandbox, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with looks_of(binance_options_sandbox) as (_, audit, _at_ms):
        now_s = audit._clock.now_s()
        monkeypatch.setattr(type(audit._clock), "now_s", lambda _: now_s)

        def is_due(looked_s: float) -> bool:
            audit._looked_s = looked_s
            return audit.is_due(settles=True)

        assert [is_due(now_s - ago_s) for ago_s in (0.4, 0.6)] == [False, True]
        assert await audit.look() is None
        assert not audit.is_due(settles=True)
        assert audit.is_due(settles=False), "two audits between two looks would be 130 s"
        audit._began_s = None
        assert not audit.is_due(settles=False)
        assert not is_due(0.0), "nothing is followed yet"
