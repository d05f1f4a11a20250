"""A life that can ask REST, in virtual time: what is held, for how long, and what is told when."""

from __future__ import annotations

from itertools import pairwise

import pytest

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core import reconciliation
from listenkey.core.gaps import Resumed
from listenkey.core.retry_policy import Disposition, RetryDecision, classify
from listenkey.core.states import State
from listenkey.core.timing import Timing
from listenkey.errors import Banned, Refused, Retired, Unreachable
from listenkey.items import GapClosed, GapOpened, Live
from listenkey.outcomes import Loss
from tests.unit.core.world import World, lost, reason

LATER = RetryDecision(Disposition.WAIT, 0.0, Unreachable("venue", "down"))


def live(**timing: float) -> World:
    world = World(Timing(**timing), recovers=True).start()  # type: ignore[arg-type]
    world.run_until_live()
    world.run(10)
    return world


def kinds(world: World) -> list[type]:
    return [type(item) for item in world.items]


def state(world: World) -> State:
    """Asked anew each time, so that a checker of types does not take it for unchanged."""
    return world.life.state


def settling(world: World) -> bool:
    return world.life.recovery_policy.audit_schedule.settling


def since_drop(world: World) -> list[type]:
    return [type(action) for at_s, action in world.log if at_s >= world.actions(do.OpenSocket)[-1]]


def test_the_first_life_asks_for_nothing_that_was_before_it() -> None:
    assert live().actions(do.Recover) == []


def test_a_new_socket_waits_until_rest_has_answered_and_then_all_is_told_in_order() -> None:
    world = live()
    world.recoveries = [on.Recovered(0, (lost("totals"),))]
    world.drop(1)
    world.run_until_live()
    assert since_drop(world) == [do.OpenSocket, do.RenewKey, do.Recover, do.Follow]
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]
    opened, closed = world.items[1:3]
    (recover,) = (action for _, action in world.log if isinstance(action, do.Recover))
    assert (recover.from_ms, recover.to_ms, recover.blind) == (opened.from_ms, closed.to_ms, True)
    assert recover.not_before_ms == world.items[0].since_ms
    assert closed.unrecoverable == ("totals",)


def test_a_part_of_what_was_missed_is_delivered_before_the_rest() -> None:
    world = live()
    world.drop(1)
    while state(world) is not State.RECOVERING:
        world.run(0.005)
    life, attached_ms = world.life, world.life.connections.sockets[2].attached_ms
    attempt, from_ms = life.recovery_policy.attempt, life.gaps.open_from_ms
    assert from_ms is not None
    world.log.clear()
    world.feed(on.RecoveredPart(attempt - 1, attached_ms - 1, from_ms))
    assert world.log == [], "another attempt's"
    world.feed(on.RecoveredPart(attempt, attached_ms - 1, from_ms - 9))
    assert [type(action) for _, action in world.log] == [do.Report, do.DeliverFound]
    assert (state(world), life.gaps.open_from_ms) == (State.RECOVERING, from_ms - 9)
    world.feed(on.RecoveredPart(attempt, attached_ms, from_ms))
    assert [type(action) for _, action in world.log][2:] == [do.Follow]
    assert state(world) is State.LIVE, "what the new socket brought belongs between these"
    world.feed(on.RecoveredPart(attempt, attached_ms + 2, attached_ms + 1))
    assert [type(action) for _, action in world.log][3:] == [do.DeliverFound]
    world.feed(on.Recovered(attempt, ()))
    closed = world.items[-2]
    assert closed.to_ms == attached_ms + 2


def test_what_the_second_socket_did_not_bring_and_rest_did_lies_in_the_gap_as_well() -> None:
    world = live()
    world.recoveries = [on.Recovered(0, (), newest_ms=world.moment().wall_ms + 3_000), on.Recovered(0, ())]
    world.run(5)
    world.drop(1)
    world.run_until_live()
    attached_ms = world.life.connections.sockets[2].attached_ms
    assert world.items[2].to_ms == attached_ms, "older than the socket"
    world.recoveries = [on.Recovered(0, (), newest_ms=10**15)]
    world.drop(2)
    world.run_until_live()
    closed, again = world.items[5:7]
    assert world.life.connections.sockets[3].attached_ms < closed.to_ms == again.since_ms <= world.moment().wall_ms


