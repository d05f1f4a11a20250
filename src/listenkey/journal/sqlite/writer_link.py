"""The writer's thread as the event loop sees it: opened without waiting for a disk, heard, and stopped in time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

from listenkey.journal.sqlite.writer_thread import Finished, WriteFailed, WriterThread
from listenkey.transport.closing import outlast

log = logging.getLogger("listenkey")

OpenedT_co = TypeVar("OpenedT_co", covariant=True)
CommittedT = TypeVar("CommittedT")

FINISH_WITHIN_S: Final = 1.2
GIVE_UP_WITHIN_S: Final = 0.4
"""A disk that does not answer must not keep a process from ending within two seconds."""


class Openable(Protocol[OpenedT_co]):
    """A file that is opened for writing; opening it may wait for a disk."""

    path: Path

    def open(self) -> OpenedT_co:
        """Open it, and return what was found in it."""

    def close(self) -> None:
        """Let go of it."""


class WriterLink(Generic[OpenedT_co, CommittedT]):
    """
    Opens the store, and passes the thread's reports on, within the event loop.

    Args:
        store: The file.
        on_committed: Called when a group is on the disk.
        on_finished: Called when the thread has ended, with its error.

    Attributes:
        problem: The reason why nothing can be written at the moment, for people.
        on_change: Called when that has changed.
    """

    def __init__(
        self,
        store: Openable[OpenedT_co],
        on_committed: Callable[[CommittedT], None],
        on_finished: Callable[[BaseException | None], None],
    ) -> None:
        self.problem: str | None = None
        self.on_change: Callable[[], None] = lambda: None
        self._store = store
        self._on_committed = on_committed
        self._on_finished = on_finished
        self._writer: WriterThread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finished: asyncio.Future[None] | None = None
        self._is_closed = False

    async def open(self) -> OpenedT_co:
        """Open the store in a thread; one that is given up meanwhile lets go of it. Raises what its `open` does."""
        loop = self._loop = asyncio.get_running_loop()
        opening = loop.run_in_executor(None, self._store.open)
        try:
            await asyncio.wait({opening})
            return opening.result()
        except asyncio.CancelledError:
            try:
                await outlast(opening, FINISH_WITHIN_S)
            finally:
                if opening.done():
                    self._close_opened(opening)
                else:
                    opening.add_done_callback(self._close_opened)
            raise

    def _close_opened(self, opening: asyncio.Future[Any]) -> None:
        """Close a store that was given up while a thread opened it."""
        if not opening.cancelled() and opening.exception() is None:
            self._store.close()

    def start(self, writer: WriterThread) -> None:
        """Let the writer begin. It reports to `report`."""
        assert self._loop is not None
        self._finished = self._loop.create_future()
        self._writer = writer
        writer.start()

    @property
    def has_started(self) -> bool:
        """True from `start` on."""
        return self._finished is not None

    @property
    def is_over(self) -> bool:
        """True where nothing comes any more: it has ended, was never started, or nobody waits for it."""
        return self._is_closed or self._finished is None or self._finished.done()

    async def join(self) -> bool:
        """Wait for the end of a writer that was stopped, two seconds at most; return True where it has ended."""
        assert self._finished is not None
        assert self._writer is not None
        if await outlast(self._finished, FINISH_WITHIN_S):
            return True
        self._writer.give_up()
        return await outlast(self._finished, GIVE_UP_WITHIN_S)

    def close(self) -> None:
        """Wait for it no longer."""
        self._is_closed = True

    def report(self, report: CommittedT | WriteFailed | Finished) -> None:
        """Take a report, in the thread."""
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # The loop has closed: nobody is left to tell.
            self._loop.call_soon_threadsafe(self._on_report, report)

    def _on_report(self, report: CommittedT | WriteFailed | Finished) -> None:
        match report:
            case WriteFailed(problem):
                self._trouble(problem)
            case Finished(error):
                if error is not None:
                    log.error("journal %s: %s", self._store.path, error)
                    self._trouble(str(error))
                assert self._finished is not None
                self._finished.set_result(None)
                self._on_finished(error)
            case _:
                self._on_committed(report)

    def _trouble(self, problem: str | None) -> None:
        self.problem = problem
        self.on_change()
