"""
The thread that writes.

The event loop never waits for a disk. A disk that is slow makes groups larger; one that fails makes them wait, in
order, while the thread tries again on a new connection. Nothing that was not committed is shown to anybody.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from listenkey.errors import Corrupt, JournalError
from listenkey.journal.sqlite.database import ERRORS, as_ours
from listenkey.journal.sqlite.held_database import HeldDatabase
from listenkey.journal.sqlite.marks import NOTE_EVERY_S
from listenkey.journal.sqlite.own_files import NotInPlace
from listenkey.transport.threads import Threads

log = logging.getLogger("listenkey")
T = TypeVar("T")

RETRY_FIRST_S: Final = 0.02
RETRY_MAX_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class WriteFailed:
    """A report that nothing can be written, and why; or None, that it can again."""

    problem: str | None


@dataclass(frozen=True, slots=True)
class Finished:
    """The thread has ended: as asked, or because of an error."""

    error: BaseException | None


class WriterThread(ABC):
    """
    A thread that writes to one database until it is stopped.

    Args:
        store: Opened.
        report: Called in the thread with what has happened.
        threads: Where the thread, its events and its time are from.

    Attributes:
        wake: Set where there is something to do.
        is_stopping: Whether it ends once all that waits is written.
    """

    def __init__(self, store: HeldDatabase, report: Callable[[Any], None], threads: Threads) -> None:
        self._store = store
        self._report = report
        self._now_s = threads.now_s
        self.wake = threads.event()
        self._give_up = threads.event()
        self.is_stopping = False
        self._problem: str | None = None
        # A daemon: Python would wait for ever for one that is inside an fsync that never returns.
        self._thread = threads.thread(target=self._run, name="listenkey journal", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """True while its thread runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Write waiting entries, and end."""
        self.is_stopping = True
        self.wake.set()

    def give_up(self) -> None:
        """End also where something can't be written."""
        self._give_up.set()
        self.stop()

    @abstractmethod
    def _commit_some(self, *, final: bool) -> bool:
        """Commit waiting entries, at most one group; return True where there was anything."""

    @abstractmethod
    def _prune(self) -> None:
        """Take away a portion of the items that may go; the next one when new items have had their turn."""

    def _run(self) -> None:
        try:
            self._work()
            error = None
        except BaseException as failure:  # noqa: BLE001 - the top of the thread: the reader must see it, not a log
            error = failure
        self._store.close()
        self._report(Finished(error))

    def _work(self) -> None:
        while True:
            self.wake.wait(self._rest_s())
            if not self.turn():
                return

    def _rest_s(self) -> float:
        """Return how long to wait for more, at most."""
        return NOTE_EVERY_S

    def turn(self) -> bool:
        """Commit all that waits; whether there will be more."""
        self.wake.clear()
        stopping = self.is_stopping  # asked before looking, so that nothing put before `stop` is left behind
        while self._commit_some(final=stopping):
            pass
        if not stopping:
            self._prune()
        return not stopping

    def _safely(self, do: Callable[[], T]) -> T:
        """
        Do it; after a failure again, each time on a new connection, until it is done or no longer wanted.

        Raises:
            Corrupt, Fenced: Trying again would make it worse.
            JournalError: It could not be done before the end.
        """
        wait_s = 0.0
        while True:
            try:
                if not self._store.is_open:
                    self._store.reopen()
                done = do()
            except ERRORS as error:
                if not isinstance(error, NotInPlace):
                    self._store.abandon()
                problem = as_ours(error, self._store.path)
                if isinstance(problem, Corrupt):
                    raise problem from error
                self._trouble(problem)
                if self._give_up.wait(wait_s):
                    raise problem from error
                wait_s = min(max(RETRY_FIRST_S, wait_s * 2), RETRY_MAX_S)
            else:
                self._trouble(None)
                return done

    def _trouble(self, problem: JournalError | None) -> None:
        text = None if problem is None else str(problem)
        if text == self._problem:
            return
        self._problem = text
        log.warning("%s", text or f"the journal {self._store.path} can be written again")
        self._report(WriteFailed(text))