def test_a_rest_that_is_down_is_asked_again_and_holding_has_an_end() -> None:
    world = live()
    world.recoveries = [LATER] * 1000
    world.drop(1)
    world.run(1.0)
    assert state(world) is State.RECOVERING
    assert not [at_s for at_s in world.actions(do.Follow) if at_s > 1010]
    world.run(31)
    assert state(world) is State.LIVE
    assert kinds(world) == [Live, GapOpened], "followed, and the gap stays open"
    asked = len(world.actions(do.Recover))
    assert 3 <= asked <= 40
    world.recoveries = [on.Recovered(0, ())]
    world.run(60)
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]
    assert world.actions(do.DeliverFound)


def test_nothing_is_held_for_a_ban_and_recovery_comes_right_after_it() -> None:
    world = live()
    world.recoveries = [classify(Banned(418, None, "", 600.0), 0)]
    world.drop(1)
    world.run(1.0)
    assert state(world) is State.LIVE
    (asked_s,) = world.actions(do.Recover)
    world.run(700)
    again_s = world.actions(do.Recover)[1]
    assert 600 <= again_s - asked_s <= 602.1
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]


def test_a_key_that_may_not_read_is_tried_once_in_five_minutes() -> None:
    world = live()
    world.recoveries = [classify(Refused(401, -2015), 0)] * 100
    world.drop(1)
    world.run(1800)
    assert len(world.actions(do.Recover)) <= 7
    assert state(world) is State.LIVE
    assert kinds(world) == [Live, GapOpened]


def test_rest_that_lags_keeps_the_gap_open_and_has_an_end_as_well() -> None:
    world = live()
    world.recoveries = [on.Recovered(0, (), complete=False, lag_s=42.0)] * 100
    world.drop(1)
    world.run(250)
    assert kinds(world) == [Live, GapOpened]
    assert "at least 42 s" in world.life.why
    world.run(80)
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]
    assert world.items[2].unrecoverable == (reconciliation.lagged(42.0).text,)


@pytest.mark.parametrize(
    ("answer", "complete"),
    [
        (on.Recovered(0, ()), True),
        (on.Recovered(0, (lost("the steps of orders"),)), True),
        (on.Recovered(0, (lost("fills of A", Loss.FILLS_REFUSED),)), False),
        (on.Recovered(0, (), outstanding="REST history shows more"), False),
        (on.Recovered(0, (), complete=False, lag_s=42.0), False),
    ],
)
def test_the_end_of_a_gap_says_whether_its_fills_are_complete(answer: on.Recovered, complete: bool) -> None:
    world = live()
    world.recoveries = [answer] * 100
    world.drop(1)
    world.run(350)
    assert world.items[2].fills_complete == complete


def test_a_socket_lost_while_rest_is_asked_keeps_the_gap_and_the_next_asks_anew() -> None:
    world = live()
    world.latency_s = 0.05
    world.drop(1)
    while state(world) is not State.RECOVERING:
        world.run(0.01)
    world.drop(2)
    world.run_until_live()
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]
    first, second = (action for _, action in world.log if isinstance(action, do.Recover))
    assert first.from_ms == second.from_ms
    assert len(world.actions(do.Follow)) == 2, "the first socket's and the third's"


def test_too_much_held_is_let_go() -> None:
    world = live()
    world.recoveries = [LATER] * 100
    world.drop(1)
    while state(world) is not State.RECOVERING:
        world.run(0.01)
    world.feed(on.HeldTooMuch(2))
    assert state(world) is State.LIVE
    assert isinstance(world.log[-1][1], do.Follow)


def test_a_doubt_is_a_gap_that_holds_nothing() -> None:
    world = live()
    world.recoveries = [on.Recovered(0, ())]
    world.feed(on.Doubted(5, reason("a fill is missing")))
    assert state(world) is State.LIVE
    world.run(1)
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]
    assert world.items[1].from_ms == 5
    assert world.life.connections.reconnects == 0


def test_a_doubt_while_rest_is_asked_makes_it_ask_again() -> None:
    world = live()
    world.recoveries = [on.Recovered(0, (lost("first"),)), on.Recovered(0, (lost("second"),))]
    world.feed(on.Doubted(5, reason("one")))
    world.feed(on.Doubted(9, reason("another")))
    world.run(1)
    assert len(world.actions(do.Recover)) == 2
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]
    assert world.items[2].unrecoverable == ("second",)
    assert len(world.actions(do.DeliverFound)) == 2


