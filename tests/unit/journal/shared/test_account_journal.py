"""One account's journal among those of a file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from listenkey.errors import Fenced, JournalError, UsageError
from listenkey.items import GapClosed, GapOpened, Item, Live
from listenkey.journal.shared import account_journal
from listenkey.journal.shared.account_writer import AccountWriter
from listenkey.journal.shared.accounts_schema import FILE_NAME
from listenkey.journal.sqlite import durable_items, writer_thread
from listenkey.journal.sqlite.write_queue import ENTRY_OVERHEAD_BYTES
from listenkey.journal.sqlite.writer import Committed
from listenkey.outcomes import Loss
from tests.unit.journal.making import AT_MS, fill, greeks, read, until
from tests.unit.journal.shared.shared_making import BadSharedDisk, account, append, items_of, opened, seqs


async def test_items_are_handed_over_when_they_are_on_the_disk(tmp_path: Path) -> None:
    got: list[Item] = []
    on_disk: list[list[int]] = []

    def seen(items: list[Item]) -> None:
        got.extend(items)
        on_disk.append(seqs(tmp_path, "a"))

    async with opened(tmp_path) as journals:
        journal = await account(journals, "a", on_items=seen)
        append(journal, fill(1), fill(2))
        await until(lambda: len(got) == 2)
        append(journal, fill(2))
        await until(lambda: journal.duplicates == 1)
        append(journal, fill(3))
        await until(lambda: len(got) == 3)
        assert (journal.backlog, journal.take_ready(10), journal.path) == (0, [], tmp_path / FILE_NAME)
        await journal.aclose()
    assert [item.seq for item in got] == [1, 2, 3]
    assert [seen[-1] for seen in on_disk] == [2, 3]


async def test_a_function_gets_every_item_until_the_end_and_its_owner_is_not_woken_for_each(tmp_path: Path) -> None:
    got: list[Item] = []
    async with opened(tmp_path) as journals:
        before = await account(journals, "a")
        append(before, fill(1), fill(2))
        await before.aclose()
        journal = await account(journals, "a", consumer="book")
        delivering = asyncio.ensure_future(journal.deliver(got.append))
        await until(lambda: len(got) == 2)
        waits = journal._signal.waiting
        for number in range(3, 8):
            append(journal, fill(number))
            await until(lambda: len(got) == number)  # noqa: B023
        assert journal._signal.waiting is waits
        await journal.commit(7)
        append(journal, fill(8))
        journal.end(None)
        await delivering
        assert [item.seq for item in got] == list(range(1, 9))


async def test_a_function_that_ends_the_journal_or_was_given_up_is_not_called_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as journals:
        journal = await account(journals, "a")
        delivering = asyncio.ensure_future(journal.deliver(lambda _: journal.end(None)))
        await until(lambda: journal._signal.waiting is not None)
        append(journal, fill(1), fill(2))
        await delivering
        other, got = await account(journals, "b"), list[Item]()
        delivering = asyncio.ensure_future(other.deliver(got.append))
        await until(lambda: other._signal.waiting is not None)
        append(other, fill(1))
        delivering.cancel()
        await until(lambda: other.backlog == 1 and journals.last_seq("b") == 1)
        assert got == []
        assert (await other.next()).seq == 1


async def test_what_a_function_raises_is_raised_where_its_owner_waits_and_the_rest_stays(tmp_path: Path) -> None:
    got: list[int] = []

    def fails_at_2(item: Item) -> None:
        got.append(item.seq)
        if item.seq == 2:
            raise ZeroDivisionError

    def fails_when_it_is_given_up(_: Item) -> None:
        delivering.cancel()
        raise ZeroDivisionError

    async with opened(tmp_path) as journals:
        journal = await account(journals, "a")
        delivering = asyncio.ensure_future(journal.deliver(fails_at_2))
        await until(lambda: journal._signal.waiting is not None)
        append(journal, fill(1), fill(2), fill(3))
        with pytest.raises(ZeroDivisionError):
            await delivering
        assert got == [1, 2]
        assert (await journal.next()).seq == 3
        delivering = asyncio.ensure_future(journal.deliver(fails_when_it_is_given_up))
        await until(lambda: journal._signal.waiting is not None)
        append(journal, fill(4))
        with pytest.raises(asyncio.CancelledError):
            await delivering


async def test_a_function_that_falls_behind_is_served_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[int] = []
    async with opened(tmp_path) as journals:
        journal = await account(journals, "a")
        delivering = asyncio.ensure_future(journal.deliver(lambda item: got.append(item.seq)))
        await until(lambda: journal._signal.waiting is not None)
        monkeypatch.setattr(durable_items, "WINDOW_BYTES_MAX", 0)
        append(journal, *(fill(number) for number in range(1, 101)))
        await until(lambda: len(got) == 100)
        journal.end(None)
        await delivering
    assert got == list(range(1, 101))


async def test_what_one_reader_raises_concerns_no_other(tmp_path: Path) -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    got: list[Item] = []

    def fails(_: list[Item]) -> None:
        raise ZeroDivisionError

    async with opened(tmp_path) as journals:
        for name, on_items in (("a", fails), ("b", got.extend)):
            append(await account(journals, name, on_items=on_items), fill(1))
        await until(lambda: bool(got))
    assert [type(error) for error in told] == [ZeroDivisionError]


async def test_a_name_is_one_journals_until_that_is_closed(tmp_path: Path) -> None:
    async with opened(tmp_path) as journals:
        first, second = await account(journals, "a"), journals.journal("a")
        with pytest.raises(Fenced, match="another stream of this process writes to the journal of the account 'a'"):
            await second.open()
        append(first, fill(1))
        await first.aclose()
        await first.aclose()
        await second.open()
        append(second, fill(2))
        await second.aclose()
    assert seqs(tmp_path, "a") == [1, 2]


async def test_a_reader_goes_on_after_what_it_committed(tmp_path: Path) -> None:
    async with opened(tmp_path) as journals:
        journal = await account(journals, "a", consumer="book")
        append(journal, *(fill(number) for number in range(1, 4)))
        items = [await journal.next() for _ in range(3)]
        await journal.commit(2)
        await journal.aclose()
        again = await account(journals, "a", consumer="book")
        assert await again.next() == items[2]
        await again.aclose()
        chosen = await account(journals, "a", after=1)
        assert await chosen.next() == items[1]
        await chosen.aclose()
        with pytest.raises(UsageError, match="ends at item 3, before the reader's position 4"):
            await account(journals, "a", after=4)
        assert (await account(journals, "a", after=3)).backlog == 0, "the name is free again"


async def test_without_a_file_that_is_open_nothing_opens(tmp_path: Path) -> None:
    async with opened(tmp_path) as journals:
        journal, late = await account(journals, "a"), journals.journal("b")
        reading = asyncio.ensure_future(journal.next())
        await asyncio.sleep(0)
    with pytest.raises(StopAsyncIteration):
        await reading
    with pytest.raises(JournalError, match="the journals are not open"):
        await late.open()
    await late.aclose()
    await journal.aclose()


async def test_a_full_disk_makes_all_accounts_wait_in_order_and_tells_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_thread, "RETRY_MAX_S", 0.02)
    disk = BadSharedDisk(monkeypatch, "SQLITE_FULL")
    async with opened(tmp_path) as journals:
        a, b = await account(journals, "a"), await account(journals, "b")
        changes: list[str | None] = []
        a.watch(lambda: changes.append(a.problem))
        disk.dead = True
        append(a, fill(1))
        await until(lambda: b.problem is not None)
        append(b, fill(1), fill(2))
        append(a, fill(2))
        assert "the disk is full" in str(a.problem)
        await asyncio.sleep(0.05)
        assert (a.take_ready(9), b.take_ready(9)) == ([], [])
        disk.dead = False
        assert [(await a.next()).seq, (await a.next()).seq, (await b.next()).seq, (await b.next()).seq] == [1, 2, 1, 2]
        assert a.problem is None
        assert changes == [changes[0], None]
    assert (seqs(tmp_path, "a"), seqs(tmp_path, "b")) == ([1, 2], [1, 2])


async def test_a_reader_that_is_far_behind_is_served_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable_items, "WINDOW_BYTES_MAX", 1)
    async with opened(tmp_path) as journals:
        other = await account(journals, "b", on_items=lambda _: None)
        journal = await account(journals, "a", consumer="book")
        for first in range(1, 1001, 100):
            append(journal, *(fill(number) for number in range(first, first + 100)))
            append(other, fill(first))
            await until(lambda: journals.last_seq("a") == first + 99)  # noqa: B023
        items: list[Item] = []
        while len(items) < 1000:
            items += [await journal.next(), *journal.take_ready(5000)]
        assert [item.seq for item in items] == list(range(1, 1001))
        assert {item.account for item in items} == {"a"}


async def test_an_account_is_let_go_of_in_time_though_the_disk_is_full_and_its_name_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_thread, "RETRY_MAX_S", 0.02)
    disk = BadSharedDisk(monkeypatch, "SQLITE_FULL")
    async with opened(tmp_path) as journals:
        a, b = await account(journals, "a"), await account(journals, "b")
        disk.dead = True
        append(a, fill(1))
        append(b, fill(1))
        await until(lambda: a.problem is not None)
        append(a, fill(2))
        async with asyncio.timeout(5):
            await a.aclose()
        with pytest.raises(Fenced):
            await account(journals, "a")
        disk.dead = False
        assert (await b.next()).seq == 1
        await until(lambda: "a" not in journals._open)
        again = await account(journals, "a")
        append(again, fill(3))
        await again.aclose()
    trades = [item.event.trade_id for item in items_of(tmp_path, "a")]  # type: ignore[union-attr]
    assert trades == [1, 3], "what was being written is there, and what waited behind it was dropped"


async def test_a_disk_that_answers_at_the_last_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_thread, "RETRY_MAX_S", 0.02)
    monkeypatch.setattr(account_journal, "FINISH_WITHIN_S", 0.1)
    monkeypatch.setattr(account_journal, "GIVE_UP_WITHIN_S", 5.0)
    disk = BadSharedDisk(monkeypatch, "SQLITE_FULL")
    real = AccountWriter.give_up

    def give_up(writer: AccountWriter) -> None:
        disk.dead = False
        real(writer)

    monkeypatch.setattr(AccountWriter, "give_up", give_up)
    async with opened(tmp_path) as journals:
        journal = await account(journals, "a")
        disk.dead = True
        append(journal, fill(1))
        await until(lambda: journal.problem is not None)
        await journal.aclose()
        await account(journals, "a")
        journal.let_go(None)
        assert journals.last_seq("a") == 1, "the name is the new one's"


async def test_what_the_disk_says_too_late_is_shown_to_nobody(tmp_path: Path) -> None:
    got: list[Item] = []
    async with opened(tmp_path) as journals:
        journal = await account(journals, "a", on_items=got.extend)
        await journal.aclose()
        journal.written(Committed([Live(1, "a", 5)], 1, 1, 0, 0, None))
        assert (got, journal.backlog) == ([], 0)


async def test_the_overflow_of_one_account_is_told_there_and_changes_nothing_for_others(tmp_path: Path) -> None:
    size = 20 * (len(fill(1)) + ENTRY_OVERHEAD_BYTES)
    async with opened(tmp_path) as journals:
        loud = await account(journals, "loud", queue_bytes_max=size)
        quiet = await account(journals, "quiet", queue_bytes_max=size)
        append(loud, *(fill(number) for number in range(1, 1001)))
        append(quiet, fill(1))
        quiet.heard(AT_MS)
        assert loud.overflow.losing
        assert quiet.overflow.losing is None
        assert (await quiet.next()).seq == 1
        items: list[Item] = []
        while not items or not isinstance(items[-1], GapClosed):
            items.append(await loud.next())
        assert isinstance(items[-2], GapOpened)
        assert items[-1].lost == {Loss.DROPPED}
        assert quiet.overflow.dropped == 0


async def test_accounts_share_what_may_wait_and_each_keeps_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "listenkey.journal.shared.shared_journals.ROOM_BYTES_MAX", 40 * (len(fill(1)) + ENTRY_OVERHEAD_BYTES)
    )
    async with opened(tmp_path) as journals:
        loud, quiet = await account(journals, "loud"), await account(journals, "quiet")
        append(loud, *(fill(number) for number in range(1, 201)))
        assert 30 <= 200 - loud.overflow.dropped <= 50
        append(quiet, *(fill(number) for number in range(1, 11)))
        assert quiet.overflow.dropped == 0
        raws = [fill(number) for number in range(11, 111)]
        quiet.append_events([read(raw) for raw in raws], raws, AT_MS)
        assert quiet.overflow.dropped > 0
        await until(lambda: loud.overflow.losing is None)
        await loud.aclose()
        await quiet.aclose()
        assert journals.room.bytes == 0


async def test_an_account_that_is_abandoned_is_let_go_of_and_the_last_one_ends_the_thread(tmp_path: Path) -> None:
    async with opened(tmp_path) as journals:
        a, b = await account(journals, "a"), await account(journals, "b")
        append(b, greeks(1))
        await asyncio.to_thread(a.abandon)
        assert (await b.next()).seq == 1
        await (await account(journals, "a")).aclose()
        b.abandon()
        await until(lambda: not journals._writer.is_alive)
        with pytest.raises(JournalError):
            await account(journals, "a")


async def test_what_waits_when_the_file_is_closed_is_written_and_told(tmp_path: Path) -> None:
    got: list[Item] = []
    async with opened(tmp_path) as journals:
        journal = await account(journals, "a", on_items=got.extend)
        append(journal, *(fill(number) for number in range(1, 2001)))
    assert len(got) == 2000
    assert seqs(tmp_path, "a") == list(range(1, 2001))
    with pytest.raises(StopAsyncIteration):
        await journal.next()
