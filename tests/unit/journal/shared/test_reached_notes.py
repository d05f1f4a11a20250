"""The notes beside the file of how far accounts had come."""

from __future__ import annotations

import pytest

from listenkey.journal.shared.reached_notes import NOTE_BYTES, ReachedNotes, note_of
from listenkey.journal.sqlite.row_shape import SEQ_MAX, TIME_MAX_MS


def test_a_note_has_always_the_same_length() -> None:
    assert len(note_of("a", 1, 2)) == len(note_of("x" * 128, SEQ_MAX, TIME_MAX_MS)) == NOTE_BYTES


def test_what_was_noted_is_left_to_the_next_by_name_wherever_it_stands() -> None:
    notes = ReachedNotes()
    notes.note(3, "c", 30, 7)
    notes.note(1, "a", 10, 5)
    at, written = notes.take()
    assert (at, len(written), notes.is_written, notes.places) == (0, 3 * NOTE_BYTES, True, 3)
    left = ReachedNotes(written)
    assert [left.left(name) for name in "abc"] == [(10, 5), (0, 0), (30, 7)]
    assert left.places == 3


def test_only_what_was_changed_is_written_again() -> None:
    notes = ReachedNotes()
    for number in range(1, 6):
        notes.note(number, str(number), number, 0)
    notes.take()
    notes.note(2, "2", 7, 0)
    notes.note(4, "4", 8, 0)
    at, written = notes.take()
    assert (at, len(written)) == (NOTE_BYTES, 3 * NOTE_BYTES)
    assert written.startswith(note_of("2", 7, 0))


@pytest.mark.parametrize(
    "damage",
    [
        note_of("a", 10, 5)[:-1],
        note_of("a", 10, 5).replace(b"10", b"11"),
        bytes(NOTE_BYTES),
        note_of("a", SEQ_MAX + 1, 5),
        note_of("a", 10, TIME_MAX_MS + 1),
    ],
    ids=["torn", "changed", "empty", "no number of an item", "no time"],
)
def test_a_note_that_cant_be_meant_says_nothing(damage: bytes) -> None:
    assert ReachedNotes(damage).left("a") == (0, 0)


def test_of_two_notes_the_one_that_came_further_counts() -> None:
    notes = ReachedNotes(note_of("a", 10, 9) + note_of("a", 12, 3))
    assert notes.left("a") == (12, 9)
