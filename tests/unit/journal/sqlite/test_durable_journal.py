"""The appending and the reading of a journal that somebody else writes: nobody does here."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from listenkey.errors import Corrupt, UsageError
from listenkey.items import Item
from listenkey.journal.sqlite.consumer_commits import ConsumerCommits
from listenkey.journal.sqlite.durable_items import DurableItems
from listenkey.journal.sqlite.durable_journal import DurableJournal
from listenkey.journal.sqlite.group import Group
from listenkey.journal.sqlite.numbering import Entry, EventEntry, number_entries
from listenkey.journal.sqlite.retention import Retention
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.write_queue import WriteQueue
from listenkey.journal.sqlite.writer import Committed, Writer
from tests.unit.journal.making import ACCOUNT, AT_MS, Wall, fill, read


class ByHand(DurableJournal):
    """Commits when it is told to."""

    def __init__(self, path: Path) -> None:
        self.over = False
        self.store = Store(path, ACCOUNT)
        self.writer = Writer(self.store, lambda _: None, None, Retention(), Wall(), lambda: 0)
        super().__init__(
            DurableItems(path),
            WriteQueue(self.writer, Wall(), 1 << 20),
            ConsumerCommits(None, self.writer, auto_commit=False),
        )

    @property
    def _is_over(self) -> bool:
        return self.over

    def commit_all(self) -> None:
        entries: list[Entry] = self.writer._take()
        numbered = number_entries(entries, self.store, Group(), set())
        self.store.last_seq += len(numbered.items)
        raw_bytes = sum(len(entry.raw) for entry in entries if isinstance(entry, EventEntry))
        self._on_committed(Committed(numbered.items, self.store.last_seq, len(entries), raw_bytes, 0, None))


async def test_an_item_is_shown_when_it_is_committed_and_not_before(tmp_path: Path) -> None:
    journal = ByHand(tmp_path / "a.db")
    reading = asyncio.ensure_future(journal.next())
    journal.append_event(read(fill(1)), fill(1), AT_MS)
    await asyncio.sleep(0)
    assert (reading.done(), journal.backlog, journal.take_ready(9), list(journal.ready())) == (False, 1, [], [])
    journal.commit_all()
    assert (await reading).seq == 1
    assert journal.backlog == 0


async def test_what_waits_at_the_end_is_waited_for_unless_nobody_writes_any_more(tmp_path: Path) -> None:
    journal = ByHand(tmp_path / "a.db")
    journal.append_events([read(fill(1)), read(fill(2))], [fill(1), fill(2)], AT_MS)
    journal.end(None)
    journal.end(Corrupt("too late"))
    got: list[Item] = []
    delivering = asyncio.ensure_future(journal.deliver(got.append))
    await asyncio.sleep(0)
    assert not delivering.done()
    journal.commit_all()
    await delivering
    assert [item.seq for item in got] == [1, 2]
    other = ByHand(tmp_path / "b.db")
    other.append_event(read(fill(1)), fill(1), AT_MS)
    other.end(Corrupt("damaged"))
    other.over = True
    with pytest.raises(Corrupt, match="damaged"):
        await other.next()


async def test_what_is_only_in_the_file_is_read_there_or_the_error_is_told(tmp_path: Path) -> None:
    journal = ByHand(tmp_path / "a.db")
    journal.over = True
    journal._items.begin(0, 1)
    with pytest.raises(UsageError, match="there is no journal"):
        await journal.next()
