"""Amounts, times and ages as people read them."""

from __future__ import annotations

import pytest

from listenkey.cli.display.number_format import age, amount, clock_time, commission, is_zero


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0.10", "0.1"),
        ("1234.50", "1,234.5"),
        ("10000475.51032086", "10,000,475.51032086"),
        ("-0.02874000", "-0.02874"),
        ("-0.000", "0"),
        ("007", "7"),
        ("5", "5"),
        (None, ""),
        ("NaN\x1b[31m", "NaN[31m"),
        ("1e999999", "1e999999"),
    ],
)
def test_amounts_lose_their_zeros_and_nothing_else(text: str | None, shown: str) -> None:
    assert amount(text) == shown


def test_amounts_are_cut_to_the_places_asked_for() -> None:
    assert amount("0.12999", 2) == "0.12"


def test_a_small_commission_does_not_look_like_none() -> None:
    assert (commission("-0.648022"), commission("0.00001230"), commission("0")) == ("-0.648", "0.0000123", "0")


def test_zero_is_known_in_every_spelling() -> None:
    assert all(is_zero(text) for text in ("0", "0.000", "-0", "", None))
    assert not is_zero("-0.01")


def test_times_are_utc_and_strange_ones_do_not_raise() -> None:
    assert clock_time(1_795_330_000_123) == "06:46:40"
    assert clock_time(None) == clock_time(-1) == clock_time(2**63 - 1) == "--:--:--"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "-"), (-3, "0.0s"), (0.44, "0.4s"), (9.96, "10s"), (59.6, "1m00s"), (723, "12m03s"), (3720, "1h02m"),
     (97_200, "1d03h")],
)  # fmt: skip
def test_ages_are_short(seconds: float | None, shown: str) -> None:
    assert age(seconds) == shown


def test_an_exponent_is_written_out() -> None:
    assert (amount("0E-8"), amount("1.5E+3"), amount("-2e-3"), amount("1e999999")) == (
        "0",
        "1,500",
        "-0.002",
        "1e999999",
    )
    assert is_zero("0E-8")
    assert not is_zero("1E-8")
