from __future__ import annotations

from listenkey.sandbox.exchange.timeline import VERSIONS_MAX, Timeline


def test_a_time_is_answered_with_the_last_version_that_had_come_by_then() -> None:
    timeline = Timeline[str]()
    assert timeline.at(5) is None
    for at_ms, version in ((10, "a"), (20, "b"), (20, "c")):
        timeline.note(at_ms, version)
    assert [timeline.at(ms) for ms in (9, 10, 19, 20, 99)] == [None, "a", "a", "c", "c"]


def test_it_is_bounded_and_then_answers_the_oldest_it_has() -> None:
    timeline = Timeline[int]()
    for number in range(VERSIONS_MAX + 10):
        timeline.note(number, number)
    assert timeline.at(3) == 10
    assert timeline.at(VERSIONS_MAX) == VERSIONS_MAX
