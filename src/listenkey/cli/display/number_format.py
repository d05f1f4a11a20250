"""Amounts, times and ages as people read them. Works on texts, so that a strange amount is shown and never raises."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from listenkey.cli.redaction import printable
from listenkey.events.base import amount_of

MS_MAX: Final = 253_402_300_799_999
"""The end of the year 9999: what a datetime can hold."""


def amount(value: object, places: int = 8) -> str:
    """
    An amount of the venue, without the zeros at its end and with commas between thousands.

    Args:
        value: As the event has it: a text, or absent.
        places: Digits after the point at most; more are cut, not rounded, and only here on the screen.
    """
    text = "" if value is None else str(value)
    found = amount_of(text)
    if found is None:
        return printable(text, 24)
    sign = "-" if found.is_signed() else ""
    whole, _, fraction = f"{found.copy_abs():f}".partition(".")  # an exponent is written out
    whole, fraction = whole.lstrip("0") or "0", fraction[:places].rstrip("0")
    grouped = f"{int(whole):,}"
    shown = f"{grouped}.{fraction}" if fraction else grouped
    return shown if shown == "0" else sign + shown


def commission(value: str) -> str:
    """A commission to four places, with the venue's sign; smaller ones in full, so that they do not look like none."""
    short = amount(value, 4)
    return amount(value) if is_zero(short) else short


def is_zero(value: object) -> bool:
    """Return True where an amount is absent or nothing but zeros."""
    text = str(value or "")
    found = amount_of(text)
    return not re.search(r"[1-9]", text) if found is None else not found


def clock_time(at_ms: int | None) -> str:
    """The time of day in UTC, the venue's own."""
    if at_ms is None or not 0 <= at_ms <= MS_MAX:
        return "--:--:--"
    return dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC).strftime("%H:%M:%S")


def age(seconds: float | None) -> str:
    """Format a duration: `0.4s`, `12s`, `3m05s`, `1h02m`, `2d03h`; `-` where it is unknown."""
    if seconds is None:
        return "-"
    seconds = max(seconds, 0.0)
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02}h"
