"""Test the timers; the whole of it is shown in test_gap_recovery.py."""

from __future__ import annotations

import pytest

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.inputs import Moment, NotRecovered, Recovered
from listenkey.core.recovery_policy import Asking, RecoveryPolicy
from listenkey.core.retry_policy import Disposition, RetryDecision
from listenkey.core.states import State
from listenkey.core.timing import Timing
from listenkey.errors import Unreachable
from listenkey.items import GapClosed, GapOpened, Live
from tests.unit.core.test_gap_recovery import LATER, live, polls, state, without_sockets
from tests.unit.core.world import World, reason


def at(s: float, draw: float = 0.5) -> Moment:
    return Moment(s, round(s * 1000), draw)


def test_waits_grow_with_failures_and_end_with_an_answer() -> None:
    repair = RecoveryPolicy(Timing())
    waits = []
    for number in range(1, 12):
        repair.begin(0, 0, 0)
        repair.failed(NotRecovered(number, RetryDecision(Disposition.WAIT, 0.0, Unreachable("x", "y"))), at(0.0, 1.0))
        waits.append(repair.retry_at_s or 0.0)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (0.5, 30.0)
    repair.begin(0, 0, 0)
    assert repair.answered(Recovered(12, ()), at(0.0))
    repair.failed(NotRecovered(12, RetryDecision(Disposition.WAIT, 0.0, Unreachable("x", "y"))), at(0.0, 1.0))
    assert repair.retry_at_s == 0.5


def test_a_wait_that_the_venue_asks_for_is_never_shortened_and_hardly_prolonged() -> None:
    for draw in (0.0, 0.5, 1.0):
        repair = RecoveryPolicy(Timing())
        repair.begin(0, 0, 0)
        repair.failed(
            NotRecovered(1, RetryDecision(Disposition.WAIT, 600.0, Unreachable("x", "banned"))), at(10.0, draw)
        )
        assert repair.retry_at_s is not None
        assert 610.0 <= repair.retry_at_s <= 612.0
        assert not repair.running
        assert "banned" in str(repair.problem)


def test_a_rest_that_lags_is_asked_less_and_less_often_and_believed_in_the_end() -> None:
    repair = RecoveryPolicy(Timing(lag_seen_max_s=60.0))
    waits, now_s = [], 0.0
    while not repair.answered(Recovered(1, (), complete=False, lag_s=now_s), at(now_s)):
        assert repair.retry_at_s is not None
        waits.append(repair.retry_at_s - now_s)
        now_s = repair.retry_at_s
    assert waits == sorted(waits)
    assert (waits[0], round(waits[-1])) == (2.0, 15)
    assert repair.lag_s == now_s >= 60.0
    repair.closed(5, at(now_s))
    assert repair.lag_s == 0


def test_a_poll_that_a_recovery_ends_is_due_again_at_once() -> None:
    repair = RecoveryPolicy(Timing())
    repair.interrupted(at(0.0))
    repair.poll(1, 1)
    repair.interrupted(at(1.0))
    assert repair.poll_at_s is None, "it runs"
    repair.begin(1, 2, 1)
    assert repair.poll_at_s == 0.0


def asking(world: World) -> Asking:
    """Read anew each time, so that a checker of types does not take it for unchanged."""
    return world.life.recovery_policy.asking


def recovering(world: World) -> int:
    """Wait for the next recovery to begin; its attempt."""
    while state(world) is not State.RECOVERING:
        world.run(0.005)
    return world.life.recovery_policy.attempt


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
        assert world.life.recovery_policy.asking is Asking.ORPHAN, "the answer came sooner than the next socket"
        world.run(0.0005)
    assert asking(world) is Asking.ADOPTED
    assert len(world.actions(do.Recover)) == 1
    world.log.clear()
    if answered:
        world.feed(on.RecoveredPart(attempt, world.moment().wall_ms + 10_000, 0))
        assert state(world) is State.RECOVERING, "it is older than all that is held"
        world.feed(on.Recovered(attempt, ()))
        assert [type(action) for _, action in world.log] == [do.DeliverFound, do.DeliverFound, do.Recover]
    else:
        world.feed(on.NotRecovered(attempt, LATER))
        assert asking(world) is not Asking.ADOPTED
    world.run_until_live()
    world.run(2)
    assert isinstance(world.items[-2], GapClosed)


def test_a_lost_sockets_recovery_that_fails_is_followed_by_polls() -> None:
    world = without_sockets()
    world.life.recovery_policy.asking, world.life.recovery_policy.attempt = Asking.ORPHAN, 7
    world.feed(on.NotRecovered(7, LATER))
    assert asking(world) is Asking.NOTHING
    world.run(40)
    assert len(polls(world)) == 1


def test_sockets_of_one_gap_hold_no_longer_together_than_one_alone() -> None:
    """Each is lost before the recovery ends: their events would wait for minutes, and be lost with their sockets."""
    world = live()
    world.rest_hangs = True
    world.drop(1)
    attempt = recovering(world)
    held_s = world.now_s
    while world.now_s < held_s + 120:
        world.run(10)
        if state(world) is State.LIVE:
            break
        world.drop(max(world.sockets))
        recovering(world)
    assert 30 <= world.now_s - held_s < 45
    world.drop(max(world.sockets))
    while state(world) is not State.LIVE:
        world.run(0.01)
    assert [type(item) for item in world.items][-1] is GapOpened, "the next one of this gap holds nothing"
    world.rest_hangs = False
    world.feed(on.Recovered(attempt, ()))
    world.run(10)
    assert [type(item) for item in world.items][-1] is Live
    world.rest_hangs = True
    world.drop(max(world.sockets))
    recovering(world)
    world.run(10)
    assert state(world) is State.RECOVERING, "the next gap holds as long as the first"


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


def test_an_audit_that_ends_within_a_gap_leaves_it_one_of_single_messages() -> None:
    """Else the gap would end when the socket was attached: before it began."""
    world = live()
    world.life.recovery_policy.audit_schedule.audit_at_s = world.now_s
    world.latency_s = 5.0
    world.feed(on.TimerDue())
    lost_ms = world.moment().wall_ms
    world.feed(on.Doubted(lost_ms, reason("a total differs")))
    world.feed(on.Audited(world.life.recovery_policy.audit_schedule.number))
    assert not world.life.recovery_policy.blind
    world.run(10)
    closed = next(item for item in reversed(world.items) if isinstance(item, GapClosed))
    assert closed.to_ms >= lost_ms + 5_000
