"""The overlap of a socket and its successor by itself."""

from __future__ import annotations

from listenkey.core import inputs as on
from listenkey.core.rotation import Rotation
from listenkey.core.socket_view import SocketView
from listenkey.core.timing import Timing
from listenkey.credentials import Secret

TIMING = Timing()
OLD, NEW = 1, 2


def at(s: float) -> on.Moment:
    return on.Moment(s, round(s * 1000), 0.5)


def socket(number: int, *, attached: bool = True) -> SocketView:
    return SocketView(number, Secret("key"), 0.0, attached)


def begun() -> Rotation:
    rotation = Rotation(TIMING)
    rotation.begin(NEW)
    return rotation


def test_the_overlap_begins_when_the_successor_is_attached() -> None:
    rotation = begun()
    assert rotation.deadlines() == []
    assert not rotation.is_due(at(1000.0))
    rotation.attached(7, at(10.0))
    assert rotation.deadlines() == [10.0 + TIMING.overlap_s]
    assert not rotation.is_due(at(10.0))


def test_it_ends_when_the_old_socket_has_answered_and_the_time_is_over() -> None:
    rotation = begun()
    rotation.attached(7, at(10.0))
    assert not rotation.ponged(6), "that ping was sent before the successor was attached"
    assert rotation.ponged(7)
    due_s = 10.0 + TIMING.overlap_s
    assert rotation.is_due(at(due_s))
    rotation.end()
    assert (rotation.successor, rotation.pong_seen, rotation.deadlines()) == (None, False, [])
    assert not rotation.ponged(8)


def test_a_slow_answer_is_waited_for() -> None:
    rotation = begun()
    rotation.attached(7, at(10.0))
    due_s = 10.0 + TIMING.overlap_s
    assert not rotation.is_due(at(due_s))
    assert rotation.deadlines() == [due_s + TIMING.ping_after_s]


def test_of_the_old_socket_only_what_comes_behind_the_pong_counts() -> None:
    rotation, old, new, unattached = begun(), socket(OLD), socket(NEW), socket(NEW, attached=False)
    rotation.attached(7, at(10.0))
    for each in (old, new, unattached):
        rotation.brought(each, 3)
    assert [old.brought, new.brought, unattached.brought] == [0, 3, 0]
    rotation.ponged(7)
    rotation.brought(old, 2)
    assert old.brought == 2
