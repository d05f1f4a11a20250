from __future__ import annotations

import asyncio
import threading

import pytest

from listenkey.errors import Fenced, JournalError, TimedOut, TooOld, UsageError
from listenkey.items import GapOpened, Live, Update
from listenkey.journal.jetstream import journal as journals
from listenkey.journal.jetstream.journal import JetStreamJournal
from listenkey.journal.jetstream.link import Unanswered
from listenkey.journal.jetstream.servers import LogServers
from listenkey.journal.jetstream.stored_items import StoredItems
from listenkey.journal.sqlite import durable_items
from listenkey.journal.sqlite.write_queue import QueueRoom
from tests.nats_server import Cluster, made
from tests.unit.core.making import trade_row
from tests.unit.journal.jetstream.making import append, journal, take
from tests.unit.journal.making import ACCOUNT, AT_MS, Wall, fill, greeks, read, until


async def two(node: Cluster, **options: object) -> tuple[JetStreamJournal, JetStreamJournal]:
    """Two journals of one account, of two processes."""
    address = await made(node.address())
    return tuple(  # type: ignore[return-value]
        JetStreamJournal(LogServers(address, worker), ACCOUNT, Wall(), **options)  # type: ignore[arg-type]
        for worker in ("w1", "w2")
    )


async def test_a_consumer_goes_on_after_what_it_committed(nats_node: Cluster) -> None:
    first, second = await two(nats_node, consumer="book")
    await first.open()
    append(first, *(fill(number) for number in range(1, 11)))
    await take(first, 10)
    await first.commit(4)
    with pytest.raises(UsageError, match="not read yet"):
        await first.commit(11)
    await first.aclose()
    with pytest.raises(JournalError, match="closed"):
        await first.commit(9)
    await second.open()
    assert second.backlog == 6
    assert [item.seq for item in await take(second, 6)] == [5, 6, 7, 8, 9, 10]
    await second.aclose()


async def test_a_reader_may_begin_anywhere_but_behind_the_end(nats_node: Cluster) -> None:
    first, _ = await two(nats_node)
    await first.open()
    append(first, fill(1), fill(2), fill(3))
    first.append_events([read(fill(number)) for number in (4, 5)], [fill(4), fill(5)], AT_MS)
    assert [item.seq for item in await take(first, 5)] == [1, 2, 3, 4, 5]
    await first.aclose()
    servers = LogServers(first._servers.address)
    late = JetStreamJournal(servers, ACCOUNT, Wall(), after=6)
    with pytest.raises(UsageError, match="ends at item 5"):
        await late.open()
    await late.aclose()
    again = JetStreamJournal(servers, ACCOUNT, Wall(), after=2, consumer="x", auto_commit=True)
    await again.open()
    assert [item.seq for item in await take(again, 3)] == [3, 4, 5]
    await again.aclose()


async def test_a_second_owner_fences_the_first_at_once(nats_node: Cluster) -> None:
    first, second = await two(nats_node)
    changes: list[str | None] = []
    await first.open()
    first.watch(lambda: changes.append(first.problem))
    append(first, fill(1))
    await take(first, 1)
    await second.open()
    append(first, fill(2))
    with pytest.raises(Fenced, match="w2 has taken over"):
        await first.next()
    assert changes
    assert "w2 has taken over" in str(changes[-1])
    append(second, fill(3))
    assert [item.seq for item in await take(second, 1)] == [2]
    await first.aclose()
    await second.aclose()


async def test_a_reader_that_is_far_behind_is_served_from_the_servers(
    nats_node: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable_items, "WINDOW_BYTES_MAX", 1)
    one = await journal(nats_node)
    await one.open()
    assert one.turn_after_s() is None
    for number in range(1, 6):
        append(one, *(fill(100 * number + more) for more in range(3)))
        await until(lambda: one._queue.entries == 0)
    assert one.backlog == 15
    found: list[int] = []

    def note(item: object) -> None:
        assert isinstance(item, Update)
        found.append(item.seq)

    one.end(None)
    one.end(Fenced("the first counts"))
    await one.deliver(note)
    assert found == list(range(1, 16))
    assert list(one.ready()) == one.take_ready(5) == []
    await one.aclose()


