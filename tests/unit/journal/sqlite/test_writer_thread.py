"""A thread that writes until it is stopped, whatever it writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from listenkey.errors import Corrupt, JournalError
from listenkey.journal.sqlite import writer_thread as module
from listenkey.journal.sqlite.own_files import NotInPlace
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.writer_thread import Finished, WriteFailed, WriterThread
from listenkey.transport.threads import SYSTEM
from tests.unit.journal.making import ACCOUNT, broken


class Played(WriterThread):
    """Does what a list says, a step at a time, and notes it."""

    def __init__(self, path: Path, steps: list[Any]) -> None:
        self.reports: list[Any] = []
        self.store = Store(path / "a.db", ACCOUNT)
        self.store.open()
        super().__init__(self.store, self.reports.append, SYSTEM)
        self.steps = steps
        self.pruned = 0
        self.finals: list[bool] = []

    def _commit_some(self, *, final: bool) -> bool:
        self.finals.append(final)
        if not self.steps:
            return False
        self._safely(self._step)
        return True

    def _step(self) -> None:
        step = self.steps.pop(0)
        if isinstance(step, BaseException):
            raise step

    def _prune(self) -> None:
        self.pruned += 1


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_FIRST_S", 0.0)


def test_a_turn_commits_all_that_waits_and_prunes_unless_it_is_the_last(tmp_path: Path) -> None:
    writer = Played(tmp_path, [1, 2])
    assert writer.turn()
    assert (writer.steps, writer.finals, writer.pruned) == ([], [False] * 3, 1)
    writer.stop()
    assert not writer.turn()
    assert (writer.finals[-1], writer.pruned) == (True, 1)
    writer.store.close()


def test_what_fails_is_tried_again_on_another_connection_and_told_once(tmp_path: Path) -> None:
    writer = Played(tmp_path, [broken("SQLITE_FULL"), broken("SQLITE_FULL"), broken("SQLITE_IOERR"), 1])
    before = writer.store.connection
    writer.turn()
    full, failing, well = [report.problem for report in writer.reports]
    assert ("the disk is full" in full, "disk I/O error" in failing, well) == (True, True, None)
    assert writer.store.connection is not before
    writer.store.close()


def test_a_file_that_is_not_in_its_place_keeps_its_connection(tmp_path: Path) -> None:
    writer = Played(tmp_path, [NotInPlace("moved"), 1])
    before = writer.store.connection
    writer.turn()
    assert writer.store.connection is before
    assert [report.problem is None for report in writer.reports] == [False, True]
    writer.store.close()


@pytest.mark.parametrize(
    ("step", "expected"), [(broken("SQLITE_CORRUPT"), Corrupt), (ZeroDivisionError(), ZeroDivisionError)]
)
def test_what_trying_again_would_make_worse_ends_the_thread(
    step: BaseException, expected: type[BaseException], tmp_path: Path
) -> None:
    writer = Played(tmp_path, [step])
    writer.start()
    writer.wake.set()
    writer._thread.join(5)  # type: ignore[attr-defined]
    assert not writer.is_alive
    (report,) = writer.reports
    assert isinstance(report, Finished)
    assert isinstance(report.error, expected)
    assert not writer.store.is_open


def test_giving_up_ends_it_where_something_cant_be_written(tmp_path: Path) -> None:
    writer = Played(tmp_path, [broken("SQLITE_FULL")])
    writer.give_up()
    writer._run()
    trouble, report = writer.reports
    assert isinstance(trouble, WriteFailed)
    assert isinstance(report.error, JournalError)
