"""Number what waits for the server: each entry gets its number and its record, and a fill that is known gets none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

import msgspec

from listenkey.items import GapClosed, GapOpened, Live, Update
from listenkey.journal.jetstream.checkpoint import AccountMemory
from listenkey.journal.jetstream.mark import GapMark
from listenkey.journal.jetstream.record_codec import BEGINNING, LogRecord, record_of, told_body, update_body
from listenkey.journal.recovered import RecoveredCount
from listenkey.journal.sqlite.numbering import Entry, EventEntry, NoticeEntry
from listenkey.journal.sqlite.row_codec import fill_keys


@dataclass(slots=True)
class NumberedRecords:
    """The records of some entries, and what was left out."""

    records: list[LogRecord] = field(default_factory=list)
    duplicates: int = 0
    recovered: int = 0


class RecordNumbering:
    """
    The numbers of an account's items. An item that has one is stored or sent again, and never numbered anew.

    Args:
        account: The name that items carry.
        memory: The fills that are known, and what else the next owner needs.

    Attributes:
        memory: The same.
        seq: The newest number.
        chain: Its chain.
        skip: Items that were lost before this owner; the next record says so.
        recovered: What was recovered in the gap that is open.
        open_from_ms: Since when that is open, or None.
        began_ms: Since when the stream was first whole; 0 where that is not known.
    """

    def __init__(self, account: str, memory: AccountMemory) -> None:
        self.seq = 0
        self.chain = BEGINNING
        self.skip = 0
        self.recovered = RecoveredCount()
        self.open_from_ms: int | None = None
        self.began_ms = 0
        self._account = account
        self._account_json = msgspec.json.encode(account)
        self.memory = memory

    @property
    def gap(self) -> GapMark | None:
        """The gap that is open, for a mark."""
        if self.open_from_ms is None:
            return None
        count = self.recovered
        return GapMark(self.open_from_ms, count.updates, count.fills, count.orders)

    def number(self, entries: Iterable[Entry]) -> NumberedRecords:
        """Give each entry its number and its record, in order; fills that are known get none."""
        numbered = NumberedRecords()
        for entry in entries:
            if isinstance(entry, EventEntry):
                self._number_event(entry, numbered)
            else:
                self._number_notice(entry, numbered)
        return numbered

    def _number_event(self, entry: EventEntry, numbered: NumberedRecords) -> None:
        event = entry.event
        keys = fill_keys(event)
        if any(key in self.memory.fills for key in keys):
            numbered.duplicates += 1
            return
        update = Update(
            self.seq + 1 + self.skip,
            self._account,
            event,
            entry.received_ms,
            entry.raw,
            entry.provenance,
            entry.late,
        )
        self.memory.note_fills(update, keys)
        if entry.provenance == "rest":
            self.recovered.add(event)
            numbered.recovered += 1
        self._give(record_of(update, update_body(update, self._account_json, self.skip), self.chain), numbered)

    def _number_notice(self, entry: NoticeEntry, numbered: NumberedRecords) -> None:
        seq = self.seq + 1 + self.skip
        item = self.recovered.noted(msgspec.structs.replace(entry.item, seq=seq, account=self._account))
        match item:
            case Live():
                self.began_ms = self.began_ms or item.since_ms
            case GapOpened():
                known_ms = self.open_from_ms
                self.open_from_ms = item.from_ms if known_ms is None else min(known_ms, item.from_ms)
            case GapClosed():
                self.open_from_ms = None
            case _:
                assert_never(item)
        self._give(record_of(item, told_body(item, entry.told_ms, self.skip), self.chain), numbered)

    def _give(self, record: LogRecord, numbered: NumberedRecords) -> None:
        self.seq, self.chain, self.skip = record.seq, record.chain, 0
        numbered.records.append(record)
