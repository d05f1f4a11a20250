"""
The evidence of a run, for the checkers: the venue's truth, each consumer's items, each client's requests.

Checkers read this and nothing else; no checker asks a client what it believes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from listenkey.errors import ListenKeyError
from listenkey.items import GapClosed, GapOpened, Item, Live, Update
from sim.faults import OF_ACCOUNT, OF_ALL, OF_GUESTS, Fault
from sim.options import Options


class Told(NamedTuple):
    """One item, and when the consumer could read it."""

    at_us: int
    item: Item


@dataclass(slots=True)
class Asked:
    """One request: when it was sent, and when and how it was answered, if it was."""

    at_us: int
    method: str
    path: str
    weight: int = 1
    answered_us: int | None = None
    status: int | None = None
    wait_until_us: int = 0
    """The time until which the answer said that nothing may be sent."""


@dataclass(slots=True)
class Client:
    """The acts of one process, seen from outside of it; behind the processes come their guests, by their seats."""

    asked: list[Asked] = field(default_factory=list)
    starts_us: list[int] = field(default_factory=list)
    """
    The starts of later processes that do not know the items and the weight of the one before: it has no journal, or the
    power was cut, or the wall clock was set, by which such things are written down.
    """
    lives_us: list[int] = field(default_factory=list)
    """The start of each later process."""
    connects_us: list[int] = field(default_factory=list)
    open_most: int = 0
    open_at_end: int = 0
    handles_in_a_second_most: int = 0
    stalls_us: list[tuple[int, int]] = field(default_factory=list)
    """The times when it did not run: stalled, or its machine asleep."""
    wall_offsets: list[tuple[int, int]] = field(default_factory=list)
    """Pairs of a time, microseconds, and the milliseconds by which the wall clock was ahead from then on."""


@dataclass(frozen=True, slots=True)
class Loss:
    """
    Items that a journal had and has no more: an older copy of it was put back, or its end was cut off.

    Attributes:
        first_seq, last_seq: The numbers of what was lost. Nobody may get them again.
        since_us: When the copy was made, or the first of what was lost was told.
        at_us: When the journal was made so.
        told: What a consumer had been told of it.
    """

    first_seq: int
    last_seq: int
    since_us: int
    at_us: int
    told: tuple[Told, ...]


@dataclass(slots=True)
class Stream:
    """The items and statuses that one stream gave its consumer."""

    number: int
    process: int
    account: str
    told: list[Told] = field(default_factory=list)
    statuses: list[tuple[int, str]] = field(default_factory=list)
    """The values of `health().status`, each with the time from which it held."""
    error: ListenKeyError | None = None
    ended_us: int | None = None
    died_us: int | None = None
    """The time when its process ended without a word, and nothing of it went on."""
    exits: list[tuple[int, str]] = field(default_factory=list)
    """The times when the program ended with an error, to be started again."""
    told_again: int = 0
    contradictions: list[tuple[int, str]] = field(default_factory=list)
    """Items that were told again by a later process, and were others then."""
    unkept: list[tuple[int, str]] = field(default_factory=list)
    """Items that came while nothing could be shown, and were not in the journal soon after."""
    left: list[tuple[int, str]] = field(default_factory=list)
    """Remains of a stream that had been cancelled a while before."""
    journal: Path | None = None
    lives_us: list[int] = field(default_factory=list)
    """The times when each later process began to read its journal."""
    losses: list[Loss] = field(default_factory=list)
    """The items no longer in its journal; another stream was given them, which ended there."""
    removed: set[int] = field(default_factory=set)
    """The numbers of items that damage took out of its journal: whoever goes on with that can't know of them."""
    _by_seq: dict[int, Item] = field(default_factory=dict)

    def is_later_life(self, at_us: int) -> bool:
        """Return True where an earlier process was given items of this stream, too."""
        return any(since_us <= at_us for since_us in self.lives_us)

    def parted(self, number: int, loss: Loss) -> Stream:
        """Return the stream that goes on from a journal without its end: the same up to there, another from then on."""
        kept = [told for told in self.told if told.item.seq < loss.first_seq]
        goes_on = Stream(number, self.process, self.account, kept, list(self.statuses))
        goes_on.lives_us = [*self.lives_us, loss.at_us]
        goes_on.losses = [*self.losses, loss]
        goes_on._by_seq = {told.item.seq: told.item for told in kept}
        return goes_on

    def tell(self, at_us: int, item: Item) -> None:
        """The consumer reads an item; what a later process tells once more is compared and not kept twice."""
        before = self._by_seq.get(item.seq)
        if before is None:
            self._by_seq[item.seq] = item
            self.told.append(Told(at_us, item))
        elif same(before, item):
            self.told_again += 1
        else:
            self.contradictions.append((at_us, f"item {item.seq} was {_line(before)} and is {_line(item)}"))


@dataclass(slots=True)
class Evidence:
    """All of it."""

    options: Options
    faults: list[Fault]
    ledgers: dict[str, dict[str, Any]]
    streams: list[Stream]
    clients: list[Client]
    heal_us: int
    end_us: int
    trace: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    _of_client: dict[tuple[int, frozenset[str]], list[Fault]] = field(default_factory=dict)

    def us_of(self, exchange_ms: int) -> int:
        """A time of the exchange, on the run's own clock."""
        return (exchange_ms - self.options.start_ms) * 1000

    def host_of(self, process: int) -> int:
        """Return the process of a guest's seat, or the process itself."""
        behind = process - len(self.options.accounts)
        return process if behind < 0 else self.options.guests[behind][0]

    def of_client(self, process: int, kinds: frozenset[str]) -> list[Fault]:
        """The faults of these kinds that hit a process, or another process of its account; or a guest, by its seat."""
        known = self._of_client.get((process, kinds))
        accounts = self.options.accounts
        if known is None and process >= len(accounts):
            host = self.host_of(process)
            known = self._of_client[process, kinds] = [
                fault
                for fault in self.faults
                if fault.kind in kinds
                and (fault.kind in OF_ALL or (fault.client == host and fault.kind not in OF_ACCOUNT))
            ]
        if known is None:
            known = self._of_client[process, kinds] = [
                fault
                for fault in self.faults
                if fault.kind in kinds - OF_GUESTS
                and (fault.kind in OF_ALL or accounts[fault.client] == accounts[process])
            ]
        return known

    def digest(self) -> str:
        """SHA-256 of every item told, in order: two runs of one seed must agree on it, and on `trace`."""
        digest = hashlib.sha256()
        for stream in self.streams:
            for told in stream.told:
                digest.update(f"{stream.number} {told.at_us} {_line(told.item)}\n".encode())
        return digest.hexdigest()


def _line(item: Item) -> str:
    match item:
        case Update(seq=seq, received_ms=received_ms, raw=raw):
            return f"{seq} update {received_ms} {hashlib.sha256(raw).hexdigest()}"
        case Live(seq=seq, since_ms=since_ms):
            return f"{seq} live {since_ms}"
        case GapOpened(seq=seq, from_ms=from_ms, why=why):
            return f"{seq} gap {from_ms} {why}"
        case GapClosed(seq=seq, from_ms=from_ms, to_ms=to_ms):
            return f"{seq} closed {from_ms} {to_ms}"


def same(one: Item, other: Item) -> bool:
    """Return True where two items are the same one."""
    if isinstance(one, Update) and isinstance(other, Update):
        return (one.seq, one.raw, one.received_ms) == (other.seq, other.raw, other.received_ms)
    return one == other
