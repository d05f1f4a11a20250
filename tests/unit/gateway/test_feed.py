"""A feed hands each item to each reader once and in order, whether it comes from memory or from the journal."""

from __future__ import annotations

import asyncio
import json

import pytest

from listenkey.errors import JournalError, TooOld
from listenkey.gateway import feed as module
from listenkey.gateway.feed import (
    GATHER_S,
    PENDING_BYTES_MAX,
    PENDING_MAX,
    Batch,
    Feed,
    FeedEnded,
    FeedReader,
    Line,
    Room,
)
from listenkey.items import Item, Live, Update
from listenkey.wire.frames import UnreadableFrame, read_payload
from listenkey.wire.json_lines import to_line


class Kept:
    """A journal that keeps items in a list."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.oldest_seq = 1
        self.reads = 0

    def make(self, count: int) -> list[Item]:
        new: list[Item] = [Live(len(self.items) + n + 1, "a", 1_000 + n) for n in range(count)]
        self.items.extend(new)
        return new

    async def read(self, after: int, most: int) -> list[Item]:
        self.reads += 1
        await asyncio.sleep(0)
        if after + 1 < self.oldest_seq:
            raise TooOld(after, self.oldest_seq)
        return self.items[after : after + most]


def feed_of(kept: Kept, room: Room | None = None) -> Feed:
    return Feed(kept.read, kept.oldest_seq, len(kept.items), room or Room())


async def seqs(reader: FeedReader, until: int) -> list[int]:
    got: list[int] = []
    while not got or got[-1] < until:
        got += [line.seq for line in (await reader.next()).lines if line.seq is not None]
    return got


async def test_a_reader_gets_what_comes_from_now_on() -> None:
    kept = Kept()
    kept.make(3)
    feed = feed_of(kept)
    reader = feed.reader(None)
    feed.add_all(kept.make(2))
    batch = await reader.next()
    assert [line.seq for line in batch.lines] == [4, 5]
    assert json.loads(batch.lines[0].json)["kind"] == "live"
    assert kept.reads == 0, "what comes now is in memory"


async def test_a_reader_that_is_behind_reads_the_journal_and_meets_what_comes_without_hole_or_double() -> None:
    kept = Kept()
    kept.make(1_000)
    feed = feed_of(kept)
    reader = feed.reader(0)

    async def go_on() -> None:
        for _ in range(50):
            feed.add_all(kept.make(7))
            await asyncio.sleep(0.001)

    writing = asyncio.create_task(go_on())
    got = await seqs(reader, 1_350)
    await writing
    assert got == list(range(1, 1_351))


async def test_readers_at_the_same_place_share_the_bytes() -> None:
    kept = Kept()
    feed = feed_of(kept)
    first, second = feed.reader(None), feed.reader(None)
    feed.add_all(kept.make(3))
    assert (await first.next()).sse is (await second.next()).sse


async def test_a_reader_with_a_cursor_within_a_batch_gets_the_rest_of_it() -> None:
    kept = Kept()
    feed = feed_of(kept)
    early = feed.reader(0)
    feed.add_all(kept.make(5))
    await early.next()
    assert await seqs(feed.reader(3), 5) == [4, 5]


async def test_what_was_read_from_the_journal_before_it_was_gathered_does_not_come_again() -> None:
    kept = Kept()
    kept.make(1)
    feed = feed_of(kept)
    reader = feed.reader(0)
    new = kept.make(4)  # on the disk, and not handed to the feed yet
    assert [line.seq for line in (await reader.next()).lines] == [1, 2, 3, 4, 5]
    feed.add_all(new)
    feed.add_all(kept.make(1))
    assert await seqs(reader, 6) == [6]


async def test_a_reader_that_falls_behind_the_memory_goes_on_from_the_journal() -> None:
    kept = Kept()
    feed = feed_of(kept, Room(most=1))
    slow = feed.reader(None)
    for _ in range(10):
        feed.add_all(kept.make(PENDING_MAX))
    assert await seqs(slow, 10 * PENDING_MAX) == list(range(1, 10 * PENDING_MAX + 1))
    assert kept.reads > 0


async def test_the_memory_of_all_feeds_together_is_bounded() -> None:
    room = Room(most=100_000)
    feeds = [(kept := Kept(), feed_of(kept, room)) for _ in range(3)]
    readers = [feed.reader(None) for _, feed in feeds]
    for kept, feed in feeds * 4:
        feed.add_all(kept.make(PENDING_MAX))
    newest = 3 * 2 * PENDING_MAX * (64 + 60)
    assert room.used <= 100_000 + newest
    for reader in readers:
        reader.close()
    assert room.used == 0, "without readers nothing is kept"


async def test_without_readers_nothing_is_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[Item] = []

    def counted(item: Item) -> bytes:
        encoded.append(item)
        return to_line(item)

    monkeypatch.setattr(module, "to_line", counted)
    kept = Kept()
    feed = feed_of(kept)
    feed.add_all(kept.make(3))
    feed.note_state(b"{}")
    await asyncio.sleep(2 * GATHER_S)
    assert feed.last_seq == 3
    assert not encoded
    reader = feed.reader(None)
    feed.add_all(kept.make(1))
    assert await seqs(reader, 4) == [4]
    assert len(encoded) == 1


async def test_a_cursor_that_is_no_longer_kept_is_told() -> None:
    kept = Kept()
    kept.make(10)
    kept.oldest_seq = 6
    feed = feed_of(kept)
    with pytest.raises(TooOld) as told:
        feed.reader(4)
    assert told.value.oldest_seq == 6
    assert await seqs(feed.reader(5), 10) == [6, 7, 8, 9, 10]


async def test_items_that_are_taken_away_while_a_reader_is_behind_are_told() -> None:
    kept = Kept()
    kept.make(600)
    feed = feed_of(kept)
    reader = feed.reader(0)
    await reader.next()
    kept.oldest_seq = 500
    with pytest.raises(TooOld):
        await reader.next()
    assert feed.oldest_seq() == 500


async def test_a_journal_that_lacks_what_it_said_it_has_is_told() -> None:
    kept = Kept()
    kept.make(3)
    feed = feed_of(kept)
    reader = feed.reader(0)
    kept.items.clear()
    with pytest.raises(JournalError, match="nothing behind item 0"):
        await reader.next()


async def test_states_come_between_items_and_have_no_number() -> None:
    kept = Kept()
    feed = feed_of(kept)
    reader = feed.reader(None)
    feed.note_state(b'{"kind":"state"}')
    batch = await reader.next()
    assert batch.lines == [Line(None, b'{"kind":"state"}')]
    assert batch.sse == b'event: state\ndata: {"kind":"state"}\n\n'
    assert feed.state == b'{"kind":"state"}'
    feed.add_all(kept.make(1))
    assert (await reader.next()).sse.startswith(b"id: 1\ndata: {")


async def test_a_reader_gets_what_is_there_before_it_hears_of_the_end() -> None:
    kept = Kept()
    feed = feed_of(kept)
    reader = feed.reader(None)
    feed.add_all(kept.make(2))
    feed.end("taken out")
    assert await seqs(reader, 2) == [1, 2]
    with pytest.raises(FeedEnded, match="taken out"):
        await reader.next()
    feed.begin(1, 2)
    feed.add_all(kept.make(1))
    assert await seqs(feed.reader(2), 3) == [3]


async def test_a_reader_that_waits_hears_of_the_end() -> None:
    feed = feed_of(Kept())
    waiting = asyncio.create_task(feed.reader(None).next())
    await asyncio.sleep(0)
    feed.end(None)
    with pytest.raises(FeedEnded, match="taken out"):
        await waiting


async def test_a_batch_without_items_goes_on_where_it_began() -> None:
    batch = Batch([Line(None, b"{}")], 7)
    assert (batch.last_seq, batch.behind(9).last_seq) == (7, 9)


async def test_large_items_are_not_gathered_beyond_a_bound_in_bytes() -> None:
    kept = Kept()
    feed = feed_of(kept)
    reader = feed.reader(None)
    raw = b'{"e":"x","pad":"%b"}' % (b"0" * (PENDING_BYTES_MAX // 4))
    event = read_payload(raw)
    assert not isinstance(event, UnreadableFrame)
    for first in (1, 5):
        feed.add_all([Update(number, "a", event, 1, raw) for number in range(first, first + 4)])
        waiting = asyncio.create_task(reader.next())
        await asyncio.sleep(0)
        assert waiting.done(), "nobody waits for more to gather"
        assert len((await waiting).lines) == 4


@pytest.mark.parametrize("how", ["an item comes", "the stream begins again"])
async def test_where_numbers_jump_a_reader_gets_what_lies_between_from_the_journal(how: str) -> None:
    kept = Kept()
    kept.make(10)
    feed = feed_of(kept)
    waits, behind = feed.reader(10), feed.reader(4)
    waiting = asyncio.ensure_future(seqs(waits, 16))
    await asyncio.sleep(0)
    kept.make(5)  # on the disk, and the feed was not told
    if how == "the stream begins again":
        feed.begin(1, 15)
    feed.add_all(kept.make(1))
    async with asyncio.timeout(5):
        assert await waiting == list(range(11, 17))
        assert await seqs(behind, 16) == list(range(5, 17))
    feed.add_all(kept.make(2))
    async with asyncio.timeout(5):
        assert await seqs(waits, 18) == await seqs(behind, 18) == [17, 18]


async def test_what_lies_between_is_handed_over_before_the_next_item_comes() -> None:
    kept = Kept()
    kept.make(10)
    feed = feed_of(kept)
    reader = feed.reader(10)
    waiting = asyncio.ensure_future(seqs(reader, 15))
    await asyncio.sleep(0)
    kept.make(5)
    feed.begin(1, 15)
    async with asyncio.timeout(5):
        assert await waiting == list(range(11, 16))
