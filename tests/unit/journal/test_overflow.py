from __future__ import annotations

from listenkey.core.gaps import closed_gap
from listenkey.items import GapClosed, GapOpened, Live
from listenkey.journal.overflow import Overflow
from listenkey.outcomes import GapCause, Loss, Lost, Reason

FULL = Reason(GapCause.SLOW_READER, "full")


def test_while_there_is_room_nothing_is_told() -> None:
    overflow = Overflow(100, FULL, "lost")
    assert overflow.admit(100, 1) == (True, [])
    assert overflow.close(2) == []
    assert overflow.dropped == 0


def test_the_gap_ends_at_half_the_limit_and_says_how_many() -> None:
    overflow = Overflow(100, FULL, "lost")
    assert overflow.admit(101, 5) == (False, [GapOpened(0, "", 5, "full", GapCause.SLOW_READER)])
    assert overflow.admit(51, 6) == (False, [])
    assert overflow.settle(51, 7) == []
    assert overflow.admit(50, 8) == (True, [closed_gap(5, 8, Lost(Loss.DROPPED, "2 events lost"))])
    assert overflow.dropped == 2


def test_each_gap_counts_its_own_and_never_ends_before_it_began() -> None:
    overflow = Overflow(100, FULL, "lost")
    overflow.admit(101, 5)
    assert overflow.settle(0, 4) == [closed_gap(5, 5, Lost(Loss.DROPPED, "1 events lost"))]
    overflow.admit(101, 9)
    assert overflow.close(10) == [closed_gap(9, 10, Lost(Loss.DROPPED, "1 events lost"))]
    assert overflow.dropped == 2


def test_live_is_not_told_while_events_are_dropped_but_when_they_no_longer_are() -> None:
    overflow = Overflow(100, FULL, "lost")
    told: list[Live | GapOpened | GapClosed] = [GapOpened(0, "", 7, "dropped"), closed_gap(7, 7), Live(0, "", 6)]
    assert list(overflow.passes(told)) == told
    overflow.admit(101, 5)
    losing = [overflow.losing]
    assert list(overflow.passes(told[2:])) == []
    assert overflow.settle(50, 8) == [closed_gap(5, 8, Lost(Loss.DROPPED, "1 events lost")), Live(0, "", 8)]
    assert [*losing, overflow.losing] == ["full", None]
    overflow.admit(101, 15)
    assert [type(item) for item in overflow.settle(50, 18)] == [GapClosed], "nothing was withheld"


def test_live_is_not_made_up_where_another_gap_has_begun_since() -> None:
    overflow = Overflow(100, FULL, "lost")
    overflow.admit(101, 5)
    told: list[Live | GapOpened | GapClosed] = [Live(0, "", 6), GapOpened(0, "", 7, "another")]
    own_end = closed_gap(5, 7, Lost(Loss.DROPPED, "1 events lost"))
    assert list(overflow.passes(told)) == [own_end, told[1]], "at most one gap is open"
    assert overflow.settle(50, 8) == []


def test_who_watches_is_told_when_events_begin_and_cease_to_be_dropped() -> None:
    overflow = Overflow(100, FULL, "were dropped")
    seen: list[int | None] = []
    overflow.on_change = lambda: seen.append(overflow.from_ms)
    overflow.admit(101, 5)
    overflow.admit(101, 6)
    overflow.admit(10, 7)
    assert seen == [5, None]


def test_a_gap_within_which_events_were_dropped_is_not_complete() -> None:
    """As where REST brings back more than the buffer of a slow reader has room for."""
    overflow = Overflow(100, FULL, "were dropped")
    overflow.admit(101, 1)
    overflow.settle(0, 2)
    opened, end = GapOpened(0, "", 5, "lost", GapCause.DISCONNECTED), closed_gap(5, 6)
    assert list(overflow.passes([opened])) == [opened]
    overflow.admit(101, 7)
    overflow.admit(101, 7)
    assert list(overflow.passes([end])) == [closed_gap(5, 7, Lost(Loss.DROPPED, "2 events were dropped"))]
    assert overflow.close(8) == [], "nothing was dropped since"
    assert list(overflow.passes([opened, opened, end])) == [opened, opened, end], "the next gap lost none"


def test_a_gap_that_an_earlier_process_left_open_is_not_complete_either() -> None:
    overflow = Overflow(100, FULL, "were dropped")
    overflow.resume(gap_is_open=True)
    assert overflow.admit(101, 5) == (False, []), "that gap tells of it"
    assert overflow.settle(0, 6) == []
    [told] = overflow.passes([closed_gap(0, 2)])
    assert told == closed_gap(0, 5, Lost(Loss.DROPPED, "1 events were dropped")), "it lasts until the last one"


def test_a_gap_of_dropped_events_ends_where_another_begins_and_goes_on_behind_it() -> None:
    overflow = Overflow(100, FULL, "were dropped")
    overflow.admit(101, 5)
    opened = GapOpened(0, "", 3, "lost", GapCause.DISCONNECTED)
    assert list(overflow.passes([opened])) == [closed_gap(5, 5, Lost(Loss.DROPPED, "1 events were dropped")), opened]
    overflow.admit(101, 9)
    assert list(overflow.passes([opened])) == [opened], "it is reported again, as it began earlier"
    end, live = closed_gap(3, 12), Live(0, "", 12)
    assert list(overflow.passes([end, live])) == [closed_gap(3, 12, Lost(Loss.DROPPED, "1 events were dropped"))]
    assert overflow.admit(101, 14) == (False, [GapOpened(0, "", 14, "full", GapCause.SLOW_READER)])
    own = overflow.settle(0, 15)
    assert own == [closed_gap(14, 15, Lost(Loss.DROPPED, "1 events were dropped")), Live(0, "", 15)]
    assert list(overflow.passes(own)) == own


def test_events_that_were_dropped_behind_the_end_of_a_gap_belong_to_it() -> None:
    """It ended when the socket was attached, and is closed when REST has answered."""
    overflow = Overflow(100, FULL, "were dropped")
    assert len(list(overflow.passes([GapOpened(0, "", 3, "lost", GapCause.DISCONNECTED)]))) == 1
    overflow.admit(101, 7)
    overflow.settle(0, 8)
    assert list(overflow.passes([closed_gap(3, 4)])) == [closed_gap(3, 7, Lost(Loss.DROPPED, "1 events were dropped"))]
