"""Test the way of durable items to the reader, from memory and from the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from listenkey.errors import Corrupt
from listenkey.items import Item, Live
from listenkey.journal.sqlite import durable_items
from listenkey.journal.sqlite.durable_items import DurableItems
from tests.unit.journal.making import fill, written


def lives(first: int, last: int) -> list[Item]:
    return [Live(seq, "a3f1", seq) for seq in range(first, last + 1)]


async def test_what_fits_is_taken_from_memory(tmp_path: Path) -> None:
    items = DurableItems(tmp_path / "none.db")
    items.begin(4, 4)
    items.show(lives(4, 7), 7)  # 4 was found in the file before
    assert (items.lag, len(items.window)) == (3, 3)
    assert items.take().seq == 5
    assert [item.seq for item in items.take_some(9)] == [6, 7]
    assert items.take_some(9) == []
    assert (items.lag, items.read_seq) == (0, 7)
    items.show([], 7)
    await items.stop(1.0)
    items.let_go()


async def test_what_does_not_fit_is_taken_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = await written(tmp_path / "a.db", [fill(1), fill(2)])
    monkeypatch.setattr(durable_items, "WINDOW_BYTES_MAX", 1)
    items = DurableItems(tmp_path / "a.db")
    items.show(given[:1], 1)
    items.show(given[1:], 3)
    assert (items.lag, len(items.window)) == (3, 1)
    assert items.take() == given[0]
    await items.refill()
    assert items.take_some(9) == given[1:]
    with pytest.raises(Corrupt, match="no longer holds the items from 4 on"):
        await items.refill()
    items.let_go()
    items.let_go()
