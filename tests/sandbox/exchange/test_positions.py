from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from listenkey.sandbox.exchange.contracts import UNDERLYINGS, contracts_for, expiries_at
from listenkey.sandbox.exchange.positions import AccountPosition
from tests.sandbox.exchange.exchange_kit import NOW_MS

CONTRACT = contracts_for(UNDERLYINGS[0], expiries_at(NOW_MS)[0], 0, Decimal(90_000))[0]
TRADES = st.lists(st.tuples(st.integers(-500, 500).filter(bool), st.integers(1, 99_999)), max_size=40)


@given(TRADES)
def test_profit_taken_and_profit_left_are_what_was_paid_and_got(trades: list[tuple[int, int]]) -> None:
    position = AccountPosition(CONTRACT)
    cash = profit = Decimal(0)
    for lots, ticks in trades:
        change, price = Decimal(lots) / 100, Decimal(ticks) / 10
        cash -= change * price
        profit += position.trade(change, price, NOW_MS)
        cost = position.quantity * position.entry
        assert cost == round(cost, 8)
        assert (position.entry > 0) == (position.quantity != 0)
        # Rounding of the average entry is all that separates them.
        assert abs(cash + cost - profit) <= Decimal("0.0001") * len(trades)
    assert position.quantity == sum(Decimal(lots) for lots, _ in trades) / 100
