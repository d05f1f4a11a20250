"""Sockets are opened one after the other, and few are tried where none comes up."""

from __future__ import annotations

import pytest

from listenkey.core.budget import Priority
from listenkey.core.connect_budget import (
    APART_S,
    AT_ONCE,
    BACK_S,
    CONNECT_WINDOW_S,
    PROBE_EVERY_S,
    UNPROVEN_MAX,
    ConnectBudget,
)
from listenkey.venue import CONNECTIONS_PER_5_MIN

SHARE = CONNECTIONS_PER_5_MIN * 4 // 5


def next_s(budget: ConnectBudget, now_s: float) -> float:
    """Make the next attempt as soon as it may be made; when that is."""
    now_s += budget.wait_s(1, Priority.KEYS, now_s)
    budget.spend(1, now_s)
    return now_s


def test_attempts_are_a_moment_apart_and_as_many_as_the_venue_allows() -> None:
    budget, times = ConnectBudget(), [0.0]
    budget.spend(1, 0.0)
    while len(times) <= SHARE:
        budget.opened(times[-1])
        times.append(next_s(budget, times[-1]))
    assert times[: AT_ONCE + 1] == pytest.approx([0.0] * AT_ONCE + [APART_S])
    assert times[SHARE - 1] == pytest.approx((SHARE / AT_ONCE - 1) * APART_S)
    assert times[SHARE] == pytest.approx(CONNECT_WINDOW_S)


def test_where_none_comes_up_half_of_the_attempts_are_left_for_when_one_does() -> None:
    budget, times = ConnectBudget(), [0.0]
    budget.spend(1, 0.0)
    while times[-1] < CONNECT_WINDOW_S - PROBE_EVERY_S:
        times.append(next_s(budget, times[-1]))
    assert times[UNPROVEN_MAX] - times[UNPROVEN_MAX - 1] == pytest.approx(PROBE_EVERY_S)
    assert len(times) <= UNPROVEN_MAX + CONNECT_WINDOW_S / PROBE_EVERY_S
    budget.opened(times[-1])
    now_s = times[-1]
    for _ in range(60):
        now_s = next_s(budget, now_s)
        budget.opened(now_s)
    assert now_s == pytest.approx(times[-1] + 60 * APART_S / AT_ONCE, abs=PROBE_EVERY_S), "they come at once"


def test_when_it_is_back_those_with_something_at_stake_find_a_part_that_is_left_to_them() -> None:
    budget, now_s = ConnectBudget(), 0.0
    for _ in range(UNPROVEN_MAX):
        now_s = next_s(budget, now_s)
    budget.opened(now_s)
    back_s = now_s
    while (wait_s := budget.wait_s(1, Priority.RECOVERY, now_s)) < 1:
        now_s += wait_s
        budget.spend(1, now_s)
        budget.opened(now_s)
    assert wait_s > 200, "225 are made"
    assert budget.wait_s(1, Priority.KEYS, now_s) < 1, "and 15 are left"
    assert budget.wait_s(1, Priority.RECOVERY, back_s + BACK_S + 1) == 0, "for half a minute"


def test_where_the_venues_hours_are_short_so_is_all_of_it() -> None:
    budget = ConnectBudget(10.0)
    assert budget.window_s == CONNECT_WINDOW_S / 10
    for _ in range(AT_ONCE):
        assert next_s(budget, 0.0) == 0
    assert budget.wait_s(1, Priority.KEYS, 0.0) == pytest.approx(APART_S / 10)
