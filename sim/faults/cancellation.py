"""
The user's own task is cancelled: while it opens the stream, reads it, commits, or closes it, after any number of steps.

A moment later nothing of the stream may be left: no thread, no lock, no task and no connection. Then the same process
opens it anew, on the same journal.
"""

from __future__ import annotations

import asyncio
from typing import Final

from listenkey.journal.sqlite.journal import SqliteJournal
from sim.client.process import Process, ProcessRun, SimulatedStream
from sim.client.records import Stream
from sim.faults.injector import Effect, Injector
from sim.faults.model import Fault

COMMITS_WITHIN_US: Final = 30_000_000
GONE_US: Final = 5_000_000
"""The time by which a cancelled stream has closed, where the disk is well."""


def cancelled(_: Injector, fault: Fault, process: Process) -> None:
    """Every stream of the process's own account."""
    if process.down or process.ends or process.frozen_until_us:
        return
    for number in range(process.own_streams):
        if number in process.current_run.users:
            _Cancelling(fault, process, number).begin()


class _Cancelling:
    """One stream's task, from its first cancellation to its stream's next opening."""

    def __init__(self, fault: Fault, process: Process, number: int) -> None:
        self._where = fault.param("where")
        self._steps = fault.param("steps")
        self._again = fault.param("again") + (self._where == "closing")
        self._process, self._run, self._number = process, process.current_run, number
        self._stream = process.current_run.streams[number]
        self._since_us = process.env.now_us

    def begin(self) -> None:
        run, number = self._run, self._number
        if self._where == "committing" and run.commits:
            run.in_commit[number] = lambda: self._cancel(self._steps)
            self._process.env.at(self._since_us + COMMITS_WITHIN_US, self._commits_no_more)
            return
        self._inside(lambda: self._cancel(0 if self._where in ("closing", "opening") else self._steps))

    def _commits_no_more(self) -> None:
        """Cancel it while it reads, as it has nothing to commit."""
        if not self._is_over and self._run.in_commit.pop(self._number, None) is not None:
            self._inside(lambda: self._cancel(self._steps))

    def _inside(self, do: object) -> None:
        self._run.loop.call(do)  # type: ignore[arg-type]

    def _cancel(self, steps: int) -> None:
        """Cancel after so many turns of the event loop; and again after as many more."""
        task, loop, told = self._run.users[self._number], self._run.loop, self._run.told[self._number]
        if told.number in self._run.closed:
            return  # It was cancelled a moment ago.

        def step(left: int, again: int) -> None:
            if left:
                loop.call_soon(step, left - 1, again)
                return
            task.cancel()
            if again:
                loop.call_soon(step, self._steps, again - 1)

        step(steps, self._again)
        self._since_us = self._process.env.now_us
        self._run.closed.add(told.number)
        told.statuses.append((self._since_us, "DOWN"))
        self._process.env.note(f"{self._process.number} cancels the stream {told.number} in {self._where}")
        self._process.env.at(self._since_us + GONE_US, self._look)

    @property
    def _is_over(self) -> bool:
        process = self._process
        return process.current_run is not self._run or bool(process.down) or process.ends

    def _look(self) -> None:
        """Note what is left of the stream, and open it again."""
        process, run, env = self._process, self._run, self._process.env
        if self._is_over:
            return
        process.thaw_if_due(env.now_us)  # with nothing to do it would not have run by now
        if not process.disk.is_calm or process.frozen_until_us:
            env.at(max(env.now_us, process.frozen_until_us) + GONE_US, self._look)
            return
        told = run.told[self._number]
        for what in _left(process, run, self._stream):
            told.left.append((env.now_us, f"{what} is left of a stream that was cancelled in {self._where}"))
        process.evidence.stalls_us.append((self._since_us, env.now_us))
        if env.options.journal:
            told.lives_us.append(env.now_us)
        else:
            told.died_us = self._since_us
            told = run.told[self._number] = Stream(env.next_stream(), told.process, told.account)
            process.told.append(told)
        run.closed.discard(told.number)
        self._stream = run.streams[self._number] = run.make_stream(self._number)
        run.statuses[self._number] = ""
        self._inside(lambda: run.begin(self._number))
        if self._where == "opening":
            self._where, self._again = "opening again", 0
            self._inside(lambda: self._cancel(self._steps))


def _left(process: Process, run: ProcessRun, stream: SimulatedStream) -> list[str]:
    """Return what is left of a stream: the journal's thread and lock, a task, a connection."""
    found = []
    journal = stream.driver.journal
    if isinstance(journal, SqliteJournal):
        if journal.writer.is_alive:
            found.append("the journal's thread")
        if journal.store.files.are_held:
            found.append("the journal's lock")
    is_alone = process.own_streams == 1 and not process.co_tenants
    if is_alone and any(not task.done() for task in asyncio.all_tasks(run.loop)):
        found.append("a task")
    if is_alone and process.network.connections:
        found.append("a connection")
    return found


BEGIN: Final[dict[str, Effect]] = {"cancelled": cancelled}
