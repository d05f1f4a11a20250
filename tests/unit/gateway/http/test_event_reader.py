"""A reader catches up by itself, as fast as it takes, and joins the others where they are."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from listenkey.errors import TooOld
from listenkey.gateway.feed import FeedEnded
from listenkey.gateway.http import event_reader
from listenkey.gateway.http.event_reader import CatchUps, EventReader, Stalled
from listenkey.gateway.http.fanout import NEAR_ITEMS, WRITE_BYTES_MAX, Fanout
from listenkey.gateway.http.framing import plain
from tests.unit.gateway.http.making import StandInAccount, until


class StandInRequest:
    """A request whose connection keeps what is written, and is full when a test says so."""

    def __init__(self) -> None:
        self.transport = self.protocol = self.writer = self
        self.written: list[bytes] = []
        self.writing_paused = False
        self.waiting = 0
        self.aborted = False
        self._taken = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def writelines(self, parts: list[bytes]) -> None:
        self.written += parts

    def set_write_buffer_limits(self, high: int) -> None:
        assert high > 0

    def abort(self) -> None:
        self.aborted = True

    def get_write_buffer_size(self) -> int:
        return self.waiting

    async def drain(self) -> None:
        await self._taken.wait()

    def take(self) -> None:
        self.writing_paused = False
        self._taken.set()
        self._taken = asyncio.Event()

    @property
    def seqs(self) -> list[int]:
        text = b"".join(self.written).decode()
        return [int(line.removeprefix("id: ")) for line in text.split("\n") if line.startswith("id: ")]


def reader_of(
    account: StandInAccount, after: int = 0, fanout: Fanout | None = None
) -> tuple[EventReader, StandInRequest]:
    request = StandInRequest()
    made = EventReader(cast("Any", request), plain, fanout or Fanout(account.feed), CatchUps(), after)
    return made, request


async def ended(following: asyncio.Task[None]) -> None:
    following.cancel()
    await asyncio.wait({following})


async def test_history_then_the_present_each_once() -> None:
    account = StandInAccount(before=600)
    reader, request = reader_of(account, 5)
    await reader.open()
    following = asyncio.create_task(reader.follow())
    while len(request.seqs) < 500:
        account.happen(1)
        await asyncio.sleep(0)
    account.happen(3)
    await until(lambda: request.seqs and request.seqs[-1] == len(account.items))
    assert request.seqs == list(range(6, len(account.items) + 1))
    await ended(following)
    reader.close()
    reader._fanout.close()
    await until(lambda: account.feed.readers == 0)


async def test_what_is_gone_is_known_before_an_answer_begins() -> None:
    account = StandInAccount(before=600)
    account.oldest_seq = 300
    reader, request = reader_of(account, 5)
    with pytest.raises(TooOld):
        await reader.open()
    reader.close()
    reader.close()
    assert request.written == []


async def test_a_full_connection_is_waited_for_and_goes_on_where_it_was() -> None:
    account = StandInAccount()
    reader, request = reader_of(account)
    await reader.open()
    following = asyncio.create_task(reader.follow())
    account.happen(2)
    await until(lambda: request.seqs == [1, 2])
    request.writing_paused = True
    for _ in range(300):
        account.happen(10)
        await asyncio.sleep(0)
    await until(lambda: reader._fanout.after == 3_002)
    assert request.seqs == [1, 2], "nothing waits in memory for it"
    request.take()
    await until(lambda: request.seqs[-1] == 3_002)
    assert request.seqs == list(range(1, 3_003))
    await ended(following)
    reader.close()
    reader._fanout.close()


async def test_history_is_read_no_faster_than_it_is_taken() -> None:
    account = StandInAccount(before=3_000)
    reader, request = reader_of(account)
    await reader.open()
    write = request.write

    def write_and_be_full(data: bytes) -> None:
        write(data)
        request.writing_paused = True

    reader.write = write_and_be_full  # type: ignore[assignment]
    following = asyncio.create_task(reader.follow())
    before = 0
    for _ in range(4):
        await until(lambda: len(request.seqs) > before)  # noqa: B023 - it is awaited here
        await asyncio.sleep(0.05)
        size = sum(map(len, request.written))
        assert len(request.seqs) - before <= 2 * 256, "one write, and then it waits"
        assert size <= 2 * WRITE_BYTES_MAX * (before // 256 + 1)
        before = len(request.seqs)
        request.take()
    while request.seqs[-1] < 2_900:
        request.take()
        await asyncio.sleep(0.001)
    await ended(following)
    reader.close()
    reader._fanout.close()


async def test_who_was_full_for_a_moment_is_given_what_was_written_meanwhile_and_the_journal_is_not_asked() -> None:
    account = StandInAccount()
    reader, request = reader_of(account)
    await reader.open()
    following = asyncio.create_task(reader.follow())
    await until(lambda: reader._fanout._writing)
    request.writing_paused = True
    for count in (3, 4, 5):
        account.happen(count)
        await until(lambda: reader._fanout.after == len(account.items))
    account.feed._read = None  # type: ignore[assignment]
    request.take()
    await until(lambda: len(request.seqs) == 12)
    account.happen(2)
    await until(lambda: request.seqs == list(range(1, 15)))
    assert reader._catch_ups.items == 0
    await ended(following)
    reader.close()
    reader._fanout.close()


async def test_a_connection_that_takes_nothing_is_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_reader, "STALLED_S", 0.05)
    reader, request = reader_of(StandInAccount(before=1))
    request.writing_paused, request.waiting = True, 100
    await reader.open()
    with pytest.raises(Stalled):
        await reader.follow()
    reader.close()
    reader.abort()
    assert request.aborted


async def test_a_connection_that_takes_a_little_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_reader, "STALLED_S", 0.02)
    account = StandInAccount(before=1)
    reader, request = reader_of(account)
    request.writing_paused, request.waiting = True, 1_000_000
    await reader.open()
    following = asyncio.create_task(reader.follow())
    for _ in range(20):
        request.waiting -= 1
        await asyncio.sleep(0.01)
    assert not following.done()
    request.take()
    await until(lambda: request.seqs == [1])
    await ended(following)
    reader.close()
    reader._fanout.close()


async def test_the_state_is_told_at_the_beginning_and_after_a_pause_if_it_is_another() -> None:
    account = StandInAccount()
    account.feed.note_state(b'{"status":"LIVE"}')
    reader, request = reader_of(account)
    await reader.open()
    following = asyncio.create_task(reader.follow())
    await until(lambda: request.written)
    assert request.written == [b'event: state\ndata: {"status":"LIVE"}\n\n']
    request.writing_paused = True
    account.happen(600)
    await until(lambda: reader._fanout.after == 600)
    account.feed.note_state(b'{"status":"GAP"}')
    request.take()
    await until(lambda: len(request.seqs) == 600)
    assert b"".join(request.written).count(b"GAP") >= 1
    await ended(following)
    reader.close()
    reader._fanout.close()


async def test_an_end_is_raised_when_everything_was_written() -> None:
    account = StandInAccount(before=NEAR_ITEMS * 2)
    reader, request = reader_of(account)
    account.feed.end(None)
    await reader.open()
    with pytest.raises(FeedEnded):
        await reader.follow()
    assert len(request.seqs) == NEAR_ITEMS * 2
    reader.close()
    reader.release(None)


async def test_those_that_are_behind_take_turns() -> None:
    account = StandInAccount(before=2_000)
    catch_ups, fanout = CatchUps(), Fanout(account.feed)
    running = 0

    async def read(after: int, most: int) -> Any:
        nonlocal running
        running += 1
        assert running == 1, "two read history at once"
        await asyncio.sleep(0.001)
        running -= 1
        return account.items[after : after + most]

    requests = [StandInRequest() for _ in range(4)]
    readers = [EventReader(cast("Any", request), plain, fanout, catch_ups, 0) for request in requests]
    for reader in readers:
        await reader.open()
    account.feed._read = read
    following = [asyncio.create_task(reader.follow()) for reader in readers]
    await until(lambda: all(request.seqs and request.seqs[-1] == 2_000 for request in requests))
    assert catch_ups.items > 4 * 1_500
    for task in following:
        await ended(task)
    for reader in readers:
        reader.close()
    fanout.close()
