"""Test that a damaged or truncated journal keeps a prefix of its items, with all that was shown."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from listenkey.core.gaps import closed_gap
from listenkey.core.reconciliation import SNAPSHOTS_LOST
from listenkey.items import GapOpened, Item, Live
from listenkey.journal.sqlite.group import Group
from listenkey.journal.sqlite.lock import lock_path
from listenkey.journal.sqlite.numbering import EventEntry, NoticeEntry
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.retention import Retention
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.verify import verify_journal
from listenkey.journal.sqlite.writer import Committed, Report, Writer
from listenkey.outcomes import GapCause
from tests.unit.journal.making import ACCOUNT, AT_MS, broken, fill, greeks, read

FAST: Path | None = Path("/dev/shm") if Path("/dev/shm").is_dir() else None


class Put(NamedTuple):
    """Fills and snapshots, in one commit; a fill may have been there before."""

    numbers: tuple[int, ...]


class Tell(NamedTuple):
    """A gap, and live again."""


class Cover(NamedTuple):
    """The stream was whole until now."""


class Done(NamedTuple):
    """The consumer has had everything."""


class Prune(NamedTuple):
    """Retention takes away what the consumer has had."""


class Anew(NamedTuple):
    """An error: another connection, and on."""


class Fail(NamedTuple):
    """The next commit ends in an error of the disk; `after`: and has reached the file all the same."""

    after: bool


class Restart(NamedTuple):
    """Another process goes on."""


Step: TypeAlias = Put | Tell | Cover | Done | Prune | Anew | Fail | Restart
STEPS = st.lists(
    st.one_of(
        st.builds(Put, st.lists(st.integers(0, 9), min_size=1, max_size=4).map(tuple)),
        st.builds(Put, st.lists(st.integers(0, 9), min_size=1, max_size=4).map(tuple)),
        st.sampled_from([Tell(), Cover(), Done(), Prune(), Anew(), Fail(after=False), Fail(after=True), Restart()]),
    ),
    min_size=1,
    max_size=12,
)


class Process:
    """A journal's writer without its thread: each step is made when it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[Item] = []
        self.given: list[Item] = []
        self.duplicates = 0
        self.open()

    def open(self) -> None:
        self.store = Store(self.path, ACCOUNT)
        self.store.open()
        self.store.write = self.write  # type: ignore[method-assign]
        self.fail: Fail | None = None
        self.read_seq = 0
        self.writer = Writer(
            self.store, self.report, "book", Retention(keep_days=1e-9), lambda: AT_MS * 2, lambda: self.read_seq
        )

    def write(self, group: Group) -> None:
        """A commit, with the error that was asked for."""
        fail, self.fail = self.fail, None
        store = self.store
        known = (store.last_seq, store.chain, store.skip)
        if fail is None or fail.after:
            Store.write(store, group)
        if fail is not None:
            store.last_seq, store.chain, store.skip = known
            raise broken("SQLITE_IOERR_FSYNC")

    def report(self, report: Report) -> None:
        if isinstance(report, Committed):
            self.told.extend(report.items)
            self.duplicates += report.duplicates

    def step(self, step: Step) -> None:
        match step:
            case Put(numbers):
                for number in numbers:
                    raw = fill(number) if number % 3 else greeks(number)
                    self.writer.put(EventEntry(read(raw), raw, AT_MS, "ws", False))
            case Tell():
                for item in (
                    GapOpened(0, "", 5, "lost", GapCause.SILENT),
                    closed_gap(5, 6, *SNAPSHOTS_LOST),
                    Live(0, "", 6),
                ):
                    self.writer.put(NoticeEntry(item, AT_MS))
            case Cover():
                self.writer.marks.heard(AT_MS + self.store.last_seq)
            case Done():
                self.writer.done(self.store.last_seq, urgent=True)
            case Prune():
                self.read_seq = self.store.last_seq
                self.writer._pruner._at_s = 0.0
                self.writer._prune()
            case Anew():
                self.store.abandon()
            case Fail():
                self.fail = step
            case Restart():
                self.close()
                self.open()
        while self.writer._commit_some(final=False):
            pass

    def close(self) -> None:
        self.store.close()


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=FAST) as name:
        yield Path(name)


