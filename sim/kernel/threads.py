"""
Threads of a simulated process: real ones, of which one runs at a time, and only when the simulation says so.

The journal's thread runs as it ships. Where it would wait, it hands its turn back; where it asks the time, it is told
the simulation's. So a slow disk takes virtual time, in the thread and not in the event loop, and a run stays the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from listenkey.transport.threads import Threads
from sim.kernel.scheduler import NEVER_US, Scheduler

HUNG_S: Final = 60.0
"""Real seconds after which a turn that does not come back is a fault of the simulation itself."""


class Killed(BaseException):
    """Raised in a thread whose process is no more."""


class SimThread:
    """
    The simulation's `threading.Thread`.

    Attributes:
        due_us: When it wants its turn; None once it has ended.
        idle: Whether it would only look and find nothing, should it wake without being woken.
        shortcut: Does all that it would do in its turn, and says so; or does nothing, where something may hold it up.
            Changing threads is what costs most in a simulation.
        failure: What it died of, if it did.
    """

    def __init__(self, machine: Machine, target: Callable[[], None]) -> None:
        self._machine = machine
        self._target = target
        self._turn, self._back = threading.Lock(), threading.Lock()
        self._turn.acquire()
        self._back.acquire()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.due_us: int | None = NEVER_US
        self.idle: Callable[[], bool] = lambda: False
        self.shortcut: Callable[[], bool] | None = None
        self.waits_for: SimEvent | None = None
        self.failure: BaseException | None = None
        self.killed = False
        self._has_started = False

    def start(self) -> None:
        """Start the thread, from the simulated process."""
        self._has_started = True
        self.due_us = self._machine.scheduler.now_us
        self._machine.threads.append(self)
        self._thread.start()

    def is_alive(self) -> bool:
        """Return True while it runs, as `threading.Thread` does."""
        return self._has_started and self.due_us is not None

    def wants_turn_us(self) -> int:
        """Return when it is to run; never, where it would only look and find nothing."""
        if self.due_us is None or (self.waits_for is not None and not self.waits_for.is_set() and self.idle()):
            return NEVER_US
        return self.due_us

    def run(self) -> None:
        """Give the thread its turn; return when it waits again, or has ended."""
        if not self.killed and self.waits_for is not None and self.shortcut is not None and self.shortcut():
            return
        before, self._machine.running = self._machine.running, self
        self._turn.release()
        if not self._back.acquire(timeout=HUNG_S):
            raise RuntimeError("a simulated thread did not give its turn back")
        self._machine.running = before

    def kill(self) -> None:
        """End the thread wherever it waits, as its process is no more."""
        self.killed = True
        if self.due_us is not None and self._machine.running is not self:
            self.run()

    # --- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._turn.acquire()
        try:
            if not self.killed:
                self._target()
        except Killed:
            pass
        except BaseException as failure:  # noqa: BLE001 - the top of the thread; the simulation looks at it
            self.failure = failure
        self.due_us = None
        self._back.release()

    def wait(self, until_us: int, event: SimEvent | None = None) -> None:
        """Let the others go on until then, or until the event is set."""
        self.due_us, self.waits_for = until_us, event
        self._back.release()
        self._turn.acquire()
        self.waits_for = None
        if self.killed:
            raise Killed


class SimEvent:
    """The simulation's `threading.Event`."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._flag = False

    def is_set(self) -> bool:
        """Return the flag, as `threading.Event` does."""
        return self._flag

    def clear(self) -> None:
        """Clear the flag, as `threading.Event` does."""
        self._flag = False

    def set(self) -> None:
        """Set the flag, as `threading.Event` does."""
        self._flag = True
        for thread in self._machine.threads:
            if thread.waits_for is self and thread.due_us is not None:
                thread.due_us = min(thread.due_us, self._machine.scheduler.now_us)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the flag as `threading.Event` does, in virtual time."""
        thread = self._machine.running
        if not self._flag and thread is not None and timeout != 0:
            until_us = NEVER_US if timeout is None else self._machine.scheduler.now_us + int(timeout * 1e6) + 1
            thread.wait(until_us, self)
        return self._flag


class Machine:
    """
    The threads of one life of one process.

    Args:
        scheduler: Knows the simulation's time.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.threads: list[SimThread] = []
        self.running: SimThread | None = None

    def due_us(self) -> int:
        """Return when a thread wants its turn."""
        return min([thread.wants_turn_us() for thread in self.threads], default=NEVER_US)

    def run(self) -> None:
        """Give every thread that is due its turn."""
        now_us = self.scheduler.now_us
        for thread in self.threads:
            if thread.due_us is not None and thread.due_us <= now_us and thread.wants_turn_us() <= now_us:
                thread.run()

    def sleep(self, for_us: int) -> None:
        """The thread that runs waits for something slow; in the event loop nothing may, and this does nothing."""
        if self.running is not None and for_us > 0:
            self.running.wait(self.scheduler.now_us + for_us)

    def kill(self) -> None:
        """The process is no more."""
        for thread in self.threads:
            thread.kill()


class SimThreads:
    """
    The threads and events of one journal.

    Attributes:
        made: Its thread.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.made: SimThread

    def as_given(self) -> Threads:
        """Return them as the client is given its threads."""
        return Threads(self._thread, self._event, self._now_s)

    def _thread(self, *, target: Callable[[], None], **_: Any) -> SimThread:
        self.made = SimThread(self._machine, target)
        return self.made

    def _event(self) -> SimEvent:
        return SimEvent(self._machine)

    def _now_s(self) -> float:
        return self._machine.scheduler.now_us / 1e6


class AtOnce:
    """A thread that has ended when `start` returns: what it does is short, and nobody waits for it for long."""

    def __init__(self, *, target: Callable[..., None], args: tuple[Any, ...], **_: Any) -> None:
        self._target, self._args = target, args

    def start(self) -> None:
        """Run the thread's function."""
        self._target(*self._args)

    def is_alive(self) -> bool:
        """Return False, as it has ended or not begun."""
        return False
