"""Files of many accounts for their tests."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from listenkey.items import Item, Live
from listenkey.journal.shared import accounts_store as stores
from listenkey.journal.shared.account_end import AccountEnd
from listenkey.journal.shared.account_journal import AccountJournal
from listenkey.journal.shared.account_part import AccountPart
from listenkey.journal.shared.account_view import open_account
from listenkey.journal.shared.accounts_schema import FILE_NAME
from listenkey.journal.shared.accounts_store import AccountsStore
from listenkey.journal.shared.shared_journals import SharedJournals
from listenkey.journal.sqlite import metadata
from listenkey.journal.sqlite.database import open_writer
from listenkey.journal.sqlite.hash_chain import fact_checksum
from listenkey.journal.sqlite.numbering import Entry, EventEntry, NoticeEntry
from listenkey.journal.sqlite.reader import JournalReader
from tests.unit.journal.making import AT_MS, BadDisk, Wall, _BadConnection, read


@asynccontextmanager
async def opened(folder: Path, **options: Any) -> AsyncIterator[SharedJournals]:
    """The journals of a folder, open for as long as the `with` lasts."""
    made = SharedJournals(folder, options.pop("wall_ms", Wall()), **options)
    await made.open()
    try:
        yield made
    finally:
        await made.aclose()


async def account(journals: SharedJournals, name: str, **options: Any) -> AccountJournal:
    """One account's journal, opened."""
    made = journals.journal(name, **options)
    await made.open()
    return made


def append(to: AccountJournal, *raws: bytes) -> None:
    for raw in raws:
        to.append_event(read(raw), raw, AT_MS)


async def written(folder: Path, **raws: Iterable[bytes]) -> None:
    """A file in which each account was live and has these; closed."""
    async with opened(folder) as journals:
        for name, its in raws.items():
            journal = await account(journals, name)
            journal.append_told([Live(0, "", AT_MS)])
            append(journal, *its)
            journal.heard(AT_MS)
            await journal.aclose()


def entries(*raws: bytes) -> list[Entry]:
    return [EventEntry(read(raw), raw, AT_MS) for raw in raws]


def live() -> Entry:
    return NoticeEntry(Live(0, "", AT_MS), AT_MS)


def end(store: AccountsStore, name: str) -> AccountEnd:
    number, is_new = store.enrolled(name)
    return AccountEnd(number, name, is_new=is_new)


def part(of: AccountEnd, *raws: bytes, known: Iterable[tuple[str, int, int]] = (), **marks: Any) -> AccountPart:
    """An account's part of a group, numbered."""
    made = AccountPart(of, entries=entries(*raws))
    for name, value in marks.items():
        setattr(made.group, name, value)
    made.number(set(known))
    return made


def items_of(folder: Path, name: str) -> list[Item]:
    reader = JournalReader(folder / FILE_NAME, connect=lambda path: open_account(path, name))
    try:
        return reader.read(0, 10_000)
    finally:
        reader.close()


def seqs(folder: Path, name: str) -> list[int]:
    return [item.seq for item in items_of(folder, name)]


def change(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
    assert connection.execute(statement).rowcount > 0
    connection.close()


def prune_by_hand(folder: Path, account_no: int, through: int) -> None:
    """Take the oldest items of an account away, as retention does."""
    connection = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
    where = "account_no = ? AND seq <= ?"
    (chain,) = connection.execute(f"SELECT chain FROM rows WHERE {where} ORDER BY seq DESC", (account_no, through)).fetchone()  # fmt: skip
    connection.execute(f"DELETE FROM rows WHERE {where}", (account_no, through))
    for name, value in ((metadata.ANCHOR_SEQ, through), (metadata.ANCHOR_CHAIN, chain)):
        facts = (account_no, name, value, fact_checksum(name, value))
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?, ?, ?)", facts)
    connection.close()


class BadSharedDisk(BadDisk):
    """Makes the connections that write a file of many accounts fail on purpose."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str = "SQLITE_IOERR_FSYNC") -> None:
        super().__init__(monkeypatch, name)
        monkeypatch.setattr(stores, "open_writer", self._open_shared)

    def _open_shared(self, path: Path, kind: Any) -> Any:
        self.opened += 1
        return _BadSharedConnection(self, open_writer(path, kind))


class _BadSharedConnection(_BadConnection):
    def executemany(self, *arguments: Any) -> Any:
        return self._real.executemany(*arguments)


Seen = Callable[[list[Item]], object]
