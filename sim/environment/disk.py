"""
The disk of one simulated machine: it is slow, refuses, fails, and forgets what it was not told to keep.

SQLite itself runs, on files in memory. What a power cut leaves of them is made here, from the documented order in which
a commit in WAL mode reaches a disk: the log, a barrier, and where a checkpoint follows, the table's pages and a barrier.
What lies between the last barrier and the cut is there in part, sector by sector; what lies before it is there. Where
the connection was told not to wait for the disk, no barrier counts.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from listenkey.core.gaps import Resumed
from listenkey.journal.sqlite.database import as_ours
from listenkey.journal.sqlite.group import Group
from listenkey.journal.sqlite.held_files import HeldFiles
from listenkey.journal.sqlite.store import Store
from sim.kernel.threads import Killed, Machine

SECTOR: Final = 512
PAGE: Final = 4096
ENDINGS: Final = ("", "-wal", "-lock", "-weight")
FULL_SYNC: Final = 2
COMMIT_MOST_US: Final = 30_000
GONE: Final = "SQLITE_CANTOPEN"

WORDS: Final = {"SQLITE_FULL": "database or disk is full", GONE: "unable to open database file"}
"""The texts of SQLite's errors."""

Files = dict[str, bytes]
"""The contents of a journal's files, by the ending of their names."""


class Disk:
    """
    The disk's present faults.

    Attributes:
        slow_ms: How much longer everything takes, at most.
        errors: SQLite's names of the errors that writing gives, of each fault that is active.
        reaches: Of a write that fails: how often it reaches the file all the same.
        cut: A power cut, or the end of the process, that waits for the next write: "power", "kill" or None.
        written: Groups that were committed.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.slow_ms: list[int] = []
        self.errors: list[str] = []
        self.reaches = 0.3
        self.cut: str | None = None
        self.written = 0

    @property
    def is_calm(self) -> bool:
        """True where nothing is wrong with it."""
        return not (self.slow_ms or self.errors or self.cut)

    def delay_us(self) -> int:
        """Return the time that one write takes."""
        return int(self.rng.random() * max(self.slow_ms, default=0) * 1000)

    def error(self) -> sqlite3.OperationalError | None:
        """The error that a write raises now; None where it succeeds."""
        if not self.errors:
            return None
        name = self.errors[-1]
        error = sqlite3.OperationalError(WORDS.get(name, "disk I/O error"))
        error.sqlite_errorname = name
        return error


class SimHeldFiles(HeldFiles):
    """The files of a journal that are made anew from their bytes at each start, so that their inodes say nothing."""

    def replaced(self) -> str:
        return ""


class SimStore(Store):
    """A journal's file on such a disk."""

    def __init__(self, path: Path, account: str, *, account_is_named: bool = True) -> None:
        super().__init__(path, account, account_is_named=account_is_named)
        self.files = SimHeldFiles(path)
        self._unheard = False  # what is written now is not reported as written
        self._synchronises = True
        self._sure: Files | None = None  # what a power cut would leave, where that is less than what is in the files

    def attach(self, disk: Disk, machine: Machine, die: Callable[[str, dict[str, Files]], None]) -> None:
        """Put it on the disk of a machine, where one of its threads writes to it; `die` ends its process."""
        self._disk, self._machine, self._die = disk, machine, die

    def open(self) -> Resumed:
        if (error := self._disk.error()) is not None and error.sqlite_errorname != "SQLITE_FULL":
            raise _told(error, self.path)
        resumed = super().open()
        self._note_synchronous()
        return resumed

    def _note_synchronous(self) -> None:
        """Look whether a commit waits for the disk, as whoever opened the connection has it."""
        self._synchronises = self.connection.execute("PRAGMA synchronous").fetchone()[0] >= FULL_SYNC

    def write(self, group: Group) -> None:
        disk = self._disk
        self._machine.sleep(disk.delay_us())
        error = disk.error()
        if error is not None:
            self._fail(group, error)
        if self._sure is None and not self._synchronises:
            self._sure = read_files(self.path)
        if disk.cut is not None:
            self._cut(group, disk.cut)
        super().write(group)
        disk.written += 1

    def _fail(self, group: Group, error: sqlite3.OperationalError) -> None:
        """The write fails; it is not known what of it is in the file, and nothing of it is surely on the disk."""
        self._sure = self._sure or read_files(self.path)
        if error.sqlite_errorname != GONE and self._disk.rng.random() < self._disk.reaches:
            believed = self.last_seq, self.chain, self.skip, self._may_hold_more
            self._unheard = True
            try:
                super().write(group)
            finally:
                self._unheard = False
                # Nobody told the store that it went well.
                self.last_seq, self.chain, self.skip, self._may_hold_more = believed
        raise error

    def note_reached(self) -> None:
        if not self._unheard:
            super().note_reached()

    def _cut(self, group: Group, how: str) -> None:
        """The end comes in the middle of this write."""
        before = self._sure if self._sure is not None and how == "power" else read_files(self.path)
        super().write(group)
        rng = self._disk.rng
        left = torn(before, read_files(self.path), rng, in_order=how == "kill")
        self._disk.cut = None
        # A commit takes its time, and meanwhile the rest of the process goes on: nothing of this may be shown yet.
        self._machine.sleep(int(rng.random() * COMMIT_MOST_US) + 1)
        self._die(how, {self.path.name: left})
        raise Killed

    def reopen(self) -> None:
        if (error := self._disk.error()) is not None:
            raise error
        super().reopen()
        self._note_synchronous()
        self._sure = None  # Everything was moved into the table, and the table was synchronised.

    def left_by(self, how: str) -> Files:
        """Return the files left after an end between two writes."""
        return self._sure if how == "power" and self._sure is not None else read_files(self.path)

    def drop(self) -> None:
        """Let go of the files, without a word into them that matters: another folder has what is left."""
        self.files.unwatch()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self.files.release()


