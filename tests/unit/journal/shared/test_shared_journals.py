"""The handle of all accounts."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from listenkey.errors import Corrupt, Fenced, JournalError, TooOld, UsageError
from listenkey.journal.shared.accounts_schema import FILE_NAME
from listenkey.journal.shared.shared_journals import SharedJournals
from listenkey.journal.sqlite.lock import lock_path
from tests.unit.journal.making import Wall, broken, fill, until
from tests.unit.journal.shared.shared_making import (
    BadSharedDisk,
    account,
    append,
    change,
    opened,
    prune_by_hand,
    written,
)


async def test_a_file_is_one_process_and_nobody_elses(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(Fenced, match="another stream of this process writes to the journal"):
            await SharedJournals(tmp_path, Wall()).open()


async def test_many_accounts_cost_one_thread_and_the_descriptors_of_one(tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async with opened(tmp_path) as journals:
        append(await account(journals, "0"), fill(1))
        threads, files = threading.active_count(), descriptors()
        made = [await account(journals, str(number)) for number in range(1, 100)]
        for journal in made:
            append(journal, fill(1))
        await until(lambda: all(journal.backlog == 1 for journal in made))
        assert threading.active_count() <= threads + 4, "asyncio's own, for looking at the ends"
        assert descriptors() <= files + 1


async def test_other_readers_read_any_account(tmp_path: Path) -> None:
    await written(tmp_path, a=[fill(1), fill(2)], b=[fill(1)])
    async with opened(tmp_path) as journals:
        assert journals.names == ["a", "b"]
        assert [item.seq for item in await journals.read("a", 0)] == [1, 2, 3]
        assert [item.seq for item in await journals.read("a", 1, 1)] == [2]
        assert await journals.read("b", 2) == []
        with pytest.raises(UsageError, match="there is no account 'c'"):
            await journals.read("c", 0)
        change(tmp_path, "UPDATE rows SET raw = '{}' WHERE account_no = 2 AND seq = 2")
        with pytest.raises(Corrupt, match="item 2 of the journal"):
            await journals.read("b", 1)
        assert [item.seq for item in await journals.read("b", 0)] == [1], "all that is whole before it"
        assert [item.seq for item in await journals.read("a", 2)] == [3]


async def test_what_is_kept_of_an_account_is_known_whether_it_is_open_or_not(tmp_path: Path) -> None:
    await written(tmp_path, a=[fill(1), fill(2)])
    async with opened(tmp_path) as journals:
        assert (await journals.kept("a"), await journals.kept("b")) == ((1, 3), (1, 0))
        append(await account(journals, "b"), fill(1))
        prune_by_hand(tmp_path, 1, 2)
        assert await journals.kept("a") == (3, 3)
        with pytest.raises(TooOld):
            await journals.read("a", 1)


async def test_consumers_commit_beside_the_stream_whether_the_account_is_open_or_not(tmp_path: Path) -> None:
    await written(tmp_path, a=[fill(1), fill(2)])
    async with opened(tmp_path) as journals:
        assert (await journals.cursor("a", "book"), await journals.cursor("b", "book")) == (None, None)
        await asyncio.gather(*(journals.commit("a", "book", seq) for seq in (1, 3, 2)))
        assert await journals.cursor("a", "book") == 3, "it never goes back"
        await journals.commit("a", "other", 1)
        for consumer, seq in (("book", 4), ("book", 0), ("", 1)):
            with pytest.raises(UsageError, match=f"has no item {seq} yet"):
                await journals.commit("a", consumer, seq)
        with pytest.raises(UsageError, match="there is no account 'b'"):
            await journals.commit("b", "book", 1)
    async with opened(tmp_path) as journals:
        assert (await journals.cursor("a", "book"), await journals.cursor("a", "other")) == (3, 1)
    with pytest.raises(JournalError, match="not open"):
        await journals.commit("a", "book", 3)


async def test_a_commit_that_cant_be_written_is_refused_when_the_file_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(tmp_path, a=[fill(1), fill(2)])
    disk = BadSharedDisk(monkeypatch, "SQLITE_FULL")
    async with opened(tmp_path) as journals:
        disk.dead = True
        waiting = asyncio.ensure_future(journals.commit("a", "book", 1))
        given_up = asyncio.ensure_future(journals.commit("a", "book", 2))
        await until(lambda: journals.problem is not None and len(journals._commits) == 2)
        given_up.cancel()
    with pytest.raises(JournalError, match="the disk is full"):
        await waiting
    assert given_up.cancelled()


async def test_the_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "some" / "folder"
    async with opened(folder) as journals:
        assert journals.beside("a") == folder / FILE_NAME
    assert folder.stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="can't be made"):
        await SharedJournals(tmp_path / "file" / "folder", Wall()).open()


async def test_the_ends_of_an_account_that_is_open_are_known(tmp_path: Path) -> None:
    async with opened(tmp_path) as journals:
        got: list[object] = []
        journal = await account(journals, "a", on_items=got.extend)
        assert (journals.oldest_seq("a"), journals.last_seq("a")) == (1, 0)
        append(journal, fill(1), fill(2))
        await until(lambda: len(got) == 2)
        assert (journals.oldest_seq("a"), journals.last_seq("a")) == (1, 2)
        for name in ("a", "a", "b"):
            await journals.remove(name)
        with pytest.raises(UsageError, match="the journal of the account 'a' is not open"):
            journals.last_seq("a")
        assert len(await journals.read("a", 0)) == 2


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 129])
async def test_a_name_is_one_that_can_be_printed(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="can be printed"):
        SharedJournals(tmp_path, Wall()).journal(name)


async def test_while_an_account_is_being_opened_its_end_is_not_known(tmp_path: Path) -> None:
    async with opened(tmp_path) as journals:
        opening = asyncio.ensure_future(journals.journal("a").open())
        await asyncio.sleep(0)
        with pytest.raises(UsageError, match="is not open"):
            journals.last_seq("a")
        await opening


async def test_accounts_that_open_take_one_thread_and_leave_the_others_to_who_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(tmp_path, a=[fill(1)])
    async with opened(tmp_path) as journals:
        release, real = threading.Event(), journals._openings.ask

        def slow(question: Callable[[sqlite3.Connection], object]) -> object:
            release.wait(20)
            return real(question)

        monkeypatch.setattr(journals._openings, "ask", slow)
        openings = [asyncio.ensure_future(journals.journal(str(number)).open()) for number in range(40)]
        async with asyncio.timeout(10):
            assert len(await journals.read("a", 0)) == 2
        assert not any(opening.done() for opening in openings)
        release.set()
        await asyncio.gather(*openings)


async def test_damage_to_the_file_ends_every_account_with_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = BadSharedDisk(monkeypatch, "SQLITE_CORRUPT")
    async with opened(tmp_path) as journals:
        a, b = await account(journals, "a"), await account(journals, "b", consumer="book")
        disk.dead = True
        append(a, fill(1))
        for journal in (a, b):
            with pytest.raises(Corrupt, match="is damaged"):
                await journal.next()
        with pytest.raises(JournalError, match="is damaged"):
            await account(journals, "c")
        assert "is damaged" in str(a.problem)
        await a.aclose()


async def test_a_disk_that_never_answers_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journals = SharedJournals(tmp_path, Wall())
    await journals.open()
    journal = await account(journals, "a")
    answer = threading.Event()

    def write(*_: object) -> None:
        answer.wait(20)
        raise broken("SQLITE_FULL")

    monkeypatch.setattr(journals._store, "write", write)
    append(journal, fill(1))
    async with asyncio.timeout(5):
        await journals.aclose()
    with pytest.raises(StopAsyncIteration):
        await journal.next()
    answer.set()
    await until(lambda: not journals._writer.is_alive)
    await asyncio.sleep(0)


async def test_journals_that_were_never_opened_close(tmp_path: Path) -> None:
    await SharedJournals(tmp_path / "none", Wall()).aclose()


async def test_what_ends_all_accounts_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as journals:
        made = await account(journals, "a")
        ended = asyncio.ensure_future(journals.ended())
        append(made, fill(1))
        await made.next()
        assert not ended.done()
        lock_path(journals.path).unlink()
        lock_path(journals.path).touch()
        append(made, fill(2))
        assert isinstance(await ended, Fenced)
