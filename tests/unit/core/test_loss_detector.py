"""A lost message shows in what does not add up; messages that change places do not."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from listenkey.core import account_state as account_states
from listenkey.core import loss_detector as detection
from listenkey.core.account_state import AccountState, FillIndex
from listenkey.core.loss_detector import BARREN_MAX, LossDetector, units
from listenkey.events import Event, RecoveredExercise, UnknownEvent
from listenkey.events.base import AMOUNTS_REMEMBERED
from listenkey.outcomes import GapCause
from tests.unit.core.making import (
    OTHER,
    SYMBOL,
    beat,
    fill,
    order,
    order_row,
    position,
    trade_row,
)

GRACE_S = 1.0


def told(*events: object, now_s: float = 0.0) -> LossDetector:
    detector = LossDetector(GRACE_S)
    for event in events:
        detector.note(event, now_s)  # type: ignore[arg-type]
    return detector


OVER = "BTC-261122-90000-C"
OVER_MS = 1_795_334_400_000  # 2026-11-22T08:00:00Z


def held(quantity: str, symbol: str = SYMBOL) -> object:
    """Make a position held before: its first message, behind which there is no fill."""
    return position(quantity, 1000, symbol, reason="TRANSFER")


def test_an_order_that_adds_up_is_not_doubted() -> None:
    detector = told(order(1, "NEW"), fill(1, "1"), fill(2, "2"), order(1, "CANCELED", "2"))
    assert detector.due_at_s() is None


@pytest.mark.parametrize("last", [fill(3, "3", at_ms=3000), order(1, "CANCELED", "3", 3000)])
def test_a_fill_that_was_lost_shows_at_the_next_event_of_its_order(last: object) -> None:
    detector = told(order(1, "NEW", at_ms=1000), fill(1, "1", at_ms=2000), last, now_s=5.0)
    assert detector.due_at_s() == 6.0
    assert detector.take_doubts(5.9) == []
    (doubt,) = detector.take_doubts(6.0)
    assert (doubt.from_ms, doubt.symbol) == (2000, SYMBOL)
    assert (detector.take_doubts(7.0), detector.due_at_s()) == ([], None), "told once"


@pytest.mark.parametrize("places", list(itertools.permutations(range(3))))
def test_fills_of_an_order_that_change_places_are_no_loss(places: tuple[int, ...]) -> None:
    fills = [fill(number + 2, str(number + 2), at_ms=2000 + number) for number in range(3)]
    detector = told(order(1, "NEW"), fill(1, "1"), *(fills[place] for place in places))
    assert detector.due_at_s() is None


def test_an_order_first_heard_of_in_mid_life_is_counted_from_there() -> None:
    detector = told(fill(7, "5"))
    assert detector.due_at_s() is None
    detector.note(fill(9, "7"), 0.0)
    assert detector.due_at_s() is not None


def test_a_position_that_moves_without_a_fill_is_doubted() -> None:
    detector = told(held("1"), fill(1, "1", at_ms=2000), position("2", 2000), position("3", 3000))
    (doubt,) = detector.take_doubts(GRACE_S)
    assert (doubt.symbol, doubt.from_ms) == (SYMBOL, 2000)


def test_the_first_word_of_a_position_needs_a_fill_that_made_it() -> None:
    detector = told(position("1", 2000), now_s=5.0)
    assert detector.due_at_s() == 6.0
    (doubt,) = detector.take_doubts(6.0)
    assert (doubt.symbol, doubt.from_ms) == (SYMBOL, 1000)
    detector.note(fill(1, "1", at_ms=2000), 7.0)
    detector.recovered()
    assert detector.due_at_s() is None


@pytest.mark.parametrize("fill_first", [True, False])
def test_that_fill_may_come_before_or_after_it_and_others_are_not_taken_for_it(fill_first: bool) -> None:
    others = [fill(number, str(number), at_ms=5000 + number) for number in (2, 3)]
    both = [fill(1, "1", at_ms=2000), *others, position("1", 2000)]
    assert told(*(both if fill_first else reversed(both))).due_at_s() is None
    assert told(*others, position("1", 2000)).due_at_s() is not None
    assert told(fill(1, "1", at_ms=2000, symbol=OTHER), position("1", 2000)).due_at_s() is not None


def test_a_venue_that_keeps_other_times_for_both_is_not_doubted_for_ever() -> None:
    detector = LossDetector(GRACE_S)
    for number in range(BARREN_MAX):
        detector.note(position("1", 2000, symbol=f"S{number}"), 0.0)
        assert detector.take_doubts(GRACE_S)
        detector.recovered()
    detector.note(position("1", 2000), 0.0)
    assert detector.due_at_s() is None


def test_fills_that_wait_for_their_position_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "POSITIONS_MAX", 2)
    detector = told(*(fill(number, "1", at_ms=2000, symbol=f"S{number}") for number in (1, 2, 3)))
    detector.note(position("1", 2000, symbol="S3"), 0.0)
    assert detector.due_at_s() is None
    detector.note(position("1", 2000, symbol="S1"), 0.0)
    assert detector.due_at_s() is not None, "forgotten, so REST is asked once too often"


def test_the_word_of_a_position_may_come_before_its_fill() -> None:
    detector = told(held("1"), position("2", 2000), fill(1, "1", at_ms=2000))
    assert detector.due_at_s() is None
    detector.note(fill(2, "2", at_ms=3000), 0.0)
    detector.note(fill(3, "3", at_ms=3000), 0.0)
    detector.note(position("3", 3000), 0.0)
    detector.note(position("4", 3000), 0.0)
    assert detector.due_at_s() is None, "two fills of one moment"


def test_selling_makes_it_smaller_and_other_symbols_are_others() -> None:
    detector = told(held("1"), fill(1, "1", at_ms=2000, side="SELL"), position("0", 2000))
    detector.note(fill(1, "1", at_ms=3000, symbol=OTHER, order_id=2), 0.0)
    assert detector.due_at_s() is None


def test_a_fill_from_before_the_first_word_of_a_position_is_in_it_already() -> None:
    detector = told(held("1"), fill(1, "1", at_ms=500), position("1", 2000, reason="TRANSFER"), position("1", 3000))
    assert detector.due_at_s() is None


def test_an_exercise_needs_no_fill() -> None:
    detector = told(held("1"), position("2", 2000, reason="EXERCISE"), position("0", 3000, reason="EXERCISE"))
    assert detector.due_at_s() is None


def test_what_rest_brings_back_mends_both_chains() -> None:
    detector = told(held("1"), order(1, "NEW"), position("2", 2000), order(1, "CANCELED", "1", 2500))
    assert len(detector.take_doubts(GRACE_S)) == 2
    detector.note(trade_row(1, at_ms=2000).fill, 2.0)
    detector.recovered()
    detector.note(fill(2, "1", at_ms=4000, order_id=2), 3.0)
    detector.note(position("3", 4000), 3.0)
    assert detector.due_at_s() is None


def test_an_order_that_rest_alone_filled_adds_up_with_what_it_became() -> None:
    detector = told(order(1, "NEW"))
    for number in (1, 2):
        detector.note(trade_row(number).fill, 0.0)
    detector.note(order_row(1, "FILLED", "2").order, 0.0)
    assert detector.due_at_s() is None
    detector = told(order(1, "NEW"))
    detector.note(trade_row(1).fill, 0.0)
    detector.note(order_row(1, "FILLED", "2").order, 0.0)
    assert detector.due_at_s() is not None, "one fill is still missing"


def test_what_stays_broken_is_taken_as_it_is_and_not_asked_for_ever() -> None:
    detector = told(held("1"))
    for number in range(BARREN_MAX):
        detector.note(position(str(number + 5), 2000 + number), float(number * 10))
        assert len(detector.take_doubts(number * 10 + GRACE_S)) == 1
        detector.recovered()
    detector.note(position("50", 3000), 99.0)
    assert detector.due_at_s() is None, "so many alarms that came to nothing are the rule's fault"


def test_a_row_of_an_order_that_says_more_than_its_fills_is_a_doubt() -> None:
    detector = told(order(1, "NEW"), fill(1, "1"))
    detector.note(order_row(1, "FILLED", "3").order, 0.0)
    assert detector.due_at_s() == GRACE_S


def test_the_beat_is_missed_only_where_it_came_and_a_position_is_open() -> None:
    detector = told(held("1"))
    assert detector.beat.silent_at_s() is None
    detector.note(beat(1000), 10.0)
    detector.note(beat(1001), 20.0)
    assert detector.beat.silent_at_s() == 45.0
    detector.beat.begin(30.0)
    assert detector.beat.silent_at_s() is None
    detector.note(beat(1000), 31.0)
    detector.note(beat(1001), 41.0)
    detector.note(position("0", 9000, reason="EXERCISE"), 42.0)
    assert detector.beat.silent_at_s() is None


def test_a_position_in_a_contract_that_is_over_has_no_beat_to_miss() -> None:
    detector = told(held("1"), held("1", symbol=OVER))
    detector.note(beat(1000), 10.0)
    detector.note(beat(1001), 20.0)
    assert detector.settle(OVER_MS - 1, 46.0) == []
    assert detector.settle(OVER_MS, 46.0) == [OVER]
    assert detector.beat.silent_at_s() == 45.0, "the other one is held"
    detector.note(position("0", 9000, reason="EXERCISE"), 42.0)
    assert detector.beat.silent_at_s() is None
    assert detector.settle(OVER_MS, 47.0) == []


def test_a_position_that_outlives_its_contract_is_over_until_its_end_is_told() -> None:
    detector = told(held("1"), held("1", symbol=OVER))
    assert detector.over(OVER_MS - 1) == []
    assert detector.over(OVER_MS) == [OVER]
    detector.settle(OVER_MS, 46.0)
    assert detector.over(OVER_MS) == [OVER], "it is let go, and nothing was heard of its end"
    detector.note(position("0", OVER_MS, OVER, reason="EXERCISE"), 47.0)
    assert detector.over(OVER_MS) == []
    detector = told(held("1", symbol=OVER))
    detector.note(position("0", OVER_MS, OVER, reason="EXERCISE"), 47.0)
    assert detector.over(OVER_MS) == [], "the message came in time"


def test_a_position_that_rest_shows_closed_is_over_where_its_contract_is() -> None:
    detector = told(held("1"), held("1", symbol=OVER))
    assert detector.adopt({}, OVER_MS, 46.0) == [SYMBOL, OVER]
    assert detector.over(OVER_MS) == [OVER]
    detector.note(RecoveredExercise("1", OVER, "LONG", "1", "90000", "10", "-1", "USDT", OVER_MS), 47.0)
    assert detector.over(OVER_MS) == []


def test_fills_that_come_before_the_first_message_of_their_position_count_behind_it() -> None:
    detector = told(fill(1, "1", at_ms=1000), fill(2, "1", at_ms=2000, side="SELL"))
    detector.note(position("1", 1000), 10.0)
    detector.note(beat(1000), 10.0)
    detector.note(beat(1001), 20.0)
    assert detector.beat.silent_at_s() is None, "the message that closed it is late or lost, and nothing is held"
    detector.note(position("0", 2000), 21.0)
    assert detector.due_at_s() is None, "the sum is right"


def test_what_rest_states_is_taken_over_where_nothing_was_heard_since() -> None:
    detector = told(held("1"), held("2", symbol=OVER))
    detector.note(beat(1000), 10.0)
    detector.note(beat(1001), 20.0)
    assert detector.adopt({SYMBOL: Decimal(1)}, 1, 21.0) == [], "both were heard of since"
    assert detector.adopt({SYMBOL: Decimal("1.0")}, 9000, 21.0) == [OVER]
    assert detector.beat.silent_at_s() == 45.0, "the other one is held"
    assert detector.adopt({}, 9000, 22.0) == [SYMBOL]
    assert detector.beat.silent_at_s() is None


def test_a_position_that_rest_states_otherwise_is_not_summed_up_before_its_next_message() -> None:
    detector = told(held("1"))
    detector.note(beat(1000), 10.0)
    detector.note(beat(1001), 20.0)
    assert detector.adopt({SYMBOL: Decimal(3)}, 9000, 21.0) == []
    assert detector.beat.silent_at_s() is not None
    detector.note(fill(9, "3", at_ms=9000, side="SELL"), 21.5)
    assert detector.beat.silent_at_s() is None, "the fill may have closed it"
    detector.note(position("5", 9001), 22.0)
    assert detector.due_at_s() is None
    detector.note(position("9", 9002), 23.0)
    assert detector.due_at_s() is not None, "from here on the sum is known again"


def test_a_position_that_only_rest_saw_closed_has_no_beat_to_miss() -> None:
    detector = told(held("1"))
    detector.note(trade_row(2, at_ms=2000, side="SELL").fill, 5.0)
    detector.note(beat(3000), 10.0)
    detector.note(beat(3001), 20.0)
    assert detector.beat.silent_at_s() is None


def beaten(detector: LossDetector) -> LossDetector:
    """Let two beats come."""
    detector.note(beat(3000), 10.0)
    detector.note(beat(3001), 20.0)
    return detector


def test_a_fill_of_the_moment_of_the_last_message_that_only_rest_brings_may_have_closed_it() -> None:
    detector = told(
        held("1"), fill(1, "1", at_ms=2000), position("2", 2000), fill(2, "1", at_ms=3000), position("3", 3000)
    )
    detector.note(trade_row(3, at_ms=3000, side="SELL", quantity="3").fill, 5.0)
    assert detector.due_at_s() is None, "its own message was lost as well"
    assert beaten(detector).beat.silent_at_s() is None, "and perhaps nothing is held any more"
    detector.note(fill(4, "1", at_ms=5000, order_id=2), 30.0)
    detector.note(position("1", 5000), 30.0)
    assert detector.due_at_s() is None
    detector.note(position("2", 6000), 31.0)
    assert detector.due_at_s() == 31.0 + GRACE_S, "from its next message on it counts"


def test_a_position_that_lost_the_fills_that_opened_and_closed_it_is_closed() -> None:
    # Both messages of the position came, so that it adds up without them; REST, which lags, brings them later.
    detector = told(held("1"), fill(1, "1", at_ms=1500), position("2", 1500), position("0", 2000), position("2", 3000))
    for number, at_ms, side in ((2, 2000, "SELL"), (3, 3000, "BUY")):
        detector.note(trade_row(number, at_ms=at_ms, side=side, quantity="2").fill, 60.0)
    assert beaten(detector).beat.silent_at_s() is None
    detector.note(position("2", 6000), 61.0)
    assert detector.due_at_s() is None


def test_of_the_fills_of_one_moment_those_that_the_last_message_lacks_came_before_it() -> None:
    detector = told(held("1"), fill(1, "1", at_ms=2000), position("2", 2000), position("4", 3000))
    assert detector.take_doubts(GRACE_S)
    for number in (2, 3, 4):  # the last of these came after it
        detector.note(trade_row(number, at_ms=3000).fill, 2.0)
    detector.recovered()
    detector.note(position("5", 4000), 3.0)
    assert detector.due_at_s() is None


@pytest.mark.parametrize("quantity", ["0", "2", "3"])
def test_fills_of_the_moment_of_a_first_message_leave_open_what_is_held(quantity: str) -> None:
    detector = told(fill(1, "1", at_ms=2000), position("1", 2000))
    for number in (2, 3):
        detector.note(trade_row(number, at_ms=2000, side="SELL").fill, 5.0)
    assert beaten(detector).beat.silent_at_s() is None, "perhaps it was closed"
    detector.note(position(quantity, 4000), 30.0)
    assert detector.due_at_s() is None
    assert (detector.beat.silent_at_s() is None) == (quantity == "0")
    detector.note(position("7", 5000), 31.0)
    assert detector.due_at_s() == 31.0 + GRACE_S, "from here on it counts"


def test_a_fill_of_a_message_that_was_taken_as_it_is_may_come_long_after_it() -> None:
    detector = told(held("1"), position("1", 1500), position("2", 2000))
    assert detector.take_doubts(GRACE_S)
    detector.recovered()  # REST refused its fills
    detector.note(trade_row(1, at_ms=2000).fill, 60.0)
    detector.note(fill(2, "1", at_ms=4000, order_id=2), 70.0)
    detector.note(position("3", 4000), 70.0)
    assert detector.due_at_s() is None


def test_a_first_message_without_its_fill_has_the_one_of_its_moment_that_rest_brings() -> None:
    detector = told(position("1", 2000))
    assert detector.take_doubts(GRACE_S)
    detector.note(trade_row(1, at_ms=2000).fill, 2.0)
    assert beaten(detector).beat.silent_at_s() == 45.0
    assert detector.due_at_s() is None


def test_a_position_whose_first_message_is_not_over_is_not_doubted() -> None:
    # A message of several fills of one moment: until a later one comes, nobody knows what the first one stands for.
    detector = told(held("5"), fill(1, "1", at_ms=1000), position("6", 1000), fill(2, "2", at_ms=1000))
    assert detector.due_at_s() is None
    detector.note(position("8", 2000), 0.0)
    assert detector.due_at_s() == GRACE_S, "from here on it counts"


def test_an_older_word_of_a_position_moves_nothing_back() -> None:
    detector = told(held("1"), fill(1, "1", at_ms=3000), position("2", 3000), position("1", 2000))
    assert detector.due_at_s() is None


def test_a_fill_from_after_the_word_of_a_position_does_not_stand_for_one_before_it() -> None:
    detector = told(held("1"), position("1", 1500), fill(1, "1", at_ms=2000), fill(2, "2", at_ms=3000, side="SELL"))
    detector.note(position("1", 2000), 0.0)
    assert detector.due_at_s() == GRACE_S, "it was 2 then"


def test_fills_of_a_position_of_which_no_word_comes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "FILLS_MAX", 3)
    detector = told(held("1"), fill(1, "1", at_ms=2000), position("2", 2000))
    for number in range(2, 7):
        detector.note(fill(number, str(number), at_ms=3000), 0.0)
        assert len(detector._positions[SYMBOL].later) <= 3
    detector.note(position("7", 4000), 0.0)
    assert detector.due_at_s() is None, "it can't be reckoned any more"
    detector.note(position("9", 5000), 0.0)
    assert detector.due_at_s() == GRACE_S, "and now it can"


def test_an_event_that_says_nothing_of_orders_or_positions_is_no_news() -> None:
    detector = told(held("1"))
    assert not detector.note(UnknownEvent("NEWS", 5, b"{}"), 7.0)
    assert (detector.due_at_s(), detector.beat.silent_at_s()) == (None, None)


def test_a_fill_that_rest_brings_of_an_order_nobody_heard_of_counts_for_its_position() -> None:
    detector = told(held("1"), position("2", 2000))
    detector.note(trade_row(1, at_ms=1500, order_id=77).fill, 0.0)
    detector.note(position("3", 3000), 0.0)
    detector.note(trade_row(2, at_ms=2500, order_id=77).fill, 0.5)
    assert detector.due_at_s() is None


def test_a_doubt_that_was_not_told_yet_is_not_taken_for_mended() -> None:
    detector = told(order(1, "NEW"), order(1, "CANCELED", "1", 2000), now_s=0.0)
    assert len(detector.take_doubts(GRACE_S)) == 1
    detector.note(order(2, "NEW"), GRACE_S)
    detector.note(order(2, "CANCELED", "1", 2000), GRACE_S)
    detector.recovered()
    assert detector.due_at_s() == 2 * GRACE_S
    assert len(detector.take_doubts(2 * GRACE_S)) == 1


def test_a_position_that_is_doubted_and_can_no_longer_be_reckoned_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "FILLS_MAX", 1)
    detector = told(held("1"), position("2", 2000), position("3", 3000))
    assert detector.due_at_s() == GRACE_S
    for number in (1, 2):
        detector.note(fill(number, str(number), at_ms=4000 + number), 0.0)
    assert detector.due_at_s() is None


def test_of_too_many_orders_the_one_that_rested_longest_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "CHAINS_MAX", 3)
    detector = told(*(order(number, "NEW") for number in (1, 2, 3)), fill(1, "1"), order(4, "NEW"))
    detector.note(fill(3, "2", order_id=2), 0.0)
    assert detector.due_at_s() is None, "the second is as good as never heard of"
    detector.note(fill(4, "3"), 0.0)
    assert detector.due_at_s() == GRACE_S, "and the first, which moved, is remembered"


def test_a_doubt_that_is_not_due_hides_no_other_and_says_what_it_is() -> None:
    detector = told(order(1, "NEW"), position("1", 1000), order(1, "CANCELED", "1", 2000), now_s=5.0)
    detector.note(position("2", 2000), 0.0)
    (doubt,) = detector.take_doubts(GRACE_S)
    assert (doubt.symbol, doubt.reason.cause) == (SYMBOL, GapCause.POSITION_DIFFERS)
    assert GapCause.ORDER_DIFFERS in [one.reason.cause for one in detector.take_doubts(5.0 + GRACE_S)]


def test_fills_of_symbols_without_a_word_of_their_position_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "POSITIONS_MAX", 3)
    detector = told(*(fill(1, "1", at_ms=1000, symbol=f"symbol {number}", order_id=number) for number in range(5)))
    for number, doubted in ((4, False), (1, True)):
        detector.note(position("1", 1000, f"symbol {number}"), 0.0)
        assert (detector.due_at_s() is not None) is doubted, "the first of them are forgotten"


def test_the_beat_of_a_position_that_was_just_opened_is_not_missed_since_the_last_one() -> None:
    detector = told(position("1", 1000))
    detector.note(beat(2000), 10.0)
    detector.note(beat(2001), 20.0)
    detector.note(fill(1, "1", at_ms=3000, side="SELL"), 21.0)
    detector.note(position("0", 3000), 21.0)
    assert detector.beat.silent_at_s() is None
    detector.note(fill(2, "2", at_ms=90_000), 100.0)
    detector.note(position("1", 90_000), 100.0)
    assert detector.beat.silent_at_s() == 125.0


BATCHES: dict[str, list[Event]] = {
    "what adds up": [
        order(1, "NEW"), fill(1, "1", 2000), position("2", 2000), beat(2000), fill(2, "2", 2001), fill(3, "3", 2001),
        order(1, "FILLED", "4", 2002, trade_id=4, side="SELL"), position("3", 2002), order(2, "CANCELED"),
        order(3, "FILLED", "1", 2003, trade_id=5), order(4, "FILLED", "1", 2003, trade_id=6, side="SELL"),
        position("3", 2003),
    ],
    "a fill is lost": [order(1, "NEW"), fill(2, "2", 2000), position("3", 2001), fill(3, "3", 2001), fill(4, "4", 2002)],
    "nothing is held, and something again": [
        order(1, "FILLED", "1", 2000, trade_id=1, side="SELL"), order(2, "FILLED", "2", 2001, trade_id=2),
        position("1", 2001),
    ],
    "a symbol without a position": [fill(1, "1", 2000, symbol=OTHER), position("1", 2000, symbol=OTHER)],
    "too many fills to wait": [*(fill(number, str(number), 2000 + number) for number in range(1, 7)), position("9", 3000)],
    "two fills before their positions": [
        fill(1, "1", 2000), fill(2, "2", 3000), position("2", 2000), position("3", 3000), position("5", 4000),
    ],
    "the first word of a position comes before its fill": [
        position("1", 2000, symbol=OTHER), fill(1, "1", 2001, symbol=OTHER), fill(2, "2", 2002, symbol=OTHER),
    ],
    "orders that rested too long": [
        order(1, "NEW"), order(2, "NEW"), order(3, "NEW"), order(1, "FILLED", "1", 2000, trade_id=1), fill(2, "1", 2001, 2),
    ],
    "some are late": [
        fill(5, "1", 2000), fill(6, "2", 2000), fill(4, "2", 2000), fill(7, "3", 1999), fill(1, "1", 2000, 2, symbol=OTHER),
        order(1, "PARTIALLY_FILLED", "1", 2001), fill(8, "4", 3000),
    ],
    "many ends": [order(number, "FILLED", "1", 2000 + number, trade_id=number) for number in range(1, 9)],
    "no amount": [fill(1, "1", 2000, last_quantity_text="none"), order(1, "CANCELED", "0", 2001)],
}  # fmt: skip


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_batch_is_watched_as_one_by_one(name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "FILLS_MAX", 3)
    monkeypatch.setattr(detection, "CHAINS_MAX", 2)
    monkeypatch.setattr(account_states, "ENDED_MAX", 4)
    events: list[Event] = [beat(1000), beat(1001), *BATCHES[name], beat(9000), beat(8000)]
    one_by_one, together = told(held("1")), told(held("1"))
    known, known_together = AccountState(FillIndex()), AccountState(FillIndex())
    for first in range(0, len(events), size):
        now_s, batch = 10.0 + first, events[first : first + size]
        near = False
        for event in batch:
            known.note(event)
            near |= one_by_one.note(event, now_s)
        assert together.note_all(batch, known_together, now_s) == near
        assert vars(together) == vars(one_by_one)
        for what in ("orders", "positions", "last_event_ms"):
            assert getattr(known, what) == getattr(known_together, what)
        assert known.has_ended((SYMBOL, 8)) == known_together.has_ended((SYMBOL, 8))


def test_amounts_are_exact_and_what_is_none_is_nothing() -> None:
    smallest = units("0." + "0" * 17 + "1")
    assert units("9" * 24 + "." + "9" * 18) + smallest == units("1" + "0" * 23) * 10
    assert units("-0.5") == -units("0.50") < 0
    assert units("1E-2") == units("0.01") > 0
    assert units("0E-8") == 0
    assert units("1." + "3" * 40) == units("1." + "3" * 18)
    assert units("NaN") == units("1e999999") == units("") == 0
    assert "NaN" not in detection.UNITS


def test_the_amounts_that_are_remembered_are_bounded() -> None:
    for number in range(3 * AMOUNTS_REMEMBERED):
        assert units(f"{number}.5") == 2 * number * units("0.5") + units("0.5")
    assert len(detection.UNITS) <= AMOUNTS_REMEMBERED


def test_positions_are_bounded_and_one_that_holds_nothing_is_let_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "POSITIONS_MAX", 2)
    detector = told(position("1", 2000, symbol="S1"), beat(2000), beat(2001))
    detector.note(position("0", 2000, symbol="S2"), 0.0)
    assert len(detector.take_doubts(GRACE_S)) == 2, "both came without a fill that made them"
    detector.note(position("2", 2000, symbol="S3", reason="TRANSFER"), 0.0)
    assert list(detector._positions) == ["S1", "S3"]
    detector.note(position("3", 2000, symbol="S4", reason="TRANSFER"), 0.0)
    assert list(detector._positions) == ["S3", "S4"], "else the first"
    assert not detector._broken, "and nobody waits for what would mend them"
    detector.note(position("0", 3000, symbol="S3", reason="EXERCISE"), 0.0)
    detector.note(position("0", 3000, symbol="S4", reason="EXERCISE"), 0.0)
    assert detector.beat.silent_at_s() is None, "what was let go is not counted as open"


def test_one_order_id_in_two_symbols_is_two_chains() -> None:
    theirs = [order(1, "NEW", symbol=OTHER), fill(1, "3", symbol=OTHER, last_quantity_text="3")]
    detector = told(order(1, "NEW"), *theirs, fill(1, "1"), order(1, "CANCELED", "3", symbol=OTHER))
    assert detector.due_at_s() is None, "each adds up"
    detector.note(order(1, "CANCELED", "2", 2000), 5.0)
    (doubt,) = detector.take_doubts(6.0)
    assert doubt.symbol == SYMBOL


def test_a_beat_that_waits_for_its_turn_is_a_beat() -> None:
    detector = told(held("1"))
    detector.beat.waits([beat(1000), fill(1, "1")], 10.0)
    detector.beat.waits([fill(2, "2")], 15.0)
    detector.beat.waits([beat(2000)], 20.0)
    assert detector.beat.silent_at_s() == 45.0


def test_fills_of_many_symbols_that_wait_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "WAITING_MAX", 10)
    symbols = [f"S{number}" for number in range(4)]
    detector = told(*(position("1", 1000, symbol=symbol, reason="TRANSFER") for symbol in symbols))
    for number, symbol in enumerate(symbols):
        for trade in range(number + 1):
            detector.note(fill(trade + 1, "1", at_ms=2000 + trade, symbol=symbol, order_id=number), 0.0)
    assert detector.take_doubts(100.0) == []
    assert [len(detector._positions[symbol].later) for symbol in symbols] == [1, 2, 3, 4], "ten may wait"
    detector.note(fill(9, "1", at_ms=9000, symbol="S3", order_id=9), 0.0)
    assert detector.take_doubts(100.0) == []
    waiting = [len(detector._positions[symbol].later) for symbol in symbols]
    assert waiting == [1, 2, 0, 0], "those with most begin anew, until half is free"
    assert detector._positions["S3"].given_up


def test_a_quantity_with_a_sign_counts_without_it() -> None:
    watch = told(order(1, "NEW"))
    watch.note_all([fill(1, "1", last_quantity_text="-1")], AccountState(FillIndex()), 0.0)
    assert watch.due_at_s() is None
