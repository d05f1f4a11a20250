from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from listenkey.core.backoff import Repeats, backoff_s
from listenkey.core.timing import Timing

TIMING = Timing()


@given(st.integers(0, 10**9), st.floats(0, 1))
def test_no_wait_is_longer_than_the_longest(attempt: int, draw: float) -> None:
    assert 0 <= backoff_s(attempt, TIMING, draw) <= TIMING.backoff_max_s


def test_the_limit_doubles() -> None:
    assert [backoff_s(attempt, TIMING, 1.0) for attempt in range(4)] == [0.25, 0.5, 1.0, 2.0]


def test_full_jitter_reaches_down_to_nothing() -> None:
    assert backoff_s(5, TIMING, 0.0) == 0


def test_repeats_within_the_window_count_and_older_ones_do_not() -> None:
    repeats = Repeats(quick=2, window_s=10)
    for now_s in (0, 1, 2):
        repeats.happened(now_s)
    assert repeats.extra_attempts(2) == 1
    assert repeats.extra_attempts(10.5) == 0


def test_repeats_are_bounded() -> None:
    repeats = Repeats(quick=2, window_s=10)
    for _ in range(10_000):
        repeats.happened(1.0)
    assert repeats.extra_attempts(1.0) < 100
