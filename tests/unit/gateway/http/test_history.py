"""History is read and encoded once for all readers that come by, wherever in a block they stand."""

from __future__ import annotations

import pytest

from listenkey.errors import TooOld
from listenkey.gateway.http import history
from listenkey.gateway.http.history import BLOCK_ITEMS, History
from listenkey.items import Item
from listenkey.wire.json_lines import to_line
from tests.unit.gateway.http.making import StandInAccount


def counted(account: StandInAccount) -> list[int]:
    """The places at which the journal is read from now on."""
    reads: list[int] = []
    read = account.read

    async def noted(after: int, most: int) -> list[Item]:
        reads.append(after)
        return await read(after, most)

    account.feed._read = noted
    return reads


async def test_a_block_is_read_once_for_all() -> None:
    account = StandInAccount(before=BLOCK_ITEMS * 2 + 5)
    reads, made = counted(account), History()
    for after in (0, 7, BLOCK_ITEMS - 1, BLOCK_ITEMS, BLOCK_ITEMS + 100):
        batch = await made.behind(account.feed, after)
        assert batch is not None
        end = after - after % BLOCK_ITEMS + BLOCK_ITEMS
        assert [line.seq for line in batch.lines] == list(range(after + 1, end + 1))
        assert [line.json for line in batch.lines] == [to_line(item) for item in account.items[after:end]]
        assert batch.last_seq == end
    assert reads == [0, BLOCK_ITEMS]
    assert account.feed.readers == 0


async def test_a_block_that_is_not_whole_is_none() -> None:
    account = StandInAccount(before=BLOCK_ITEMS + 5)
    made = History()
    assert await made.behind(account.feed, BLOCK_ITEMS) is None
    account.forget(10)
    assert await made.behind(account.feed, 20) is None, "its beginning is gone"
    account.oldest_seq = BLOCK_ITEMS * 2
    account.make(BLOCK_ITEMS * 2)
    account.feed.begin(1, len(account.items))
    with pytest.raises(TooOld):
        await made.behind(account.feed, 20)


async def test_what_was_said_about_the_state_is_not_said_again() -> None:
    account = StandInAccount()
    reader = account.feed.reader(0)  # so that lines are kept in memory
    account.happen(100)
    account.feed.note_state(b'{"status":"GAP"}')
    account.happen(BLOCK_ITEMS)
    batch = await History().behind(account.feed, 0)
    assert batch is not None
    assert [line.seq for line in batch.lines] == list(range(1, BLOCK_ITEMS + 1))
    reader.close()


async def test_blocks_are_bounded_in_bytes_and_belong_to_their_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    account, other = StandInAccount(before=BLOCK_ITEMS * 3), StandInAccount("desk-2", before=BLOCK_ITEMS)
    reads, made = counted(account), History()
    await made.behind(account.feed, 0)
    size = made._bytes
    monkeypatch.setattr(history, "BLOCKS_BYTES_MAX", 2.5 * size)
    for begin in (BLOCK_ITEMS, 0, 2 * BLOCK_ITEMS):
        await made.behind(account.feed, begin)
    assert made._bytes <= 2.5 * size
    assert sorted(begin for _, begin in made._blocks) == [0, 2 * BLOCK_ITEMS]
    assert reads == [0, BLOCK_ITEMS, 2 * BLOCK_ITEMS]
    made._blocks[id(account.feed), 0] = (other.feed, made._blocks[id(account.feed), 0][1])
    await made.behind(account.feed, 0)
    assert reads[-1] == 0, "another account had its place"
