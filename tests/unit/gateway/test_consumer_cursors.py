"""Cursors of consumers are on the disk when that is said, and never go back."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from listenkey.errors import Corrupt, JournalError, UsageError
from listenkey.gateway import consumer_cursors
from listenkey.gateway.consumer_cursors import CONSUMERS_MAX, ConsumerCursors


async def test_a_cursor_is_there_for_the_next_process(tmp_path: Path) -> None:
    journal = tmp_path / "desk-1.db"
    cursors = ConsumerCursors(journal)
    assert await cursors.get("book") is None
    assert await cursors.keep("book", 17) == 17
    assert json.loads((tmp_path / "desk-1.db-consumers").read_text()) == {"book": 17}
    assert await ConsumerCursors(journal).get("book") == 17
    assert (tmp_path / "desk-1.db-consumers").stat().st_mode & 0o777 == 0o600


async def test_a_cursor_never_goes_back(tmp_path: Path) -> None:
    cursors = ConsumerCursors(tmp_path / "x.db")
    await cursors.keep("book", 17)
    assert await cursors.keep("book", 9) == 17


async def test_commits_that_wait_share_a_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[bytes] = []
    write = consumer_cursors._write

    def counted(path: Path, text: bytes) -> None:
        writes.append(text)
        write(path, text)

    monkeypatch.setattr(consumer_cursors, "_write", counted)
    cursors = ConsumerCursors(tmp_path / "x.db")
    await asyncio.gather(*(cursors.keep(f"c{n}", n) for n in range(100)))
    assert len(writes) < 10
    again = ConsumerCursors(tmp_path / "x.db")
    assert [await again.get(f"c{n}") for n in range(100)] == list(range(100))


async def test_consumers_are_bounded_in_number(tmp_path: Path) -> None:
    (tmp_path / "x.db-consumers").write_text(json.dumps({f"c{n}": 1 for n in range(CONSUMERS_MAX)}))
    cursors = ConsumerCursors(tmp_path / "x.db")
    assert await cursors.keep("c0", 2) == 2
    with pytest.raises(UsageError, match="1024 consumers"):
        await cursors.keep("another", 1)


async def test_a_damaged_file_is_said_and_not_taken_for_none(tmp_path: Path) -> None:
    for text in ("{", '{"book":"x"}', "\udcff"):
        (tmp_path / "x.db-consumers").write_text(text, errors="surrogateescape")
        with pytest.raises(Corrupt, match="begin anew"):
            await ConsumerCursors(tmp_path / "x.db").get("book")


async def test_a_disk_that_refuses_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="can't be written"):
        await ConsumerCursors(tmp_path / "gone" / "x.db").keep("book", 1)
    os.mkfifo(tmp_path / "x.db-consumers")
    with pytest.raises(JournalError, match="can't be read"):
        await ConsumerCursors(tmp_path / "x.db").get("book")


async def test_a_journal_elsewhere_keeps_none() -> None:
    with pytest.raises(UsageError, match="after="):
        await ConsumerCursors(None).get("book")
