"""The thread, played step by step without a thread; as a thread it is in test_sqlite.py and tests/contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from listenkey.errors import Corrupt, JournalError
from listenkey.events import Event
from listenkey.items import Live
from listenkey.journal.sqlite import metadata, writer_thread
from listenkey.journal.sqlite.group import GROUP_ROWS_MAX
from listenkey.journal.sqlite.lock import lock_path, read_reached
from listenkey.journal.sqlite.numbering import EventEntry, NoticeEntry
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.retention import Retention
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.verify import verify_journal
from listenkey.journal.sqlite.writer import (
    REACHED_EVERY_S,
    Committed,
    Report,
    Writer,
)
from listenkey.journal.sqlite.writer_thread import Finished, WriteFailed
from listenkey.transport.threads import Threads
from tests.unit.journal.making import ACCOUNT, AT_MS, BadDisk, Wall, fill, greeks, read


class Bench:
    """A store and a writer whose thread is us."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path
        self.reports: list[Report] = []
        self.store = Store(path, ACCOUNT)
        self.store.open()
        settings: dict[str, Any] = {"consumer": "book", "retention": Retention(), "wall_ms": Wall()} | options
        self.read_seq = 0
        self.writer = Writer(self.store, self.reports.append, read_seq=lambda: self.read_seq, **settings)

    def put(self, *raws: bytes) -> None:
        for raw in raws:
            self.writer.put(EventEntry(read(raw), raw, AT_MS, "ws", late=False))

    def step(self, *, final: bool = False) -> bool:
        return self.writer._commit_some(final=final)

    def committed(self) -> list[int]:
        return [item.seq for report in self.reports if isinstance(report, Committed) for item in report.items]

    def on_disk(self) -> list[int]:
        reader = JournalReader(self.path)
        try:
            return [item.seq for item in reader.read(0, 10_000)]
        finally:
            reader.close()

    def fact(self, name: str) -> Any:
        return metadata.facts(self.store.connection).get(name)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "a.db")
    yield made
    made.store.close()


def test_a_thread_is_idle_once_both_marks_are_written(bench: Bench) -> None:
    writer, idle = bench.writer, list[bool]()
    writer.marks.heard(AT_MS)
    idle.append(writer.marks.are_written)
    bench.put(greeks(1))
    bench.step(final=True)
    idle.append(writer.marks.are_written)
    writer.done(1, urgent=False)
    idle.append(writer.marks.are_written)
    bench.step(final=True)
    idle.append(writer.marks.are_written)
    assert idle == [False, True, False, True]


def test_a_group_is_reported_when_it_is_on_the_disk(bench: Bench) -> None:
    bench.put(fill(1), fill(2))
    bench.writer.put(NoticeEntry(Live(0, "", AT_MS), AT_MS))
    assert bench.step()
    (report,) = bench.reports
    assert isinstance(report, Committed)
    assert (report.entries, report.last_seq, report.duplicates) == (3, 3, 0)
    assert report.raw_bytes == len(fill(1)) + len(fill(2))
    assert bench.committed() == bench.on_disk() == [1, 2, 3]
    assert not bench.step()


def test_what_is_shown_is_noted_beside_the_journal_when_nothing_waits(tmp_path: Path) -> None:
    clock = [100.0]
    bench = Bench(tmp_path / "b.db", threads=Threads(now_s=lambda: clock[0]))

    def reached() -> int:
        return read_reached(lock_path(bench.path).read_bytes())

    bench.put(fill(1))
    bench.step()
    assert reached() == 1
    bench.put(*(greeks(number) for number in range(3 * GROUP_ROWS_MAX)))
    bench.step()
    assert reached() == 1  # more waits, and that was a moment ago
    clock[0] += REACHED_EVERY_S
    bench.step()
    assert reached() == 1 + 2 * GROUP_ROWS_MAX
    bench.step()
    assert reached() == 1 + 3 * GROUP_ROWS_MAX


def test_a_group_has_a_limit(bench: Bench) -> None:
    bench.put(*(greeks(number) for number in range(GROUP_ROWS_MAX + 1)))
    assert bench.step()
    assert len(bench.committed()) == GROUP_ROWS_MAX
    assert bench.step()
    assert bench.committed() == bench.on_disk()


def test_fills_that_are_there_get_no_number(bench: Bench) -> None:
    bench.put(fill(1), fill(2), fill(1))
    bench.step()
    bench.put(fill(3), fill(2), greeks(1), greeks(1))
    bench.step()
    assert [report.duplicates for report in bench.reports if isinstance(report, Committed)] == [1, 1]
    assert bench.committed() == bench.on_disk() == [1, 2, 3, 4, 5]


def test_fills_that_were_taken_away_are_known_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "a.db", retention=Retention(keep_bytes=1))
    bench.read_seq = 2
    bench.put(fill(1), fill(2))
    bench.step()
    bench.writer._prune()
    assert bench.on_disk() == [2]
    bench.put(fill(1), fill(3))
    bench.step()
    assert bench.on_disk() == [2, 3]
    assert verify_journal(bench.path).whole
    bench.store.close()


