"""Test the timers; the whole of it is shown in test_mending.py."""

from __future__ import annotations

import pytest

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.inputs import Audited, Moment, NotAudited, NotRecovered, Recovered
from listenkey.core.recovery_policy import RecoveryPolicy
from listenkey.core.retry_policy import Disposition, RetryDecision
from listenkey.core.states import State
from listenkey.core.timing import Timing
from listenkey.errors import Unreachable
from listenkey.items import GapClosed, GapOpened, Live
from tests.unit.core.test_gap_recovery import LATER, live, polls, state, without_sockets
from tests.unit.core.world import World


def at(s: float, draw: float = 0.5) -> Moment:
    return Moment(s, round(s * 1000), draw)


def test_no_look_is_due_while_one_may_not_be_made() -> None:
    repair = RecoveryPolicy(Timing())
    repair.closed(5, at(0.0))
    repair.went_live(at(0.0))
    assert repair.deadlines(may_look=False, may_poll=False) == []
    assert repair.deadlines(may_look=True, may_poll=False) == [2.0]


def test_one_look_at_a_time_and_of_several_that_are_due_one_does() -> None:
    repair = RecoveryPolicy(Timing())
    repair.closed(5, at(0.0))
    look = repair.look_if_due(at(6.0), 1)
    assert look is not None
    assert (look.number, look.from_ms, look.not_before_ms) == (1, 5, 1)
    assert repair.look_if_due(at(6.0), 1) is None
    repair.looked(Audited(1), at(6.0))
    assert repair.deadlines(may_look=True, may_poll=False) == [15.0]


def test_a_gap_within_one_that_settles_is_settled_from_the_earlier_one_on() -> None:
    repair = RecoveryPolicy(Timing())
    repair.closed(5, at(0.0))
    repair.closed(900, at(1.0))
    look = repair.look_if_due(at(3.0), 0)
    assert look is not None
    assert look.from_ms == 5


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


def test_a_look_that_failed_before_the_stream_was_live_plans_no_audit() -> None:
    repair = RecoveryPolicy(Timing())
    repair.closed(5, at(0.0))
    look = repair.look_if_due(at(2.0), 0)
    assert look is not None
    repair.could_not_look(NotAudited(look.number, RetryDecision(Disposition.WAIT, 0.0, Unreachable("x", "y"))), at(2.0))
    assert repair.deadlines(may_look=True, may_poll=False) == [4.5], "settling waits"
    for at_s in (4.5, 5.0, 15.0, 35.0):
        if (look := repair.look_if_due(at(at_s), 0)) is not None:
            repair.looked(Audited(look.number), at(at_s))
    assert not repair.settling


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


def test_while_history_lags_by_more_than_is_assumed_the_last_gap_is_not_settled() -> None:
    repair = RecoveryPolicy(Timing(settle_after_s=(2.0,)))
    repair.closed(5, at(0.0))
    for at_s, lag_s in ((2.0, 40.0), (17.0, 55.0), (32.0, 0.0)):
        assert repair.settling
        look = repair.look_if_due(at(at_s), 0)
        assert look is not None
        repair.looked(Audited(look.number, lag_s), at(at_s))
    assert not repair.settling


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


def test_a_look_that_is_refused_is_repeated_once_an_audit_is_due() -> None:
    repair = RecoveryPolicy(Timing(refused_retry_s=300.0, audit_every_s=60.0))
    repair.closed(5, at(0.0))
    look = repair.look_if_due(at(2.0), 0)
    assert look is not None
    repair.could_not_look(NotAudited(look.number, RetryDecision(Disposition.STOP, 0.0, Unreachable("x", "y"))), at(2.0))
    assert repair.deadlines(may_look=True, may_poll=False) == [62.5]


def test_a_poll_that_a_recovery_ends_is_due_again_at_once() -> None:
    repair = RecoveryPolicy(Timing())
    repair.interrupted(at(0.0))
    repair.poll(1, 1)
    repair.interrupted(at(1.0))
    assert repair.poll_at_s is None, "it runs"
    repair.begin(1, 2, 1)
    assert repair.poll_at_s == 0.0


def recovering(world: World) -> int:
    """Wait for the next recovery to begin; its attempt."""
    while state(world) is not State.RECOVERING:
        world.run(0.005)
    return world.life.recovery.attempt


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
        assert world.life.recovery.orphaned, "the answer came sooner than the next socket"
        world.run(0.0005)
    assert world.life.recovery.adopted
    assert len(world.actions(do.Recover)) == 1
    world.log.clear()
    if answered:
        world.feed(on.RecoveredPart(attempt, world.moment().wall_ms + 10_000, 0))
        assert state(world) is State.RECOVERING, "it is older than all that is held"
        world.feed(on.Recovered(attempt, ()))
        assert [type(action) for _, action in world.log] == [do.DeliverFound, do.DeliverFound, do.Recover]
    else:
        world.feed(on.NotRecovered(attempt, LATER))
        assert not world.life.recovery.adopted
    world.run_until_live()
    world.run(2)
    assert isinstance(world.items[-2], GapClosed)


def test_a_lost_sockets_recovery_that_fails_is_followed_by_polls() -> None:
    world = without_sockets()
    world.life.recovery.orphaned, world.life.recovery.attempt = True, 7
    world.feed(on.NotRecovered(7, LATER))
    assert not world.life.recovery.orphaned
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