def test_an_unreadable_frame_among_what_is_held_makes_it_ask_again_and_delivers_nothing_twice() -> None:
    world = live()
    world.recoveries = [on.Recovered(0, (lost("first"),)), on.Recovered(0, (lost("second"),))]
    world.drop(1)
    while state(world) is not State.RECOVERING:
        world.run(0.01)
    world.feed(on.FrameUnreadable(2, "not JSON"))
    lost_ms = world.moment().wall_ms
    world.run_until_live()
    assert len(world.actions(do.Recover)) == 2
    assert len(world.actions(do.DeliverFound)) + len(world.actions(do.Follow)) == 2
    assert "second" in world.items[2].unrecoverable
    assert "first" not in world.items[2].unrecoverable
    assert world.items[2].to_ms == world.items[3].since_ms == lost_ms, "what the new socket lost is in the gap as well"
    assert "not JSON" in str(world.items[2].unrecoverable)
    assert Loss.UNREADABLE in world.items[2].lost
    assert world.items[2].fills_complete, "REST was asked for them"


def test_a_frame_that_cant_be_read_after_a_stall_makes_it_ask_for_the_whole_stall() -> None:
    world = live()
    world.now_s += 40
    now_ms = world.moment().wall_ms
    world.feed(on.FrameUnreadable(1, "not JSON"))
    assert now_ms - world.items[1].from_ms >= 40_000


def test_a_silent_socket_is_dropped_and_the_gap_begins_where_silence_did() -> None:
    world = live()
    world.feed(on.StreamSilent(123, reason("the beat stopped")))
    assert state(world) is State.CONNECTING
    world.run_until_live()
    assert world.items[1].from_ms == 123
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]
    assert world.actions(do.AbortSocket)


def test_the_bill_is_looked_at_after_a_gap_and_once_a_minute() -> None:
    world = live()
    assert world.actions(do.Audit) == []
    world.drop(1)
    world.run_until_live()
    closed_s = world.now_s
    assert settling(world)
    world.run(40)
    looks = [at_s - closed_s for at_s in world.actions(do.Audit)]
    assert looks == pytest.approx([2, 5, 15, 35], abs=0.1)
    assert not settling(world)
    world.run(600)
    assert 8 <= len(world.actions(do.Audit)) - 4 <= 11


def test_what_a_look_finds_is_a_gap_of_its_own_and_settles_again() -> None:
    world = live()
    world.audits = [on.Doubted(7, reason("late rows"))]
    world.recoveries = [on.Recovered(0, ()), on.Recovered(0, ())]
    world.drop(1)
    world.run(4)
    assert kinds(world) == [Live, GapOpened, GapClosed, Live, GapOpened, GapClosed, Live]
    world.run(30)
    assert settling(world)
    world.run(10)
    assert not settling(world)


def test_a_look_that_fails_is_made_later_and_settles_nothing() -> None:
    world = live()
    world.audits = [classify(Banned(418, None, "", 300.0), 0)]
    world.drop(1)
    world.run(100)
    assert len(world.actions(do.Audit)) == 1
    assert settling(world)
    world.run(250)
    assert not settling(world)


def test_fills_come_first_and_the_gap_stays_open_until_orders_have_come() -> None:
    world = live()
    world.recoveries = [on.Recovered(0, (), orders_due=True), LATER, on.Recovered(0, (lost("totals"),))]
    world.drop(1)
    while not world.actions(do.RecoverOrders):
        world.run(0.01)
    assert state(world) is State.LIVE
    assert kinds(world) == [Live, GapOpened], "followed, and not whole"
    world.run(5)
    assert len(world.actions(do.Recover)) == 2, "when orders can't be had, all is asked anew"
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]
    assert world.items[2].unrecoverable == ("totals",)


def test_an_account_that_an_audit_found_idle_is_pinged_less_often_until_its_first_event() -> None:
    world = World(Timing(idle_audit_every_s=1800.0), recovers=True).start()
    world.run_until_live()
    life, schedule = world.life, world.life.recovery_policy.audit_schedule

    def pace() -> tuple[bool, float]:
        return schedule.pace.is_slow, life.connections.slack_s

    assert pace() == (False, 0.0)
    schedule.audit_at_s = world.now_s
    look = schedule.look_if_due(world.moment(), 0)
    assert look is not None
    world.feed(on.Audited(look.number, is_idle=True))
    assert pace() == (True, life.timing.ping_after_s)
    world.feed(on.AccountWoke())
    assert pace() == (False, 0.0)
    assert schedule.audit_at_s <= world.now_s + 66.0


def test_an_answer_for_nobody_changes_nothing() -> None:
    world = live()
    world.feed(on.Recovered(99, ()))
    world.feed(on.NotRecovered(99, LATER))
    world.feed(on.Audited(99))
    world.feed(on.NotAudited(99, LATER))
    assert kinds(world) == [Live]


