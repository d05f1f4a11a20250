from __future__ import annotations

from listenkey.core.socket_view import SocketView
from listenkey.core.timing import Timing
from listenkey.credentials import Secret

TIMING = Timing(ping_after_s=2.0, dead_after_s=6.0)


def attached() -> SocketView:
    socket = SocketView(1, Secret("key"), opened_s=9.0)
    socket.attach(10.0, 10_000, TIMING)
    return socket


def test_it_is_pinged_at_a_steady_pace_and_silence_is_death() -> None:
    socket = attached()
    assert socket.ping_at_s(TIMING) == 12.0
    assert socket.dead_at_s == 16.0
    socket.pinged_s = 12.0
    assert socket.ping_at_s(TIMING) == 14.0, "our ping is no sign of life"
    assert socket.dead_at_s == 16.0


def test_with_slack_every_second_ping_is_left_out_and_an_unanswered_one_is_repeated_at_once() -> None:
    socket = attached()
    socket.slack_s = TIMING.ping_after_s
    socket.hear(10.0, TIMING)
    assert socket.ping_at_s(TIMING) == 14.0
    assert socket.dead_at_s == 18.0
    socket.pinged_s = 14.0
    assert socket.ping_at_s(TIMING) == 16.0, "nothing came since"
    socket.hear(14.1, TIMING)
    assert socket.ping_at_s(TIMING) == 18.0


def test_with_slack_a_dead_socket_is_noticed_in_ten_seconds_and_after_two_pings() -> None:
    timing = Timing()
    socket = SocketView(1, Secret("key"), opened_s=0.0, slack_s=timing.ping_after_s)
    socket.attach(0.0, 0, timing)
    pings_s = []
    while (ping_at_s := socket.ping_at_s(timing)) < socket.dead_at_s:
        socket.pinged_s = ping_at_s
        pings_s.append(ping_at_s)
    assert socket.dead_at_s <= 10.0
    assert pings_s == [5.0, 7.5]


def test_anything_heard_is_life_and_only_a_pong_proves_that_nothing_is_missing() -> None:
    socket = attached()
    socket.hear(15.0, TIMING)
    assert (socket.ping_at_s(TIMING), socket.dead_at_s, socket.covered_ms) == (12.0, 21.0, 9_000), (
        "from when it was opened"
    )
    socket.ponged(15.0, 15_000, 0.5)
    assert socket.covered_ms == 14_500


def test_grace_gives_time_and_takes_none() -> None:
    socket = attached()
    socket.give_grace(11.0, TIMING)
    assert socket.dead_at_s == 16.0
    socket.give_grace(100.0, TIMING)
    assert socket.dead_at_s == 102.0


def test_a_frame_may_have_waited_since_the_last_answer_where_that_is_overdue() -> None:
    timing, late = Timing(ping_after_s=2.0, late_s=1.0), SocketView(1, Secret("key"), opened_s=9.0)
    assert late.unread_since_ms(99.0, 99_000, timing) == 99_000, "nothing is on it yet"
    socket = attached()
    assert socket.unread_since_ms(12.0, 12_000, timing) == 12_000
    assert socket.unread_since_ms(13.0, 13_000, timing) == 9_000
    socket.slack_s = 2.0
    assert socket.unread_since_ms(13.0, 13_000, timing) == 13_000, "the next ping is not due yet"
    assert socket.unread_since_ms(15.0, 15_000, timing) == 9_000
