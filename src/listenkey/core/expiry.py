"""Tell from its symbol whether a contract has expired."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from listenkey.venue import EXPIRY_HOUR_UTC

DAY: Final = re.compile(r"[^-]{1,32}-([0-9]{2})([0-9]{2})([0-9]{2})-[^-]{1,32}-[CP]")


def has_expired(symbol: str, now_ms: int) -> bool:
    """Return True where a contract has expired, so that nobody can hold it; False where the symbol does not tell."""
    ends_ms = expiry_ms(symbol)
    return ends_ms is not None and now_ms >= ends_ms


def expiry_ms(symbol: str) -> int | None:
    """
    Return when a contract expires, by the venue's clock; None where the symbol does not tell.

    Args:
        symbol: For example `BTC-261225-90000-C`, which ends on 2026-12-25.
    """
    day = DAY.fullmatch(symbol)
    if day is None:
        return None
    try:
        ends = datetime(2000 + int(day[1]), int(day[2]), int(day[3]), EXPIRY_HOUR_UTC, tzinfo=UTC)
    except ValueError:
        return None
    return round(ends.timestamp() * 1000)
