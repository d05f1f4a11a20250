"""
While an fsync takes its time, what it covers is shown to nobody: not to the program that writes, nor to any other.

strace holds the program in its next fdatasync until it is let go. The item is in the journal's log by then, where the
kernel would hand it out to anybody who reads the file; a power cut would take it away again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from listenkey.items import Update
from listenkey.journal.shared.account_view import account_access
from listenkey.journal.shared.accounts_schema import FILE_NAME
from listenkey.journal.sqlite.file_access import ALONE
from listenkey.journal.sqlite.reader import JournalReader
from tests.chaos.processes import until
from tests.chaos.traced import NoStrace, strace

HOLD_US: Final = 300_000_000
LOOKS: Final = 300
WITHIN_S: Final = 20.0
ENDLESS: Final = 1_000_000


@contextmanager
def writing(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that appends one item after another, each when it was given the one before; to one account or to two."""
    command = [sys.executable, "-m", "tests.chaos.writer", str(path), "1", str(ENDLESS)]
    if path.name == FILE_NAME:
        command = [sys.executable, "-m", "tests.promises.accounts_in_step", str(path.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def no_fsync_returns(process: subprocess.Popen[bytes], log: Path) -> Iterator[None]:
    """From now on, until the block ends, each fsync that the process begins is held up."""
    calls = "fdatasync,fsync"
    options = ["-e", f"trace={calls}", "-e", f"inject={calls}:delay_enter={HOLD_US}", "-p", str(process.pid)]
    with subprocess.Popen(strace(*options, log=log), stderr=subprocess.PIPE) as holder:
        try:
            until(lambda: holder.poll() is not None or traced(process.pid), WITHIN_S, "strace holds the process")
            if holder.poll() is not None:
                assert holder.stderr is not None
                raise NoStrace(holder.stderr.read().decode(errors="replace").strip())
            yield
        finally:
            holder.send_signal(signal.SIGTERM)  # it lets go, and the process runs on


def traced(pid: int) -> bool:
    """Return True where every thread of the process is traced."""
    states = [(task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return all("TracerPid:\t0\n" not in state for state in states)


class Told:
    """The fills that the program says it was given."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._pipe = process.stdout.fileno()
        os.set_blocking(self._pipe, False)
        self._text = b""

    def last(self) -> int:
        """The newest fill, or 0."""
        with contextlib.suppress(BlockingIOError):
            while more := os.read(self._pipe, 65536):
                self._text += more
        lines = self._text.split(b"\n")[:-1]
        return int(lines[-1].split()[1]) if lines else 0


class Seen:
    """The fills that another connection sees."""

    def __init__(self, path: Path) -> None:
        access = account_access("b") if path.name == FILE_NAME else ALONE
        self._reader = JournalReader(path, connect=access.connect)
        self._seq = 0
        self._fill = 0

    def last(self) -> int:
        """The newest fill, or 0."""
        while items := self._reader.read(self._seq):
            self._seq = items[-1].seq
            assert isinstance(items[-1], Update)
            self._fill = items[-1].event.trade_id  # type: ignore[union-attr]
        return self._fill

    def close(self) -> None:
        self._reader.close()


def in_the_log(path: Path, fill: int) -> bool:
    """Return True where the kernel has the fill in the log."""
    return b'"t":%d,' % fill in path.with_name(path.name + "-wal").read_bytes()


@pytest.mark.parametrize("name", ["a.db", FILE_NAME])
def test_nothing_is_seen_before_the_disk_has_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with writing(path) as process:
        told = Told(process)
        until(told.last, WITHIN_S, "it writes")
        with closing(Seen(path)) as seen:
            try:
                with no_fsync_returns(process, tmp_path / "log"):
                    held = until(lambda: held_back(path, told, seen), WITHIN_S, "an item waits for its fsync")
                until(lambda: told.last() >= held and seen.last() >= held, WITHIN_S, "it is shown when that has ended")
            except NoStrace as why:
                pytest.skip(str(why))


def held_back(path: Path, told: Told, seen: Seen) -> int:
    """The fill that is in the log and, however often one looks, is shown to nobody; 0 where there is none."""
    fill = seen.last() + 1
    if not in_the_log(path, fill):
        return 0
    looks = [max(seen.last(), told.last()) < fill for _ in range(LOOKS)]
    return fill if all(looks) else 0
