"""Work in SQLite that Ctrl-C ends at once, whatever SQLite is doing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

T = TypeVar("T")

END_WITHIN_S: Final = 1.0
"""The time that work gets after Ctrl-C to put its files away."""


def interruptible(work: Callable[[], T]) -> T:
    """
    Do the work in a thread of its own, and return what it returns or raise what it raises.

    Python looks at Ctrl-C between two of its own steps, and a question to SQLite is a single one, however long it takes.
    The thread that waits here is free to notice.

    Raises:
        KeyboardInterrupt: Ctrl-C came. The work was asked to end, and has or is left behind.
    """
    outcome: Future[T] = Future()
    done = threading.Event()
    try:
        threading.Thread(target=_run, args=(work, outcome, done), name="listenkey work", daemon=True).start()
        done.wait()
    except KeyboardInterrupt:
        from listenkey.journal.sqlite.database import end_all_questions

        end_all_questions()
        done.wait(END_WITHIN_S)
        raise
    return outcome.result()


def _run(work: Callable[[], T], outcome: Future[T], done: threading.Event) -> None:
    try:
        outcome.set_result(work())
    except BaseException as error:  # noqa: BLE001 - the top of the thread: it is raised where the work was asked for
        outcome.set_exception(error)
    done.set()