def test_until_when_the_stream_was_whole_is_not_true_before_what_came_until_then_is_there(bench: Bench) -> None:
    bench.put(*(greeks(number) for number in range(GROUP_ROWS_MAX + 1)))
    bench.writer.marks.heard(AT_MS + 7)
    bench.step()
    assert bench.fact("covered_ms") is None
    bench.step()
    assert bench.fact("covered_ms") == AT_MS + 7


def test_it_is_noted_once_a_second_and_at_the_end(tmp_path: Path) -> None:
    now_s = [100.0]
    bench = Bench(tmp_path / "b.db", threads=Threads(now_s=lambda: now_s[0]))
    for heard_ms, at_s, noted_ms in ((1, 100.0, 1), (2, 100.9, 1), (3, 101.0, 3), (4, 101.5, 3)):
        now_s[0] = at_s
        bench.writer.marks.heard(heard_ms)
        bench.step()
        assert bench.fact("covered_ms") == noted_ms
    assert bench.step(final=True)
    assert bench.fact("covered_ms") == 4
    assert not bench.step(final=True)


def test_a_cursor_waits_for_the_next_second_unless_somebody_waits_for_it(tmp_path: Path) -> None:
    now_s = [100.0]
    bench = Bench(tmp_path / "b.db", threads=Threads(now_s=lambda: now_s[0]))
    bench.put(fill(1))
    bench.writer.marks.heard(AT_MS)
    bench.step()
    bench.writer.done(1, urgent=False)
    assert not bench.step()
    bench.writer.done(1, urgent=True)
    assert bench.step()
    assert bench.store.cursor("book") == 1
    assert bench.reports[-1] == Committed([], 1, 0, 0, 0, 1)
    bench.writer.done(2, urgent=False)
    now_s[0] = 101.0
    assert bench.step()
    assert bench.store.cursor("book") == 2


@pytest.mark.parametrize("after", [False, True], ids=["nothing-done", "done-and-denied"])
@pytest.mark.parametrize("statement", range(1, 20))
@pytest.mark.parametrize("pruned", [False, True], ids=["", "asks-first"])
def test_whatever_statement_fails_nothing_is_lost_doubled_or_told_too_early(
    statement: int, pruned: bool, after: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_thread, "RETRY_FIRST_S", 0.0)
    bench = Bench(tmp_path / "a.db")
    bench.store.close()
    disk = BadDisk(monkeypatch)
    bench = Bench(tmp_path / "a.db")
    disk.count, disk.after, disk.fail = 0, after, {statement, statement + 3}
    bench.store.has_pruned = pruned
    watch(bench)
    for number in range(1, 6):
        bench.put(fill(number), fill(number), greeks(number))
        bench.writer.marks.heard(AT_MS + number)
        bench.writer.done(bench.store.last_seq, urgent=True)
        while bench.step():
            pass
    assert disk.count >= statement
    assert bench.committed() == bench.on_disk() == list(range(1, 11))
    assert disk.used_after_failing == 0
    troubles = [report.problem for report in bench.reports if isinstance(report, WriteFailed)]
    assert troubles[-1:] in ([None], [])
    bench.store.close()
    assert verify_journal(bench.path).whole


def watch(bench: Bench) -> None:
    """Each report must be true on the disk at the moment it is made."""
    note: Callable[[Report], None] = bench.reports.append

    def check(report: Report) -> None:
        note(report)
        if isinstance(report, Committed):
            assert bench.on_disk() == bench.committed()

    bench.writer._report = check


def test_damage_that_sqlite_has_no_readable_words_for_ends_the_thread(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(_: Any) -> None:
        b"near E\xccSE".decode()

    bench.put(fill(1))
    monkeypatch.setattr(bench.store, "write", write)
    with pytest.raises(Corrupt, match="is damaged"):
        bench.step()


def test_damage_ends_the_thread_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = BadDisk(monkeypatch, "SQLITE_CORRUPT")
    bench = Bench(tmp_path / "a.db")
    disk.dead = True
    bench.put(fill(1))
    bench.writer._run()
    (report,) = bench.reports
    assert isinstance(report, Finished)
    assert "damaged" in str(report.error)


def test_giving_up_ends_the_thread_with_what_was_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = BadDisk(monkeypatch, "SQLITE_FULL")
    bench = Bench(tmp_path / "a.db")
    disk.dead = True
    bench.put(fill(1))
    bench.writer.give_up()
    bench.writer._run()
    trouble, finished = bench.reports
    assert isinstance(trouble, WriteFailed)
    assert "disk is full" in str(trouble.problem)
    assert isinstance(finished, Finished)
    assert isinstance(finished.error, JournalError)
    assert bench.committed() == []


def test_a_bug_reaches_the_reader(bench: Bench) -> None:
    class Poison:
        def to_dict(self) -> object:
            raise ZeroDivisionError

    event: Event = Poison()  # type: ignore[assignment]
    bench.writer.put(EventEntry(event, b"", AT_MS, "ws", late=False))
    bench.writer._run()
    (report,) = bench.reports
    assert isinstance(report, Finished)
    assert isinstance(report.error, ZeroDivisionError)
