"""A fill is late behind a newer one of the account, and one odd id makes no other late."""

from __future__ import annotations

import pytest

from listenkey.core import lateness as being_late
from listenkey.core.lateness import NEAR, Lateness, NewestFill
from listenkey.events import Event
from tests.unit.core.making import OTHER, SYMBOL, beat, fill, order, trade_row


def late_of(*events: Event) -> list[bool]:
    lateness = Lateness()
    return [lateness.note_event(event) for event in events]


def test_late_is_behind_the_account_by_time_and_in_one_millisecond_behind_its_symbol_by_id() -> None:
    first = fill(5, "1", at_ms=2000)
    assert late_of(first, fill(6, "2", at_ms=2000)) == [False, False]
    assert late_of(first, fill(4, "1", at_ms=2000)) == [False, True]
    assert late_of(first, fill(4, "1", at_ms=2000, symbol=OTHER)) == [False, False]
    assert late_of(first, trade_row(9, at_ms=1999, symbol=OTHER).fill) == [False, True]
    assert late_of(first, fill(5, "1", at_ms=2000, order_id=2)) == [False, False], "the other side of the trade"
    assert late_of(first, order(2, "NEW", at_ms=1), beat(1)) == [False] * 3


@pytest.mark.parametrize("step_ms", [0, 1, 1000])
def test_an_id_of_another_range_makes_no_other_late(step_ms: int) -> None:
    ids = (5, 2**62 + 1, 66, 77, 3 * NEAR, 78)
    events = [fill(trade_id, "1", at_ms=2000 + step_ms * place) for place, trade_id in enumerate(ids)]
    assert late_of(*events) == [False] * len(ids)
    assert late_of(*events, fill(77, "1", at_ms=events[-1].event_ms, order_id=9)) == [False] * len(ids) + [True]


def test_a_late_fill_moves_nothing_back() -> None:
    lateness = Lateness()
    for event in (fill(5, "1", at_ms=2000), fill(9, "1", at_ms=1000), fill(4, "1", at_ms=2000)):
        lateness.note_event(event)
    assert (lateness.newest, lateness.newest_ms) == (NewestFill(SYMBOL, 5, 1, 2000), 2000)
    assert not lateness.note_event(fill(6, "1", at_ms=2000))


def test_what_an_earlier_process_delivered_is_noted_in_its_order() -> None:
    lateness = Lateness()
    lateness.resume([(SYMBOL, 6, 1, 2000), (OTHER, 1, 2, 1000), (SYMBOL, 5, 1, 2000)])
    assert lateness.newest == NewestFill(SYMBOL, 6, 1, 2000)
    assert lateness.note(SYMBOL, 4, 1, 2000)


def test_what_is_remembered_of_symbols_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(being_late, "SYMBOLS_MAX", 4)
    lateness = Lateness()
    for number in range(9):
        lateness.note(f"symbol {number}", 1, 1, 1000)
    assert len(lateness._ids) == 4
