"""Readers at the same place are written to together; who is full leaves, and who is ahead gets its part alone."""

from __future__ import annotations

import asyncio
import json
from functools import partial

import pytest

from listenkey.gateway.feed import FeedEnded, Room
from listenkey.gateway.http import fanout as fanouts
from listenkey.gateway.http.fanout import HEARTBEAT_S, NEAR_ITEMS, Fanout, Fanouts
from listenkey.gateway.http.framing import Framing, frames, plain
from tests.unit.gateway.http.making import StandInAccount, until


class StandInReader:
    """A connection that keeps what is written to it."""

    def __init__(self, after: int = 0, framing: Framing = plain) -> None:
        self.after = after
        self.framing = framing
        self.is_full = False
        self.written: list[bytes] = []
        self.released: list[Exception | None] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def release(self, end: Exception | None) -> None:
        self.released.append(end)

    def has(self, seq: int) -> bool:
        return self.seqs == [seq]

    @property
    def seqs(self) -> list[int]:
        text = b"".join(self.written).decode()
        return [int(line.removeprefix("id: ")) for line in text.split("\n") if line.startswith("id: ")]


async def test_all_that_joined_get_the_very_same_bytes() -> None:
    account = StandInAccount()
    fanout = Fanout(account.feed)
    readers = [StandInReader() for _ in range(3)]
    for reader in readers:
        fanout.join(reader)
    account.happen(3)
    await until(lambda: readers[0].seqs == [1, 2, 3])
    assert readers[0].written[0] is readers[1].written[0] is readers[2].written[0]
    assert fanout.after == 3
    for reader in readers:
        fanout.leave(reader)
    fanout.close()


async def test_who_is_full_leaves_with_the_number_it_has_had() -> None:
    account = StandInAccount()
    fanout = Fanout(account.feed)
    slow, quick = StandInReader(), StandInReader()
    fanout.join(slow)
    fanout.join(quick)
    account.happen(3)
    await until(lambda: quick.seqs == [1, 2, 3])
    slow.is_full = True
    account.happen(3)
    await until(lambda: len(quick.seqs) == 6)
    assert (slow.seqs, slow.after, slow.released) == ([1, 2, 3], 3, [None])
    account.happen(1)
    await until(lambda: len(quick.seqs) == 7)
    assert slow.released == [None]
    fanout.leave(quick)
    fanout.close()


async def test_who_joins_ahead_of_the_others_gets_nothing_twice() -> None:
    account = StandInAccount()
    fanout = Fanout(account.feed)
    early = StandInReader()
    fanout.join(early)
    account.happen(5)
    ahead, far = StandInReader(3), StandInReader(8)  # they have read these from the journal already
    socket = StandInReader(3, frames)
    for reader in (ahead, far, socket):
        fanout.join(reader)
    await until(lambda: early.seqs == [1, 2, 3, 4, 5])
    assert (ahead.seqs, far.seqs) == ([4, 5], [])
    account.happen(5)
    await until(lambda: len(early.seqs) == 10)
    assert (ahead.seqs, far.seqs) == ([4, 5, 6, 7, 8, 9, 10], [9, 10])
    assert [json.loads(line)["seq"] for line in unframed(b"".join(socket.written))] == [4, 5, 6, 7, 8, 9, 10]
    for reader in (early, ahead, far, socket):
        fanout.leave(reader)
    fanout.close()


def unframed(data: bytes) -> list[bytes]:
    """The texts of frames of middle length."""
    texts: list[bytes] = []
    while data:
        size = int.from_bytes(data[2:4], "big")
        texts.append(data[4 : 4 + size])
        data = data[4 + size :]
    return texts


async def test_what_was_written_lately_is_kept_for_those_that_fell_behind_in_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account, room = StandInAccount(), Room(10_000)
    fanout, other = Fanout(account.feed, room), StandInReader(0, frames)
    reader = StandInReader()
    fanout.join(reader)
    for count in (2, 3):
        account.happen(count)
        await until(lambda: fanout.after == len(account.items))
    behind = StandInReader(2)
    behind.written = fanout.recent(behind)
    assert (behind.seqs, behind.after) == ([3, 4, 5], 5)
    assert (fanout.recent(behind), fanout.recent(StandInReader(1)), fanout.recent(other)) == ([], [], [])
    assert room.used == sum(map(len, reader.written))
    monkeypatch.setattr(fanouts, "RECENT_BYTES_MAX", 1)
    account.happen(1)
    await until(lambda: fanout.after == 6)
    assert room.used == 0
    monkeypatch.undo()
    room.most = 0
    account.happen(1)
    await until(lambda: fanout.after == 7)
    assert room.used == 0, "there is no room beside the other accounts"
    fanout.close()


