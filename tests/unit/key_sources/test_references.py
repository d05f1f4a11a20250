"""A reference names where a key is; one that is none is told in words that don't repeat it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from listenkey.errors import UsageError
from listenkey.key_sources import remembered
from listenkey.key_sources.references import Reference, credentials_at, parse

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"


def key_file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_three_forms() -> None:
    assert parse("file:/run/secrets/desk-1") == Reference("file", "/run/secrets/desk-1")
    assert parse("env:DESK_1") == Reference("env", "DESK_1")
    assert parse("keyring:desk") == Reference("keyring", "desk")


@pytest.mark.parametrize("text", [KEY, f"file:{KEY}", f"env:{KEY}", f"keyring:{KEY}", KEY[:40]])
def test_a_key_itself_is_told_and_never_repeated(text: str) -> None:
    with pytest.raises(UsageError, match="looks like a key itself") as told:
        parse(text)
    assert KEY[:8] not in str(told.value)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("/run/secrets/desk-1", 'write "file:" before it'),
        ("./desk-1", 'write "file:" before it'),
        ("FILE:/run/x", 'write "file:" in small letters'),
        (" env:DESK", 'write "env:" in small letters'),
        ("vault:desk", "a reference looks like"),
        ("hunter2", "a reference looks like"),
        ("file", 'write "file:"'),
        ("", "a reference looks like"),
        ("file:", "must name a place"),
        ("keyring: ", "must name a place"),
        ("file:/a\0b", "must name a place"),
        ("file:/" + "x/" * 3000, "must name a place"),
        ("env:DESK-1", "DESK_API_KEY"),
        ("env:1", "DESK_API_KEY"),
    ],
)
def test_another_form_is_told_with_what_to_write(text: str, advice: str) -> None:
    with pytest.raises(UsageError, match=advice.replace("(", r"\(")) as told:
        parse(text)
    assert "hunter2" not in str(told.value)


def test_a_file_is_found_from_the_folder_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    key_file(tmp_path / "keys/desk", "BINANCE_API_KEY=one\nBINANCE_PRIVATE_KEY_FILE=desk.pem\n")
    key_file(tmp_path / "keys/desk.pem", "PEM")
    found = credentials_at("file:keys/desk", {}, tmp_path)
    assert found.api_key.reveal() == "one"
    assert found.private_key is not None
    assert found.private_key.reveal() == "PEM"
    assert credentials_at(f"file:{tmp_path}/keys/desk", {}, Path("/elsewhere")) == found


def test_a_file_open_to_others_is_refused(tmp_path: Path) -> None:
    key_file(tmp_path / "desk", "BINANCE_API_KEY=one", 0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        credentials_at("file:desk", {}, tmp_path)


def test_the_environment_by_a_prefix(tmp_path: Path) -> None:
    key_file(tmp_path / "k.pem", "PEM")
    environment = {"DESK_API_KEY": " one\n", "DESK_API_SECRET": "two", "BINANCE_API_KEY": "of another account"}
    found = credentials_at("env:DESK", environment, tmp_path)
    assert found.api_key.reveal() == "one"
    assert found.api_secret is not None
    assert found.api_secret.reveal() == "two"
    signed = credentials_at("env:A", {"A_API_KEY": "one", "A_PRIVATE_KEY_FILE": "k.pem"}, tmp_path)
    assert signed.private_key is not None
    with pytest.raises(UsageError, match="OTHER_API_KEY is not set"):
        credentials_at("env:OTHER", environment, tmp_path)


def test_a_keyring_by_its_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    package.get_password = lambda service, name: f"{service} {name}".replace(" ", "-")  # type: ignore[attr-defined]
    errors.KeyringError = RuntimeError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", package)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    key_file(tmp_path / "desk-BINANCE_PRIVATE_KEY_FILE", "PEM")
    with pytest.raises(UsageError, match="not both"):
        credentials_at("keyring:desk", {}, tmp_path)


def test_what_was_read_is_hidden_in_texts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(remembered, "REMEMBERED", {})
    credentials_at("env:DESK", {"DESK_API_KEY": "odd-key", "DESK_API_SECRET": "odd-secret"}, tmp_path)
    assert remembered.hide("odd-key and odd-secret") == "[hidden] and [hidden]"


def test_both_ways_to_sign_are_one_too_many(tmp_path: Path) -> None:
    key_file(tmp_path / "k.pem", "PEM")
    with pytest.raises(UsageError, match="not both"):
        credentials_at("env:A", {"A_API_KEY": "one", "A_API_SECRET": "two", "A_PRIVATE_KEY_FILE": "k.pem"}, tmp_path)
