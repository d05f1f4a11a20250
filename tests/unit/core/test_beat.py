"""Test when silence is a dead stream; with positions that come and go it is shown in test_loss_detector.py."""

from __future__ import annotations

from listenkey.core.beat import Beat


def test_silence_counts_where_it_beat_on_this_socket_and_a_position_is_open() -> None:
    beat = Beat(1.0)
    beat.opened(1.0)
    beat.came(10.0)
    assert beat.silent_at_s() is None, "once may be chance"
    beat.came(20.0)
    assert beat.silent_at_s() == 45.0
    beat.closed()
    assert beat.silent_at_s() is None
    beat.opened(30.0)
    assert beat.silent_at_s() == 55.0, "it begins with the position"
    beat.begin(31.0)
    assert beat.silent_at_s() is None
