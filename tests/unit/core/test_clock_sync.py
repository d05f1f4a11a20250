from __future__ import annotations

from listenkey.core.clock_sync import FRESH_S, ClockSync


def test_before_it_was_asked_the_machine_is_believed() -> None:
    time = ClockSync()
    assert time.stale(0.0)
    assert time.now_ms(5.0, 1_000) == 1_000


def test_the_middle_of_asking_and_answering_is_when_the_venue_looked() -> None:
    time = ClockSync()
    time.note(50_000, 10.0, 10.8)
    assert time.now_ms(10.4, 0) == 50_000
    assert time.now_ms(12.4, 0) == 52_000


def test_it_may_have_looked_at_any_moment_between() -> None:
    time = ClockSync(time_scale=10)
    assert time.uncertain_ms == 0
    time.note(50_000, 10.0, 10.5)
    assert time.uncertain_ms == 2_500


def test_a_slow_answer_puts_nobody_a_second_ahead() -> None:
    time = ClockSync()
    time.note(50_000, 10.0, 14.0)
    assert time.now_ms(14.0, 0) == 50_500, "it may have looked at the very end"
    assert time.uncertain_ms == 3_500, "or at the very beginning"


def test_a_wall_clock_that_is_set_changes_nothing() -> None:
    time = ClockSync()
    time.note(50_000, 10.0, 10.0)
    assert time.now_ms(11.0, 1) == time.now_ms(11.0, 10**12) == 51_000


def test_it_goes_stale_and_can_be_forgotten() -> None:
    time = ClockSync()
    time.note(50_000, 10.0, 10.0)
    assert not time.stale(10.0 + FRESH_S)
    assert time.stale(10.1 + FRESH_S)
    time.forget()
    assert time.stale(10.0)


def test_moments_of_our_wall_clock_there_and_back_also_on_a_scaled_exchange() -> None:
    time = ClockSync(time_scale=60)
    time.note(1_000_000, 10.0, 10.0)
    assert time.now_ms(11.0, 0) == 1_060_000
    assert time.of_wall(4_000, now_s=11.0, wall_ms=5_000) == 1_000_000
    assert time.to_wall(1_000_000, now_s=11.0, wall_ms=5_000) == 4_000


def test_it_is_known_once_the_venue_has_answered() -> None:
    time = ClockSync()
    assert not time.is_known
    time.note(50_000, 10.0, 10.5)
    assert time.is_known
