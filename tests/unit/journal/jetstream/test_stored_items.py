from __future__ import annotations

import pytest

from listenkey.errors import Corrupt
from listenkey.items import Item, Live
from listenkey.journal.jetstream.record_codec import Stored
from listenkey.journal.jetstream.stored_items import StoredItems
from listenkey.journal.sqlite import durable_items
from tests.unit.journal.making import ACCOUNT


class Log:
    """The items of an account, as a reader has them."""

    def __init__(self, items: StoredItems | None = None) -> None:
        self.last = 0
        self.items = items

    async def read(self, after: int) -> list[Stored]:
        if self.items is not None:
            self.items.read_seq += 1  # Somebody else was served meanwhile.
        return [Stored(live(seq), b"", seq, 0, 0) for seq in range(after + 1, min(after + 3, self.last) + 1)]


def live(seq: int) -> Item:
    return Live(seq, ACCOUNT, 5)


def lives(first: int, last: int) -> list[Item]:
    return [live(seq) for seq in range(first, last + 1)]


def test_a_reader_near_the_end_is_served_from_memory() -> None:
    items = StoredItems(Log())  # type: ignore[arg-type]
    items.begin(2, 2)
    items.show(lives(2, 5), 5)
    assert (items.lag, items.durable_seq) == (3, 5)
    assert items.take().seq == 3
    assert [item.seq for item in items.take_some(9)] == [4, 5]
    assert items.lag == 0


async def test_a_reader_that_is_behind_is_served_from_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    items = StoredItems(log)  # type: ignore[arg-type]
    monkeypatch.setattr(durable_items, "WINDOW_BYTES_MAX", 1)
    items.begin(0, 0)
    for seq in range(1, 8):
        items.show([live(seq)], seq)
    log.last = 7
    assert [item.seq for item in items.window] == [1]
    assert items.take().seq == 1
    found: list[int] = []
    while items.lag:
        if not items.window:
            await items.refill()
        found.append(items.take().seq)
    assert found == [2, 3, 4, 5, 6, 7]
    items.show([live(8)], 8)
    items.show([], 8)
    assert items.take().seq == 8


async def test_items_that_are_gone_are_damage_and_what_is_in_memory_can_be_taken() -> None:
    items = StoredItems(Log())  # type: ignore[arg-type]
    items.begin(3, 5)
    with pytest.raises(Corrupt, match="no longer holds the items from 4 on"):
        await items.refill()
    items.let_go()
    assert items.lag == 0


async def test_a_look_that_another_has_overtaken_adds_nothing() -> None:
    log = Log()
    items = StoredItems(log)  # type: ignore[arg-type]
    log.items, log.last = items, 5
    items.begin(0, 5)
    await items.refill()
    assert not items.window
