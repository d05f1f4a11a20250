"""
One writer: the file beside a journal that only one process can hold, and that knows how far it had come.

The lock ends with the process, however it ends. The number in the file is written when nothing waits to be committed, else
many times a second, and nobody waits for it. It is right after a crash of the process, or too low by what came in the
last moment of a burst; too low or unreadable after a power cut; and never too high. So a journal that ends before it has
lost its end: somebody put an older copy back, or cut it off. Beside it stands until when the stream was whole, for a
journal that has lost even that.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import weakref
import zlib
from pathlib import Path
from typing import Final

from listenkey.errors import Fenced, JournalError
from listenkey.journal.files import OWNER_ONLY, beside, identity_of, open_regular
from listenkey.journal.sqlite.row_shape import SEQ_MAX, TIME_MAX_MS

LINE_BYTES: Final = 30
"""The bytes of a number with its checksum."""

NUMBER_MAX: Final = 2**63 - 1
"""SQLite's largest integer; whatever is above was not written by us."""

_PROCESS_LINE: Final = 2
_INODE_LINE: Final = 3
LINES: Final = 4
"""The numbers in the file."""


def lock_path(journal: Path) -> Path:
    """The lock file of a journal; links are followed, so that two names of one file have one lock."""
    return beside(Path(os.path.realpath(journal)), "-lock")


class Lock:
    """
    Held from its making until `release`.

    A child of this process that is forked gives its copy back at once, so that the lock ends with this process.

    Raises:
        Fenced: Another process holds it. Known at once; nobody waits.
        JournalError: The file can't be made, or the file system has no locks.
    """

    def __init__(self, journal: Path) -> None:
        self.path = lock_path(journal)
        try:
            self._file = open_regular(self.path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise JournalError(f"the journal's lock {self.path} can't be opened: {error.strerror}") from None
        try:
            self._hold(journal)
        except BaseException:
            self.release()
            raise
        _HELD.add(self)
        self._note(_PROCESS_LINE, os.getpid())

    def _hold(self, journal: Path) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            process = self._number(_PROCESS_LINE)
            who = "another stream of this process" if process == os.getpid() else "another process"
            raise Fenced(f"{who} writes to the journal {journal} (process {process or 'unknown'})") from None
        except OSError as error:
            raise JournalError(
                f"the journal's lock {self.path} can't be held: {error.strerror}; keep the journal on a local disk"
            ) from None
        try:
            if stat.S_IMODE(os.fstat(self._file).st_mode) != OWNER_ONLY:
                os.fchmod(self._file, OWNER_ONLY)
        except OSError as error:
            raise JournalError(
                f"the journal's lock {self.path} can't be made its owner's alone: {error.strerror}"
            ) from None

    def is_replaced(self) -> bool:
        """True where another file has the name of the locked one. A file that is gone has not been replaced yet."""
        held = os.fstat(self._file)
        try:
            named = identity_of(self.path)
        except OSError:
            return False
        return named not in (None, (held.st_dev, held.st_ino))

    def is_gone(self) -> bool:
        """True where no file has the name of the locked one: another process could make one, and lock that."""
        try:
            return identity_of(self.path) is None
        except OSError:
            return False

    def make_anew(self) -> None:
        """
        Make the file that is gone again, with all that it held, and lock it.

        Nothing is done where another process was faster, or the system refuses. No room for what it held is no reason.
        """
        try:
            made = open_regular(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        except OSError:
            return
        try:
            fcntl.flock(made, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(made)
            return
        held, self._file = self._file, made
        with contextlib.suppress(OSError):
            os.pwrite(made, os.pread(held, os.fstat(held).st_size, 0), 0)
        os.close(held)

    def reached(self) -> int:
        """The last number that was committed, as far as is known; 0 where nothing is."""
        seq = self._number(0)
        return seq if seq <= SEQ_MAX else 0

    def covered_ms(self) -> int:
        """The time until which the stream was whole, as far as is known; 0 where nothing is."""
        covered_ms = self._number(1)
        return covered_ms if covered_ms <= TIME_MAX_MS else 0

    def note_reached(self, seq: int, covered_ms: int = 0) -> None:
        """Remember that everything up to `seq` is committed, and that the stream was whole until then."""
        self._note(0, seq, covered_ms)

    def inode(self) -> int:
        """The inode of the database that was written to, as far as it is known; 0 where not."""
        return self._number(_INODE_LINE)

    def note_inode(self, table: int) -> None:
        """Remember which file is written to."""
        self._note(_INODE_LINE, table & NUMBER_MAX)

    def more(self) -> bytes:
        """Return what stands behind the lines: a file of many accounts has notes of its own there."""
        with contextlib.suppress(OSError):
            return os.pread(self._file, os.fstat(self._file).st_size, LINES * LINE_BYTES)
        return b""

    def note_more(self, at: int, notes: bytes) -> None:
        """Write so far behind the lines; no room for it is no reason to lose the streams."""
        with contextlib.suppress(OSError):
            os.pwrite(self._file, notes, LINES * LINE_BYTES + at)

    def _number(self, line: int) -> int:
        return read_reached(os.pread(self._file, LINE_BYTES, line * LINE_BYTES))

    def _note(self, line: int, *numbers: int) -> None:
        # No room for sixty bytes is no reason to lose the stream: the number is then too low, which is allowed.
        with contextlib.suppress(OSError):
            os.pwrite(self._file, b"".join(map(reached_line, numbers)), line * LINE_BYTES)

    def release(self) -> None:
        """Let another process write. The file stays: taking it away would let two hold one name."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


_HELD: Final = weakref.WeakSet[Lock]()


def _release_in_child() -> None:
    """Close the copies that a forked process got: with one of them open, the lock would outlive this process."""
    for lock in list(_HELD):
        lock.release()


os.register_at_fork(after_in_child=_release_in_child)


def reached_line(seq: int) -> bytes:
    """The number with its checksum, always of the same length."""
    digits = b"%020d" % seq
    return b"%s %08x\n" % (digits, zlib.crc32(digits))


def reached_of(journal: Path) -> int:
    """Return the last number of a journal by its lock file, without holding it; 0 where there is none, or it says none."""
    try:
        return read_reached(lock_path(journal).read_bytes()[:64])
    except OSError:
        return 0


def read_reached(line: bytes) -> int:
    """The number of the first line, or 0 where it is not whole or no number that a journal reaches."""
    digits = line[:20]
    if not digits.isdigit() or line[:LINE_BYTES] != b"%s %08x\n" % (digits, zlib.crc32(digits)):
        return 0
    return number if (number := int(digits)) <= NUMBER_MAX else 0
