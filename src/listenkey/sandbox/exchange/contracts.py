"""
The option contracts on offer: what one is, what it is called, and which ones are listed at a given time.

Symbols look like `BTC-251123-126000-C`; all expire at 08:00 UTC and are settled in USDT. [O common-definition]
Three expiries of each underlying are alive at any time: the next day, a Friday after it, and a last Friday of a month
after that. Five strikes each, a call and a put: sixty contracts, enough to be a market and small enough to be read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from listenkey.venue import EXPIRY_HOUR_UTC

SETTLEMENT_ASSET: Final = "USDT"
STRIKES_EACH_WAY: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Underlying:
    """
    The asset that options are written on, and the rules its contracts share.

    Args:
        name: For example `BTCUSDT`.
        base: For example `BTC`.
        first_price: Where the seeded walk starts, USDT.
        volatility: Of a year, as a fraction.
        tick: Smallest price step; also the lowest price.
        step: Smallest quantity step; also the lowest quantity.
        strike_steps: Between strikes of the nearest, middle and farthest expiry, USDT.
    """

    name: str
    base: str
    first_price: float
    volatility: float
    tick: Decimal
    max_price: Decimal
    step: Decimal
    max_quantity: Decimal
    strike_steps: tuple[int, int, int]


UNDERLYINGS: Final = (
    Underlying(
        name="BTCUSDT",
        base="BTC",
        first_price=90_000.0,
        volatility=0.5,
        tick=Decimal("0.1"),
        max_price=Decimal(200_000),
        step=Decimal("0.01"),
        max_quantity=Decimal(100),
        strike_steps=(1_000, 2_000, 5_000),
    ),
    Underlying(
        name="ETHUSDT",
        base="ETH",
        first_price=3_000.0,
        volatility=0.7,
        tick=Decimal("0.1"),
        max_price=Decimal(20_000),
        step=Decimal("0.01"),
        max_quantity=Decimal(1_000),
        strike_steps=(50, 100, 200),
    ),
)
"""Two, as a sandbox needs more than one but not all that the venue lists."""


@dataclass(frozen=True, slots=True, eq=False)
class Contract:
    """One option. Compared by identity: an exchange holds each of them once."""

    underlying: Underlying
    strike: Decimal
    expiry_ms: int
    option_side: str
    """`CALL` or `PUT`."""

    symbol: str = field(init=False)
    price_scale: int = field(init=False)
    quantity_scale: int = field(init=False)
    price_format: str = field(init=False)
    quantity_format: str = field(init=False)

    def __post_init__(self) -> None:
        day = datetime.fromtimestamp(self.expiry_ms / 1000, UTC)
        price_scale = _decimals(self.underlying.tick)
        quantity_scale = _decimals(self.underlying.step)
        symbol = f"{self.underlying.base}-{day:%y%m%d}-{self.strike:f}-{self.option_side[0]}"
        object.__setattr__(self, "symbol", symbol)
        object.__setattr__(self, "price_scale", price_scale)
        object.__setattr__(self, "quantity_scale", quantity_scale)
        # "z": a zero that came out of a negative product has no sign on the wire.
        object.__setattr__(self, "price_format", f"z.{price_scale}f")
        object.__setattr__(self, "quantity_format", f"z.{quantity_scale}f")

    @property
    def is_call(self) -> bool:
        return self.option_side == "CALL"

    def payoff(self, index: Decimal) -> Decimal:
        """Return the USDT that one contract pays at expiry when the index is there."""
        value = index - self.strike if self.is_call else self.strike - index
        return max(value, Decimal(0))


def _decimals(step: Decimal) -> int:
    """Return the number of decimals a step has: 2 for 0.01."""
    exponent = step.as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def expiries_at(now_ms: int) -> tuple[int, int, int]:
    """
    The three expiries alive at a time, epoch milliseconds, ascending and all different.

    The weekly is the first Friday after the daily and the monthly the first last Friday after the weekly, so that no
    two coincide.
    """
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    daily = now.replace(hour=EXPIRY_HOUR_UTC, minute=0, second=0, microsecond=0)
    if daily <= now:
        daily += timedelta(days=1)
    weekly = daily + timedelta(days=1)
    while weekly.weekday() != 4:
        weekly += timedelta(days=1)
    monthly = weekly + timedelta(days=7)
    while (monthly + timedelta(days=7)).month == monthly.month:
        monthly += timedelta(days=7)
    return tuple(int(day.timestamp()) * 1000 for day in (daily, weekly, monthly))  # type: ignore[return-value]


def contracts_for(underlying: Underlying, expiry_ms: int, tenor: int, index: Decimal) -> list[Contract]:
    """
    The contracts of one expiry, listed around the price of the underlying.

    The tenor is 0 for the nearest expiry, 1, or 2 for the farthest; it chooses the distance between strikes.
    """
    step = underlying.strike_steps[tenor]
    centre = max(step * (STRIKES_EACH_WAY + 1), round(index / step) * step)
    strikes = [Decimal(centre + step * away) for away in range(-STRIKES_EACH_WAY, STRIKES_EACH_WAY + 1)]
    return [Contract(underlying, strike, expiry_ms, side) for strike in strikes for side in ("CALL", "PUT")]
