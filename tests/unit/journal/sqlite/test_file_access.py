"""The access to a journal in a file of its own."""

from __future__ import annotations

from pathlib import Path

from listenkey.journal.sqlite.file_access import ALONE
from tests.unit.journal.making import fill, written


async def test_a_journal_in_a_file_of_its_own_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await written(path, [fill(1), fill(2)])
    connection = ALONE.connect(path)
    assert connection.execute("SELECT max(seq) FROM items").fetchone() == (3,)
    connection.close()
    assert ALONE.reached_of(path) == 3
    assert "items" in ALONE.kind.sql
