"""`journal info`, `verify`, `export` and `replay` of a gateway's folder, as typed."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path

import pytest

from listenkey.cli.main import run
from listenkey.errors import UsageError
from listenkey.journal.opened import open_journal
from tests.unit.journal.making import fill
from tests.unit.journal.shared.shared_making import change, opened, written


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    async def make() -> None:
        await written(tmp_path, desk=[fill(1), fill(2)], other=[fill(3)])
        async with opened(tmp_path) as journals:
            await journals.commit("desk", "book\x1b[2J", 2)

    asyncio.run(make())
    return tmp_path


def test_info_lists_the_accounts_or_sums_up_one(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for place in (folder, folder / "accounts.db"):
        assert run(["journal", "info", str(place)]) == 0
        words = capfd.readouterr().out
        assert "desk   3, numbers 1 to 3; book" in words
        assert "2 accounts in" in words
        assert "\x1b" not in words
    assert run(["journal", "info", str(folder), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [(each["account"], each["items"], each["last_seq"]) for each in found["accounts"]] == [
        ("desk", 3, 3),
        ("other", 2, 2),
    ]
    assert run(["journal", "info", str(folder), "--account", "desk", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["fills"] == 2
    change(folder, "UPDATE accounts SET name = 'x' WHERE account_no = 2")
    assert run(["journal", "info", str(folder)]) == 0
    assert "the name of account number 2 is damaged" in capfd.readouterr().out


def test_verify_checks_all_accounts_or_one(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["journal", "verify", str(folder)]) == 0
    assert "whole: 2 accounts of 2, 5 items" in capfd.readouterr().out
    change(folder, "UPDATE rows SET received_ms = 5 WHERE account_no = 2 AND seq = 2")
    assert run(["journal", "verify", str(folder)]) == 5
    told = capfd.readouterr()
    assert "other: item 2 was changed" in told.out
    assert "whole: 1 account of 2, 3 items" in told.out
    assert "what to do" in told.err
    assert run(["journal", "verify", str(folder), "--json"]) == 5
    found = json.loads(capfd.readouterr().out)
    assert (found["whole"], {name: each["whole"] for name, each in found["accounts"].items()}) == (
        False,
        {"desk": True, "other": False},
    )
    assert run(["journal", "verify", str(folder), "--account", "desk"]) == 0
    head = capfd.readouterr().out.split()[-1]
    assert run(["journal", "verify", str(folder), "--account", "desk", "--head", head]) == 0
    assert run(["journal", "verify", str(folder), "--account", "other"]) == 5


def test_export_and_replay_give_one_account(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["journal", "export", str(folder), "--account", "desk", "--table", "fills"]) == 0
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert [(row["account"], row["trade_id"]) for row in rows] == [("desk", "1"), ("desk", "2")]
    assert run(["journal", "export", str(folder), "--account", "other", "--out", str(folder / "out.csv")]) == 0
    assert (folder / "out.csv").read_text().count("\n") == 3
    capfd.readouterr()
    assert run(["replay", str(folder), "--account", "other", "--from", "2"]) == 0
    (line,) = capfd.readouterr().out.splitlines()
    assert (json.loads(line)["account"], json.loads(line)["seq"]) == ("other", 2)


def test_of_a_damaged_account_nothing_is_exported_and_of_the_others_all(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change(folder, "UPDATE rows SET received_ms = 5 WHERE account_no = 2 AND seq = 2")
    assert run(["journal", "export", str(folder), "--account", "other"]) == 5
    assert "item 2 was changed; nothing was exported" in capfd.readouterr().err
    assert run(["journal", "export", str(folder), "--account", "desk"]) == 0


@pytest.mark.parametrize("command", [["replay"], ["journal", "export"]])
def test_the_account_is_named_where_there_are_many_and_only_there(
    command: list[str], folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for account, words in (
        (None, "name one with --account '...': it has desk, other"),
        ("none", "there is no account 'none'"),
    ):
        assert run([*command, str(folder), *(["--account", account] if account else [])]) == 2
        assert words in capfd.readouterr().err
    assert run([*command, str(tmp_path / "fills.db"), "--account", "desk"]) == 2
    assert "leave the account out" in capfd.readouterr().err


def test_the_items_of_an_account_are_read_in_python(folder: Path) -> None:
    with open_journal(folder, account="desk") as journal:
        assert [item.seq for item in journal] == [1, 2, 3]
        assert journal.last_seq() == 3
    with pytest.raises(UsageError, match="has the journals of many accounts"):
        open_journal(folder)


@pytest.mark.parametrize("command", ["salvage"])
def test_what_is_for_one_account_says_so(command: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    name, *options = command.split()
    assert run(["journal", name, str(folder), *options]) == 2
    told = capfd.readouterr().err
    assert "has the journals of many accounts" in told
    assert "name a journal of one account" in told


def test_backup_copies_all_accounts_while_they_are_written(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "copy" / "accounts.db"
    out.parent.mkdir()

    async def while_it_is_open() -> None:
        async with opened(folder):
            assert await asyncio.to_thread(run, ["journal", "backup", str(folder), "--out", str(out)]) == 0

    asyncio.run(while_it_is_open())
    assert "whole, 2 accounts, 5 items" in capfd.readouterr().out
    assert run(["journal", "verify", str(out.parent)]) == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert run(["journal", "backup", str(folder), "--out", str(out)]) == 2, "nothing is replaced"
    change(folder, "UPDATE rows SET received_ms = 5 WHERE account_no = 2 AND seq = 2")
    capfd.readouterr()
    assert run(["journal", "backup", str(folder), "--out", str(tmp_path / "damaged.db")]) == 5
    assert "other: item 2 was changed" in capfd.readouterr().err


def test_prune_takes_old_items_of_all_accounts(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    prune = ["journal", "prune", str(folder), "--older-than", "90"]
    assert run(prune) == 0
    assert capfd.readouterr().out == "0 items deleted, 5 left\n"
    change(folder, "UPDATE rows SET received_ms = 5, event_ms = NULL")
    assert run(prune) == 0
    told = capfd.readouterr().out
    assert told.startswith("3 items deleted, 2 left\n")
    assert "of 1 account (desk)" not in told

    async def while_it_is_open() -> None:
        async with opened(folder):
            assert await asyncio.to_thread(run, prune) == 6

    asyncio.run(while_it_is_open())
