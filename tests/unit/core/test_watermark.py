"""Test the state an earlier process has left, by the clocks of this one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from listenkey.core.gaps import Resumed, Watermark
from listenkey.core.watermark import LEAD_MS, SHIFT_MS, Reading, on_this_clock

HOUR_MS = 3_600_000
T_MS = 1_795_000_000_000
"""The time when coverage ended, by a clock that is right."""

DOWN_MS = 200_000
NOW = Reading("boot", 1200.0, T_MS + DOWN_MS)
UP_MS = 1_000_000


def left(wrong_ms: int = 0, **more: object) -> Resumed:
    """Return the state left by a process whose wall clock was wrong by so much; it had been live for a minute."""
    mark = Watermark(T_MS + wrong_ms, "boot", UP_MS, T_MS, T_MS + wrong_ms - 60_000, T_MS - 60_000)
    return replace(Resumed(T_MS + wrong_ms, watermark=mark), **more)  # type: ignore[arg-type]


def test_a_first_start_has_nothing_to_tell() -> None:
    assert on_this_clock(Resumed(), NOW) == Resumed()


@pytest.mark.parametrize("wrong_ms", [0, HOUR_MS, -HOUR_MS, 24 * HOUR_MS, -24 * HOUR_MS])
def test_the_clock_that_is_never_set_tells_when_coverage_ended(wrong_ms: int) -> None:
    here = on_this_clock(left(wrong_ms), NOW)
    assert here.covered_until_ms == T_MS + min(wrong_ms, 0), "too early is harmless, too late is not"
    assert (here.covered_until_s, here.covered_venue_ms) == (UP_MS / 1000, T_MS)
    assert (here.began_ms, here.began_venue_ms) == (T_MS + min(wrong_ms, 0) - 60_000, T_MS - 60_000)


@pytest.mark.parametrize("wrong_ms", [HOUR_MS, -HOUR_MS])
def test_a_clock_that_is_wrong_now_moves_no_gap_into_the_future(wrong_ms: int) -> None:
    here = on_this_clock(left(), NOW._replace(wall_ms=NOW.wall_ms + wrong_ms))
    assert here.covered_until_ms == T_MS + min(wrong_ms, 0)


def test_two_clocks_that_nearly_agree_change_nothing() -> None:
    assert on_this_clock(left(SHIFT_MS), NOW).covered_until_ms == T_MS + SHIFT_MS
    assert on_this_clock(left(SHIFT_MS + 1), NOW).covered_until_ms == T_MS


@pytest.mark.parametrize(
    "now", [NOW._replace(boot="another"), NOW._replace(boot=""), NOW._replace(up_s=UP_MS / 1000 - 1)]
)
def test_after_a_boot_events_show_a_clock_that_was_ahead_and_the_future_is_none(now: Reading) -> None:
    assert on_this_clock(left(HOUR_MS, lead_ms=HOUR_MS + 20), now).covered_until_ms == T_MS - 20
    assert on_this_clock(left(0, lead_ms=LEAD_MS), now).covered_until_ms == T_MS
    assert on_this_clock(left(-HOUR_MS, lead_ms=-HOUR_MS), now).covered_until_ms == T_MS - HOUR_MS
    future = on_this_clock(left(HOUR_MS), now)
    assert future.covered_until_ms == T_MS - 60_000 + DOWN_MS, "only the beginning is certain"
    assert future.covered_until_s is None
    old = Resumed(T_MS + HOUR_MS)
    assert on_this_clock(old, now).covered_until_ms == now.wall_ms
    assert on_this_clock(replace(old, began_ms=T_MS), now).began_ms <= T_MS


def test_a_watermark_that_another_release_has_left_behind_is_not_for_what_it_wrote() -> None:
    here = on_this_clock(left(covered_until_ms=T_MS + 5000), NOW)
    assert (here.covered_until_ms, here.covered_until_s, here.covered_venue_ms) == (T_MS + 5000, None, None)
    assert here.began_venue_ms == T_MS - 60_000


def test_a_gap_that_is_open_is_where_it_was_told_or_earlier() -> None:
    here = on_this_clock(left(open_from_ms=T_MS + 1000), NOW)
    assert (here.open_from_ms, here.open_since_ms, here.open_from_s) == (T_MS + 1000, T_MS + 1000, UP_MS / 1000 + 1)
    here = on_this_clock(left(HOUR_MS, open_from_ms=T_MS + HOUR_MS + 1000), NOW)
    assert (here.open_since_ms, here.open_from_s) == (T_MS + 1000, UP_MS / 1000 + 1)
    here = on_this_clock(left(-HOUR_MS, open_from_ms=T_MS - HOUR_MS), NOW._replace(boot=""))
    assert (here.open_since_ms, here.open_from_s) == (T_MS - HOUR_MS, None)
