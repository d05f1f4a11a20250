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
       fail; and the file passes the judge of the chaos runs (`tests/chaos/judge.py`).

What may be lost without a word, where the client can't ask REST:

    a. Events that the venue makes and does not send: `mute`, `drop_event`. Fills within these are not demanded.
    b. Events that the venue itself holds back or reorders (`delay`, `reorder`): a gap that opens while they are held
       covers them, though their time lies before it; and they are told in the order in which they came.

With or without: what was under way when a connection ended. The venue's clock may be ahead of the last sign of life by
the time a frame travels, so a gap may begin that much late. The checkers allow the latency that the network had.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from listenkey import venue
from listenkey.journal import sqlite as sqlite_module
from listenkey.journal import writer as writer_module
from listenkey.rest import rate_limit_store as spending_module
from listenkey.sandbox import world as sandbox
from listenkey.stream import driver as driver_module
from sim import events
from sim.disk import SimStore
from sim.evidence import Evidence, Stream
from sim.faults import Fault
from sim.guests import Guest
from sim.injector import Injector
from sim.loop import Spinning
from sim.manners import forgetful
from sim.network import Connection, Network
from sim.options import Options
from sim.process import Process, connector
from sim.threads import AtOnce, Machine, Threading, Time
from sim.traffic import Traffic

if TYPE_CHECKING:
    from listenkey.sandbox.websocket.hub import Session
    from listenkey.stream.driver import Driver

ELIDED_MOST_US: Final = 600_000_000
MARGIN_US: Final = 3_000_000
"""The time before a fault in which a real ping is answered, so that it is known until when all is well."""

END_S: Final = 5.0
BEGINS_LATE_US: Final = 3_000_000
STEPS_IN_A_SECOND_MAX: Final = 100_000
NEVER_US: Final = 1 << 62