async def test_only_who_is_near_joins() -> None:
    account = StandInAccount(before=NEAR_ITEMS + 10)
    fanout = Fanout(account.feed)
    assert not fanout.is_near(9)
    assert fanout.is_near(10)
    reader = StandInReader(10)
    fanout.join(reader)
    assert not fanout.is_near(9)
    await until(lambda: len(reader.seqs) == NEAR_ITEMS)
    assert not fanout.is_near(NEAR_ITEMS + 9), "the others are further now"
    fanout.leave(reader)
    fanout.close()


async def test_the_writing_ends_with_the_last_reader_and_begins_with_the_next() -> None:
    account = StandInAccount()
    fanout = Fanout(account.feed)
    for seq in (1, 2):
        reader = StandInReader(seq - 1)
        fanout.join(reader)
        account.happen(1)
        await until(partial(reader.has, seq))
        fanout.leave(reader)
        fanout.close()
        await until(lambda: account.feed.readers == 0)


async def test_an_end_reaches_every_reader() -> None:
    account = StandInAccount()
    fanout = Fanout(account.feed)
    readers = [StandInReader(), StandInReader(0, frames)]
    for reader in readers:
        fanout.join(reader)
    account.feed.end("the key is refused")
    await until(lambda: readers[1].released)
    assert [[str(end) for end in reader.released] for reader in readers] == [["the key is refused"]] * 2
    assert isinstance(readers[0].released[0], FeedEnded)
    fanout.close()


async def test_a_writer_that_fails_leaves_no_reader_waiting() -> None:
    account = StandInAccount()
    fanout = Fanout(account.feed)
    reader, other = StandInReader(), StandInReader()
    reader.write = lambda _: 1 / 0  # type: ignore[method-assign,assignment]
    fanout.join(reader)
    fanout.join(other)
    account.happen(1)
    await until(lambda: other.released)
    assert "ZeroDivisionError" in str(other.released[0])
    fanout.close()


async def test_a_silence_is_broken_by_a_heartbeat_and_a_full_one_is_left_alone() -> None:
    account = StandInAccount()
    fanout = Fanout(account.feed)
    quiet, full, socket = StandInReader(), StandInReader(), StandInReader(0, frames)
    full.is_full = True
    for reader in (quiet, full, socket):
        fanout.join(reader)
    await asyncio.sleep(0)
    now_s = asyncio.get_running_loop().time()
    fanout.beat(now_s + HEARTBEAT_S - 1)
    assert quiet.written == []
    fanout.beat(now_s + HEARTBEAT_S + 1)
    fanout.beat(now_s + HEARTBEAT_S + 2)
    assert (quiet.written, full.written, socket.written) == ([b": \n\n"], [], [])
    fanout.end(RuntimeError())
    fanout.close()


async def test_gathering_lasts_the_longer_the_longer_writing_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanouts, "PAUSE_PER_WRITING", 1e9)
    monkeypatch.setattr(fanouts, "PAUSE_MAX_S", 0.1)
    account = StandInAccount()
    fanout = Fanout(account.feed)
    reader = StandInReader()
    fanout.join(reader)
    for _ in range(20):
        account.happen(2)
        await asyncio.sleep(0.005)
    await until(lambda: len(reader.seqs) == 40)
    assert len(reader.written) < 10
    fanout.leave(reader)
    fanout.close()


async def test_a_write_is_bounded_however_much_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanouts, "WRITE_BYTES_MAX", 1)
    account = StandInAccount()
    fanout = Fanout(account.feed)
    reader = StandInReader()
    fanout.join(reader)
    account.happen(1_200)
    await until(lambda: len(reader.seqs) == 1_200)
    assert len(reader.written) > 1
    fanout.leave(reader)
    fanout.close()


async def test_fan_outs_are_there_for_as_long_as_there_are_readers() -> None:
    account, made = StandInAccount(), Fanouts()
    one, other = made.enter(account.feed), made.enter(account.feed)
    assert one is other
    assert (made.readers, made.readers_of(account.feed)) == (2, 2)
    made.leave(one)
    made.leave(other)
    assert (made.readers, made.readers_of(account.feed)) == (0, 0)
    made.beat(0.0)
