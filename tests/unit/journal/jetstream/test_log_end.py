from __future__ import annotations

from collections.abc import Iterable

import pytest

from listenkey.core.gaps import OrderLeft, Resumed, Watermark
from listenkey.events import RecoveredCash, RecoveredExercise
from listenkey.items import GapClosed, GapOpened, Item, Live, Update
from listenkey.journal.jetstream import checkpoint
from listenkey.journal.jetstream.checkpoint import AccountMemory
from listenkey.journal.jetstream.log_end import LogEnd
from listenkey.journal.jetstream.mark import NO_MARK, GapMark, Mark
from listenkey.journal.jetstream.record_codec import Stored
from listenkey.outcomes import GapCause
from tests.unit.core.making import order_row, trade_row
from tests.unit.journal.making import ACCOUNT, AT_MS, ORDER_ID, SYMBOL, fill, greeks, read, resting


def update(seq: int, raw: bytes, received_ms: int = AT_MS) -> Update:
    return Update(seq, ACCOUNT, read(raw), received_ms, raw)


def end_of(items: Iterable[Item], mark: Mark = NO_MARK) -> LogEnd:
    end = LogEnd(mark, AccountMemory())
    for item in items:
        end.note(Stored(item, b"%16d" % item.seq, item.seq, AT_MS, 0))
    return end


def test_an_account_without_items_has_left_nothing() -> None:
    end = end_of([])
    assert (end.left(), end.last_seq, end.skip) == (Resumed(), 0, 0)
    assert end_of([update(1, greeks(1))]).left() == Resumed()


def test_the_newest_word_on_coverage_counts_where_no_mark_does() -> None:
    left = end_of([Live(1, ACCOUNT, 7), update(2, fill(1)), GapOpened(3, ACCOUNT, 9, "lost")]).left()
    assert (left.covered_until_ms, left.open_from_ms, left.began_ms) == (9, 9, 7)
    assert left.fills == ((SYMBOL, 1, ORDER_ID + 1, AT_MS),)


def test_the_mark_says_more_than_the_items() -> None:
    mark = Mark(5, 2, 1_000, Watermark(1_000, "boot", 3), 50, GapMark(900, 4, 3, 1))
    items = [update(2, fill(1)), Update(3, ACCOUNT, trade_row(2).fill, AT_MS, b"{}", "rest")]
    end = end_of(items, mark)
    left = end.left()
    assert (left.covered_until_ms, left.open_from_ms, left.began_ms, left.watermark) == (1_000, 900, 50, mark.by)
    assert (end.recovered.updates, end.recovered.fills, end.recovered.is_open) == (5, 4, True)
    closed = end_of([*items, GapClosed(4, ACCOUNT, 900, 950, 5)], mark)
    assert (closed.left().open_from_ms, closed.recovered.is_open) == (None, False)
    assert end_of(items, Mark(5, 3, 1_000)).left().open_from_ms is None


def test_a_gap_that_began_earlier_is_one_gap() -> None:
    items = [GapOpened(1, ACCOUNT, 9, "lost"), GapOpened(2, ACCOUNT, 5, "earlier"), GapOpened(3, ACCOUNT, 7, "later")]
    assert end_of(items).left().open_from_ms == 5


def test_items_that_a_mark_knew_and_the_stream_lost_are_a_loss() -> None:
    end = end_of([Live(1, ACCOUNT, 7)], Mark(5, 4, 1_000))
    left = end.left()
    assert end.skip == 3
    assert left.reason.cause is GapCause.JOURNAL_LOST
    assert "lost its last 3 items" in left.reason.text
    assert end_of([], Mark(5, 4, 1_000)).skip == 4


def test_the_beginning_is_known_from_the_first_item_alone() -> None:
    assert end_of([update(8, greeks(1)), Live(9, ACCOUNT, 7)]).began_ms == 0
    assert end_of([Live(1, ACCOUNT, 7), Live(2, ACCOUNT, 8)]).began_ms == 7


def test_orders_that_live_are_left_and_ended_ones_are_not() -> None:
    order = order_row(7, "NEW", "0").order
    ended = order_row(1, "CANCELED", "1").order
    items: list[Item] = [
        update(1, resting(2)),
        update(2, resting(3)),
        update(3, fill(3)),  # FILLED
        update(4, resting(3)),  # It came late.
        update(5, resting(4)),
        Update(6, ACCOUNT, order, AT_MS, b"{}", "rest"),
        Update(7, ACCOUNT, ended, AT_MS, b"{}", "rest"),
        update(8, resting(2)),
    ]
    left = end_of([*items, Live(9, ACCOUNT, 5)]).left()
    assert [one.order_id for one in left.orders] == [ORDER_ID + 4, order.order_id, ORDER_ID + 2]
    assert left.orders[0] == OrderLeft(SYMBOL, ORDER_ID + 4, "NEW", "0.3000", AT_MS)


def test_the_state_that_filled_most_counts() -> None:
    more, less = (resting(2).replace(b'"z":"0.3000"', b'"z":"%s"' % filled) for filled in (b"0.2", b"0.1"))
    left = end_of([update(1, more), update(2, less), Live(3, ACCOUNT, 5)]).left()
    assert [one.filled_text for one in left.orders] == ["0.2"]


def test_only_so_many_orders_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "ORDERS_LEFT_MAX", 2)
    items: list[Item] = [update(number, resting(number)) for number in range(1, 5)]
    left = end_of([*items, Live(9, ACCOUNT, 5)]).left()
    assert [one.order_id - ORDER_ID for one in left.orders] == [3, 4]


def test_records_and_the_lead_of_our_clock_are_left() -> None:
    cash = RecoveredCash(1, "TRANSFER", "5", "USDT", "", AT_MS)
    exercise = RecoveredExercise("7", SYMBOL, "LONG", "1", "90000", "10", "-1", "USDT", AT_MS)
    left = end_of(
        [
            Update(1, ACCOUNT, cash, AT_MS, b"{}", "rest"),
            Update(2, ACCOUNT, exercise, AT_MS, b"{}", "rest"),
            update(3, fill(1), AT_MS + 30),
            update(4, fill(2), AT_MS + 10),
            Live(5, ACCOUNT, 5),
        ]
    ).left()
    assert left.records == ((cash.type, str(cash.record_id)), (exercise.type, str(exercise.record_id)))
    assert left.lead_ms == 10
