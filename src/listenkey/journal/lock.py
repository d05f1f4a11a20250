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
import zlib
from pathlib import Path
from typing import Final

from listenkey.errors import Fenced, JournalError

LINE_BYTES: Final = 30
"""Of a number with its checksum."""


def lock_path(journal: Path) -> Path:
    """The lock file of a journal; links are followed, so that two names of one file have one lock."""
    real = journal.resolve()
    return real.with_name(real.name + "-lock")


class Lock:
    """
    Held from its making until `release`.

    Raises:
        Fenced: Another process holds it. Known at once; nobody waits.
        JournalError: The file can't be made.
    """

    def __init__(self, journal: Path) -> None:
        self.path = lock_path(journal)
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"the journal's lock {self.path} can't be opened: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise Fenced(f"another process writes to the journal {journal}") from None
        os.fchmod(self._file, 0o600)

    def is_held(self) -> bool:
        """Whether the file that is locked is still the one with its name."""
        try:
            named, held = self.path.stat(), os.fstat(self._file)
        except OSError:
            return False
        return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)

    def reached(self) -> int:
        """The last number that was committed, as far as is known; 0 where nothing is."""
        return read_reached(os.pread(self._file, LINE_BYTES, 0))

    def covered_ms(self) -> int:
        """Until when the stream was whole, as far as is known; 0 where nothing is."""
        return read_reached(os.pread(self._file, LINE_BYTES, LINE_BYTES))

    def note_reached(self, seq: int, covered_ms: int = 0) -> None:
        """Remember that everything up to `seq` is committed, and that the stream was whole until then."""
        # No room for sixty bytes is no reason to lose the stream: the number is then too low, which is allowed.
        with contextlib.suppress(OSError):
            os.pwrite(self._file, reached_line(seq) + reached_line(covered_ms), 0)

    def release(self) -> None:
        """Let another process write. The file stays: taking it away would let two hold one name."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def reached_line(seq: int) -> bytes:
    """The number with its checksum, always of the same length."""
    digits = b"%020d" % seq
    return b"%s %08x\n" % (digits, zlib.crc32(digits))


def read_reached(line: bytes) -> int:
    """The number of the first line, or 0 where it is not whole."""
    digits = line[:20]
    return int(digits) if digits.isdigit() and line[:LINE_BYTES] == b"%s %08x\n" % (digits, zlib.crc32(digits)) else 0
