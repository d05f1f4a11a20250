"""Sockets by themselves: opened, followed, pinged, let go, and lost."""

from __future__ import annotations

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.connections import Connections
from listenkey.core.timing import Timing
from listenkey.credentials import Secret

TIMING = Timing()
KEY = Secret("key")


def at(s: float) -> on.Moment:
    return on.Moment(s, round(s * 1000), 0.5)


def two() -> tuple[Connections, list[do.Action]]:
    """Return two sockets, of which the first is attached and followed."""
    actions: list[do.Action] = []
    connections = Connections(TIMING, actions)
    assert [connections.open(KEY, at(10.0)), connections.open(KEY, at(10.0))] == [1, 2]
    assert actions == [do.OpenSocket(1, KEY), do.OpenSocket(2, KEY)]
    connections.attached(on.SocketAttached(1), at(11.0))
    connections.deliver(1)
    assert actions.pop() == do.Follow(1)
    actions.clear()
    return connections, actions


def test_only_attached_sockets_have_deadlines() -> None:
    connections, _ = two()
    assert connections.deadlines() == [11.0 + TIMING.ping_after_s]
    connections.open_at_s = 12.0
    assert connections.deadlines() == [11.0 + TIMING.ping_after_s, 12.0]


def test_a_socket_is_rotated_by_its_age_since_it_was_opened() -> None:
    connections, _ = two()
    assert connections.the_followed().rotate_at_s == 10.0 + TIMING.rotate_after_s


def test_pings_are_counted_and_a_pong_shows_what_was_covered() -> None:
    connections, actions = two()
    assert [connections.ping(1, at(12.0)), connections.ping(1, at(13.0))] == [1, 2]
    assert actions == [do.SendPing(1, 1), do.SendPing(1, 2)]
    connections.ponged(on.PongCame(1, 2, 0.5), at(14.0))
    assert connections.the_followed().covered_s == 13.5
    connections.ponged(on.PongCame(99, 2, 0.5), at(14.0))


def test_a_pong_is_something_heard() -> None:
    connections, _ = two()
    connections.ponged(on.PongCame(1, 1, 0.5), at(14.0))
    assert connections.the_followed().heard_s == 14.0


def test_sockets_of_an_idle_account_are_pinged_half_as_often_and_so_are_those_to_come() -> None:
    connections, _ = two()
    connections.rest(is_idle=True)
    connections.attached(on.SocketAttached(2), at(11.0))
    assert connections.deadlines() == [11.0 + 2 * TIMING.ping_after_s] * 2
    connections.rest(is_idle=False)
    assert connections.deadlines() == [11.0 + TIMING.ping_after_s] * 2


def test_bytes_put_death_off() -> None:
    connections, _ = two()
    connections.heard(1, 50.0)
    connections.heard(99, 60.0)
    assert connections.the_followed().dead_at_s == 50.0 + TIMING.dead_after_s


def test_sockets_are_closed_or_cut_off() -> None:
    connections, actions = two()
    connections.close(2)
    connections.abort(99)
    connections.abort_all()
    assert actions == [do.CloseSocket(2), do.AbortSocket(99), do.AbortSocket(1)]
    assert (connections.sockets, connections.followed) == ({}, None)
    connections, actions = two()
    connections.close_all()
    assert actions == [do.CloseSocket(1), do.CloseSocket(2)]
    assert (connections.sockets, connections.followed) == ({}, None)


def test_only_the_loss_of_the_followed_socket_is_told() -> None:
    connections, _ = two()
    followed = connections.the_followed()
    assert connections.lost(2) is None
    assert connections.lost(99) is None
    assert connections.lost(1) is followed, "the losses before it have not changed what is followed"
    assert connections.lost(1) is None
    assert connections.deadlines() == []


def test_losses_that_repeat_add_to_the_delay() -> None:
    connections, _ = two()
    for _ in range(TIMING.quick_reconnects + 2):
        connections.count_loss(at(20.0))
    assert connections.reconnects == TIMING.quick_reconnects + 2
    assert connections.extra_attempts(20.0) == 2
    assert connections.extra_attempts(21.0 + TIMING.flap_window_s) == 0


def test_a_socket_that_was_opened_earlier_for_others_is_replaced_the_sooner() -> None:
    connections, _ = two()
    connections.attached(on.SocketAttached(2, age_s=3_600.0), at(11.0))
    first, second = connections.sockets[1], connections.sockets[2]
    assert first.rotate_at_s - second.rotate_at_s - (first.opened_s - second.opened_s) == 3_600.0
