from __future__ import annotations

from decimal import Decimal

import pytest

from listenkey.sandbox.exchange.contracts import expiries_at
from listenkey.sandbox.exchange.rejections import Rejected
from listenkey.sandbox.exchange.state import ExchangeState
from listenkey.sandbox.switches import Switches
from tests.sandbox.exchange.exchange_kit import NOW_MS


def test_a_world_begins_with_three_expiries_and_each_has_its_hour_in_the_scheduler() -> None:
    state = ExchangeState(NOW_MS, 1, Switches())
    assert len(state.books) == len(state.contracts) == 60
    assert {book.contract.expiry_ms for book in state.books.values()} == set(expiries_at(NOW_MS))
    assert state.scheduler.due_ms() == expiries_at(NOW_MS)[0]
    before = dict(state.books)
    state.list_contracts()
    assert state.books == before


def test_a_name_is_given_once_and_unknown_ones_have_their_codes() -> None:
    state = ExchangeState(NOW_MS, 1, Switches())
    state.add_account("alice", Decimal(1), trade_group_id=-1, market_maker=False, quiet=False)
    with pytest.raises(ValueError, match="exists"):
        state.add_account("alice", Decimal(1), trade_group_id=-1, market_maker=False, quiet=False)
    for ask, code in ((state.account, -5002), (state.contract, -1121), (state.book, -1121)):
        with pytest.raises(Rejected) as caught:
            ask("nobody")
        assert caught.value.code == code


def test_ids_ascend_and_no_two_kinds_share_one() -> None:
    state = ExchangeState(NOW_MS, 1, Switches())

    def next_order_id() -> int:
        return state.next_order_id("BTC-261225-90000-C")[0]

    for draw in (next_order_id, state.next_fill_id, state.next_bill_id):
        first = draw()
        assert [draw(), draw()] == [first + 1, first + 2]
    assert state.next_fill_id() - next_order_id() > 10**9


def test_ids_within_a_contract_repeat_in_others_and_never_in_their_own() -> None:
    state = ExchangeState(NOW_MS, 1, Switches(order_ids="contract"))
    first, second = state.next_order_id("A"), state.next_order_id("B")
    assert first[0] == second[0]
    assert second[1] == first[1] + 1
    ids = [first[0]]
    for mode in ("global", "contract", "contract", "global", "contract"):
        state.switches.order_ids = mode
        ids.append(state.next_order_id("A")[0])
    assert ids == sorted(set(ids))