class World:
    """
    The simulated world, in one thread and with one clock.

    Attributes:
        now_us: Microseconds since the beginning.
        exchange: The sandbox's world, without its doors.
        sessions: The exchange's sockets, and the connections they belong to.
    """

    def __init__(self, options: Options, faults: list[Fault], folder: Path, *, keep_trace: bool = False) -> None:
        self.options = options
        self.folder = folder
        self.now_us = 0
        self.exchange = sandbox.World(
            options.start_ms, seed=options.seed, switches=options.venue_switches(), market=False
        )
        self.sessions: dict[int, tuple[Network, Connection]] = {}
        self.trace: list[str] | None = [] if keep_trace else None
        self._digest = hashlib.sha256()
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._streams = itertools.count()
        self.processes: list[Process] = []
        self.machine: Machine | None = None  # of the process that runs
        names: dict[int, str] = {}
        for number, (account, streams) in enumerate(zip(options.accounts, options.processes, strict=True)):
            known = names.setdefault(account, f"account{account}")
            identity = self.exchange.add_account(known, options.start_ms)
            self.processes.append(Process(self, number, identity, streams))
        self.guests: list[Guest] = []
        for seat, (number, account) in enumerate(options.guests, len(options.processes)):
            known = names.setdefault(account, f"account{account}")
            identity = self.exchange.add_account(known, options.start_ms)
            self.guests.append(Guest(self.processes[number], seat, identity))
        self.accounts = list(names.values())
        self.injector = Injector(self, faults)
        self._faults = faults
        self._exchange_due_us: int | None = None

    @property
    def now_ms(self) -> int:
        """The exchange's time."""
        return self.options.start_ms + self.now_us // 1000

    def next_stream(self) -> int:
        """Numbers of streams."""
        return next(self._streams)

    def at(self, at_us: int, what: Callable[[], None]) -> None:
        """Do something then; where it happens is the exchange's side."""
        heapq.heappush(self._agenda, (at_us, next(self._count), what))

    def note(self, what: str) -> None:
        """One line of the trace."""
        line = f"{self.now_us} {what}"
        self._digest.update(line.encode())
        if self.trace is not None:
            self.trace.append(line)

    def note_told(self, told: Stream) -> None:
        """Note an item that a consumer has just read."""
        if self.trace is not None:
            self.trace.append(f"{self.now_us} {told.process} told {told.number}: {str(told.told[-1].item)[:200]}")
        self._digest.update(f"{self.now_us} {told.number} {len(told.told)}".encode())

    def flush(self) -> None:
        """Give what the exchange wants sent to the networks; to be called after everything that is done with it."""
        self._exchange_due_us = None
        for session, action in self.exchange.take_actions():
            if session in self.sessions:
                network, connection = self.sessions[session]
                network.perform(connection, action)

    # --- Time ----------------------------------------------------------------------------------------------------

    def run(self) -> Evidence:
        """Run from the beginning to the end."""
        options = self.options
        with contextlib.ExitStack() as patches:
            self._stand_in(patches)
            patches.callback(self._bury)
            for account in self.accounts:
                Traffic(self, account).start()
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
                process.thaw_if_due(self.now_us)
                process.stop()
            self._run_until(self.now_us + int(END_S * 1e6))
            for process in self.processes:
                process.evidence.open_at_end = len(process.network.connections)
            for process in self.processes:
                for number, told in enumerate(process.life.told):
                    told.journal = process.life.path(number)
        return evidence

    def _begin_late(self, process: Process, fills: int, lives_ms: int) -> None:
        """Let its account trade, start it a while later, end it in order soon, and start it again."""
        events.trade(self, process.account, fills)
        ends_us = BEGINS_LATE_US + lives_ms * 1000
        self.at(BEGINS_LATE_US, process.start)
        self.at(ends_us, process.leave)
        self.at(ends_us + BEGINS_LATE_US, process.rise)

    def _bury(self) -> None:
        """Clean up after the run, however it ended: no thread waits, and no coroutine is left to be ended by chance."""
        for process in self.processes:
            for life in process.lives:
                life.machine.kill()
                with contextlib.suppress(Spinning):
                    life.bury()

    def _stand_in(self, patches: contextlib.ExitStack) -> None:
        """Put what is simulated where the client looks for the real thing."""

        def machine() -> Machine:
            assert self.machine is not None
            return self.machine

        patches.enter_context(patch.object(venue, "ROWS_MAX", venue.ROWS_MAX))  # a fault makes pages shorter
        for place, name, _ in forgetful(0):
            patches.enter_context(patch.object(place, name, getattr(place, name)))  # another one makes REST forget
        for place, name, stand_in in (
            (driver_module, "connect", connector(self)),
            (sqlite_module, "Store", SimStore),
            (writer_module, "threading", Threading(machine)),
            (spending_module, "threading", AtOnce),
            (writer_module, "time", Time(lambda: self.now_us)),
        ):
            patches.enter_context(patch.object(place, name, stand_in))

    def _run_until(self, end_us: int) -> None:
        second_us = steps = 0
        while True:
            at_us, what = self._next()
            if at_us >= end_us:
                break
            self.now_us = max(self.now_us, at_us)
            if self.now_us >= second_us:
                second_us, steps = self.now_us + 1_000_000, 0
            steps += 1
            if steps > STEPS_IN_A_SECOND_MAX:
                raise Spinning(f"{steps} things happened within a second")
            what()
        self.now_us = end_us
        self.exchange.advance(self.now_ms)
        self.flush()

    def _next(self) -> tuple[int, Callable[[], None]]:
        """Return who is first: the agenda, the exchange, or one of the processes. Always in this order when at once."""
        at_us, what = NEVER_US, self._step_exchange
        if self._agenda:
            at_us, what = self._agenda[0][0], self._step_agenda
        if self._exchange_due_us is None:
            due_ms = self.exchange.due_ms()
            self._exchange_due_us = NEVER_US if due_ms is None else (due_ms - self.options.start_ms) * 1000
        if self._exchange_due_us < at_us:
            at_us, what = self._exchange_due_us, self._step_exchange
        first: Process | None = None
        for process in self.processes:
            process_us = process.due_us()
            if process_us is not None and process_us < at_us:
                at_us, first = process_us, process
        return at_us, what if first is None else partial(self._step_process, first)

    def _step_process(self, process: Process) -> None:
        process.run(self.now_us)

    def _step_agenda(self) -> None:
        heapq.heappop(self._agenda)[2]()

    def _step_exchange(self) -> None:
        self.exchange.advance(self.now_ms)
        self.flush()

    # --- Shortcuts -----------------------------------------------------------------------------------------------

    def ping_horizon_us(self, network: Network, connection: Connection | None) -> int:
        """
        Return for how long pings of this connection would surely be answered; 0 where that can't be known.

        A stream that is idle for a day pings 34,560 times. Where no fault is near, that is not worth simulating; a
        few of the seeds do it all the same.
        """
        if self.options.every_ping or connection is None or connection.session is None:
            return 0
        if connection.lost_in or connection.lost_out or not network.untroubled():
            return 0
        session: Session | None = self.exchange.hub._sessions.get(connection.session)
        if (
            session is None
            or session.frozen
            or session.closing
            or any(sub.dead for sub in session.streams.values())
            or not network.process.is_live()
        ):
            return 0
        if not all(self.exchange.keys.account_of(key) for key in session.streams):
            return 0  # the news of its key's end may be on its way
        account = self.options.accounts[network.process.number]
        key_ends_ms = self.exchange.keys.due_ms()
        key_ends_us = NEVER_US if key_ends_ms is None else (key_ends_ms - self.now_ms) * 1000
        horizon_us = min(self.injector.quiet_us(account) - MARGIN_US, key_ends_us - MARGIN_US, ELIDED_MOST_US)
        return horizon_us if horizon_us > 5_000_000 else 0

    def skip_audits(self, process: Process, driver: Driver, for_us: int) -> None:
        """Skip the audits that would find nothing: the last one has seen everything, and no fault is near."""
        for_us = min(for_us, self.injector.calm_us(self.options.accounts[process.number]) - MARGIN_US)
        if for_us >= venue.TRADES_KEPT_S * 1e6:
            return  # It has to look before REST forgets.
        until_s = process.clock.now_s() + for_us / 1e6
        recovery, repair = driver.recovery, driver.life.repair
        trades = self.exchange.exchange.state.accounts[driver.account].trades
        newest_ms = trades[-1].time_ms if trades else 0
        if recovery is None or recovery.audits.audited_to_ms is None or recovery.audits.audited_to_ms <= newest_ms:
            return
        if repair._audit_at_s is not None and not repair.settling and not repair._auditing:
            repair._audit_at_s = max(repair._audit_at_s, until_s)
            recovery.audits.audited_s = until_s

    def _evidence(self) -> Evidence:
        return Evidence(
            options=self.options,
            faults=self._faults,
            ledgers={name: self.exchange.ledger(name) for name in self.accounts},
            streams=[told for process in self.processes for told in process.told],
            clients=[process.evidence for process in self.processes] + [guest.client() for guest in self.guests],
            heal_us=int(self.options.heal_s * 1e6),
            end_us=self.now_us,
            trace=self._digest.hexdigest(),
            counts=dict(self.injector.counts),
        )
