"""Test the commits of a consumer: positions, and who waits for what."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenkey.errors import Corrupt, JournalError, UsageError
from listenkey.journal.sqlite.consumer_commits import ConsumerCommits
from listenkey.journal.sqlite.retention import Retention
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.writer import Writer
from tests.unit.journal.making import ACCOUNT, Wall, fill, group, rows


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "a.db", ACCOUNT)
    made.open()
    made.write(group(*rows([fill(1), fill(2), fill(3)], made), cursors={"book": 2}))
    yield made
    made.close()


def commits(store: Store, consumer: str | None = "book", *, auto_commit: bool = False) -> ConsumerCommits:
    writer = Writer(store, lambda _: None, consumer, Retention(), Wall(), lambda: 0)
    return ConsumerCommits(consumer, writer, auto_commit=auto_commit)


@pytest.mark.parametrize(
    ("consumer", "after", "position"), [("book", None, 2), ("new", None, 0), (None, None, 3), ("book", 1, 1)]
)
def test_a_reader_starts_at_its_position(store: Store, consumer: str | None, after: int | None, position: int) -> None:
    assert commits(store, consumer).begin(store, after) == position


def test_a_position_behind_the_end_is_refused(store: Store) -> None:
    with pytest.raises(UsageError, match="ends at item 3, before the reader's position 4"):
        commits(store).begin(store, 4)


@pytest.mark.parametrize(("consumer", "auto_commit"), [(None, True), ("", False)])
def test_a_name_is_needed(store: Store, consumer: str | None, auto_commit: bool) -> None:
    with pytest.raises(UsageError, match="name"):
        commits(store, consumer, auto_commit=auto_commit)


async def test_each_waits_for_its_own_item(store: Store) -> None:
    made = commits(store, "new")
    made.begin(store, None)
    first, second = (asyncio.ensure_future(made.commit(seq, 3)) for seq in (1, 2))
    await asyncio.sleep(0)
    made.written(1)
    await first
    assert not second.done()
    made.written(2)
    await second
    await made.commit(2, 3)  # known already


async def test_who_waits_at_the_end_is_told_the_error(store: Store) -> None:
    made = commits(store, "new")
    made.begin(store, None)
    given_up, waiting = (asyncio.ensure_future(made.commit(seq, 3)) for seq in (1, 2))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.sleep(0)
    made.close(Corrupt("damaged"))
    with pytest.raises(Corrupt):
        await waiting
    with pytest.raises(JournalError, match="closed"):
        await made.commit(3, 3)


async def test_what_was_not_read_cant_be_done(store: Store) -> None:
    made = commits(store, "new")
    made.begin(store, None)
    with pytest.raises(UsageError, match="not read yet"):
        await made.commit(2, 1)
    with pytest.raises(UsageError, match="name the reader"):
        await commits(store, None).commit(1, 1)