def test_without_a_secret_a_gap_is_told_and_closed_as_ever() -> None:
    world = World().start()
    world.run_until_live()
    world.drop(1)
    world.run_until_live()
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]
    world.run(600)
    assert world.actions(do.Recover) == world.actions(do.Audit) == []
    world.feed(on.Doubted(5, reason("lost")))
    assert kinds(world)[-2:] == [GapOpened, GapClosed]


def test_any_order_of_losses_ends_live_once_all_is_well() -> None:
    for seed in range(30):
        world = World(Timing(), seed, recovers=True).start()
        world.run_until_live()
        for _ in range(20):
            what = world.random.randrange(6)
            number = world.life.connections.followed or 0
            if what == 0:
                world.drop(number)
            elif what == 1:
                world.expire_key(told=world.random.random() < 0.5)
            elif what == 2:
                world.recoveries.append(LATER)
            elif what == 3:
                world.feed(on.Doubted(5, reason("doubt")))
            elif what == 4:
                world.feed(on.FrameUnreadable(number, "x"))
            else:
                world.recoveries.append(on.Recovered(0, (), complete=False))
            world.run(world.random.random() * 3)
        world.recoveries.clear()
        world.run(1500)
        life = world.life
        assert life.state is State.LIVE, (seed, life.why)
        assert life.gaps.open_from_ms is None, (seed, life.why)
        told = [kind for kind in kinds(world) if kind is not Live]
        # One that turns out to have begun earlier is told twice, and closed once.
        turns = [kind for kind, after in pairwise([*told, None]) if kind is not after]
        assert turns == [GapOpened, GapClosed] * (len(turns) // 2)


def test_holding_has_an_end_also_when_rest_never_answers() -> None:
    world = live()
    world._recover = lambda attempt: None  # type: ignore[method-assign]
    world.drop(1)
    while state(world) is not State.RECOVERING:
        world.run(0.01)
    began_s = world.now_s
    world.run(world.life.timing.recover_hold_max_s - 0.1)
    assert state(world) is State.RECOVERING
    world.run(0.2)
    assert state(world) is State.LIVE
    assert world.actions(do.Follow)[-1] - began_s == pytest.approx(world.life.timing.recover_hold_max_s, abs=0.02)
    assert kinds(world) == [Live, GapOpened], "followed, and the gap stays open"


def test_what_an_old_socket_left_behind_is_asked_for_while_its_successor_waits() -> None:
    world = live(rotate_after_s=100.0, rotate_jitter_s=0.0)
    world.recoveries = [on.Recovered(0, (lost("totals"),))]
    while world.sockets.keys() != {1, 2}:
        world.run(0.005)
    world.drop(1)
    assert state(world) is State.RECOVERING
    followed = len(world.actions(do.Follow))
    assert followed == 1, "the first socket's alone"
    world.run_until_live()
    assert len(world.actions(do.Follow)) == 2
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]
    assert world.items[2].unrecoverable == ("totals",)


def test_a_stream_that_may_ask_nothing_is_impaired_until_it_may() -> None:
    world = live()
    assert world.life.is_settled
    assert world.life.listen_key.quiet_until_s <= world.now_s
    assert world.life.impaired(world.now_s) is None
    world.audits = [classify(Banned(418, None, "", 300.0), 0)]
    world.run(70)
    assert "418" in str(world.life.impaired(world.now_s))
    world.run(400)
    assert world.life.impaired(world.now_s) is None
    world.down = {"rest"}
    world.run(1500)
    assert "renewing" in str(world.life.impaired(world.now_s))
    world.down = set()
    world.run(120)
    assert world.life.impaired(world.now_s) is None
    assert world.life.listen_key.key is not None
    world.feed(on.KeyNotRenewed(world.life.listen_key.key, classify(Banned(418, None, "", 300.0), 0)))
    assert "another 300 s" in str(world.life.impaired(world.now_s))
    world.run(400)
    assert world.life.impaired(world.now_s) is None
    assert kinds(world) == [Live]


def test_a_frame_of_a_socket_that_was_given_up_is_lost_when_it_is_read() -> None:
    world = live()
    world.run(60)
    world.feed(on.FrameUnreadable(99, "not JSON"))
    assert kinds(world) == [Live, GapOpened]
    assert world.items[1].from_ms == world.moment().wall_ms


# --- no socket to be had -----------------------------------------------------------------------------------------------


def polls(world: World) -> list[do.Poll]:
    return [action for _, action in world.log if isinstance(action, do.Poll)]


def without_sockets(**timing: float) -> World:
    """A stream that was live, and whose venue opens no socket any more."""
    world = live(**timing)
    world.down.add("ws")
    world.drop(1)
    return world


