"""The token comes from a file that is ours alone, or is made once and kept."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from listenkey.errors import JournalError, UsageError
from listenkey.gateway.access_token import FILE, kept_token, read_token
from listenkey.key_sources import remembered
from tests.unit.gateway.written import private


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "REMEMBERED", {})


def test_a_token_of_the_users(tmp_path: Path) -> None:
    assert read_token(private(tmp_path / "t", " a-token\n")).reveal() == "a-token"
    assert remembered.hide("sent a-token") == "sent [hidden]"


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "is empty"), ("x" * 4097, "one word"), ("two words", "one word"), ("a\nb", "one word"), ("é", "one word")],
)
def test_what_is_no_token_says_how_to_make_one(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=f"{words}.*openssl rand"):
        read_token(private(tmp_path / "t", text))


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="chmod 600"):
        read_token(private(tmp_path / "t", "a-token", 0o644))


def test_a_token_is_made_once_and_kept_for_us_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        token, is_new = kept_token(tmp_path)
    finally:
        os.umask(old)
    assert is_new
    assert len(token.reveal()) == 43
    assert kept_token(tmp_path) == (token, False)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert remembered.hide(token.reveal()) == "[hidden]"


def test_a_token_that_was_made_is_hidden_from_then_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_urlsafe", lambda _: "made-by_chance")
    kept_token(tmp_path)
    assert remembered.hide("sent made-by_chance") == "sent [hidden]"


def test_two_tokens_differ(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert kept_token(tmp_path / "a") != kept_token(tmp_path / "b")


def test_a_kept_token_that_was_opened_to_others_is_refused(tmp_path: Path) -> None:
    kept_token(tmp_path)
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        kept_token(tmp_path)


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="give token_file"):
        kept_token(tmp_path / "missing")


def test_a_disk_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(JournalError, match="Input/output error"):
        kept_token(tmp_path)
    assert list(tmp_path.iterdir()) == []
