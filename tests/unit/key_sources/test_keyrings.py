"""Keys from a keyring; a real one needs a desktop, so a package of the same name stands in."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from listenkey.cli.config.settings import Addresses, load
from listenkey.errors import UsageError
from listenkey.key_sources.keyrings import read_keyring


class Locked(Exception):
    pass


def stand_in(monkeypatch: pytest.MonkeyPatch, kept: dict[tuple[str, str], str], *, locked: bool = False) -> None:
    def get_password(service: str, name: str) -> str | None:
        if locked:
            raise Locked("secret detail")
        return kept.get((service, name))

    package, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    package.get_password = get_password  # type: ignore[attr-defined]
    errors.KeyringError = Locked  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", package)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)


def test_keys_come_from_the_service_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {("listenkey", "BINANCE_API_KEY"): "one", ("desk", "BINANCE_API_KEY"): "two"}
    stand_in(monkeypatch, kept | {("desk", "BINANCE_API_SECRET"): "hush"})
    assert load(Path("keyring:"), Addresses(), {"BINANCE_API_SECRET": "of another account"}).api_secret is None
    desk = load(Path("keyring:desk"), Addresses(), {})
    assert (desk.api_key, desk.api_secret, desk.key_from) == ("two", "hush", "keyring:desk")


def test_an_empty_keyring_says_how_to_fill_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, {})
    with pytest.raises(UsageError, match="keyring set desk BINANCE_API_KEY"):
        read_keyring("keyring:desk")


def test_a_locked_keyring_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, {}, locked=True)
    with pytest.raises(UsageError, match="can't be read") as caught:
        read_keyring("keyring:")
    assert "secret detail" not in str(caught.value)


def test_a_missing_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(UsageError, match=r"pip install keyring"):
        read_keyring("keyring:")
