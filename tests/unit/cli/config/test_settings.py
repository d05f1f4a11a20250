"""Keys and addresses come from the right place, and two accounts or places never mix."""

from __future__ import annotations

from pathlib import Path

import pytest

from listenkey.cli.config.settings import Addresses, load
from listenkey.errors import UsageError
from listenkey.venue import LEGACY, PRODUCTION, TESTNET, Attach

KEYS = {"BINANCE_API_KEY": "env-key", "BINANCE_API_SECRET": "env-secret"}
PLACE = {"LISTENKEY_REST_URL": "http://127.0.0.1:1", "LISTENKEY_WS_URL": "ws://127.0.0.1:1"}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text("BINANCE_API_KEY=file-key\n")
    path.chmod(0o600)
    return path


def test_production_and_the_environments_key_by_default() -> None:
    found = load(None, Addresses(), KEYS)
    assert (found.api_key, found.api_secret, found.private_key) == ("env-key", "env-secret", None)
    assert found.venue == PRODUCTION
    assert "env-key" not in repr(found)


def test_a_key_file_hides_the_environments_secret(key_file: Path) -> None:
    found = load(key_file, Addresses(), KEYS)
    assert (found.api_key, found.api_secret, found.key_from) == ("file-key", None, str(key_file))


def test_a_private_key_is_found_beside_the_key_file(key_file: Path) -> None:
    pem = key_file.with_name("key.pem")
    pem.write_text("PEM")
    pem.chmod(0o600)
    key_file.write_text("BINANCE_API_KEY=file-key\nBINANCE_PRIVATE_KEY_FILE=key.pem\n")
    assert load(key_file, Addresses()).private_key == "PEM"
    pem.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        load(key_file, Addresses())


def test_without_a_key_the_way_out_is_told() -> None:
    with pytest.raises(UsageError, match="set BINANCE_API_KEY"):
        load(None, Addresses(), {})


def test_named_venues_beat_the_environments_addresses() -> None:
    assert load(None, Addresses(venue="testnet"), KEYS | PLACE).venue == TESTNET
    assert load(None, Addresses(venue="legacy"), KEYS).venue.attach is LEGACY.attach


def test_addresses_from_the_environment_or_options() -> None:
    assert load(None, Addresses(), KEYS | PLACE).venue.rest_url == "http://127.0.0.1:1"
    mixed = load(None, Addresses(rest_url="http://127.0.0.1:2"), KEYS | PLACE).venue
    assert (mixed.rest_url, mixed.ws_url) == ("http://127.0.0.1:2", "ws://127.0.0.1:1")


def test_one_address_alone_never_gets_the_other_from_production() -> None:
    with pytest.raises(UsageError, match="--ws-url"):
        load(None, Addresses(rest_url="http://127.0.0.1:2"), KEYS)
    with pytest.raises(UsageError, match="--rest-url"):
        load(None, Addresses(ws_url="ws://127.0.0.1:2"), KEYS)
    found = load(None, Addresses(rest_url="http://127.0.0.1:2"), KEYS, needs_socket=False).venue
    assert "binance" not in found.ws_url


def test_contradictions_and_nonsense_are_wrong_use() -> None:
    with pytest.raises(UsageError, match="beside an address"):
        load(None, Addresses(venue="testnet", rest_url="http://127.0.0.1:2"), KEYS)
    with pytest.raises(UsageError, match="rest_url must look like"):
        load(None, Addresses(rest_url="nonsense", ws_url="ws://127.0.0.1:2"), KEYS)
    for scale in ("0", "-1", "fast", "inf", "nan"):
        with pytest.raises(UsageError, match="LISTENKEY_TIME_SCALE"):
            load(None, Addresses(), KEYS | {"LISTENKEY_TIME_SCALE": scale})


def test_attachment_and_time_scale() -> None:
    found = load(None, Addresses(attach="path", time_scale=60.0), KEYS).venue
    assert (found.attach, found.time_scale) == (Attach.PATH, 60.0)
    assert load(None, Addresses(), KEYS | {"LISTENKEY_TIME_SCALE": "2.5"}).venue.time_scale == 2.5


def test_a_home_that_there_is_not_is_wrong_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    path = tmp_path / "k"
    path.write_text("BINANCE_API_KEY=abc\nBINANCE_PRIVATE_KEY_FILE=~/key.pem\n")
    path.chmod(0o600)
    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.raises(UsageError, match="no home folder"):
        load(path, Addresses(), {})