async def test_what_is_not_acknowledged_is_not_shown_and_closing_does_not_wait_for_it(
    nats_node: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journals, "FINISH_WITHIN_S", 0.05)
    one = await journal(nats_node)
    await one.open()

    async def silent(*_: object, **__: object) -> None:
        raise Unanswered("no answer", was_sent=True)

    monkeypatch.setattr(one._servers, "request", silent)
    append(one, fill(1))
    await until(lambda: one.problem is not None)
    assert one.backlog == 1
    assert one.take_ready(5) == []
    await asyncio.wait_for(one.aclose(), 5)
    assert "1 items wait" in caplog.text
    with pytest.raises(StopAsyncIteration):
        await one.next()


async def test_abandoning_ends_it_from_any_thread(nats_node: Cluster) -> None:
    one = await journal(nats_node)
    one.abandon()
    await one.aclose()
    await one.open()
    publishing = one._publishing
    assert publishing is not None
    thread = threading.Thread(target=one.abandon)
    thread.start()
    thread.join()
    await until(publishing.done)
    append(one, fill(1))
    one.end(None)
    with pytest.raises(StopAsyncIteration):
        await one.next()
    await one.aclose()


async def test_servers_that_do_not_answer_are_not_waited_for_without_end(
    nats_node: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "OPEN_WITHIN_S", 0.05)
    one = await journal(nats_node)

    async def silent(*_: object, **__: object) -> None:
        raise Unanswered("choosing a leader", was_sent=False)

    real = LogServers.acquire

    async def acquire_and_fall_silent(servers: LogServers) -> None:
        await real(servers)
        monkeypatch.setattr(servers, "request", silent)

    monkeypatch.setattr(LogServers, "acquire", acquire_and_fall_silent)
    with pytest.raises(TimedOut, match=r"can't be written to \(choosing a leader\)"):
        await one.open()
    assert one._servers._connection is None


async def test_the_state_of_before_is_given_to_the_next_process(nats_node: Cluster) -> None:
    first, second = await two(nats_node)
    await first.open()
    first.append_told([Live(0, "", 5)])
    append(first, fill(1), greeks(1))
    first.append_told([GapOpened(0, "", 9, "lost")])
    first.append_event(trade_row(2).fill, b"{}", AT_MS, "rest")
    await take(first, 5)
    assert first.recovered == 1
    first.heard(1_000)
    await first.aclose()
    left = await second.open()
    assert (left.covered_until_ms, left.open_from_ms, left.began_ms, len(left.fills)) == (1_000, 9, 5, 2)
    append(second, fill(1))
    append(second, fill(3))
    assert [item.seq for item in await take(second, 1)] == [6]
    assert second.duplicates == 1
    await second.aclose()


async def test_items_are_given_to_a_function_when_they_are_stored(nats_node: Cluster) -> None:
    groups: list[list[int]] = []
    one = await journal(
        nats_node, on_items=lambda items: groups.append([item.seq for item in items]), room=QueueRoom(1 << 20)
    )
    await one.open()
    append(one, *(fill(number) for number in range(1, 4)))
    await until(lambda: one.backlog == 0)
    append(one, fill(3))
    append(one, fill(4))
    await until(lambda: one.backlog == 0)
    assert [seq for group in groups for seq in group] == [1, 2, 3, 4]
    one.end(None)
    with pytest.raises(StopAsyncIteration):
        await one.next()
    await one.aclose()


async def test_a_reader_that_is_behind_waits_for_servers_and_not_for_what_is_gone(
    nats_node: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "READ_AGAIN_AFTER_S", 0.001)
    first, second = await two(nats_node, after=0)
    await first.open()
    append(first, fill(1), fill(2))
    await take(first, 2)
    await first.aclose()
    await second.open()
    refill, troubles = second._items.refill, [JournalError("no answer"), JournalError("no answer")]

    async def late() -> None:
        if troubles:
            raise troubles.pop()
        await refill()

    monkeypatch.setattr(StoredItems, "refill", lambda _: late())
    assert [item.seq for item in await take(second, 1)] == [1]
    second._items.window = ()
    second._items.begin(1, 2)
    troubles.append(TooOld(1, 2))
    with pytest.raises(TooOld):
        await second.next()
    await second.aclose()
