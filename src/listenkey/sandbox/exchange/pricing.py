"""
Prices of the underlyings and marks of the options: a seeded walk, and a model on top of it.

The walk moves once a second of the exchange's time and only when somebody moves the exchange's time; a leap is one
step of the right size. Marks are computed when they are asked for and kept until the walk moves again, so that a burst
of fills within a second computes each of them once.
"""

from __future__ import annotations

import math
import random
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from listenkey.sandbox.exchange.black_scholes import YEAR_MS, value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from listenkey.sandbox.exchange.contracts import Contract, Underlying

STEP_MS: Final = 1_000

INITIAL_MARGIN: Final = (Decimal("0.15"), Decimal("0.1"))
MAINTENANCE_MARGIN: Final = (Decimal("0.075"), Decimal("0.05"))
"""The margin of a short contract, as fractions of the index: rate, and least. [O market-data/Exchange-Information]"""


class Quote(NamedTuple):
    """
    One contract, valued at one moment. Amounts are of one long contract, except the margins: of one short.

    `mark` has three decimals and quantities have two, so that position values are exact.
    """

    mark: Decimal
    delta: Decimal
    gamma: Decimal
    theta: Decimal
    vega: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal


class Prices:
    """
    The index of every underlying and the mark of every contract.

    Args:
        underlyings: What to walk.
        now_ms: The exchange's time at the start.
        seed: The same seed and the same calls give the same prices.
    """

    def __init__(self, underlyings: Iterable[Underlying], now_ms: int, seed: int) -> None:
        self._rng = random.Random(f"{seed}:prices")
        self._spots = {each.name: each.first_price for each in underlyings}
        self._volatilities = {each.name: each.volatility for each in underlyings}
        self._indexes = {name: _decimal(spot, 2) for name, spot in self._spots.items()}
        self._quotes: dict[str, Quote] = {}
        self._at_ms = now_ms
        self.version = 0
        """Grows whenever prices move: what was computed from another version is stale."""

    def move_to(self, now_ms: int) -> None:
        """Walks up to a time. Does nothing within a step."""
        steps = (now_ms - self._at_ms) // STEP_MS
        if steps <= 0:
            return
        self._at_ms += steps * STEP_MS
        years = steps * STEP_MS / YEAR_MS
        for name, spot in self._spots.items():
            spread = self._volatilities[name] * math.sqrt(years)
            self.set_index(name, spot * math.exp(self._rng.gauss(0, spread) - spread * spread / 2))
        self.version += 1

    def set_index(self, underlying: str, price: float) -> None:
        """Puts the price of an underlying where a test wants it. USDT."""
        self._spots[underlying] = price
        self._indexes[underlying] = _decimal(price, 2)
        self._quotes.clear()
        self.version += 1

    def index(self, underlying: str) -> Decimal:
        """The price of an underlying, USDT."""
        return self._indexes[underlying]

    def quote(self, contract: Contract) -> Quote:
        """A contract's mark, greeks and margins at the present prices."""
        quote = self._quotes.get(contract.symbol)
        if quote is None:
            quote = self._quotes[contract.symbol] = self._value(contract)
        return quote

    def volatility(self, contract: Contract) -> float:
        """Return a contract's volatility in the model. A plain smile: the farther the strike, the dearer."""
        name = contract.underlying.name
        return self._volatilities[name] * (1 + 0.5 * abs(math.log(float(contract.strike) / self._spots[name])))

    def _value(self, contract: Contract) -> Quote:
        name = contract.underlying.name
        spot, strike = self._spots[name], float(contract.strike)
        model = value(
            spot=spot,
            strike=strike,
            left_ms=contract.expiry_ms - self._at_ms,
            volatility=self.volatility(contract),
            is_call=contract.is_call,
        )
        index, mark = self._indexes[name], _decimal(model.price, 3)
        away = contract.strike - index if contract.is_call else index - contract.strike
        out_of_money = max(away, Decimal(0))
        margins = [
            max(rate * index - out_of_money, least * index) + mark
            for rate, least in (INITIAL_MARGIN, MAINTENANCE_MARGIN)
        ]
        greeks = [_decimal(greek, 8) for greek in (model.delta, model.gamma, model.theta, model.vega)]
        return Quote(mark, *greeks, *margins)


def _decimal(number: float, places: int) -> Decimal:
    """A float as a decimal of so many places."""
    return Decimal(round(number * 10**places)).scaleb(-places)
