"""Sockets that last no second: a recovery outlives its socket, and what it finds is delivered."""

from __future__ import annotations

import pytest

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.states import State
from listenkey.items import GapClosed
from tests.unit.core.test_mending import LATER, live, polls, state, without_sockets
from tests.unit.core.world import World


def recovering(world: World) -> int:
    """Wait for the next recovery to begin; its attempt."""
    while state(world) is not State.RECOVERING:
        world.run(0.005)
    return world.life.repair.attempt


def test_the_answer_that_a_lost_socket_waited_for_is_delivered_and_another_is_asked_for() -> None:
    """Sockets that last no second would otherwise throw each answer away, though REST works."""
    world = live()
    world.latency_s = 0.2
    world.drop(1)
    attempt = recovering(world)
    from_ms = world.life.gaps.open_from_ms
    world.drop(2)
    assert state(world) is State.CONNECTING
    world.log.clear()
    world.feed(on.RecoveredPart(attempt - 1, 5, 5))
    assert world.log == []
    world.feed(on.RecoveredPart(attempt, 5, 5))
    world.feed(on.Recovered(attempt, ()))
    assert [type(action) for _, action in world.log] == [do.Report, do.DeliverFound, do.DeliverFound]
    assert world.life.gaps.open_from_ms == 5 != from_ms, "the gap is still open"
    world.feed(on.Recovered(attempt, ()))
    assert world.actions(do.DeliverFound) == world.actions(do.Report) * 2, "it was dealt with"
    world.run_until_live()
    world.run(1)
    assert isinstance(world.items[-2], GapClosed)


@pytest.mark.parametrize("answered", [True, False])
def test_a_recovery_that_outlives_its_socket_is_not_begun_anew_by_the_next(answered: bool) -> None:
    world = live()
    world.drop(1)
    attempt = recovering(world)
    world.latency_s = 0.0001  # of all but the answer that is under way
    world.drop(2)
    while state(world) is not State.RECOVERING:
        assert world.life.repair.orphaned, "the answer came sooner than the next socket"
        world.run(0.0005)
    assert world.life.repair.adopted
    assert len(world.actions(do.Recover)) == 1
    world.log.clear()
    if answered:
        world.feed(on.RecoveredPart(attempt, world.moment().wall_ms + 10_000, 0))
        assert state(world) is State.RECOVERING, "it is older than all that is held"
        world.feed(on.Recovered(attempt, ()))
        assert [type(action) for _, action in world.log] == [do.DeliverFound, do.DeliverFound, do.Recover]
    else:
        world.feed(on.NotRecovered(attempt, LATER))
        assert not world.life.repair.adopted
    world.run_until_live()
    world.run(2)
    assert isinstance(world.items[-2], GapClosed)


def test_a_lost_sockets_recovery_that_fails_is_followed_by_polls() -> None:
    world = without_sockets()
    world.life.repair.orphaned, world.life.repair.attempt = True, 7
    world.feed(on.NotRecovered(7, LATER))
    assert not world.life.repair.orphaned
    world.run(40)
    assert len(polls(world)) == 1


def test_short_sockets_do_not_put_the_next_poll_off() -> None:
    world = live()
    world.recoveries = [LATER] * 1000
    began_s = world.now_s
    world.drop(1)
    while not polls(world) and world.now_s < began_s + 60:
        for number in list(world.sockets):
            world.drop(number)
        world.run(0.3)
    assert world.now_s - began_s < 12
