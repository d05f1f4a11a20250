"""The table's rows that are seldom played: what comes too late, or of a socket or key that was given up."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import pytest

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.lifecycle import TRANSITIONS
from listenkey.core.retry_policy import Disposition, RetryDecision
from listenkey.core.states import State
from listenkey.core.timing import Timing
from listenkey.credentials import Secret
from listenkey.errors import Unreachable
from listenkey.items import GapClosed, GapOpened, Live
from tests.unit.core.world import World, reason

GONE = 99
OLD_KEY = Secret("an older key")
LATER = RetryDecision(Disposition.WAIT, 0.0, Unreachable("venue", "down"))


def state(world: World) -> State:
    """Asked anew each time, so that a checker of types does not take it for unchanged."""
    return world.life.state


def in_state(wanted: State) -> World:
    """A stream that has been live, and stands there now."""
    world = World(Timing(rotate_after_s=100.0, rotate_jitter_s=0.0), recovers=True).start()
    world.run_until_live()
    if wanted is State.KEYING:
        world.down.add("rest")
        world.expire_key(told=True)
    elif wanted is State.CONNECTING:
        world.down.add("ws")
        world.drop(1)
    elif wanted is State.PROVING:
        world.down.add("rest")
        world.drop(1)
    elif wanted is State.RECOVERING:
        world.recoveries = [LATER] * 5
        world.drop(1)
    elif wanted is State.ENDED:
        world.feed(on.StopAsked())
    for _ in range(20_000):
        if state(world) is wanted:
            return world
        world.run(0.005 if wanted is not State.ROTATING else 0.01)
    raise AssertionError(f"{wanted} was not reached")


RUNNING = [State.KEYING, State.CONNECTING, State.PROVING, State.RECOVERING, State.LIVE, State.ROTATING, State.ENDED]

STRANGE: dict[str, Callable[[], on.Input]] = {
    "a lost socket": lambda: on.SocketLost(GONE, reason("late")),
    "a socket that did not open": lambda: on.SocketNotOpened(GONE, LATER),
    "a pong": lambda: on.PongCame(GONE, 1),
    "an event": lambda: on.EventCame(GONE),
    "a farewell": lambda: on.VenueLeaving(GONE),
    "a heap of held events": lambda: on.HeldTooMuch(GONE),
    "a renewal": lambda: on.KeyRenewed(OLD_KEY, 1e9),
    "a failed renewal": lambda: on.KeyNotRenewed(OLD_KEY, LATER),
    "the end of a key": lambda: on.KeyEnded(OLD_KEY),
}


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize("where", RUNNING)
def test_what_belongs_to_a_socket_or_key_that_was_given_up_changes_nothing(where: State, what: str) -> None:
    world = in_state(where)
    life = world.life
    before = (
        life.state,
        life.connections.followed,
        dict(life.connections.sockets),
        life.listen_key.key,
        life.wake_at_s(),
        life.why,
        len(world.log),
    )
    life.connections.heard(GONE, world.moment().s)
    life.brought(GONE)
    world.feed(STRANGE[what]())
    after = (
        life.state,
        life.connections.followed,
        dict(life.connections.sockets),
        life.listen_key.key,
        life.wake_at_s(),
        life.why,
        len(world.log),
    )
    assert after == before


@pytest.mark.parametrize("where", RUNNING)
def test_a_socket_that_comes_up_when_nobody_wants_it_any_more_is_aborted_and_nothing_else(where: State) -> None:
    world = in_state(where)
    life = world.life
    before = (life.state, life.connections.followed, dict(life.connections.sockets), life.wake_at_s())
    world.feed(on.SocketAttached(GONE))
    assert world.log[-1][1] == do.AbortSocket(GONE)
    assert (life.state, life.connections.followed, dict(life.connections.sockets), life.wake_at_s()) == before


def test_a_state_that_the_table_does_not_name_is_a_mistake() -> None:
    world = in_state(State.LIVE)
    wrong = TRANSITIONS[State.LIVE, on.StopAsked]._replace(may_follow=frozenset({State.LIVE}))
    with (
        patch.dict(TRANSITIONS, {(State.LIVE, on.StopAsked): wrong}),
        pytest.raises(AssertionError, match=r"StopAsked led from State.LIVE to State.ENDED"),
    ):
        world.feed(on.StopAsked())


def test_every_state_can_be_stopped_and_no_other_input_ends_a_stream_that_has_a_socket() -> None:
    running = set(State) - {State.ENDED}
    ends = {(state, kind) for (state, kind), cell in TRANSITIONS.items() if State.ENDED in cell.may_follow}
    failures = {(State.KEYING, on.KeyNotReady), (State.CONNECTING, on.SocketNotOpened)}
    assert {pair for pair in ends if pair[0] in running} == {(state, on.StopAsked) for state in running} | failures


def test_a_socket_opened_for_a_key_that_has_died_is_not_taken_for_the_new_keys_socket() -> None:
    world = in_state(State.CONNECTING)
    world.down.clear()
    while not world.life.connections.sockets:
        world.run(0.001)
    (opening,) = world.life.connections.sockets
    world.expire_key(told=False)
    assert world.life.listen_key.key is not None
    world.feed(on.KeyEnded(world.life.listen_key.key))
    assert opening not in world.life.connections.sockets
    world.run_until_live()
    assert world.life.connections.followed != opening
    assert world.sockets == {world.life.connections.followed: world.key}


def test_the_old_socket_may_end_while_a_new_key_is_asked_for() -> None:
    world = in_state(State.KEYING)
    (old,) = world.sockets
    world.drop(old)
    assert (state(world), world.life.connections.followed, world.life.connections.sockets) == (State.KEYING, None, {})
    world.down.clear()
    world.run_until_live()
    assert len(world.sockets) == 1


def kinds(world: World) -> list[type]:
    return [type(item) for item in world.items]


def rotating(overlap_for_s: float) -> World:
    """Both sockets are attached, for so long."""
    world = World(Timing(rotate_after_s=100.0, rotate_jitter_s=0.0)).start()
    while state(world) is not State.ROTATING:
        world.run(0.01)
    world.run(world.latency_s * 1.5)
    assert set(world.sockets) == {1, 2}
    world.run(overlap_for_s)
    return world


def test_a_rotation_waits_for_the_old_sockets_pong() -> None:
    world = rotating(0.0)
    world.deaf.add(1)
    overlap_s = world.life.timing.overlap_s
    world.run(overlap_s - 0.1)
    world.deaf.clear()  # The next ping is answered, after the overlap: nothing of the old socket is given up before.
    world.run(overlap_s)
    assert (world.life.rotation.count, kinds(world)) == (1, [Live])
    assert world.actions(do.Follow)[-1] - world.life.connections.sockets[2].attached_s > overlap_s


def test_a_successor_that_brings_nothing_of_what_the_old_socket_brings_is_not_followed() -> None:
    world = rotating(1.0)
    world.deaf.add(2)
    world.event()
    world.run(10)
    assert (state(world), world.life.rotation.count, world.life.connections.followed) == (State.LIVE, 0, 1)
    assert (list(world.sockets), kinds(world)) == ([1], [Live])
    world.run(60)
    assert (world.life.rotation.count, kinds(world)) == (1, [Live]), "the next one is tried"


def test_a_successor_that_brings_the_same_is_followed() -> None:
    world = rotating(1.0)
    world.event()
    world.run(10)
    assert (world.life.rotation.count, list(world.sockets), kinds(world)) == (1, [2], [Live])


def test_a_successor_that_is_lost_leaves_the_old_socket_alone() -> None:
    world = rotating(1.0)
    world.drop(2)
    assert (state(world), world.life.connections.followed, kinds(world)) == (State.LIVE, 1, [Live])
    world.run(100)
    assert (world.life.rotation.count, kinds(world)) == (1, [Live])


def test_an_old_socket_that_ends_after_its_last_word_leaves_no_gap() -> None:
    world = rotating(1.0)  # its pong came: whatever it was sent before its successor was attached has been read
    world.drop(1)
    assert (state(world), world.life.connections.followed, kinds(world)) == (State.LIVE, 2, [Live])


def test_an_old_socket_that_ends_before_its_last_word_leaves_a_gap_that_its_successor_ends() -> None:
    world = rotating(0.0)
    world.drop(1)
    assert (state(world), world.life.connections.followed) == (State.LIVE, 2)
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]
    assert world.items[2].to_ms == world.life.connections.sockets[2].attached_ms
