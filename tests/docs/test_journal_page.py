"""
Test the snippets of the pages that read a journal, and the columns of docs/reference/journal.md.

A mark `reads a journal: NAME` stands above a block that needs the program or package NAME; it runs in a folder with
`fills.db` and `fills.parquet`.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from listenkey.cli.table_export import to_file
from listenkey.journal.sqlite import schema
from listenkey.journal.sqlite.database import open_reader
from tests.docs.pages import Block, blocks, pages
from tests.unit.journal.making import SYMBOL, fill, written

MARK = "reads a journal"
SHOWN = [block for block in blocks("sh") + blocks("python") if block.mark.startswith(MARK)]


@pytest.mark.parametrize("block", SHOWN, ids=lambda block: block.place)
def test_it_reads_the_fills(block: Block, tmp_path: Path) -> None:
    needed = block.mark.partition(":")[2].strip()
    if block.language == "sh" and shutil.which(needed) is None:
        pytest.skip(f"2026-11-22: the program {needed} is not installed here")
    asyncio.run(written(tmp_path / "fills.db", [fill(1), fill(2)]))
    if "fills.parquet" in block.text:
        to_file(tmp_path / "fills.db", "fills", "parquet", tmp_path / "fills.parquet")
    line = ["sh", "-c", block.text] if block.language == "sh" else [sys.executable, "-c", block.text]
    ended = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert SYMBOL[:8] in ended.stdout


def test_every_column_of_every_view_is_explained(tmp_path: Path) -> None:
    asyncio.run(written(tmp_path / "fills.db", []))
    page = pages()["docs/reference/journal.md"]
    connection = open_reader(tmp_path / "fills.db")
    for name in ("items", *schema.VIEWS):
        cursor = connection.execute(f"SELECT * FROM {name}")
        assert [column[0] for column in cursor.description if f"`{column[0]}`" not in page] == []
        assert f"`{name}`" in page
    connection.close()


def test_there_is_something_to_read() -> None:
    assert len(SHOWN) >= 5
