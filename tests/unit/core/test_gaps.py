from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.gaps import MISSING_BEFORE, NOT_RECOVERED, NOT_RUNNING, Gaps, Resumed, closed_gap
from listenkey.core.loss_detector import POSITION_DIFFERS
from listenkey.items import GapClosed, GapOpened, Live
from listenkey.outcomes import GapCause, Loss
from tests.unit.core.test_gap_recovery import kinds, live
from tests.unit.core.world import World, lost, reason

NOBODY_RAN = GapOpened(0, "", 100, NOT_RUNNING.text, GapCause.NOT_RUNNING)


def test_before_the_first_live_nothing_can_be_missed() -> None:
    gaps = Gaps()
    gaps.open(1, reason("no socket"))
    gaps.live(5, 6)
    assert gaps.take() == [Live(0, "", 5)]
    assert gaps.count == 0


def test_a_gap_opens_once_and_closes_with_what_is_missing() -> None:
    gaps = Gaps()
    gaps.live(1, 1)
    gaps.open(10, reason("dropped"))
    gaps.open(12, reason("dropped again"))
    gaps.moment(13, reason("an unreadable frame"))
    gaps.live(20, 21)
    _, opened, closed, live = gaps.take()
    assert opened == GapOpened(0, "", 10, "dropped")
    assert isinstance(closed, GapClosed)
    assert (closed.from_ms, closed.to_ms, closed.fills_complete) == (10, 20, False)
    assert "an unreadable frame" in closed.unrecoverable
    assert live == Live(0, "", 20)
    assert (gaps.count, gaps.seconds) == (1, 0.01)
    assert gaps.take() == []


def test_a_gap_that_turns_out_to_have_begun_earlier_is_told_again() -> None:
    gaps = Gaps()
    gaps.live(1, 1)
    gaps.open(10, reason("dropped"))
    gaps.open(4, reason("the listen key had ended, and the venue had not reported it"))
    gaps.live(20, 21)
    assert gaps.take()[1:-2] == [
        GapOpened(0, "", 10, "dropped"),
        GapOpened(0, "", 4, "the listen key had ended, and the venue had not reported it"),
    ]
    assert (gaps.count, gaps.seconds) == (1, 0.016)


def test_a_gap_that_began_earlier_within_the_same_millisecond_is_not_told_again() -> None:
    gaps = Gaps()
    gaps.live(1, 1)
    gaps.open(10, reason("dropped"), 0.0109)
    gaps.open(10, reason("the listen key had ended, and the venue had not reported it"), 0.0102)
    gaps.live(20, 21)
    assert gaps.take()[1:-2] == [GapOpened(0, "", 10, "dropped")]


def test_the_same_loss_many_times_within_a_gap_is_noted_once() -> None:
    gaps = Gaps()
    gaps.live(1, 1)
    gaps.open(10, reason("dropped"))
    for _ in range(1000):
        gaps.moment(13, reason("not JSON"))
    gaps.live(20, 21)
    closed = gaps.take()[2]
    assert isinstance(closed, GapClosed)
    assert closed.unrecoverable == (NOT_RECOVERED.text, "not JSON")
    assert closed.lost == {Loss.NOT_ASKED, Loss.UNREADABLE}


def test_a_clock_that_was_set_back_makes_no_negative_span() -> None:
    gaps = Gaps()
    gaps.live(1, 1)
    gaps.open(10_000, reason("dropped"))
    gaps.live(4_000, 4_000)
    closed = gaps.take()[2]
    assert isinstance(closed, GapClosed)
    assert closed.to_ms == closed.from_ms
    assert gaps.seconds == 0


def test_a_clock_that_was_set_back_makes_no_gap_shorter() -> None:
    gaps = Gaps()
    gaps.live(1, 1, 0.0)
    gaps.open(10_000, reason("dropped"), 50.0)
    gaps.live(4_000, 4_100, 57.5)
    closed = gaps.take()[2]
    assert isinstance(closed, GapClosed)
    assert (closed.from_ms, closed.to_ms) == (10_000, 17_500)
    assert gaps.seconds == 7.5


def test_a_moment_outside_a_gap_opens_and_closes_one() -> None:
    gaps = Gaps()
    gaps.live(1, 1)
    gaps.moment(7, reason("not JSON", GapCause.UNREADABLE))
    assert gaps.take()[1:] == [
        GapOpened(0, "", 7, "not JSON", GapCause.UNREADABLE),
        closed_gap(7, 7, lost("not JSON", Loss.NOT_ASKED)),
    ]


