from __future__ import annotations

from listenkey.items import GapClosed, GapOpened, Live
from listenkey.journal.gap_coalescer import MORE, REASONS_MAX, HeldBack, Joined
from listenkey.outcomes import Loss


def closed(from_ms: int, to_ms: int, *lost: str) -> GapClosed:
    return GapClosed(0, "", from_ms, to_ms, 0, lost)


def test_it_reaches_from_the_first_beginning_to_the_last_end_and_lacks_what_any_of_them_lacks() -> None:
    joined = Joined(closed(5, 9, "totals"))
    joined.add(closed(20, 30, "steps"))
    joined.add(closed(21, 22, "totals"))
    whole = joined.closed()
    assert (whole.from_ms, whole.to_ms) == (5, 30)
    assert whole.unrecoverable[:2] == ("totals", "steps")
    assert whole.unrecoverable[2].startswith("3 gaps")


def test_its_fills_are_complete_where_those_of_each_are() -> None:
    whole = GapClosed(0, "", 5, 9, 0, fills_complete=True)
    joined = Joined(whole)
    joined.add(whole)
    assert joined.closed().fills_complete
    joined.add(closed(20, 30))
    joined.add(whole)
    assert not joined.closed().fills_complete


def test_it_has_the_losses_of_each() -> None:
    joined = Joined(GapClosed(0, "", 5, 9, 0, lost=frozenset({Loss.TOTALS, Loss.ORDERS})))
    joined.add(GapClosed(0, "", 20, 30, 0, lost=frozenset({Loss.TOTALS, Loss.FILLS_LATE})))
    assert joined.closed().lost == {Loss.TOTALS, Loss.ORDERS, Loss.FILLS_LATE}


def test_what_it_lacks_is_told_in_a_bounded_number_of_words() -> None:
    joined = Joined(closed(5, 9))
    for number in range(1000):
        joined.add(closed(5, 9, f"reason {number}"))
    lost = joined.closed().unrecoverable
    assert len(lost) == REASONS_MAX + 2
    assert (lost[REASONS_MAX - 1], lost[REASONS_MAX]) == (f"reason {REASONS_MAX - 1}", MORE)


def test_an_earlier_beginning_is_news_and_a_later_one_is_not() -> None:
    joined = Joined(closed(5, 9))
    assert not joined.begins(5)
    assert joined.begins(3)
    assert joined.closed().from_ms == 3


def told(held: HeldBack, *items: Live | GapOpened | GapClosed) -> list[Live | GapOpened | GapClosed]:
    for item in items:
        held.add(item)
    return held.release()


def opened(from_ms: int) -> GapOpened:
    return GapOpened(0, "", from_ms, "dropped")


def live(since_ms: int) -> Live:
    return Live(0, "", since_ms)


def test_gaps_behind_one_another_are_held_as_one() -> None:
    held = HeldBack()
    for number in range(0, 1000, 10):
        for item in (opened(number), closed(number, number + 5, "totals"), live(number + 5)):
            held.add(item)
        assert len(held) == 3
    begin, end, since = held.release()
    assert (begin, since) == (opened(0), live(995))
    assert isinstance(end, GapClosed)
    assert (end.from_ms, end.to_ms) == (0, 995)
    assert end.unrecoverable[0] == "totals"
    assert end.unrecoverable[1].startswith("100 gaps")
    assert len(held) == 0


def test_a_gap_alone_is_told_as_it_is_and_so_is_what_was_released_before() -> None:
    held = HeldBack()
    items: list[Live | GapOpened | GapClosed] = [opened(1), closed(1, 2), live(2)]
    assert told(held, *items) == items
    assert told(held, *items) == items
    assert told(held, live(3), opened(4)) == [live(3), opened(4)]


def test_a_gap_that_began_before_the_last_end_is_its_own() -> None:
    assert told(HeldBack(), closed(5, 9), opened(4)) == [closed(5, 9), opened(4)]


def test_a_joined_gap_may_be_released_open_and_turn_out_to_have_begun_earlier() -> None:
    held = HeldBack()
    assert told(held, opened(5), closed(5, 6), opened(8)) == [opened(5)]
    assert told(held, opened(9)) == []
    assert told(held, opened(3)) == [opened(3)]
    (end,) = told(held, closed(3, 12, "steps"))
    assert isinstance(end, GapClosed)
    assert (end.from_ms, end.to_ms) == (3, 12)
    assert "2 gaps" in end.unrecoverable[-1]
