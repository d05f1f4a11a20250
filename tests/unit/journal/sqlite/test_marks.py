"""Test which marks a group takes along; with a file beneath it is shown in test_writer.py."""

from __future__ import annotations

from listenkey.journal.sqlite.marks import NOTE_EVERY_S, Marks


def test_coverage_is_noted_once_a_second_and_at_the_end() -> None:
    marks = Marks(None)
    assert marks.are_written
    marks.heard(1)
    group = marks.due(100.0, final=False)
    assert (group.covered_ms, marks.are_written) == (1, False)
    marks.written(group, 100.0)
    assert marks.are_written
    marks.heard(2)
    assert marks.due(100.5, final=False).covered_ms is None
    assert marks.due(100.5, final=True).covered_ms == 2
    assert marks.due(100.0 + NOTE_EVERY_S, final=False).covered_ms == 2


def test_a_cursor_that_somebody_waits_for_goes_at_once_and_only_a_consumer_has_one() -> None:
    nobody, marks = Marks(None), Marks("book")
    nobody.done(1, urgent=True)
    assert not nobody.due(0.0, final=True).cursors
    marks.done(1, urgent=False)
    group = marks.due(0.0, final=False)
    marks.done(2, urgent=True)
    marks.written(group, 0.0)
    assert group.cursors == {"book": 1}
    group = marks.due(0.0, final=False)
    assert group.cursors == {"book": 2}, "it came while the first was written"
    marks.written(group, 0.0)
    marks.done(3, urgent=False)
    assert not marks.due(0.0, final=False).cursors
