"""A journal is read as items without a stream, and followed while another process writes it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import closing
from pathlib import Path

import pytest

import listenkey
from listenkey.errors import JournalError, UsageError
from listenkey.items import Item
from listenkey.journal import opened
from listenkey.journal.files import ENDINGS, beside
from listenkey.journal.opened import OpenJournal, open_journal
from listenkey.journal.sqlite.store import Store
from tests.unit.journal.making import ACCOUNT, append, fill, journal, take, written
from tests.unit.journal.shared.shared_making import written as accounts_written


def replace(one: Path, other: Path) -> None:
    one.replace(other)


def move_away(path: Path) -> None:
    for ending in ENDINGS:
        if beside(path, ending).exists():
            beside(path, ending).rename(beside(path.with_name("away.db"), ending))


async def test_what_is_there(tmp_path: Path) -> None:
    items = await written(tmp_path / "a.db", [fill(number) for number in range(1, 601)])
    with listenkey.open_journal(f"sqlite:///{tmp_path / 'a.db'}") as found:
        assert list(found) == items
        assert list(found.read(after=590)) == items[590:]
        assert found.last_seq() == len(items) == 601
        assert [item async for batch in found.batches(after=3) for item in batch] == items[3:]
        assert sum(len(item.fills) for item in found) == 600
    found.close()


def test_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no journal at"):
        open_journal(tmp_path / "a.db")


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when a follower has read all there is, and looks for more."""
    event, look = threading.Event(), OpenJournal._look

    def noted(journal: OpenJournal, changes: int, after: int, looks: int) -> int | None:
        event.set()
        return look(journal, changes, after, looks)

    monkeypatch.setattr(OpenJournal, "_look", noted)
    return event


async def test_a_follower_gets_what_is_written_later(tmp_path: Path, looked: threading.Event) -> None:
    made = journal(tmp_path / "a.db")
    await made.open()
    append(made, fill(1))
    given = await take(made, 1)
    with open_journal(tmp_path / "a.db") as found:
        following = aiter(found.follow_async())
        async with asyncio.timeout(5):
            assert [await anext(following)] == given
            later = asyncio.ensure_future(anext(following))
            await asyncio.to_thread(looked.wait, 5)
            append(made, fill(2))
            assert [await later] == await take(made, 1)
    await made.aclose()


async def test_a_thread_follows_until_nothing_comes(tmp_path: Path, looked: threading.Event) -> None:
    made = journal(tmp_path / "a.db")
    await made.open()
    append(made, fill(1))
    given = await take(made, 1)
    with open_journal(tmp_path / "a.db") as found:
        assert list(found.follow(idle_s=0.05)) == given
        assert [item async for item in found.follow_async(idle_s=0.05)] == given
        seen: list[Item] = []
        looked.clear()

        def read() -> None:
            for item in found.follow():
                seen.append(item)
                if len(seen) == 2:
                    return

        reading = threading.Thread(target=read)
        reading.start()
        await asyncio.to_thread(looked.wait, 5)
        append(made, fill(2))
        given += await take(made, 1)
        await asyncio.to_thread(reading.join, 5)
        assert seen == given
    await made.aclose()


async def test_a_follower_goes_on_with_the_journal_that_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where somebody moves a journal away and starts a stream anew: its numbers begin with one again."""
    monkeypatch.setattr(opened, "NAME_EVERY_LOOKS", 1)
    path, others = tmp_path / "a.db", list[Path]()
    items = await written(path, [fill(1), fill(2)])
    with closing(opened.OpenJournal(path, others.append)) as found:
        following = found.follow(idle_s=0.2)
        seen = [next(following) for _ in items]
        move_away(path)
        items += await written(path, [fill(3)])
        seen += following
    assert seen == items
    assert [item.seq for item in seen] == [1, 2, 3, 1, 2]
    assert others == [path]


@pytest.mark.parametrize("after", [-1, 2**62 + 1, 2**63, 10**40])
async def test_a_number_that_no_item_has_is_refused(tmp_path: Path, after: int) -> None:
    await written(tmp_path / "a.db", [fill(1)])
    with open_journal(tmp_path / "a.db") as found:
        for reading in (found.read(after), found.follow(after, idle_s=0)):
            with pytest.raises(UsageError, match="no item has the number"):
                next(reading)
        with pytest.raises(UsageError, match="no item has the number"):
            await anext(found.follow_async(after))


@pytest.mark.parametrize("idle_s", [float("nan"), -1.0, float("-inf")])
async def test_a_wait_that_is_none_is_refused(tmp_path: Path, idle_s: float) -> None:
    await written(tmp_path / "a.db", [fill(1)])
    with open_journal(tmp_path / "a.db") as found:
        with pytest.raises(UsageError, match="idle_s"):
            next(found.follow(idle_s=idle_s))
        with pytest.raises(UsageError, match="idle_s"):
            await anext(found.follow_async(idle_s=idle_s))


async def test_a_follower_repeats_nothing_of_a_copy_that_is_put_back_after_a_prune(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "NAME_EVERY_LOOKS", 1)
    path = tmp_path / "a.db"
    items = await written(path, [fill(number) for number in range(1, 4)])
    copy = path.read_bytes()
    items += await written(path, [fill(number) for number in range(4, 9)])
    with open_journal(path) as found:
        following = found.follow(idle_s=0.2)
        seen = [next(following) for _ in items]
        store = Store(path, ACCOUNT)
        store.open()
        store.prune(6)
        store.close()
        (tmp_path / "copy.db").write_bytes(copy)
        replace(tmp_path / "copy.db", path)
        await asyncio.to_thread(lambda: seen.extend(following))
        assert seen == items


async def test_a_follower_is_told_of_items_that_were_deleted_before_it_read_them(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    items = await written(path, [fill(number) for number in range(1, 601)])
    with open_journal(path) as found:
        following = found.follow(idle_s=0)
        seen = [next(following) for _ in range(256)]
        store = Store(path, ACCOUNT)
        store.open()
        store.prune(400)
        store.close()
        with pytest.raises(JournalError, match="the items 257 to 400 were deleted"):
            next(following)
        assert seen == items[:256]
        assert next(item.seq for item in found) == 401, "from the beginning means from what is kept"


async def test_one_account_of_a_file_of_many_is_read_as_a_journal_of_its_own(tmp_path: Path) -> None:
    await accounts_written(tmp_path, desk=[fill(1), fill(2)], other=[fill(3)])
    with open_journal(tmp_path, account="desk") as opened:
        assert [(item.seq, item.account) for item in opened] == [(1, "desk"), (2, "desk"), (3, "desk")]
        assert [item.seq for item in opened.follow(2, idle_s=0)] == [3]
    with pytest.raises(
        UsageError, match=r"has the journals of many accounts; name one with account='...': it has desk"
    ):
        open_journal(tmp_path)
    with pytest.raises(UsageError, match="is not the folder of many accounts; leave the account out"):
        open_journal(tmp_path / "fills.db", account="desk")
