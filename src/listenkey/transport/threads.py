"""The sources of what works in a thread. The simulation passes its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol


class Thread(Protocol):
    """The part of `threading.Thread` that is used."""

    def start(self) -> None: ...
    def is_alive(self) -> bool: ...


class ThreadEvent(Protocol):
    """The part of `threading.Event` that is used."""

    def set(self) -> None: ...
    def clear(self) -> None: ...
    def is_set(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> bool: ...


@dataclass(frozen=True, slots=True)
class Threads:
    """
    The sources of what works in a thread.

    Attributes:
        thread: Makes a thread, as `threading.Thread` does.
        event: Makes what a thread waits for.
        now_s: The time by which it works; never set.
    """

    thread: Callable[..., Thread] = threading.Thread
    event: Callable[[], ThreadEvent] = threading.Event
    now_s: Callable[[], float] = time.monotonic


SYSTEM: Final = Threads()
"""The threads of the standard library."""
