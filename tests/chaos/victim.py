"""`listenkey tail --json --journal J` as a process, what it has shown, and how it is ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from sqlite3 import Error, connect
from types import TracebackType
from typing import Any, Final, Self

from listenkey.testing import LocalSandbox
from tests.chaos.processes import until
from tests.promises.command import environment

PATIENCE_S: Final = 30.0
COMMAND: Final = ("-m", "listenkey")


class Victim:
    """
    One process. What it shows goes into a file: a byte that is there was shown, whatever became of the process.

    Args:
        exchange: Where it connects to.
        journal: Its journal.
        shown: The file that it writes to; added to, so that several processes can share one.
        before: A command in front of it, such as strace and its options.
        arguments: More options of `tail`.
        program: What Python runs; the command itself, if nothing else is said.
        more: More of the environment.
    """

    def __init__(
        self,
        exchange: LocalSandbox,
        journal: Path,
        shown: Path,
        *,
        before: Sequence[str] = (),
        arguments: Sequence[str] = (),
        program: Sequence[str] = COMMAND,
        more: dict[str, str] | None = None,
    ) -> None:
        self.shown = shown
        self.complaints = shown.with_suffix(".err")
        self._began_at = shown.stat().st_size if shown.exists() else 0
        line = [*before, sys.executable, *program, "tail", "--json", "--journal", str(journal), *arguments]
        with shown.open("ab") as output, self.complaints.open("ab") as errors:
            self.process = subprocess.Popen(
                line, env=environment(exchange, **(more or {})), stdout=output, stderr=errors, stdin=subprocess.DEVNULL
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def new_bytes(self) -> bytes:
        """Return the bytes this process has shown, the beginning of a line that was cut off included."""
        with self.shown.open("rb") as file:
            file.seek(self._began_at)
            return file.read()

    def new_lines(self) -> list[bytes]:
        """Whole lines that this process has shown."""
        return self.new_bytes().split(b"\n")[:-1]

    def until_shown(self, text: bytes, within_s: float = PATIENCE_S) -> None:
        """Wait until it has shown this text, or has ended by itself."""
        until(lambda: text in self.new_bytes() or self.process.poll() is not None, within_s, f"{text!r} is shown")

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def ended_after_s(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Send a signal; how long the end took."""
        began_s = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(PATIENCE_S)
        return time.monotonic() - began_s


def whole_lines(shown: Path) -> list[bytes]:
    """
    The lines of a file that several processes wrote to, each until it was killed.

    A process that is killed in the middle of a line leaves its beginning, and the next one's first line stands behind
    it on the same line: what was not shown whole was not shown, and what follows was.
    """
    lines = []
    for line in shown.read_bytes().split(b"\n")[:-1]:
        start = line.rfind(b'{"seq":')
        lines.append(line[max(start, 0) :])
    return lines


def fills_in(journal: Path) -> int:
    """Count the fills of a journal; -1 while it can't be read."""
    return _counted(journal, "SELECT count(*) FROM fills")


def is_live_in(journal: Path) -> bool:
    """Return True where the stream has ever been live: earlier events are not its own."""
    return _counted(journal, "SELECT count(*) FROM items WHERE kind = 'live'") > 0


def owed_in(journal: Path, fills: Iterable[Mapping[str, Any]]) -> int:
    """Count the fills of the ledger that a journal has to hold: those since it was first live."""
    since_ms = _counted(journal, "SELECT ifnull(min(from_ms), 0) FROM items WHERE kind = 'live'")
    return sum(fill["time_ms"] >= since_ms for fill in fills)


def gaps_open_in(journal: Path) -> int:
    """Count the gaps that were reported and not yet closed."""
    return _counted(journal, "SELECT count(*) FROM gaps WHERE closed_seq IS NULL")


def _counted(journal: Path, question: str) -> int:
    if not journal.exists():
        return -1
    try:
        with closing(connect(f"file:{journal}?mode=ro", uri=True)) as connection:
            (count,) = connection.execute(question).fetchone()
    except Error:
        return -1
    return int(count)
