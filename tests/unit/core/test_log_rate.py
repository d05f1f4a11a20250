"""A flood is a few lines, and the next one says how many were left out."""

from __future__ import annotations

from listenkey.core.log_rate import AT_ONCE_MAX, EVERY_S, LogRate


def test_a_flood_is_a_few_lines_a_minute_and_none_is_forgotten() -> None:
    rate = LogRate()
    lines, told = 0, 0
    for tick in range(10_000):
        if rate.is_due(1000.0 + tick * 0.03):
            lines += 1
            told += rate.take_left_out()
    assert lines <= AT_ONCE_MAX * (300 / EVERY_S + 1)
    assert lines + told + rate.left_out == 10_000


def test_a_few_are_each_logged() -> None:
    rate = LogRate()
    assert all(rate.is_due(0.0) for _ in range(AT_ONCE_MAX))
    assert not rate.is_due(EVERY_S - 1)
    assert rate.is_due(EVERY_S)
    assert rate.take_left_out() == 1
