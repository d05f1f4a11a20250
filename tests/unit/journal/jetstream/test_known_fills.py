from __future__ import annotations

from listenkey.journal.jetstream.known_fills import KnownFills, fill_time_ms
from tests.unit.core.making import trade_row
from tests.unit.journal.making import AT_MS, fill, read


def test_the_newest_fills_are_known() -> None:
    fills = KnownFills(most=2)
    for number in (1, 2, 2, 3):
        fills.add(("S", number, 9), 100 + number)
    assert [("S", number, 9) in fills for number in (1, 2, 3)] == [False, True, True]
    assert list(fills.newest()) == [("S", 2, 9, 102), ("S", 3, 9, 103)]


def test_the_time_of_a_fill_is_its_trades() -> None:
    assert fill_time_ms(read(fill(1))) == AT_MS
    assert fill_time_ms(trade_row(1).fill) == trade_row(1).fill.trade_time_ms
