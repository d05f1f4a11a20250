"""`journal info`, `verify` and `export`, as typed."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from listenkey.cli import run
from listenkey.cli.journal import day_time
from listenkey.journal.store import Store
from tests.unit.journal.making import ACCOUNT, append, fill, journal, take


@pytest.fixture
def path(tmp_path: Path) -> Path:
    async def make() -> None:
        made = journal(tmp_path / "a.db", consumer="book\x1b[2J")
        await made.open()
        append(made, *(fill(number) for number in range(1, 4)))
        await take(made, 3)
        await made.commit(2)
        await made.aclose()

    asyncio.run(make())
    return tmp_path / "a.db"


def test_info_for_people_and_programs(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["journal", "info", str(path)]) == 0
    words = capfd.readouterr().out
    assert "3, numbers 1 to 3, 2026-11-22 06:46:40 to" in words
    assert "never live" in words
    assert "\x1b" not in words
    assert run(["journal", "info", str(path), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["fills"] == 3


def test_info_of_an_empty_journal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    store.close()
    assert run(["journal", "info", str(tmp_path / "a.db")]) == 0
    assert "items        none" in capfd.readouterr().out
    assert day_time(None) == "?"


def test_verify_says_whole_or_where_not(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["journal", "verify", str(path)]) == 0
    head = capfd.readouterr().out.split()[-1]
    assert run(["journal", "verify", str(path), "--json", "--head", head]) == 0
    assert json.loads(capfd.readouterr().out)["whole"] is True
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE items SET late = 1 WHERE seq = 2")
    connection.close()
    assert run(["journal", "verify", str(path)]) == 5
    told = capfd.readouterr()
    assert told.out == "item 2 was changed\n"
    assert "the first bad item is 2" in told.err
    assert run(["journal", "verify", str(path), "--json"]) == 5
    assert json.loads(capfd.readouterr().out)["first_bad_seq"] == 2


def test_verify_names_what_is_foreign(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("ANALYZE")
    connection.close()
    assert run(["journal", "verify", str(path)]) == 0
    told = capfd.readouterr().out.splitlines()
    assert told[0].startswith("whole: 3 items")
    assert told[1] == "note: the table sqlite_stat1 is not listenkey's, and does no harm"
    assert run(["journal", "verify", str(path), "--json"]) == 0
    assert "sqlite_stat1" in json.loads(capfd.readouterr().out)["notes"][0]


def test_export_to_a_pipe_and_to_a_file(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["journal", "export", str(path), "--table", "fills"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 4
    assert run(["journal", "export", str(path), "--table", "fills", "--out", str(path.with_name("f.csv"))]) == 0
    assert path.with_name("f.csv").read_text().splitlines() == lines
    assert "3 rows" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"), [(["--out", "x.txt"], "none of csv"), (["--format", "parquet"], "name it with --out")]
)
def test_what_cant_be_exported_is_wrong_use(
    arguments: list[str], words: str, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["journal", "export", str(path), *arguments]) == 2
    assert words in capfd.readouterr().err
