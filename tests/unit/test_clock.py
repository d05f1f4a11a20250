from __future__ import annotations

import time

from listenkey.clock import SystemClock


def test_it_never_goes_back_and_tells_the_time_of_day() -> None:
    clock = SystemClock()
    times = [clock.now_s() for _ in range(1000)]
    assert times == sorted(times)
    assert abs(clock.wall_ms() - time.time() * 1000) < 1000
