"""The record of what each stream gave its consumer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from listenkey.errors import ListenKeyError
from listenkey.items import GapClosed, GapOpened, Item, Live, Update


class Told(NamedTuple):
    """One item, and when the consumer could read it."""

    at_us: int
    item: Item


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

    def shown(self) -> str:
        """Return the last item that was told, for people."""
        return f"{self.process} told {self.number}: {str(self.told[-1].item)[:200]}"

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
        elif not same(before, item):
            self.contradictions.append((at_us, f"item {item.seq} was {line(before)} and is {line(item)}"))


def line(item: Item) -> str:
    """Return an item shortly, in a form that differs where the item does."""
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