def test_what_happened_while_nobody_ran_is_a_gap() -> None:
    gaps = Gaps()
    gaps.resume(Resumed(100))
    gaps.open(110, reason("no socket"))  # lies in it
    assert gaps.take() == [NOBODY_RAN]
    gaps.live(500, 500)
    assert gaps.take() == [closed_gap(100, 500, NOT_RECOVERED), Live(0, "", 500)]
    assert (gaps.count, gaps.seconds) == (1, 0.4)


def test_a_gap_that_an_earlier_process_told_is_closed_and_not_told_again() -> None:
    gaps = Gaps()
    gaps.resume(Resumed(300, 100))
    assert gaps.take() == []
    gaps.live(500, 500)
    assert gaps.take() == [
        closed_gap(100, 500, NOT_RECOVERED, lost(NOT_RUNNING.text, Loss.NOT_ASKED)),
        Live(0, "", 500),
    ]
    gaps.open(600, reason("dropped"))
    gaps.live(700, 700)
    assert [type(item) for item in gaps.take()] == [GapOpened, GapClosed, Live]


def test_a_gap_that_was_told_by_a_clock_that_was_ahead_is_told_again() -> None:
    gaps = Gaps()
    gaps.resume(Resumed(300, 200, open_since_ms=50, open_from_s=1.0))
    gaps.resume(Resumed(300, 200, open_since_ms=200))
    assert gaps.take() == [msgspec.structs.replace(NOBODY_RAN, from_ms=50)]


def test_coverage_that_ended_earlier_by_the_venue_is_told_once_and_only_of_what_was_left() -> None:
    gaps = Gaps()
    gaps.began_earlier(5)
    gaps.resume(Resumed(300))
    gaps.began_earlier(300)
    assert gaps.take() == [msgspec.structs.replace(NOBODY_RAN, from_ms=300)]
    gaps.began_earlier(100)
    assert gaps.take() == [NOBODY_RAN]
    gaps.live(500, 500)
    assert gaps.take()[0] == closed_gap(100, 500, NOT_RECOVERED)
    gaps.began_earlier(50)
    gaps.open(600, reason("dropped"))
    gaps.began_earlier(50)
    assert gaps.take() == [GapOpened(0, "", 600, "dropped")]
    first = Gaps()
    first.resume(Resumed())
    first.began_earlier(5)
    assert first.take() == []


def test_a_first_start_leaves_nothing_to_tell() -> None:
    gaps = Gaps()
    gaps.resume(Resumed())
    assert gaps.take() == []
    assert gaps.open_from_ms is None


def test_the_stream_is_to_be_whole_from_its_first_live_on() -> None:
    gaps = Gaps()
    gaps.live(5, 6)
    gaps.live(50, 60)
    assert gaps.began_ms == 5
    assert gaps.take() == [Live(0, "", 5), Live(0, "", 50)]


def test_the_end_of_a_gap_has_each_loss_for_programs_and_for_people() -> None:
    closed = closed_gap(5, 9, lost("greeks"), lost("steps", Loss.ORDER_STEPS), lost("totals"))
    assert closed == GapClosed(
        0,
        "",
        5,
        9,
        0,
        ("greeks", "steps", "totals"),
        fills_complete=True,
        lost=frozenset({Loss.TOTALS, Loss.ORDER_STEPS}),
    )
    assert closed_gap(5, 9) == GapClosed(0, "", 5, 9, 0, fills_complete=True)
    assert not closed_gap(5, 9, lost("totals"), lost("late", Loss.FILLS_LATE)).fills_complete


def test_a_gap_moves_back_to_what_was_missing_before_it() -> None:
    gaps = Gaps()
    gaps.reach_back(1)
    gaps.live(1, 1)
    gaps.open(100, reason("dropped"), 0.1)
    gaps.reach_back(100)
    gaps.reach_back(40)
    gaps.live(200, 200, 0.2)
    assert gaps.take()[1:-2] == [
        GapOpened(0, "", 100, "dropped"),
        GapOpened(0, "", 40, MISSING_BEFORE.text, GapCause.BEGAN_EARLIER),
    ]
    assert gaps.seconds == 0.16
    gaps.open(300, reason("dropped"))
    gaps.reach_back(299)
    assert gaps.take()[-1] == GapOpened(0, "", 299, MISSING_BEFORE.text, GapCause.BEGAN_EARLIER)


