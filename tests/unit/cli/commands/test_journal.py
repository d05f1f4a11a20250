"""`journal info`, `verify` and `export`, as typed."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from pathlib import Path

import pytest

from listenkey.cli.commands.journal import day_time, salvaged_words
from listenkey.cli.main import run
from listenkey.journal.sqlite.salvage import Salvaged
from listenkey.journal.sqlite.store import Store
from tests.unit.journal.making import ACCOUNT, AT_MS, append, broken, fill, group, journal, rows, take


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
    assert "items           none" in capfd.readouterr().out
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
    assert told.out.splitlines() == [
        "item 2 was changed",
        "before that 1 item is whole, 1 to 1; `listenkey journal salvage` counts those behind it",
    ]
    assert "the first bad item is 2" in told.err
    assert run(["journal", "verify", str(path), "--json"]) == 5
    assert json.loads(capfd.readouterr().out)["first_bad_seq"] == 2
    assert run(["replay", str(path)]) == 5
    assert len(capfd.readouterr().out.splitlines()) == 1, "as many as verify counts"


def test_an_empty_journal_is_whole_and_there_is_nothing_to_save(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    store.close()
    assert run(["journal", "verify", str(tmp_path / "a.db")]) == 0
    assert capfd.readouterr().out == "whole: no items\n"
    assert run(["journal", "salvage", str(tmp_path / "a.db")]) == 2
    assert "holds no item\n  what to do: there is nothing to save" in capfd.readouterr().err


@pytest.mark.parametrize("content", [b"hello\n", bytes(range(1, 256)) * 400], ids=["a text", "bytes"])
@pytest.mark.parametrize(
    "command",
    [["journal", "info"], ["journal", "verify"], ["journal", "salvage"], ["journal", "export"], ["replay"]],
    ids=" ".join,
)
def test_a_file_that_is_no_journal_is_not_called_damaged(
    command: list[str], content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    assert run([*command, str(path)]) == 2
    told = capfd.readouterr()
    assert f"listenkey: {path} is no journal" in told.err
    assert "what to do: give another path" in told.err
    assert "damaged" not in told.err + told.out
    assert [one.name for one in tmp_path.iterdir()] == ["notes.txt"]


def test_a_journal_whose_beginning_was_overwritten_is_damaged_and_verify_does_not_name_itself(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = bytearray(path.read_bytes())
    content[:4096] = b"x" * 4096
    path.write_bytes(content)
    assert run(["journal", "verify", str(path)]) == 5
    told = capfd.readouterr()
    assert "is damaged: file is not a database" in told.out
    assert "journal verify" not in told.out + told.err
    assert run(["journal", "info", str(path)]) == 5
    assert capfd.readouterr().err.count("listenkey journal verify") == 1, "said once"


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


def damaged(path: Path, seq: int = 2) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE items SET raw = 'x' || raw WHERE seq = ?", (seq,))
    connection.close()


@pytest.mark.parametrize("table", ["items", "fills", "orders", "gaps"])
def test_export_goes_on_behind_damage_and_says_what_is_missing(
    table: str, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    damaged(path)
    before = path.read_bytes()
    assert run(["journal", "export", str(path), "--table", table]) == 5
    told = capfd.readouterr()
    lines = told.out.splitlines()
    assert len(lines) == (1 if table == "gaps" else 3)
    assert "the journal is damaged: item 2 was changed" in told.err
    assert "1 item is missing: 2" in told.err
    out = path.with_name("x.csv")
    assert run(["journal", "export", str(path), "--table", table, "--out", str(out)]) == 5
    assert out.read_text().splitlines() == lines
    assert run(["journal", "export", str(path), "--out", str(path), "--format", "csv"]) == 2
    assert path.read_bytes() == before


def test_salvage_says_what_it_could_save_and_saves_it(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    damaged(path)
    before = path.read_bytes()
    assert run(["journal", "salvage", str(path)]) == 5
    assert capfd.readouterr().out.splitlines() == [
        "2 items are whole, 1 to 3; 2 of them fills",
        "1 item is missing: 2",
        "before the first that is missing 1 item is whole",
        "not saved: name a new journal with --out",
    ]
    out = path.with_name("saved.db")
    assert run(["journal", "salvage", str(path), "--out", str(out), "--json"]) == 5
    assert json.loads(capfd.readouterr().out)["missing"] == [[2, 2]]
    assert out.stat().st_mode & 0o777 == 0o600
    assert run(["journal", "verify", str(out)]) == 0
    assert run(["replay", str(out)]) == 0
    assert path.read_bytes() == before
    capfd.readouterr()
    assert run(["journal", "salvage", str(path), "--out", str(out)]) == 2
    assert "exists\n  what to do: name a new file" in capfd.readouterr().err
    again = path.with_name("again.db")
    assert run(["journal", "salvage", str(out), "--out", str(again)]) == 0, "nothing is missing that was there"
    assert f"saved in {again}" in capfd.readouterr().out
    assert not list(path.parent.glob(".*"))


def test_missing_stretches_are_named_as_far_as_anybody_reads() -> None:
    found = Salvaged(
        items=5,
        first_seq=1,
        last_seq=900,
        missing=[(3, 3), (5, 7)],
        missing_items=9,
        items_before_missing=2,
        notes=["x\x1b"],
    )
    assert salvaged_words(found) == [
        "5 items are whole, 1 to 900; 0 of them fills",
        "9 items are missing: 3, 5 to 7 and more",
        "before the first that is missing 2 items are whole",
        "x",
    ]


def test_backup_is_whole_and_ours_alone(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = path.with_name("copy.db")
    assert run(["journal", "backup", str(path), "--out", str(out)]) == 0
    assert "copy.db: whole, 3 items, 1 to 3, head " in capfd.readouterr().out
    assert out.stat().st_mode & 0o777 == 0o600
    assert run(["journal", "backup", str(path), "--out", str(out)]) == 2
    assert run(["journal", "backup", str(path), "--out", str(path)]) == 2
    damaged(path)
    out.unlink()
    capfd.readouterr()
    assert run(["journal", "backup", str(path), "--out", str(out)]) == 5
    assert "has the damage of the journal: item 2 was changed" in capfd.readouterr().err
    assert not list(path.parent.glob(".*"))


def test_prune_takes_away_what_is_old_and_was_had(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    assert connection.execute("SELECT max(received_ms) FROM items").fetchone()[0] == AT_MS
    connection.close()
    assert run(["journal", "prune", str(path), "--older-than", "30000"]) == 0
    assert capfd.readouterr().out == "0 items deleted, 3 left\n"
    days = (time.time() * 1000 - AT_MS) / 86_400_000 - 1
    assert run(["journal", "prune", str(path), "--keep-days", str(days)]) == 0
    assert capfd.readouterr().out.splitlines()[0] == "2 items deleted, 1 left"
    held = Store(path, ACCOUNT)
    held.open()
    assert run(["journal", "prune", str(path), "--older-than", "1"]) == 6
    held.close()


def test_what_a_consumer_has_not_had_is_said_to_stay(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    store.write(group(*rows([fill(1), fill(2), fill(3)], store), cursors={"book": 1}))
    store.close()
    days = (time.time() * 1000 - AT_MS) / 86_400_000 - 1
    assert run(["journal", "prune", str(tmp_path / "a.db"), "--older-than", str(days)]) == 0
    assert capfd.readouterr().out.splitlines() == [
        "1 items deleted, 2 left",
        "older ones stay: the consumer book has not committed them",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"), [(["--out", "x.txt"], "none of csv"), (["--format", "parquet"], "name it with --out")]
)
def test_what_cant_be_exported_is_wrong_use(
    arguments: list[str], words: str, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["journal", "export", str(path), *arguments]) == 2
    assert words in capfd.readouterr().err


@pytest.mark.parametrize(
    ("command", "module"),
    [("backup", "listenkey.journal.sqlite.backup"), ("salvage", "listenkey.journal.sqlite.store")],
)
def test_a_disk_that_is_full_is_told_of_the_file_that_was_asked_for(
    command: str, module: str, path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise broken("SQLITE_FULL")

    monkeypatch.setattr(f"{module}.{'sqlite3.connect' if command == 'backup' else 'open_writer'}", full)
    monkeypatch.setattr("listenkey.journal.sqlite.backup.open_reader", lambda *_: sqlite3.Connection(path))
    out = path.with_name("copy.db")
    assert run(["journal", command, str(path), "--out", str(out)]) == 5
    told, advice = capfd.readouterr().err.splitlines()[-2:]
    assert str(out) in told
    assert str(path) not in told
    assert "the path of --out" in advice
    assert not out.exists()


@pytest.mark.parametrize("command", ["backup", "salvage", "export"])
def test_a_folder_of_the_output_that_is_not_there_is_named(
    command: str, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = path.parent / "no" / "copy.csv"
    assert run(["journal", command, str(path), "--out", str(out)]) == 5
    err = capfd.readouterr().err
    assert f"the folder {out.parent} does not exist; make it, or give another path" in err
    assert "--journal" not in err
