"""Test which ping a pong answers."""

from __future__ import annotations

from listenkey.stream.pings import PINGS_AWAITED_MAX, Pings


def test_a_pong_answers_its_ping_and_those_before_it() -> None:
    pings = Pings()
    for number in (1, 2, 3):
        pings.sent(number, 10.0 + number)
    assert pings.answered(2, 12.5) == 0.5
    assert [pings.answered(number, 20.0) for number in (1, 2, 3, 4)] == [None, None, 7.0, None]


def test_so_many_are_waited_for_and_put_off_at_most() -> None:
    pings = Pings()
    for number in range(1, PINGS_AWAITED_MAX + 2):
        pings.sent(number, 0.0)
        pings.put_off(number)
    assert (pings.answered(1, 1.0), pings.answered(2, 1.0)) == (None, 1.0)
    assert pings.take_late() == list(range(2, PINGS_AWAITED_MAX + 2))
    assert pings.take_late() == []
