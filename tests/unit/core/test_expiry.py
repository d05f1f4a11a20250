"""A contract is over at 08:00 UTC of the day in its symbol."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from listenkey.core.expiry import expiry_ms, has_expired

END_MS = round(datetime(2026, 12, 25, 8, tzinfo=UTC).timestamp() * 1000)


def test_it_is_over_from_eight_o_clock_on() -> None:
    assert expiry_ms("BTC-261225-90000-C") == END_MS
    assert not has_expired("BTC-261225-90000-C", END_MS - 1)
    assert has_expired("BTC-261225-90000-C", END_MS)
    assert has_expired("1000PEPE-261225-0.01-P", END_MS)


@pytest.mark.parametrize("symbol", ["", "BTCUSDT", "BTC-261325-90000-C", "BTC-261225-90000-X", "BTC-26122५-90000-C"])
def test_a_symbol_that_tells_nothing_is_not_over(symbol: str) -> None:
    assert expiry_ms(symbol) is None
    assert not has_expired(symbol, END_MS * 2)
