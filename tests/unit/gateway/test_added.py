"""Accounts that were added are there after a restart; a damaged file is never taken for an empty one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from listenkey.errors import Corrupt, Full, JournalError, UsageError
from listenkey.gateway import added
from listenkey.gateway.added import FILE, AddedAccount, AddedAccounts
from tests.unit.gateway.written import KEY, private


def again(folder: Path) -> AddedAccounts:
    accounts = AddedAccounts(folder)
    accounts.read()
    return accounts


def test_what_was_added_is_there_after_a_restart(tmp_path: Path) -> None:
    accounts = again(tmp_path)
    assert list(accounts) == []
    accounts.put("one", "file:one.env")
    accounts.put("two", "env:TWO")
    accounts.put("one", "file:newer.env")
    assert list(again(tmp_path)) == [AddedAccount("one", "file:newer.env"), AddedAccount("two", "env:TWO")]
    assert "one" in accounts
    accounts.remove("one")
    accounts.remove("none")
    assert list(again(tmp_path)) == list(accounts) == [AddedAccount("two", "env:TWO")]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"version": 1, "accounts": [',
        '{"version": 1, "accounts": {}}',
        '{"version": 2, "accounts": []}',
        '{"version": 1, "accounts": [{"name": "a"}]}',
        '{"version": 1, "accounts": [{"name": "a", "key": "file:x", "api_key": "x"}]}',
        '{"version": 1, "accounts": [{"name": "a b", "key": "file:x"}]}',
        '{"version": 1, "accounts": [{"name": "a", "key": "x"}]}',
        '{"version": 1, "accounts": [{"name": "a", "key": "file:x"}, {"name": "a", "key": "file:y"}]}',
        "[" * 100_000,
        '{"version": 1, "accounts": [], "more": ' + "[" * 100_000,
        "\0" * 64,
    ],
)
def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path: Path, text: str) -> None:
    private(tmp_path / FILE, text)
    with pytest.raises(Corrupt, match="added over HTTP, can't be read") as told:
        again(tmp_path)
    assert f"mv {tmp_path / FILE}" in vars(told.value)["advice"]
    assert (tmp_path / FILE).read_text() == text, "it is left as it is"


def test_a_key_that_somebody_wrote_into_it_is_not_shown(tmp_path: Path) -> None:
    private(tmp_path / FILE, json.dumps({"version": 1, "accounts": [{"name": "a", "key": KEY}]}))
    with pytest.raises(Corrupt) as told:
        again(tmp_path)
    assert KEY not in str(told.value)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    again(tmp_path).put("one", "file:one.env")
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        again(tmp_path)


def test_a_disk_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = again(tmp_path)
    accounts.put("one", "file:one.env")

    def fails(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        with pytest.raises(JournalError, match="No space left"):
            accounts.put("two", "file:two.env")
        with pytest.raises(JournalError, match="No space left"):
            accounts.remove("one")
    assert list(accounts) == list(again(tmp_path)) == [AddedAccount("one", "file:one.env")]


def test_the_file_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(added, "BYTES_MAX", 100)
    accounts = again(tmp_path)
    with pytest.raises(Full, match=r"write accounts into gateway\.toml"):
        accounts.put("x" * 60, "file:one.env")
    private(tmp_path / FILE, " " * 101)
    with pytest.raises(UsageError, match="too big"):
        accounts.read()
