"""
One worker among several that share accounts: it says that it is alive, and holds the accounts that are its own.

    worker = ClusterWorker(accounts, servers, WorkerSession("w1", "https://w1.example:443"), session_s=5)
    await worker.start()
    ...
    await worker.aclose()

Who may write is decided by the log's fence alone. A worker that stood still finds its accounts with others, and lets go of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from listenkey.errors import JournalError
from listenkey.gateway.cluster.held_accounts import HeldAccounts
from listenkey.gateway.cluster.lease import NOBODY, AccountLease, WorkerSession
from listenkey.gateway.cluster.lease_board import LeaseBoard
from listenkey.gateway.cluster.placement import LeaseStep, PlacesInLine, WorkersSeen
from listenkey.gateway.cluster.session_keeper import SessionKeeper
from listenkey.gateway.elsewhere import Elsewhere
from listenkey.journal.jetstream.advice import MAKE_STREAMS, advised
from listenkey.journal.jetstream.link import Unanswered

if TYPE_CHECKING:
    from listenkey.gateway.accounts import Accounts
    from listenkey.gateway.at_stake import Risk
    from listenkey.journal.jetstream.servers import LogServers

log = logging.getLogger("listenkey")

LOOK_EVERY_S: Final = 0.25
"""The interval at which the notes of the others are read."""

ASKING_MAX: Final = 8
"""Accounts that are handed over to this worker at the same time; it asks for the next ones when these have arrived."""

NOTE_EVERY_S: Final = 5.0
"""The interval at which is noted in the leases what has changed with the accounts."""

PUTS_MAX: Final = 64
"""Leases that are written at the same time."""

START_WITHIN_S: Final = 20.0
LEAVE_WITHIN_S: Final = 6.0
END_WITHIN_S: Final = 1.0


class ClusterWorker:
    """
    A worker.

    Args:
        accounts: Those of its configuration; the worker starts and ends their streams.
        servers: Of NATS, connected.
        session: Its name, which is the same after a restart so that it gets the same accounts, and where it answers.
        session_s: A worker that is not heard of for so long has lost its accounts.
        now_s: A clock that is never set.
    """

    def __init__(
        self,
        accounts: Accounts,
        servers: LogServers,
        session: WorkerSession,
        session_s: int,
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        self._board = LeaseBoard(servers, servers.address.names, secrets.token_hex(8))
        self._session = SessionKeeper(self._board, session, session_s, now_s)
        self._line = PlacesInLine(session.worker, self._board.own)
        self._accounts = HeldAccounts(accounts, self._look_again)
        self._name = session.worker
        self._where = servers.where
        self._session_s = session_s
        self._now_s = now_s
        self._ownerless_since_s: dict[str, float] = {}
        self._looked_at: object = None
        self._note_at_s = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    # --- life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """
        Say that it is there, and begin to take accounts.

        Raises:
            JournalError: The servers do not take the note.
        """
        until_s = self._now_s() + START_WITHIN_S
        while not await self._session.renew():
            if self._now_s() > until_s:
                text = f"{self._where} takes no note of this worker; {MAKE_STREAMS}"
                raise advised(JournalError(text), MAKE_STREAMS)
            await asyncio.sleep(LOOK_EVERY_S)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._session.keep()), loop.create_task(self._keep_placing())]

    async def aclose(self) -> None:
        """Let go of all accounts, each as soon as what waits of it is written, and say that this worker is gone."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        with contextlib.suppress(TimeoutError, Unanswered):
            async with asyncio.timeout(LEAVE_WITHIN_S):
                await self._session.leave()
                for lease in self._held():
                    self._accounts.let_go(lease.account, partial(self._release, lease.account))
                await asyncio.gather(*self._accounts.ending.values())
        with contextlib.suppress(TimeoutError, Unanswered):  # Also where one did not let go: the others need not wait.
            async with asyncio.timeout(END_WITHIN_S):
                await self._session.end()

    def _held(self) -> list[AccountLease]:
        return [lease for lease in self._board.leases.values() if lease.holder == self._board.own]

    # --- a look --------------------------------------------------------------------------------------------------

    async def _keep_placing(self) -> None:
        while True:
            await self._placed()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _placed(self) -> None:
        try:
            await self._board.refresh()
            await self._place_all()
            await self._note_all()
        except Unanswered as error:
            log.debug("the leases are not read: %s", error)
        except Exception:  # the top of a look: a worker that looks no more would keep others from its accounts
            log.exception("a bug in sharing accounts; it is tried again")

    def _look_again(self) -> None:
        self._looked_at = None

    async def _place_all(self) -> None:
        """Do what is to be done with each account, unless nothing is known that was not known the last time."""
        seen, names = self._session.seen(), self._accounts.names()
        look = (self._board.changes, names, seen, self._accounts.on_the_way)
        if look == self._looked_at and not self._ownerless_since_s and not self._asked():
            return
        self._looked_at = look
        self._line.form(self._board.sessions)
        steps: dict[LeaseStep, list[str]] = {step: [] for step in LeaseStep}
        for name in names:
            steps[self._step(name, seen)].append(name)
        for name in steps[LeaseStep.HOLD]:
            self._accounts.hold(self._board.leases[name])
        for name in steps[LeaseStep.LET_GO]:
            self._accounts.let_go(name, partial(self._release, name))
        for name in (*steps[LeaseStep.NOTHING], *steps[LeaseStep.ASK], *steps[LeaseStep.TAKE]):
            self._leave_to_others(name)
        to_take = [name for name in steps[LeaseStep.TAKE] if name not in self._accounts.ending]
        await self._put_all(map(self._taken, self._by_risk(to_take)[::-1]))
        room = max(0, ASKING_MAX - len(self._asked()) - self._accounts.on_the_way)
        await self._put_all(map(self._wanted, self._by_risk(steps[LeaseStep.ASK])[:room]))
        known = set(names)
        gone = [lease for lease in self._held() if lease.account not in known]
        await self._put_all(replace(lease, holder=NOBODY) for lease in gone)

    async def _note_all(self) -> None:
        """Note now and then in the leases what the next holder should know: what is at stake, and whose the key is."""
        if self._now_s() < self._note_at_s:
            return
        self._note_at_s = self._now_s() + NOTE_EVERY_S
        noted = ((lease, self._accounts.noted(lease)) for lease in self._held())
        await self._put_all(newer for lease, newer in noted if newer != lease)

    def _step(self, name: str, seen: WorkersSeen) -> LeaseStep:
        if name in self._accounts.ending:
            return LeaseStep.NOTHING
        lease, now_s, place = self._board.leases.get(name), self._now_s(), self._line.place(name)
        if not seen.is_ownerless(lease):
            self._ownerless_since_s.pop(name, None)
            return seen.step(lease, place, waits=True)
        since_s = self._ownerless_since_s.setdefault(name, now_s)
        return seen.step(lease, place, waits=now_s - since_s < place * self._session_s)

    def _asked(self) -> list[AccountLease]:
        """Return the leases of accounts that this worker has asked for, and has not got."""
        own = self._board.own
        return [lease for lease in self._board.leases.values() if lease.wanted_by == own != lease.holder]

    def _by_risk(self, names: Iterable[str]) -> list[str]:
        """Return accounts in the order of what is at stake, the least first."""
        leases = self._board.leases
        return sorted(names, key=lambda name: leases[name].risk if name in leases else ())

    # --- leases --------------------------------------------------------------------------------------------------

    def _taken(self, name: str) -> AccountLease:
        lease = self._board.leases.get(name)
        if lease is not None and lease.holder != NOBODY:
            log.warning("account %s: worker %s is gone, and %s takes it over", name, lease.worker, self._name)
        before = AccountLease(name, NOBODY, "") if lease is None else lease
        return replace(before, holder=self._board.own, worker=self._name, wanted_by=NOBODY)

    def _wanted(self, name: str) -> AccountLease:
        return replace(self._board.leases[name], wanted_by=self._board.own)

    async def _put_all(self, leases: Iterable[AccountLease]) -> None:
        todo = list(leases)
        for begin in range(0, len(todo), PUTS_MAX):
            some = todo[begin : begin + PUTS_MAX]
            for lease, is_put in zip(some, await asyncio.gather(*map(self._board.put, some)), strict=True):
                if is_put and lease.holder == self._board.own:
                    self._ownerless_since_s.pop(lease.account, None)
                    self._accounts.hold(lease)

    def _leave_to_others(self, name: str) -> None:
        """End an account's stream where another worker has it by now, and note which one that is."""
        if name in self._accounts.ending:
            return
        lease = self._board.leases.get(name)
        session = None if lease is None else self._board.sessions.get(lease.holder)
        where = Elsewhere() if session is None else Elsewhere(session.worker, session.url)
        if self._accounts.is_held(name):
            log.warning("account %s: held by %s by now; this worker writes nothing more of it", name, where)
            self._accounts.let_go(name)
        self._accounts.note_elsewhere(name, where)

    async def _release(self, name: str, risk: Risk) -> None:
        """Let the others have an account whose stream has ended here."""
        while (lease := self._board.leases.get(name)) is not None and lease.holder == self._board.own:
            if await self._board.put(replace(lease, holder=NOBODY, risk=risk or lease.risk)):
                return
            await asyncio.sleep(LOOK_EVERY_S)
            with contextlib.suppress(Unanswered):
                await self._board.refresh()  # Somebody has asked for it; a worker that leaves looks no more by itself.
