from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from listenkey.sandbox.exchange.contracts import UNDERLYINGS, contracts_for, expiries_at
from tests.sandbox.exchange.exchange_kit import DAY_MS, NOW_MS


def day(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


@given(st.integers(NOW_MS, NOW_MS + 800 * DAY_MS))
def test_three_expiries_at_eight_utc_daily_friday_and_last_friday_never_the_same(now_ms: int) -> None:
    daily, weekly, monthly = expiries_at(now_ms)
    assert now_ms < daily <= now_ms + DAY_MS
    assert daily < weekly < monthly
    assert all((day(each).hour, day(each).minute, day(each).second) == (8, 0, 0) for each in (daily, weekly, monthly))
    assert day(weekly).weekday() == day(monthly).weekday() == 4
    assert day(monthly + 7 * DAY_MS).month != day(monthly).month


def test_at_the_very_moment_of_an_expiry_the_next_one_is_alive() -> None:
    daily = expiries_at(NOW_MS)[0]
    assert expiries_at(daily - 1)[0] == daily
    assert expiries_at(daily)[0] == daily + DAY_MS


def test_symbols_are_spelled_as_documented() -> None:
    expiry_ms = int(datetime(2025, 11, 23, 8, tzinfo=UTC).timestamp()) * 1000
    symbols = [each.symbol for each in contracts_for(UNDERLYINGS[0], expiry_ms, 0, Decimal(126_000))]
    assert "BTC-251123-126000-C" in symbols
    assert len(set(symbols)) == 10


def test_a_call_pays_above_its_strike_and_a_put_below() -> None:
    call, put = contracts_for(UNDERLYINGS[0], expiries_at(NOW_MS)[0], 0, Decimal(90_000))[4:6]
    assert (int(call.strike), call.option_side, put.option_side) == (90_000, "CALL", "PUT")
    assert [call.payoff(Decimal(index)) for index in (89_000, 91_000)] == [0, 1_000]
    assert [put.payoff(Decimal(index)) for index in (89_000, 91_000)] == [1_000, 0]
