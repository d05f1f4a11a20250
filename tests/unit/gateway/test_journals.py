"""A file of each account's own: what is kept of it, and what is read beside its stream."""

from __future__ import annotations

from pathlib import Path

import pytest

from listenkey.errors import JournalError, TooOld
from listenkey.gateway.journals import JournalFolder
from listenkey.items import Live
from listenkey.journal.sqlite.retention import Retention
from listenkey.journal.sqlite.store import Store
from listenkey.transport.runtime import Runtime


@pytest.fixture
async def files(tmp_path: Path) -> JournalFolder:
    files = JournalFolder(tmp_path / "new" / "folder", Runtime(), Retention())
    await files.open()
    return files


async def filled(files: JournalFolder, count: int) -> None:
    journal = files.journal("desk")
    await journal.open()
    journal.append_told([Live(0, "desk", 1_000 + n) for n in range(count)])
    await journal.aclose()
    await files.aclose()


async def test_an_account_that_never_ran_has_nothing(files: JournalFolder) -> None:
    assert await files.kept("desk") == (1, 0)


async def test_items_are_read_beside_the_stream(files: JournalFolder) -> None:
    await filled(files, 5)
    assert await files.kept("desk") == (1, 5)
    assert [item.seq for item in await files.read("desk", 2, 2)] == [3, 4]


async def test_items_that_were_taken_away_are_told(files: JournalFolder) -> None:
    await filled(files, 5)
    store = Store(files.path("desk"), "desk")
    store.open()
    store.prune(3)
    store.close()
    assert await files.kept("desk") == (4, 5)
    with pytest.raises(TooOld):
        await files.read("desk", 2, 10)
    assert [item.seq for item in await files.read("desk", 3, 10)] == [4, 5]


async def test_an_account_all_of_whose_items_were_taken_away(files: JournalFolder) -> None:
    await filled(files, 2)
    store = Store(files.path("desk"), "desk")
    store.open()
    store.prune(2)
    store.close()
    assert await files.kept("desk") == (3, 2)


async def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="can't be made"):
        await JournalFolder(tmp_path / "file" / "folder", Runtime(), Retention()).open()
