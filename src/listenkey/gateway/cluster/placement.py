"""
Decide which worker should hold an account. Pure.

The highest draw has it, a hash of the worker's name and the account's. So all workers come to the same result without asking each
other, and one that comes or goes moves no account but its own. An account that the first in line does not take is taken by the next
one after a while: the first may not know it, as its configuration is another.
"""

from __future__ import annotations

import enum
import hashlib
import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from listenkey.gateway.cluster.lease import NOBODY, AccountLease, WorkerSession

log = logging.getLogger("listenkey")


class LeaseStep(enum.Enum):
    """The next step with an account's lease."""

    NOTHING = "nothing"
    HOLD = "hold"
    TAKE = "take"
    ASK = "ask for it"
    LET_GO = "let go"


class WorkersSeen(NamedTuple):
    """
    The workers as one of them sees them.

    Attributes:
        own: This worker's session.
        alive: The sessions that are alive, those that leave among them.
        sees_dead: True where a session that is not alive is taken for dead: this worker has heard from the servers for so long
            that each other one could have renewed its own.
        may_take: True where an account that nobody holds may be taken.
    """

    own: str
    alive: frozenset[str]
    sees_dead: bool
    may_take: bool

    def is_ownerless(self, lease: AccountLease | None) -> bool:
        """Return True where nobody holds an account, as far as can be told."""
        if lease is None or lease.holder == NOBODY:
            return True
        return lease.holder != self.own and lease.holder not in self.alive and self.sees_dead

    def step(self, lease: AccountLease | None, place: int, *, waits: bool) -> LeaseStep:
        """
        Return the next step with an account that this worker knows.

        Args:
            lease: The account's.
            place: This worker's place in the line for it; 0 is the first.
            waits: True where those before in the line still have time to take it.
        """
        if self.is_ownerless(lease):
            return self._free(lease, place, waits)
        assert lease is not None
        wanted_by_other = lease.wanted_by in self.alive and lease.wanted_by != self.own
        if lease.holder == self.own:
            return LeaseStep.LET_GO if wanted_by_other else LeaseStep.HOLD
        may_ask = self.sees_dead and place == 0 and lease.holder in self.alive and not wanted_by_other
        return LeaseStep.ASK if may_ask and lease.wanted_by != self.own else LeaseStep.NOTHING

    def _free(self, lease: AccountLease | None, place: int, waits: bool) -> LeaseStep:
        wanted_by = NOBODY if lease is None else lease.wanted_by
        if wanted_by == self.own:
            is_ours = True
        elif wanted_by in self.alive:
            is_ours = not waits and place > 0  # It asked, and does not come.
        else:
            is_ours = place == 0 or not waits
        return LeaseStep.TAKE if is_ours and self.may_take else LeaseStep.NOTHING


def draw(worker: str, account: str) -> bytes:
    """Return the draw of a worker for an account."""
    return hashlib.blake2b(f"{worker} {account}".encode(), digest_size=8).digest()


def place_of(worker: tuple[str, str], others: Iterable[tuple[str, str]], account: str) -> int:
    """
    Return a worker's place in the line for an account; 0 is the first.

    Args:
        worker: Its name, and its session, which decides between two of the same name.
        others: The same of the others.
        account: The account's name.
    """
    own = draw(worker[0], account), worker
    return sum((draw(other[0], account), other) > own for other in others)


class PlacesInLine:
    """
    A worker's place in the line for each account, as long as the same workers are there.

    Args:
        worker: Its name.
        own: Its session.
    """

    def __init__(self, worker: str, own: str) -> None:
        self._own = (worker, own)
        self._others: frozenset[tuple[str, str]] = frozenset()
        self._places: dict[str, int] = {}

    def form(self, sessions: Mapping[str, WorkerSession]) -> None:
        """Form the line of the workers that are alive and do not leave."""
        line = frozenset((each.worker, nonce) for nonce, each in sessions.items() if not each.is_leaving)
        others = line - {self._own}
        if others == self._others:
            return
        self._others = others
        self._places.clear()
        if any(worker == self._own[0] for worker, _ in others):
            log.warning("another worker is called %s, too, and one of both gets no accounts", self._own[0])

    def place(self, account: str) -> int:
        """Return the place in the line for an account; 0 is the first."""
        place = self._places.get(account)
        if place is None:
            place = self._places[account] = place_of(self._own, self._others, account)
        return place
