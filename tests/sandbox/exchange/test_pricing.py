from __future__ import annotations

from decimal import Decimal

import pytest

from listenkey.sandbox.exchange.black_scholes import YEAR_MS, value
from listenkey.sandbox.exchange.contracts import UNDERLYINGS, contracts_for, expiries_at
from listenkey.sandbox.exchange.pricing import Prices
from tests.sandbox.exchange.exchange_kit import DAY_MS, NOW_MS

CHAIN = contracts_for(UNDERLYINGS[0], expiries_at(NOW_MS)[2], 2, Decimal(90_000))


def test_the_model_gives_the_textbook_value() -> None:
    # Spot 100, strike 100, one year, 20 %: a call is worth 7.9656 without interest, and so is the put.
    for is_call in (True, False):
        model = value(spot=100, strike=100, left_ms=YEAR_MS, volatility=0.2, is_call=is_call)
        assert model.price == pytest.approx(7.9656, abs=1e-4)
    model = value(spot=100, strike=100, left_ms=YEAR_MS, volatility=0.2, is_call=True)
    assert model.delta == pytest.approx(0.5398, abs=1e-4)
    assert model.vega == pytest.approx(0.3970, abs=1e-4)


@pytest.mark.parametrize("is_call", [True, False])
def test_greeks_are_the_slopes_of_the_value(is_call: bool) -> None:
    at = {"spot": 100.0, "strike": 105.0, "left_ms": 30 * DAY_MS, "volatility": 0.5, "is_call": is_call}

    def price(**changed: float) -> float:
        return value(**(at | changed)).price  # type: ignore[arg-type]

    model = value(**at)  # type: ignore[arg-type]
    assert model.delta == pytest.approx((price(spot=100.01) - price(spot=99.99)) / 0.02, rel=1e-4)
    assert model.gamma == pytest.approx((price(spot=100.1) - 2 * price() + price(spot=99.9)) / 0.01, rel=1e-3)
    assert model.vega == pytest.approx(price(volatility=0.505) - price(volatility=0.495), rel=1e-3)
    assert model.theta == pytest.approx(price(left_ms=29.5 * DAY_MS) - price(left_ms=30.5 * DAY_MS), rel=1e-2)


def test_calls_and_puts_of_a_strike_differ_by_spot_less_strike() -> None:
    prices = Prices(UNDERLYINGS, NOW_MS, 1)
    for call, put in zip(CHAIN[::2], CHAIN[1::2], strict=True):
        parity = prices.index("BTCUSDT") - call.strike
        assert abs(prices.quote(call).mark - prices.quote(put).mark - parity) <= Decimal("0.01")


def test_prices_walk_once_a_second_and_alike_for_the_same_seed() -> None:
    walks = [Prices(UNDERLYINGS, NOW_MS, seed) for seed in (1, 1, 2)]
    for prices in walks:
        prices.move_to(NOW_MS + 999)
        assert prices.index("BTCUSDT") == 90_000
        for second in range(1, 50):
            prices.move_to(NOW_MS + second * 1_000)
    indexes = [prices.index("BTCUSDT") for prices in walks]
    assert indexes[0] == indexes[1] != indexes[2]
    assert indexes[0] != 90_000


def test_a_mark_is_kept_until_prices_move() -> None:
    prices = Prices(UNDERLYINGS, NOW_MS, 1)
    before = prices.quote(CHAIN[4])
    assert prices.quote(CHAIN[4]) is before
    version = prices.version
    prices.move_to(NOW_MS + 1_000)
    assert prices.version > version
    assert prices.quote(CHAIN[4]) != before


def test_marks_have_three_decimals_so_that_values_are_exact() -> None:
    prices = Prices(UNDERLYINGS, NOW_MS, 1)
    for contract in CHAIN:
        quote = prices.quote(contract)
        assert quote.mark.as_tuple().exponent == -3
        assert quote.initial_margin >= quote.maintenance_margin >= quote.mark
