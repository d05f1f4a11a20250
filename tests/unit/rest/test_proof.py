"""A secret is tried until it is known to be right, and no longer than a moment."""

from __future__ import annotations

import asyncio

import pytest

from listenkey import venue
from listenkey.credentials import Credentials
from listenkey.errors import ListenKeyError, Refused, UsageError, VenueDown, VenueError
from listenkey.rest.account_client import AccountClient
from listenkey.rest.proof import FILLS_TESTED_MAX, AccountProof, DeliveredFill, SecretProof, prove
from listenkey.testing import LocalSandbox
from listenkey.wire.rows import RowPage, TradeRow, UnreadableRow
from tests.unit.core.making import OTHER, SYMBOL, trade_row


class Answers(AccountClient):
    """Signed reads that end as told, one after the other."""

    def __init__(self, *outcomes: BaseException | None) -> None:
        self.outcomes = [*outcomes]

    async def prove(self) -> None:
        await asyncio.sleep(0)
        outcome = self.outcomes.pop(0)
        if outcome is not None:
            raise outcome


async def test_it_is_tried_until_it_is_proven_and_then_no_more() -> None:
    proof = SecretProof(Answers(VenueDown(503), TimeoutError(), None))
    assert "could not be tried yet: HTTP 503" in await proof.try_once()
    assert "no answer within 5 s" in await proof.try_once()
    assert not any(await asyncio.gather(proof.try_once(), proof.try_once()))
    assert await proof.try_once() == ""


async def test_a_refusal_is_raised() -> None:
    with pytest.raises(Refused):
        await SecretProof(Answers(Refused(400, -1022))).try_once()


async def test_a_secret_is_tried_with_no_stream(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    await prove(Credentials.of(sandbox.api_key, sandbox.api_secret), sandbox.venue)
    with pytest.raises(Refused, match="is not the one of this API key"):
        await prove(Credentials.of(sandbox.api_key, "w" * 64), sandbox.venue)


NOW_MS = 100 * 24 * 3600 * 1000
OLD_MS = NOW_MS - 120_000


class Listed(AccountClient):
    """Lists of trades by contract, or the errors that a request for them ends with."""

    def __init__(self, lists: dict[str, list[TradeRow] | BaseException]) -> None:
        self.lists = lists
        self.limits = venue.RestLimits()
        self.unreadable: list[UnreadableRow] = []
        self.asked: list[str] = []

    def now_ms(self) -> int:
        return NOW_MS

    async def user_trades(
        self, symbol: str | None, from_ms: int | None = None, from_id: int | None = None
    ) -> RowPage[TradeRow]:
        assert from_ms is not None
        assert from_id is None
        self.asked.append(symbol or "")
        rows = self.lists.get(symbol or "", [])
        if isinstance(rows, BaseException):
            raise rows
        return RowPage([row for row in rows if row.fill.trade_time_ms >= from_ms], unreadable=self.unreadable)


def account_proof(listed: Listed, *fills: DeliveredFill) -> AccountProof:
    return AccountProof(listed, fills, "the journal a.db was begun with another API key", "desk-1", 60_000)


def delivered(order_id: int, symbol: str = SYMBOL, at_ms: int = OLD_MS) -> DeliveredFill:
    return DeliveredFill(symbol, 5, order_id, at_ms)


async def test_a_listed_order_of_the_journal_proves_its_account() -> None:
    listed = Listed({SYMBOL: [trade_row(1, OLD_MS - 700, order_id=7)]})  # the clock of REST may be another
    proof = account_proof(listed, delivered(7))
    await proof.try_once()
    await proof.try_once()
    assert (proof.doubt, listed.asked) == ("", [SYMBOL])


async def test_orders_that_rest_does_not_list_show_another_account() -> None:
    proof = account_proof(Listed({SYMBOL: [trade_row(5, OLD_MS, order_id=8)]}), delivered(7))
    with pytest.raises(UsageError, match="another account's") as caught:
        await proof.try_once()
    assert str(caught.value).startswith("the journal a.db was begun with another API key, and ")
    assert "account='desk-1'" in str(caught.value)
    assert proof.doubt


async def test_a_row_that_cant_be_read_may_be_the_one_that_is_looked_for() -> None:
    listed = Listed({SYMBOL: [trade_row(5, OLD_MS, order_id=8)]})
    listed.unreadable = [UnreadableRow("a row's orderId is not an integer", SYMBOL)]
    proof = account_proof(listed, delivered(7))
    await proof.try_once()
    assert proof.doubt


async def test_a_contract_that_rest_refuses_to_list_leaves_it_to_another() -> None:
    listed = Listed(
        {SYMBOL: VenueError(400, -1121, "Invalid symbol."), OTHER: [trade_row(1, OLD_MS, order_id=9, symbol=OTHER)]}
    )
    proof = account_proof(listed, delivered(7), delivered(8), delivered(9, OTHER))
    await proof.try_once()
    assert (proof.doubt, listed.asked) == ("", [SYMBOL, OTHER])


@pytest.mark.parametrize("error", [VenueError(400, -1121), VenueDown(503), TimeoutError()])
async def test_what_can_t_be_asked_proves_nothing(error: BaseException) -> None:
    proof = account_proof(Listed({SYMBOL: error}), delivered(7))
    await proof.try_once()
    assert proof.doubt


async def test_a_key_that_may_not_read_is_refused() -> None:
    error: ListenKeyError = Refused(401, -2015)
    with pytest.raises(Refused):
        await account_proof(Listed({SYMBOL: error}), delivered(7)).try_once()


@pytest.mark.parametrize("at_ms", [NOW_MS - 59_999, NOW_MS + 5_000])
async def test_a_fill_that_rest_may_not_list_yet_proves_only_the_same_account(at_ms: int) -> None:
    listed = Listed({})
    proof = account_proof(listed, delivered(7, at_ms=at_ms))
    await proof.try_once()
    assert proof.doubt
    listed.lists[SYMBOL] = [trade_row(1, at_ms, order_id=7)]
    await proof.try_once()
    assert not proof.doubt


async def test_fills_that_rest_should_list_are_looked_for_first_and_few_of_them() -> None:
    kept_ms = round(venue.TRADES_KEPT_S * 1000)
    names = [f"{number}" for number in range(FILLS_TESTED_MAX + 3)]
    listed = Listed({})
    fills = [delivered(1, "young", NOW_MS), delivered(1, "forgotten", NOW_MS - kept_ms)]
    with pytest.raises(UsageError):
        await account_proof(listed, *fills, *(delivered(1, name) for name in names)).try_once()
    assert listed.asked == names[:FILLS_TESTED_MAX]


async def test_a_journal_without_fills_proves_nothing() -> None:
    proof = account_proof(Listed({}))
    await proof.try_once()
    assert proof.doubt