def test_while_no_socket_opens_rest_is_asked_for_fills_every_ten_seconds_and_the_gap_stays_open() -> None:
    world = without_sockets()
    world.recoveries = [on.Recovered(0, ()), on.Recovered(0, ()), on.Recovered(0, ())]
    dropped_s = world.now_s
    world.run(35)
    assert [round(at_s - dropped_s) for at_s in world.actions(do.Poll)] == [10, 20, 30]
    (opened,) = world.items[1:]
    assert {(poll.from_ms, poll.not_before_ms) for poll in polls(world)} == {(opened.from_ms, world.items[0].since_ms)}
    assert len(world.actions(do.DeliverFound)) == 3
    world.down.clear()
    world.run_until_live()
    so_far = len(polls(world))
    world.run(60)
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]
    assert len(polls(world)) == so_far, "and no more of it"


def test_an_address_that_is_retired_leaves_rest_to_be_asked() -> None:
    world = live()
    world.post_answers = [Retired(410)] * 3
    world.expire_key(told=True)
    world.drop(1)
    world.run(120)
    assert len(world.actions(do.CreateKey)) <= 4, "once a minute at most"
    assert len(polls(world)) >= 10


def test_without_a_secret_and_before_the_stream_was_live_nothing_is_polled() -> None:
    world = World().start()
    world.run_until_live()
    world.down.add("ws")
    world.drop(1)
    world.run(60)
    world = World(recovers=True)
    world.down.add("ws")
    world.start().run(60)
    assert polls(world) == []


def test_what_an_earlier_process_left_open_is_polled_for_though_no_socket_came_yet() -> None:
    world = World(recovers=True)
    world.down.add("ws")
    world.feed(on.Started(Resumed(covered_until_ms=5)))
    world.run(15)
    assert [poll.from_ms for poll in polls(world)] == [5]


def test_a_rest_that_does_not_answer_is_polled_seldom_and_one_that_asks_for_silence_is_left_alone() -> None:
    world = without_sockets()
    world.recoveries = [LATER, LATER, on.Recovered(0, ())]
    dropped_s = world.now_s
    world.run(90)
    first, second, third, fourth = world.actions(do.Poll)[:4]
    assert 30 <= second - first <= 31.1
    assert 30 <= third - second <= 31.1
    assert round(fourth - third) == 10
    assert round(first - dropped_s) == 10
    for result, wait_s in (
        (classify(Banned(418, -1003, retry_after_s=600), 0), 600),
        (classify(Refused(401, -2015), 0), 300),
    ):
        world = without_sockets()
        world.recoveries = [result]
        world.run(400)
        at_s = world.actions(do.Poll)
        assert len(at_s) < 2 if wait_s == 600 else at_s[1] - at_s[0] >= wait_s


def test_a_poll_that_is_answered_when_a_socket_has_come_is_left_to_the_recovery() -> None:
    world = without_sockets()
    world.run(5)
    moment = world.moment()
    world.life.recovery_policy.poll_at_s = moment.s
    world.latency_s = 40.0
    world.feed(on.TimerDue())
    attempt = polls(world)[-1].attempt
    world.latency_s = 0.02
    world.down.clear()
    while state(world) is not State.PROVING:
        world.run(0.01)
    world.feed(on.Recovered(attempt, ()))
    assert world.actions(do.DeliverFound) == []
    world.run_until_live()
    world.feed(on.Recovered(attempt, ()))
    world.feed(on.NotRecovered(attempt, LATER))
    assert world.actions(do.DeliverFound) == [], "what came too late is not delivered"


def test_an_answer_to_an_earlier_poll_changes_nothing() -> None:
    world = without_sockets()
    world.run(15)
    attempt = polls(world)[-1].attempt
    before = len(world.actions(do.DeliverFound))
    for number in (attempt, attempt - 1):
        world.feed(on.Recovered(number, ()))
        world.feed(on.NotRecovered(number, classify(Banned(418, -1003, retry_after_s=600), 0)))
    assert len(world.actions(do.DeliverFound)) == before
    world.run(15)
    assert polls(world)[-1].attempt > attempt


def test_a_socket_on_a_slow_line_is_covered_from_when_it_was_asked_for() -> None:
    """The answer that attaches it was on its way for a second, and so is what came behind it."""
    world = World(Timing(), latency_s=1.5, recovers=True).start()
    world.run_until_live()
    socket = world.life.connections.sockets[1]
    world.drop(1)
    assert world.items[1].from_ms <= socket.attached_ms - 1_500
