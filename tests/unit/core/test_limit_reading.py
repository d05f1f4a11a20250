"""Test when the weight limit is read again."""

from __future__ import annotations

from listenkey.core.budget import Budget
from listenkey.core.limit_reading import FRESH_S, LOWERED_FRESH_S, LOWERED_WAITS_S, LimitReading
from listenkey.venue import WEIGHT_PER_MINUTE_ASSUMED, WEIGHT_PER_MINUTE_DOCUMENTED


def test_a_limit_is_stale_until_it_is_read_and_when_it_is_old() -> None:
    limit = LimitReading(Budget())
    assert limit.is_stale(0.0)
    limit.was_read(1000, 0.0)
    assert [limit.is_stale(now_s) for now_s in (0.0, FRESH_S, FRESH_S + 1)] == [False, False, True]
    limit.was_read(None, FRESH_S + 1)
    assert not limit.is_stale(FRESH_S + 1), "it was asked for, and is what it was"


def test_a_limit_that_was_lowered_is_read_again_sooner() -> None:
    limit, stale = LimitReading(Budget()), []
    for stated in (1000, 60, 400, 1000):
        limit.was_read(stated, 0.0)
        stale.append(limit.is_stale(LOWERED_FRESH_S + 1))
    assert stale == [False, True, True, False]


def test_a_lowered_limit_may_be_raised_when_it_is_a_minute_old() -> None:
    limit = LimitReading(Budget())
    limit.was_read(60, 0.0)
    assert not limit.may_be_raised(LOWERED_WAITS_S + 1), "it was never higher"
    limit.was_read(1000, 0.0)
    limit.was_read(60, 0.0)
    assert [limit.may_be_raised(now_s) for now_s in (LOWERED_WAITS_S, LOWERED_WAITS_S + 1)] == [False, True]


def test_a_limit_of_an_earlier_process_is_taken_over_where_it_is_fresh() -> None:
    budget = Budget()
    limit = LimitReading(budget)
    limit.take_over(1000, 0.0, FRESH_S)
    assert (budget.limit, limit.is_stale(0.0)) == (WEIGHT_PER_MINUTE_ASSUMED, True)
    limit.take_over(1000, 1.0, FRESH_S)
    assert (budget.limit, limit.is_stale(FRESH_S)) == (1000, False)


def test_weight_that_was_not_refused_raises_a_limit_that_is_only_assumed() -> None:
    budget = Budget(100)
    limit = LimitReading(budget)
    limit.was_used(100)
    assert budget.limit == 100
    limit.was_used(101)
    assert budget.limit == WEIGHT_PER_MINUTE_DOCUMENTED
    limit.was_read(100, 0.0)
    limit.was_used(101)
    assert budget.limit == 100
    limit.doubt()
    assert (limit.is_doubted, limit.is_stale(0.0)) == (True, True)