# --- as a lifecycle reports them ----------------------------------------------------------------------


def live_world() -> World:
    world = World(recovers=True).start()
    world.run_until_live()
    world.run(10)
    return world


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        (lambda world: world.drop(1), GapCause.DISCONNECTED),
        (lambda world: world.deaf.add(1), GapCause.SILENT),
        (lambda world: world.expire_key(told=True), GapCause.KEY_ENDED),
        (lambda world: world.feed(on.FrameUnreadable(1, "not JSON")), GapCause.UNREADABLE),
        (lambda world: world.feed(on.Doubted(5, POSITION_DIFFERS)), GapCause.POSITION_DIFFERS),
    ],
)
def test_a_gap_says_its_cause_to_programs(happens: Callable[[World], object], cause: GapCause) -> None:
    world = live_world()
    happens(world)
    world.run(60)
    assert world.items[1].cause is cause
    assert GapClosed in map(type, world.items), "and it ends"


def test_the_end_of_a_gap_names_what_rest_shows_and_does_not_list() -> None:
    world = live_world()
    world.recoveries = [on.Recovered(0, (), outstanding="REST history shows more")] * 100
    world.drop(1)
    world.run_until_live()
    closed = world.items[2]
    assert (closed.unrecoverable, closed.lost) == (("REST history shows more",), {Loss.FILLS_LATE})


def test_gaps_that_close_without_all_of_their_fills_are_counted() -> None:
    gaps = Gaps()
    gaps.live(1, 1)
    gaps.open(5, NOT_RUNNING)
    gaps.live(9, 9, lost=())
    assert (gaps.count, gaps.incomplete) == (1, 0)
    gaps.open(15, NOT_RUNNING)
    gaps.live(19, 19)
    gaps.moment(25, NOT_RUNNING)
    assert (gaps.count, gaps.incomplete) == (3, 2)


# --- where it begins, as a life tells it ---------------------------------------------------------------------------


def test_coverage_that_ended_earlier_by_the_venues_clock_is_told() -> None:
    world = World()
    world.feed(on.Started(Resumed(covered_until_ms=500)))
    world.feed(on.CoverageEnded(300))
    world.feed(on.CoverageEnded(400))
    assert [item.from_ms for item in world.items] == [500, 300]
    world.run_until_live()
    assert world.items[-2].from_ms == 300


def test_a_gap_moves_back_to_the_oldest_that_was_missing_before_that_is_delivered() -> None:
    world = live()
    world.drop(1)
    from_ms = world.items[1].from_ms
    world.recoveries = [on.Recovered(0, (), oldest_ms=from_ms - 700, newest_ms=from_ms + 5)]
    world.run_until_live()
    assert kinds(world) == [Live, GapOpened, GapOpened, GapClosed, Live]
    assert [world.items[2].from_ms, world.items[3].from_ms] == [from_ms - 700] * 2
    order = [type(action) for _, action in world.log]
    assert order.index(do.Report) < len(order) - 1 - order[::-1].index(do.Follow)


@pytest.mark.parametrize(("back_ms", "asks"), [(700, 1), (29_000, 1), (31_000, 2)])
def test_an_order_from_before_the_time_that_fills_were_asked_for_has_them_asked_for_again(
    back_ms: int, asks: int
) -> None:
    world = live()
    world.drop(1)
    from_ms = world.items[1].from_ms
    orders = on.Recovered(0, (), oldest_ms=from_ms - back_ms, newest_ms=from_ms + 5)
    world.recoveries = [on.Recovered(0, (), orders_due=True), orders]
    world.run_until_live()
    world.run(5)
    asked = [action.from_ms for _, action in world.log if isinstance(action, do.Recover)]
    assert asked == [from_ms, from_ms - back_ms][:asks]
    assert kinds(world) == [Live, GapOpened, GapOpened, GapClosed, Live]


def test_what_was_missing_within_the_gap_moves_nothing() -> None:
    world = live()
    world.drop(1)
    from_ms = world.items[1].from_ms
    world.recoveries = [on.Recovered(0, (), oldest_ms=from_ms + 1, newest_ms=from_ms + 5)]
    world.run_until_live()
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]
