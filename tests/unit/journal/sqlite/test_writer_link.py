"""Test the event loop's side of the writer's thread."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from listenkey.errors import Corrupt, Fenced
from listenkey.journal.sqlite.numbering import EventEntry
from listenkey.journal.sqlite.retention import Retention
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.writer import Committed, Writer
from listenkey.journal.sqlite.writer_link import WriterLink
from listenkey.journal.sqlite.writer_thread import Finished, WriteFailed
from tests.unit.journal.making import ACCOUNT, AT_MS, Wall, fill, join, read


class Owner:
    """Notes what it is told."""

    def __init__(self, path: Path) -> None:
        self.store = Store(path, ACCOUNT)
        self.committed: list[Committed] = []
        self.ends: list[BaseException | None] = []
        self.link = WriterLink(self.store, self.committed.append, self.ends.append)
        self.writer = Writer(self.store, self.link.report, None, Retention(), Wall(), lambda: 0)

    async def start(self) -> None:
        await self.link.open()
        self.link.start(self.writer)


async def test_reports_come_within_the_loop_until_the_end(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "a.db")
    seen = [(owner.link.has_started, owner.link.is_over)]
    await owner.start()
    seen.append((owner.link.has_started, owner.link.is_over))
    assert seen == [(False, True), (True, False)]
    owner.writer.put(EventEntry(read(fill(1)), fill(1), AT_MS))
    owner.writer.stop()
    assert await owner.link.join()
    assert [report.last_seq for report in owner.committed] == [1]
    assert owner.ends == [None]
    assert owner.link.is_over


async def test_trouble_is_told_and_an_error_is_trouble(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "a.db")
    await owner.start()
    seen: list[str | None] = []
    owner.link.on_change = lambda: seen.append(owner.link.problem)
    for report in (WriteFailed("full"), WriteFailed(None), Finished(Corrupt("damaged"))):
        owner.link.report(report)
    await asyncio.sleep(0)
    assert seen == ["full", None, "damaged"]
    assert [str(error) for error in owner.ends] == ["damaged"]
    owner.writer.give_up()
    await asyncio.to_thread(join, owner.writer)


async def test_what_can_not_be_opened_is_raised(tmp_path: Path) -> None:
    first, second = Owner(tmp_path / "a.db"), Owner(tmp_path / "a.db")
    await first.start()
    with pytest.raises(Fenced):
        await second.link.open()
    first.link.close()
    assert first.link.is_over
    first.writer.stop()
    assert await first.link.join()
