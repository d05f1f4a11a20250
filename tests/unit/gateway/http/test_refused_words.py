"""A refusal says what to do, and repeats neither a reference nor a path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from listenkey.errors import UsageError
from listenkey.gateway.http.refused_words import GENERAL, words_of
from listenkey.key_sources.references import credentials_at


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "own things"
    folder.mkdir()
    (folder / "open.env").write_text("BINANCE_API_KEY=k\n")
    (folder / "open.env").chmod(0o644)
    for name, text in (("lines", "nonsense\n"), ("pem", "BINANCE_API_KEY=k\nBINANCE_PRIVATE_KEY_FILE=/no/such.pem\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    (folder / "the").mkdir()
    return folder


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("file:missing", "FILE can't be read: No such file or directory"),
        ("file:./missing", "FILE can't be read: No such file or directory"),
        ("file:FOLDER/missing.env", "FILE can't be read: No such file or directory"),
        ("file:a", "FILE can't be read: No such file or directory"),
        ("file:the", "FILE is a folder; give the path of a file"),
        ("file:open.env", "FILE is open to others (mode 0644); run: chmod 600 FILE"),
        ("file:lines", "FILE, line 1: expected NAME=VALUE with one of "),
        ("file:pem", "PATH can't be read: No such file or directory"),
        ("file:~/no-such-file", "FILE can't be read: No such file or directory"),
        ("env:DESK", "the environment variable PREFIX_API_KEY is not set"),
        ("env:the", "the environment variable PREFIX_API_KEY is not set"),
    ],
)
def test_what_the_reference_names_has_a_word_of_its_own(folder: Path, reference: str, words: str) -> None:
    reference = reference.replace("FOLDER", str(folder))
    with pytest.raises(UsageError) as told:
        credentials_at(reference, dict(os.environ), folder)
    found = words_of(told.value, reference)
    assert found.startswith(words)
    assert str(folder) not in found
    assert "/" not in found


def test_a_service_of_a_keyring_has_one_too() -> None:
    error = UsageError("the keyring holds no key; put it there: keyring set desk BINANCE_API_KEY")
    assert words_of(error, "keyring:desk").endswith("keyring set SERVICE BINANCE_API_KEY")


def test_what_is_repeated_all_the_same_is_not_told() -> None:
    assert words_of(UsageError("nothing at hunter2hunter2"), "env:hunter2hunter2") == GENERAL
    assert words_of(UsageError("/var/x, and a/b: no"), "") == "PATH, and a/b: no"
    assert words_of(UsageError("PUT /v1/accounts/a gives it other keys"), "") == "PUT PATH gives it other keys"
