"""The writing thread as one account sees it."""

from __future__ import annotations

from collections.abc import Sequence

from listenkey.journal.shared.account_writer import AccountWriter
from listenkey.journal.sqlite.numbering import Entry
from listenkey.journal.sqlite.writer import Committed
from tests.unit.journal.making import fill
from tests.unit.journal.shared.shared_making import entries


class Notes:
    """Notes what it is given."""

    def __init__(self) -> None:
        self.got: list[tuple[Sequence[Entry] | None, bool]] = []

    def put(self, account: AccountWriter, entries: Sequence[Entry] | None, *, urgent: bool) -> None:
        self.got.append((entries, urgent))

    def written(self, report: Committed) -> None:
        raise AssertionError(report)

    def let_go(self, error: BaseException | None) -> None:
        raise AssertionError(error)


def test_entries_go_in_at_once_and_marks_when_the_thread_looks_anyway() -> None:
    notes = Notes()
    writer = AccountWriter(notes, notes, "book")
    one, two = entries(fill(1), fill(2))
    writer.put(one)
    writer.put_all([one, two])
    writer.heard(5)
    writer.heard(6)
    assert notes.got == [((one,), True), ((one, two), True), (None, False)], "it is told of marks once"
    writer.is_marked = False
    writer.done(1, urgent=False)
    writer.done(1, urgent=True)
    assert notes.got[3:] == [(None, False), (None, True)]
    assert (writer.marks.heard_ms, writer.marks.is_urgent) == (6, True)


def test_closing_is_told_at_once() -> None:
    notes = Notes()
    writer = AccountWriter(notes, notes, None)
    writer.close()
    assert (writer.is_closing, writer.is_given_up) == (True, False)
    writer.give_up()
    assert writer.is_given_up
    assert notes.got == [(None, True)] * 2
