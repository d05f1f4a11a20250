"""
The world of one run, and what may be lost in it.

What must hold, whatever the seed brings (`sim/checkers/` looks):

    1. Every fill of the exchange's ledger from the first `Live` on is told exactly once, to the digit, in order unless
       it is marked as late; nothing else is told as a fill. Where the client can't ask REST, a fill may lie in a gap
       that is told instead.
    2. A fill that does not come in time lies in a gap that is told in time: fifteen seconds after a connection died,
       eighty after the venue lost it in silence, not counting the time in which REST or the disk did not work or the
       process did not run. While a fill is missing for longer, no stream says LIVE.
    3. No gap without a fault that explains it. What REST says of an order never moves it back.
    4. After the faults have ended, every stream is live again within a bound, and stays so.
    5. No DELETE. Not more than 300 connections in five minutes, no request while a ban or a Retry-After lasts, four
       fifths of the weight limit at most.
    6. No connection is left open that nobody uses, no callback spins, nothing raises.
    7. What a consumer was shown is in the journal's file and stays the same, over crashes, power cuts and disks that
       fail; and the file passes the judge of the chaos runs (`sim/judge.py`).

What may be lost without a word, where the client can't ask REST:

    a. Events that the venue makes and does not send: `mute`, `drop_event`. Fills within these are not demanded.
    b. Events that the venue itself holds back or reorders (`delay`, `reorder`): a gap that opens while they are held
       covers them, though their time lies before it; and they are told in the order in which they came.

With or without: what was under way when a connection ended. The venue's clock may be ahead of the last sign of life by
the time a frame travels, so a gap may begin that much late. The checkers allow the latency that the network had.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sim.client.co_tenants import CoTenant
from sim.client.process import Process
from sim.environment.environment import Environment
from sim.environment.options import Options
from sim.environment.traffic import Traffic, trade
from sim.faults.injector import Injector
from sim.faults.model import Fault
from sim.faults.registry import BEGIN, END
from sim.kernel.loop import Spinning
from sim.world.evidence import Evidence
from sim.world.shortcuts import Shortcuts

END_S: Final = 5.0
BEGINS_LATE_US: Final = 3_000_000
STEPS_IN_A_SECOND_MAX: Final = 100_000


class World:
    """
    The simulated world, in one thread and with one clock.

    Attributes:
        env: Its time, its exchange and what else all of it shares.
    """

    def __init__(self, options: Options, faults: list[Fault], folder: Path, *, keep_trace: bool = False) -> None:
        self.options = options
        self.env = env = Environment(options, folder, keep_trace=keep_trace)
        self.processes: list[Process] = []
        names: dict[int, str] = {}
        for number, (account, streams) in enumerate(zip(options.accounts, options.processes, strict=True)):
            known = names.setdefault(account, f"account{account}")
            identity = env.exchange.add_account(known, options.start_ms)
            self.processes.append(Process(env, number, identity, streams))
        self.co_tenants: list[CoTenant] = []
        for seat, (number, account) in enumerate(options.co_tenants, len(options.processes)):
            known = names.setdefault(account, f"account{account}")
            identity = env.exchange.add_account(known, options.start_ms)
            self.co_tenants.append(CoTenant(self.processes[number], seat, identity))
        self.accounts = list(names.values())
        self.injector = Injector(env, self.processes, self.accounts, faults, BEGIN, END)
        self._faults = faults
        shortcuts = Shortcuts(env, self.injector)
        for process in self.processes:
            process.network.shortcuts = shortcuts

    @property
    def trace(self) -> list[str] | None:
        """Everything that was noted, where that is kept."""
        return self.env.scheduler.lines

    # --- Time ----------------------------------------------------------------------------------------------------

    def run(self) -> Evidence:
        """Run from the beginning to the end."""
        options = self.options
        with contextlib.ExitStack() as endings:
            endings.callback(self._bury)
            for account in self.accounts:
                Traffic(self.env, account).start()
            self.injector.start()
            late = {client for client, _, _ in options.before}
            for process in self.processes:
                if process.number not in late:
                    process.start()
            for client, fills, lives_ms in options.before:
                self._begin_late(self.processes[client], fills, lives_ms)
            self._run_until(int(options.duration_s * 1e6))
            evidence = self._evidence()
            for process in self.processes:
                process.thaw_if_due(self.env.now_us)
                process.stop()
            self._run_until(self.env.now_us + int(END_S * 1e6))
            for process in self.processes:
                process.evidence.open_at_end = len(process.network.connections)
            for process in self.processes:
                for number, told in enumerate(process.current_run.told):
                    told.journal = process.current_run.path(number)
        return evidence

    def _begin_late(self, process: Process, fills: int, lives_ms: int) -> None:
        """Let its account trade, start it a while later, end it in order soon, and start it again."""
        trade(self.env, process.account, fills)
        ends_us = BEGINS_LATE_US + lives_ms * 1000
        self.env.at(BEGINS_LATE_US, process.start)
        self.env.at(ends_us, process.leave)
        self.env.at(ends_us + BEGINS_LATE_US, process.rise)

    def _bury(self) -> None:
        """Clean up after the run, however it ended: no thread waits, and no coroutine is left to be ended by chance."""
        for process in self.processes:
            for run in process.runs:
                run.machine.kill()
                with contextlib.suppress(Spinning):
                    run.bury()

    def _run_until(self, end_us: int) -> None:
        scheduler, second_us, steps = self.env.scheduler, 0, 0
        while True:
            at_us, what = self._next()
            if at_us >= end_us:
                break
            scheduler.now_us = max(scheduler.now_us, at_us)
            if scheduler.now_us >= second_us:
                second_us, steps = scheduler.now_us + 1_000_000, 0
            steps += 1
            if steps > STEPS_IN_A_SECOND_MAX:
                raise Spinning(f"{steps} things happened within a second")
            what()
        scheduler.now_us = end_us
        self.env.step_exchange()

    def _next(self) -> tuple[int, Callable[[], None]]:
        """Return who is first: the agenda, the exchange, or one of the processes. Always in this order when at once."""
        env = self.env
        at_us, what = env.scheduler.due_us(), env.scheduler.step
        if (exchange_us := env.exchange_due_us()) < at_us:
            at_us, what = exchange_us, env.step_exchange
        for process in self.processes:
            if (process_us := process.due_us()) < at_us:
                at_us, what = process_us, process.run
        return at_us, what

    def _evidence(self) -> Evidence:
        return Evidence(
            options=self.options,
            faults=self._faults,
            ledgers={name: self.env.exchange.ledger(name) for name in self.accounts},
            streams=[told for process in self.processes for told in process.told],
            clients=[process.evidence for process in self.processes] + [tenant.client() for tenant in self.co_tenants],
            heal_us=int(self.options.heal_s * 1e6),
            end_us=self.env.now_us,
            trace=self.env.scheduler.digest(),
            counts=dict(self.injector.counts),
        )
