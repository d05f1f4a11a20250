"""
Price options and compute their greeks: Black and Scholes, with no interest and no dividend.

Floats are fine here: this is a model, and its results become decimals before anyone sees them.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

YEAR_MS: Final = 365 * 24 * 3600 * 1000
SHORTEST_MS: Final = 60_000
"""Time to expiry never counts as less: the formula divides by it."""


VOLATILITY_LOW: Final = 0.001
VOLATILITY_HIGH: Final = 10.0
VOLATILITY_STEPS: Final = 40
"""Halvings of the span between: eleven digits."""


class Valuation(NamedTuple):
    """The value and greeks of one long contract. Theta is per day, vega per percentage point of volatility."""

    price: float
    delta: float
    gamma: float
    theta: float
    vega: float


def value(*, spot: float, strike: float, left_ms: int, volatility: float, is_call: bool) -> Valuation:
    """
    The value and the greeks of one European option.

    Time to expiry is in milliseconds, volatility is of a year and a fraction.
    """
    years = max(left_ms, SHORTEST_MS) / YEAR_MS
    spread = volatility * math.sqrt(years)
    d1 = math.log(spot / strike) / spread + spread / 2
    d2 = d1 - spread
    density = math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    call = spot * _normal(d1) - strike * _normal(d2)
    return Valuation(
        price=max(0.0, call if is_call else call - spot + strike),
        delta=_normal(d1) if is_call else _normal(d1) - 1,
        gamma=density / (spot * spread),
        theta=-spot * density * volatility / (2 * math.sqrt(years)) / 365,
        vega=spot * density * math.sqrt(years) / 100,
    )


def implied_volatility(*, price: float, spot: float, strike: float, left_ms: int, is_call: bool) -> float | None:
    """Return the volatility at which an option is worth a price; None when none from 0.1 % to 1,000 % does."""
    low, high = VOLATILITY_LOW, VOLATILITY_HIGH

    def worth(volatility: float) -> float:
        return value(spot=spot, strike=strike, left_ms=left_ms, volatility=volatility, is_call=is_call).price

    if not worth(low) < price < worth(high):
        return None
    for _ in range(VOLATILITY_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if worth(middle) < price else (low, middle)
    return (low + high) / 2


def _normal(x: float) -> float:
    """The probability that a standard normal variable is below x."""
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))
