"""The clock and the random numbers of a stream."""

from __future__ import annotations

import random

from listenkey.transport.runtime import Runtime


class Now:
    def now_s(self) -> float:
        return 5.0

    def wall_ms(self) -> int:
        return 7_000

    def boot(self) -> str:
        return ""


def test_a_moment_has_both_clocks_and_a_number_of_its_own() -> None:
    runtime = Runtime(Now(), random.Random(1))
    first, second = runtime.moment(), runtime.moment()
    assert (first.s, first.wall_ms) == (5.0, 7_000)
    assert first.draw != second.draw
    assert Runtime(Now(), random.Random(1)).moment() == first, "a run with the same numbers is the same"


def test_streams_share_their_random_numbers_unless_they_are_given_some() -> None:
    assert Runtime().random is Runtime().random