def copied(path: Path, to: Path) -> Path:
    """Copy the journal as the disk holds it at this moment: the file and its log."""
    for one in (path, Path(f"{path}-wal"), lock_path(path)):
        if one.exists():
            shutil.copy(one, to / one.name)
    return to / path.name


def items_of(path: Path) -> list[Item]:
    reader = JournalReader(path)
    try:
        return reader.read(0, 10_000)
    finally:
        reader.close()


def opened_again(path: Path) -> list[Item]:
    """Return the items that the next process finds; it must find the journal whole, and be able to go on with it."""
    found = verify_journal(path)
    assert found.whole, found.problems
    process = Process(path)
    before = items_of(path)
    process.step(Put((1001,)))
    process.close()
    after = items_of(path)
    assert after[:-1] == before
    assert verify_journal(path).whole
    return before


@given(STEPS, st.integers(0, 12), st.floats(0, 1), st.booleans())
def test_wherever_it_is_cut_off_a_prefix_is_left_with_all_that_was_told(
    steps: list[Step], cut_after: int, torn: float, zeroed: bool
) -> None:
    """
    The power fails during the step after `cut_after`: of what that step added to the log, a part is there.

    Args:
        steps: What is done.
        cut_after: After how many of them.
        torn: How much of the next step's bytes reached the disk.
        zeroed: Whether the rest is there as zeros, as when a file grew and its content did not follow.
    """
    steps, last = steps[:cut_after], steps[cut_after : cut_after + 1]
    with folder() as at, folder() as there:
        process = Process(at / "a.db")
        for step in steps:
            process.step(step)
        told = list(process.told)
        database, log = at / "a.db", at / "a.db-wal"
        before, log_before = database.read_bytes(), log.read_bytes() if log.exists() else b""
        noted_before = lock_path(database).read_bytes()
        for step in last:
            process.step(step)
        copy = copied(database, there)
        log_now = log.read_bytes() if log.exists() else b""
        if database.read_bytes() == before and log_now.startswith(log_before):
            here = len(log_before) + int(torn * (len(log_now) - len(log_before)))
            rest = b"\0" * (len(log_now) - here) if zeroed else b""
            Path(f"{copy}-wal").write_bytes(log_now[:here] + rest)
            lock_path(copy).write_bytes(
                noted_before
            )  # how far it has come is noted when the disk has it, and not sooner
        everything = list(process.told)
        process.close()
        left = opened_again(copy)
    first = left[0].seq if left else len(everything) + 1
    assert left == everything[first - 1 : first - 1 + len(left)], "a prefix, but for what retention took away"
    if left:
        assert left[-1].seq >= (told[-1].seq if told else 0), "and nothing that was told is lost"
    else:
        assert not told or any(isinstance(step, Prune) for step in (*steps, *last))


@given(STEPS)
def test_a_fill_is_kept_once_over_restarts_errors_and_retention(steps: list[Step]) -> None:
    with folder() as at:
        process = Process(at / "a.db")
        for step in steps:
            process.step(step)
        process.close()
        assert verify_journal(at / "a.db").whole
    put = [number for step in steps if isinstance(step, Put) for number in step.numbers]
    fills = [number for number in put if number % 3]
    trades = [
        item.event.trade_id for item in process.told if hasattr(item, "event") and hasattr(item.event, "trade_id")
    ]
    assert sorted(trades) == sorted(set(fills))
    assert process.duplicates == len(fills) - len(set(fills))
    assert [item.seq for item in process.told] == list(range(1, len(process.told) + 1))


def test_a_step_that_is_lost_would_be_seen() -> None:
    """The oracle is not blind: a commit that is told and not made is found."""
    with folder() as at, folder() as there:
        process = Process(at / "a.db")
        process.step(Put((1,)))
        copy = copied(at / "a.db", there)
        process.step(Put((2,)))
        left = opened_again(copy)
        assert left[-1].seq < process.told[-1].seq
        process.close()
