"""Number what waits for the disk: each entry gets its number, its row and its item, and a fill that is known gets none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from listenkey.events import Event
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance, Update
from listenkey.journal.recovered import RecoveredCount
from listenkey.journal.sqlite.group import FillKey, Group
from listenkey.journal.sqlite.hash_chain import seal
from listenkey.journal.sqlite.row_codec import fill_of, told_values, update_values


class EventEntry(msgspec.Struct, frozen=True, gc=False):
    """An event on its way into the journal."""

    event: Event
    raw: bytes
    received_ms: int
    provenance: Provenance = "ws"
    late: bool = False


class NoticeEntry(NamedTuple):
    """An item of the lifecycle on its way into the journal."""

    item: Live | GapOpened | GapClosed
    told_ms: int


Entry: TypeAlias = EventEntry | NoticeEntry


@dataclass(slots=True)
class Numbered:
    """The items of a group, and what was left out of it."""

    items: list[Item] = field(default_factory=list)
    duplicates: int = 0
    recovered: int = 0


class ItemsEnd(Protocol):
    """
    The end of one account's items, from which the next are numbered.

    Attributes:
        account: The alias that items carry.
        last_seq: The newest item that is durable.
        chain: Its chain.
        recovered: What was recovered in the gap that is open there.
        skip: Items that were lost at the end; the next row says so.
    """

    account: str
    last_seq: int
    chain: bytes
    recovered: RecoveredCount
    skip: int


def number_entries(entries: Iterable[Entry], end: ItemsEnd, group: Group, known: set[FillKey]) -> Numbered:
    """
    Give each entry its number and its row; fills that are known, or double among them, get none.

    Args:
        entries: In order.
        end: What is numbered on from.
        group: Gets the rows.
        known: Fills that are there; those that are numbered join them.
    """
    numbered = Numbered()
    group.rows.clear()
    recovered = group.recovered = end.recovered.copied()
    account, seq, chain, skipped = end.account, end.last_seq, end.chain, end.skip
    item: Item
    for entry in entries:
        number = seq + 1 + skipped
        if isinstance(entry, EventEntry):
            event, raw, received_ms, provenance, late = (
                entry.event, entry.raw, entry.received_ms, entry.provenance, entry.late,
            )  # fmt: skip
            values = update_values(
                number, account, event, raw, received_ms, provenance, late=late, skipped=skipped or None
            )
            key = fill_of(values)
            if key is not None:
                if key in known:
                    numbered.duplicates += 1
                    continue
                known.add(key)
            if provenance == "rest":
                recovered.add(event)
                numbered.recovered += 1
            item = Update(number, account, event, received_ms, raw, provenance, late)
        else:
            item = recovered.noted(msgspec.structs.replace(entry.item, seq=number, account=account))
            values = told_values(item, entry.told_ms, skipped or None)
        row = seal(values, chain)
        seq, chain, skipped = number, row[-1], 0
        group.rows.append(row)
        numbered.items.append(item)
    return numbered
