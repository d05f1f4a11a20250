"""One account of a file of many, as everything that reads a journal sees it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from listenkey.core.gaps import Watermark
from listenkey.errors import Corrupt, JournalError, UsageError
from listenkey.items import GapOpened, Update
from listenkey.journal.shared import account_view
from listenkey.journal.shared.account_view import (
    NAMES_TOLD,
    account_access,
    account_names,
    in_words,
    open_account,
    open_accounts,
)
from listenkey.journal.shared.accounts_schema import FILE_NAME, SHARED
from listenkey.journal.shared.shared_journals import SharedJournals
from listenkey.journal.sqlite.database import open_reader
from listenkey.journal.sqlite.info import journal_info
from listenkey.journal.sqlite.journal_end import TAIL_ROWS
from listenkey.journal.sqlite.lock import lock_path
from listenkey.journal.sqlite.verify import verify_journal
from tests.unit.journal.making import AT_MS, fill, read, resting
from tests.unit.journal.making import journal as single
from tests.unit.journal.shared.shared_making import account, append, change, items_of, opened, prune_by_hand, written


async def test_an_account_leaves_what_a_journal_of_its_own_would(tmp_path: Path) -> None:
    mark = Watermark(AT_MS + 7, "boot", 5)
    alone = single(tmp_path / "alone.db", consumer="book")
    async with opened(tmp_path) as journals:
        await written_by_other(journals)
        shared = await account(journals, "a3f1", consumer="book")
        await alone.open()
        for journal in (alone, shared):
            for raw in (resting(1), fill(2)):
                journal.append_event(read(raw), raw, AT_MS)
            journal.append_told([GapOpened(0, "", 5, "lost")])
            journal.heard(AT_MS + 7, mark)
            assert (await journal.next()).seq == 1
            await journal.commit(1)
            journal.end(None)
            await journal.aclose()
    again = single(tmp_path / "alone.db", consumer="book")
    async with opened(tmp_path) as journals:
        shared = journals.journal("a3f1", consumer="book")
        assert await shared.open() == await again.open()
        assert [(await one.next()).seq for one in (shared, again)] == [2, 2]
        await again.aclose()
        await shared.aclose()


async def written_by_other(journals: SharedJournals) -> None:
    other = await account(journals, "other")
    append(other, fill(1), fill(2), fill(3))
    await other.aclose()


async def test_readers_see_one_account_and_items_are_the_same_as_of_a_journal_of_its_own(tmp_path: Path) -> None:
    await written(tmp_path, a=[fill(1), fill(2)], b=[fill(1)])
    items = items_of(tmp_path, "a")
    assert [(item.seq, item.account) for item in items] == [(1, "a"), (2, "a"), (3, "a")]
    assert [item.raw for item in items if isinstance(item, Update)] == [fill(1), fill(2)]
    path = tmp_path / FILE_NAME
    found = journal_info(path, account_access("b"))
    assert (found.account, found.items, found.fills, found.last_seq, found.covered_ms) == ("b", 2, 1, 2, AT_MS)
    assert verify_journal(path, found.head, account_access("b")).whole
    assert not verify_journal(path, found.head, account_access("a")).whole
    change(tmp_path, "DELETE FROM rows WHERE account_no = 2 AND seq = 2")
    problems = verify_journal(path, None, account_access("b")).problems
    assert problems == ("the items 2 to 2 are missing at the end",)
    lock_path(path).unlink()
    assert verify_journal(path, None, account_access("b")).whole, "nothing beside it knows of more"


async def test_an_account_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    await written(tmp_path, a=[], b=[])
    assert account_names(tmp_path / FILE_NAME) == ["a", "b"]
    with pytest.raises(UsageError, match=r"no account 'c' in .*; it has a, b$"):
        open_account(tmp_path / FILE_NAME, "c")


def test_a_few_names_are_told_and_the_others_counted() -> None:
    assert in_words([]) == "it has none yet"
    assert in_words([str(number) for number in range(NAMES_TOLD + 2)]).endswith("9 and 2 more")


async def test_damage_to_one_account_keeps_no_other_from_opening(tmp_path: Path) -> None:
    await written(tmp_path, a=[fill(1)], b=[fill(1)], c=[fill(1)])
    change(tmp_path, "UPDATE rows SET received_ms = 5 WHERE account_no = 2 AND seq = 2")
    async with opened(tmp_path) as journals:
        with pytest.raises(Corrupt, match=r"item 2 of the journal .* of the account 'b' was changed"):
            await journals.journal("b").open()
        for name in ("a", "c"):
            journal = await account(journals, name)
            append(journal, fill(2))
            await journal.aclose()
    assert [len(items_of(tmp_path, name)) for name in ("a", "c")] == [3, 3]


async def test_the_oldest_item_is_known_and_the_tail_is_looked_at_up_to_a_limit(tmp_path: Path) -> None:
    await written(tmp_path, a=[fill(number) for number in range(1, TAIL_ROWS + 2)])
    prune_by_hand(tmp_path, 1, 1)
    change(tmp_path, "UPDATE rows SET received_ms = 5 WHERE seq = 2")
    async with opened(tmp_path) as journals:
        await account(journals, "a")
        assert (journals.oldest_seq("a"), journals.last_seq("a")) == (2, TAIL_ROWS + 2)
        with pytest.raises(Corrupt):
            await journals.read("a", 1)


async def test_a_connection_that_cant_show_an_account_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(tmp_path, a=[fill(1)])
    monkeypatch.setattr(account_view, "CHOICE", ("CREATE TEMP VIEW items AS SELECT 1", "nonsense"))
    made = [open_reader(tmp_path / FILE_NAME, SHARED)]
    monkeypatch.setattr(account_view, "open_reader", lambda *_: made[0])
    with pytest.raises(JournalError, match="syntax error"):
        open_accounts(tmp_path / FILE_NAME)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        made[0].execute("SELECT 1")


def test_there_is_no_file_to_be_seen(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no journal at"):
        open_accounts(tmp_path / FILE_NAME)
