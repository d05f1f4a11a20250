"""No 60 seconds hold more than our share, whatever is asked for and whenever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenkey.core.budget import WINDOW_S, Budget, Priority

ASKED = st.lists(st.tuples(st.floats(0, 20), st.integers(1, 40), st.sampled_from(Priority)), min_size=1, max_size=60)


def most_in_any_window(sent: list[tuple[float, int]]) -> int:
    return max(
        sum(weight for at_s, weight in sent if begin_s <= at_s < begin_s + WINDOW_S - 1e-6) for begin_s, _ in sent
    )


@given(ASKED, st.sampled_from([100, 400, 2400]))
def test_no_schedule_exceeds_the_share_over_any_60_seconds(
    asked: list[tuple[float, int, Priority]], limit: int
) -> None:
    budget = Budget(limit)
    now_s, sent = 0.0, []
    for pause_s, weight, priority in asked:
        now_s += pause_s
        for _ in range(100):
            wait_s = budget.wait_s(weight, priority, now_s)
            if wait_s <= 0:
                break
            now_s += wait_s + 1e-6
        budget.spend(weight, now_s)
        sent.append((now_s, weight))
        alone = now_s - WINDOW_S
        before = sum(w for at_s, w in sent if alone < at_s <= now_s)
        assert before <= limit * priority.value or before == weight
    assert most_in_any_window(sent) <= limit * Priority.KEYS.value


@given(ASKED)
def test_what_must_wait_is_told_when_it_may_go(asked: list[tuple[float, int, Priority]]) -> None:
    budget = Budget(100)
    now_s = 0.0
    for pause_s, weight, priority in asked:
        now_s += pause_s
        wait_s = budget.wait_s(weight, priority, now_s)
        if wait_s == 0:
            budget.spend(weight, now_s)
        else:
            assert 0 < wait_s <= WINDOW_S + 1e-9
            assert budget.wait_s(weight, priority, now_s + wait_s + 1e-6) == 0, "the first answer was the right one"


def test_a_recovery_leaves_room_for_keys_and_an_audit_for_a_recovery() -> None:
    budget = Budget(400)
    budget.spend(200, 0.0)
    assert budget.wait_s(1, Priority.STEADY, 1.0) == pytest.approx(59.0)
    budget.spend(100, 1.0)
    assert budget.wait_s(1, Priority.RECOVERY, 2.0) == pytest.approx(58.0)
    assert budget.wait_s(1, Priority.KEYS, 2.0) == 0


def test_what_is_larger_than_the_share_goes_alone() -> None:
    budget = Budget(20)
    assert budget.wait_s(40, Priority.RECOVERY, 0.0) == 0
    budget.spend(40, 0.0)
    assert budget.wait_s(40, Priority.RECOVERY, 1.0) == pytest.approx(59.0)


def test_a_block_stops_everything_until_its_end_and_never_shrinks() -> None:
    budget = Budget()
    budget.block(100.0)
    budget.block(50.0)
    for priority in Priority:
        assert budget.wait_s(1, priority, 40.0) == 60.0
    assert budget.wait_s(1, Priority.STEADY, 100.0) == 0


def test_what_others_of_this_address_use_is_counted_until_the_minute_is_over() -> None:
    budget = Budget(400)
    budget.spend(10, 0.0)
    budget.note_used(310, 1.0, minute_left_s=20.0)  # 300 of them are somebody else's
    assert budget.wait_s(5, Priority.RECOVERY, 1.0) == pytest.approx(20.0)
    assert budget.wait_s(1, Priority.KEYS, 1.0) == 0, "a key needs only what the venue itself still gives"
    assert budget.wait_s(5, Priority.RECOVERY, 21.0) == 0


def test_what_we_used_ourselves_is_not_counted_twice() -> None:
    budget = Budget(400)
    budget.spend(150, 10.0)
    budget.note_used(150, 11.0, minute_left_s=30.0)
    assert budget.wait_s(50, Priority.STEADY, 11.0) == 0


def test_what_we_used_in_the_minute_before_is_not_among_what_it_counts() -> None:
    budget = Budget(400)
    budget.spend(100, 10.0)
    budget.spend(20, 45.0)
    budget.note_used(270, 50.0, minute_left_s=50.0)  # its minute began at 40.0, and 250 of these are somebody else's
    assert budget.wait_s(30, Priority.KEYS, 50.0) == 0
    assert budget.wait_s(31, Priority.KEYS, 50.0) > 0


def test_what_an_earlier_process_sent_counts_until_its_minute_is_over() -> None:
    budget = Budget(400)
    budget.spend(100, 10.0)
    budget.spent_earlier(90, -30.0)
    budget.spent_earlier(60, -40.0)
    assert budget.wait_s(1, Priority.STEADY, 15.0) == pytest.approx(5.0), "the oldest goes first"
    assert budget.wait_s(50, Priority.STEADY, 20.0) == pytest.approx(10.0)
    assert budget.wait_s(50, Priority.STEADY, 30.0) == 0


def test_beside_others_each_kind_keeps_to_its_own_share_to_the_last_unit() -> None:
    budget = Budget(400)
    budget.spend(20, 0.0)
    budget.note_used(270, 0.0, minute_left_s=0.5)  # 250 of them are somebody else's
    assert budget.wait_s(30, Priority.RECOVERY, 0.0) == 0, "20 and 30 and 250 are three quarters of 400"
    assert budget.wait_s(31, Priority.RECOVERY, 0.0) == pytest.approx(0.5)
    assert budget.wait_s(130, Priority.KEYS, 0.0) == 0
    assert budget.wait_s(131, Priority.KEYS, 0.0) == pytest.approx(0.5)
    budget.block(0.25)
    assert budget.wait_s(1, Priority.KEYS, 0.0) == pytest.approx(0.25), "also where it is nearly over"


def test_keys_that_pass_a_recovery_have_a_part_of_their_own_and_take_none_of_its_room() -> None:
    budget, sent, recovered = Budget(400), 0, 0
    for now_s in range(120):  # keys of many accounts and recoveries wait all the time
        while budget.wait_s(5, Priority.RECOVERY, now_s) == 0:
            budget.spend(5, now_s)
            recovered += 5
        while budget.wait_s(1, Priority.KEYS, now_s, passing=True) == 0:
            budget.spend(1, now_s, passing=True)
            sent += 1
    assert (recovered, sent) == (600, 40), "300 and 20 of 400 in each minute"
    assert budget.wait_s(1, Priority.KEYS, 119.0, passing=True) == pytest.approx(1.0)
    assert budget.wait_s(1, Priority.KEYS, 119.0) == pytest.approx(1.0), "together they are four fifths"


def test_a_key_that_passes_none_may_fill_what_is_left() -> None:
    budget = Budget(400)
    budget.spend(20, 0.0, passing=True)
    assert budget.wait_s(1, Priority.KEYS, 1.0, passing=True) == pytest.approx(59.0)
    assert budget.wait_s(300, Priority.KEYS, 1.0) == 0
    assert budget.wait_s(301, Priority.KEYS, 1.0) == pytest.approx(59.0)
    assert budget.wait_s(300, Priority.RECOVERY, 1.0) == 0, "what has passed is none of its business"
    assert budget.wait_s(1, Priority.KEYS, 60.0, passing=True) == 0
