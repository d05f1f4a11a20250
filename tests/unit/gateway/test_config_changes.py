"""A gateway that runs follows a newer configuration by what differs, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from listenkey.gateway.config import GatewayConfig, read_config
from listenkey.gateway.config_changes import ConfigChanges, changes
from tests.unit.gateway.written import config_of, key_file, private


def read(folder: Path, *names: str, more: str = "") -> GatewayConfig:
    return read_config(config_of(folder, *names, more=more), {})


def test_nothing_has_changed(tmp_path: Path) -> None:
    found = changes(read(tmp_path, "a", "b"), read(tmp_path, "b", "a"))
    assert found == ConfigChanges((), (), (), ())
    assert str(found) == "nothing has changed"


def test_accounts_come_and_go(tmp_path: Path) -> None:
    old, new = read(tmp_path, "a", "b"), read(tmp_path, "b", "c")
    found = changes(old, new)
    assert found == ConfigChanges(new.accounts[1:], ("a",), (), ())
    assert str(found) == "added c; took out a"


def test_other_keys_in_the_same_file_are_other_keys(tmp_path: Path) -> None:
    old = read(tmp_path, "a", "b")
    key_file(tmp_path, "a", signs=False)
    new = read_config(tmp_path / "gateway.toml", {})
    assert [account.name for account in changes(old, new).to_rekey] == ["a"]
    assert str(changes(old, new)) == "gave other keys to a"


def test_another_reference_is_another_key(tmp_path: Path) -> None:
    old = read(tmp_path, "a")
    path = config_of(tmp_path, "a")
    private(tmp_path / "other.env", (tmp_path / "a.env").read_text())
    path.write_text(path.read_text().replace("a.env", "other.env"))
    assert [account.key for account in changes(old, read_config(path, {})).to_rekey] == ["file:other.env"]


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ('listen = "127.0.0.1:1"\n', "port"),
        ('listen = "[::1]:8780"\n', "host"),
        ("keep_days = 3\n", "keep_days"),
        ("keys_per_socket = 3\n", "keys_per_socket"),
        ("idle_audit_every_s = 60\n", "idle_audit_every_s"),
        ('folder = "other"\n', "folder"),
        ('venue = "testnet"\n', "venue"),
        ('token_file = "t"\n', "token_file"),
    ],
)
def test_some_settings_wait_for_the_next_start(tmp_path: Path, more: str, name: str) -> None:
    private(tmp_path / "t", "a-token-that-is-long-enough")
    found = changes(read(tmp_path, "a"), read(tmp_path, "a", more=more))
    assert found.at_next_start == (name,)
    assert str(found) == f"at the next start: {name}"


def test_another_journal_waits_too(tmp_path: Path) -> None:
    old, path = read(tmp_path), config_of(tmp_path)
    path.write_text('[gateway]\njournal = "other"\n')
    assert changes(old, read_config(path, {})).at_next_start == ("journal", "folder")