def _told(error: sqlite3.OperationalError, path: Path) -> Exception:
    return as_ours(error, path)


def read_files(path: Path) -> Files:
    """Read the present contents of a journal's files."""
    places = {ending: path.with_name(path.name + ending) for ending in ENDINGS}
    return {ending: place.read_bytes() for ending, place in places.items() if place.exists()}


def write_files(path: Path, files: Files) -> None:
    """Make them so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for ending in ENDINGS:
        place = path.with_name(path.name + ending)
        if ending in files:
            place.write_bytes(files[ending])
            place.chmod(0o600)


def torn(before: Files, after: Files, rng: random.Random, *, in_order: bool) -> Files:
    """
    Return the files left when the end comes while `before` is made into `after`.

    Args:
        before: What is surely on the disk.
        after: What would be there had all of it been written.
        rng: Decides what was.
        in_order: The process ends and the machine does not: what was written first is there.
    """
    left = dict(after)
    if before.get("", b"") != after.get("", b"") and rng.random() < 0.5:
        # In the middle of the checkpoint: the log is whole, the table is not.
        left[""] = _mixed(before.get("", b""), after.get("", b""), rng, PAGE, in_order=in_order)
    else:
        left[""] = before.get("", b"")
        left["-wal"] = _mixed(before.get("-wal", b""), after.get("-wal", b""), rng, SECTOR, in_order=in_order)
    # How far it had come is noted when the commit is over, and nobody waits for that to reach the disk.
    left["-lock"] = before.get("-lock", b"") if in_order or rng.random() < 0.7 else b""
    return left


def _mixed(before: bytes, after: bytes, rng: random.Random, unit: int, *, in_order: bool) -> bytes:
    count = -(-max(len(before), len(after)) // unit)
    reached = rng.randrange(count + 1)
    share = rng.random()
    parts = []
    for number in range(count):
        part = slice(number * unit, (number + 1) * unit)
        is_new = number < reached if in_order else rng.random() < share
        old, new = before[part], after[part]
        parts.append(new if is_new else old or bytes(len(new)))
    # A file that grew may have its new length or the old one, and what was never written in between is zeros.
    whole = b"".join(parts)
    return (
        whole
        if in_order or rng.random() < 0.5
        else whole[: rng.randrange(len(before), len(whole) + 1) if len(whole) > len(before) else len(whole)]
    )
