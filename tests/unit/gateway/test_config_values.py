"""Each value is read in one form, and what is none says what to write."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest

from listenkey.errors import UsageError
from listenkey.gateway.config_values import (
    VenueMistake,
    account_name,
    check_folder,
    days,
    folder_at,
    host_in,
    idle_audit_every_s,
    journal_at,
    keys_per_socket,
    listen_address,
    path_at,
    reference,
    session_seconds,
    text_of,
    venue_of,
    worker_name,
    worker_url,
)
from listenkey.venue import PRODUCTION, TESTNET
from tests.unit.gateway.written import KEY, private

PLACE = {"LISTENKEY_REST_URL": "http://127.0.0.1:1", "LISTENKEY_WS_URL": "ws://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (3, "a number"),
        (True, "true or false"),
        (1.5, "a number"),
        ([], "a list"),
        ({}, "a table"),
        (dt.date(2026, 1, 1), "a date"),
    ],
)
def test_what_is_no_text_is_told_by_its_kind(value: object, kind: str) -> None:
    with pytest.raises(UsageError, match=f'as in name = "x", not {kind}'):
        text_of(value, 'name = "x"')


@pytest.mark.parametrize("value", ["", "a\nb", "a\x7f"])
def test_an_empty_text_and_control_characters_are_refused(value: str) -> None:
    with pytest.raises(UsageError, match="empty or holds a control character"):
        text_of(value, "x")


def test_names() -> None:
    assert account_name("desk-1_B") == "desk-1_B"
    for value in ("a b", "x" * 65, "ä", "-a"):
        with pytest.raises(UsageError, match="1 to 64 letters"):
            account_name(value)
    with pytest.raises(UsageError, match="looks like a key itself") as told:
        account_name(KEY)
    assert KEY not in str(told.value)


def test_workers() -> None:
    assert worker_name("w-1.example_B") == "w-1.example_B"
    for value in ("a b", "x" * 65, "-a", "host:8780", KEY):
        with pytest.raises(UsageError, match="a worker's name is 1 to 64 letters") as told:
            worker_name(value)
        assert KEY not in str(told.value)
    assert worker_url("http://10.0.0.1:8780/") == "http://10.0.0.1:8780"
    for value in ("10.0.0.1:8780", "ftp://a", "http://", "http://a/path", "http://a?b=c", "http://me@a"):
        with pytest.raises(UsageError, match="write scheme, host and port alone"):
            worker_url(value)


def test_sessions() -> None:
    assert [session_seconds(value) for value in (3, 60)] == [3, 60]
    for value in (2, 61, 5.0, "5", True):
        with pytest.raises(UsageError, match="a whole number of seconds from 3 to 60"):
            session_seconds(value)


def test_references() -> None:
    assert reference("env:DESK") == "env:DESK"
    with pytest.raises(UsageError, match='write "file:" before it'):
        reference("/run/secrets/desk")


def test_the_time_between_audits_of_an_idle_account() -> None:
    assert idle_audit_every_s(60) == 60
    assert idle_audit_every_s(3600.0) == 3600
    for value in (0, 59.9, 3601, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="from 60 to 3600 seconds; 60 audits idle accounts as often"):
            idle_audit_every_s(value)
    for kind, other in (("a text", "30m"), ("true or false", False)):
        with pytest.raises(UsageError, match=f"must be a number, as in idle_audit_every_s = 1800, not {kind}"):
            idle_audit_every_s(other)


def test_days() -> None:
    assert days(90) == 90
    assert days(0.5) == 0.5
    for value in (0, -1, float("nan"), float("inf"), 1e9):
        with pytest.raises(UsageError, match="more than 0"):
            days(value)
    for kind, other in (("a text", "90"), ("true or false", True), ("a list", [])):
        with pytest.raises(UsageError, match=f"must be a number, as in keep_days = 90, not {kind}"):
            days(other)


def test_keys_per_socket() -> None:
    assert [keys_per_socket(count) for count in (1, 25, 200)] == [1, 25, 200]
    for count in (0, -1, 201):
        with pytest.raises(UsageError, match="from 1 to 200, which is all that the venue puts on a socket"):
            keys_per_socket(count)
    for kind, other in (("a text", "25"), ("true or false", True), ("a list", [])):
        with pytest.raises(UsageError, match=f"a whole number, as in keys_per_socket = 25, not {kind}"):
            keys_per_socket(other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8780", ("127.0.0.1", 8780)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:65535", ("::1", 65535)),
        ("0.0.0.0:1", ("0.0.0.0", 1)),
        ("gateway.example:1", ("gateway.example", 1)),
    ],
)
def test_addresses_to_listen_on(text: str, expected: tuple[str, int]) -> None:
    assert listen_address(text) == expected
    assert host_in(text) == expected[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("127.0.0.1", "the port is missing"),
        ("::1:8780", "no brackets"),
        (":8780", "every address of this machine"),
        ("a b:1", "the host is none"),
        ("127.0.0.1:65536", "from 0 to 65535"),
        ("127.0.0.1:999999999999", "from 0 to 65535"),
        ("127.0.0.1:", "from 0 to 65535"),
        ("127.0.0.1:http", "from 0 to 65535"),
        ("127.0.0.1:٣", "from 0 to 65535"),
        ("http://127.0.0.1:8780", "host and port alone"),
        ("127.0.0.1:8780/", "host and port alone"),
    ],
)
def test_what_is_no_address_says_what_to_write(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        listen_address(text)


def test_the_host_of_what_is_no_address() -> None:
    assert [host_in(value) for value in (None, 3, "", ":1", "x", "a b:1")] == [None] * 6


def test_paths_begin_in_the_folder_of_the_configuration(tmp_path: Path) -> None:
    assert path_at(tmp_path)("a/b") == tmp_path / "a/b"
    assert path_at(tmp_path)("/a/b") == Path("/a/b")
    assert path_at(tmp_path)("~/b") == Path("~/b").expanduser()
    with pytest.raises(UsageError, match="looks like a token itself"):
        path_at(tmp_path)(KEY)


def test_folders(tmp_path: Path) -> None:
    assert folder_at(tmp_path)("new/one") == tmp_path / "new/one"
    assert not (tmp_path / "new").exists()
    private(tmp_path / "file", "")
    for path in ("file", "file/below"):
        with pytest.raises(UsageError, match="is a file"):
            folder_at(tmp_path)(path)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(UsageError, match="chmod 700"):
        check_folder(tmp_path / "open")
    check_folder(tmp_path / "open/below")


def test_a_folder_that_cant_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuses(path: Path, mode: int, **_: object) -> bool:
        asked.append((path, mode))
        return False

    monkeypatch.setattr(os, "access", refuses)
    with pytest.raises(UsageError, match=r"can't be written by this user.*install -d"):
        check_folder(tmp_path)
    with pytest.raises(UsageError, match=f"can't be made: {tmp_path} can't be written"):
        check_folder(tmp_path / "a/b")
    assert asked == [(tmp_path, os.W_OK | os.X_OK)] * 2


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    with pytest.raises(UsageError, match="can't be looked at"):
        check_folder(tmp_path / "link")


def test_journals(tmp_path: Path) -> None:
    read = journal_at(tmp_path)
    assert read("journals") == str(tmp_path / "journals")
    for text in ("nats://a", "nats://a:4222,b:4223,[::1]:1", "NATS://a?replicas=1&accept=fewer-replicas"):
        assert read(text) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nats://", "no host and port"),
        ("nats://a,,b", "no host and port"),
        ("nats://a:0", "no host and port"),
        ("nats://user:hunter2@a", "would be shown in logs"),
        ("nats://a?replica=1", "no option 'replica'"),
        ("sqlite:///a.db", "no journal of this kind"),
        ("kafka://a", "no journal of this kind"),
    ],
)
def test_what_is_no_journal_says_what_to_write(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as told:
        journal_at(tmp_path)(text)
    assert "hunter2" not in str(told.value)


def test_the_venue_is_production_or_the_environments() -> None:
    assert venue_of({}, {}) == (PRODUCTION, None)
    found, key = venue_of({}, PLACE)
    assert (found.rest_url, key) == ("http://127.0.0.1:1", None)
    assert venue_of({"venue": "testnet"}, PLACE) == (TESTNET, "venue")
    own, key = venue_of(
        {"rest_url": "http://[::1]:2", "ws_url": "ws://[::1]:2"}, PLACE | {"LISTENKEY_TIME_SCALE": "60"}
    )
    assert (own.ws_url, own.time_scale, key) == ("ws://[::1]:2", 60, "rest_url")


@pytest.mark.parametrize(
    ("gateway", "key", "words"),
    [
        ({"venue": "nowhere"}, "venue", "no such venue; write one of production, legacy, testnet"),
        ({"venue": 3}, "venue", "must be a text"),
        ({"venue": "testnet", "ws_url": "ws://[::1]:2"}, "ws_url", "not both"),
        ({"rest_url": "http://[::1]:2"}, "rest_url", "ws_url is missing"),
        ({"ws_url": "ws://[::1]:2"}, "ws_url", "rest_url is missing"),
        ({"rest_url": 3, "ws_url": "ws://[::1]:2"}, "rest_url", "must be a text"),
        ({"rest_url": "http://example.com", "ws_url": "ws://[::1]:2"}, "rest_url", "plain text"),
        ({"rest_url": "http://[::1]:2", "ws_url": "ws://example.com"}, "ws_url", "plain text"),
        ({"rest_url": "http://[::1]:2", "ws_url": "http://[::1]:2"}, "ws_url", "must look like wss://host"),
        ({"rest_url": "nonsense", "ws_url": "ws://[::1]:2"}, "rest_url", "https://host"),
    ],
)
def test_addresses_that_cant_be_used_name_their_key(gateway: dict[str, object], key: str, words: str) -> None:
    with pytest.raises(VenueMistake, match=words) as told:
        venue_of(gateway, {})
    assert told.value.key == key
    assert str(told.value).startswith(f"{key}: ")
    assert "nonsense" not in str(told.value)


@pytest.mark.parametrize(
    "environment",
    [
        {"LISTENKEY_REST_URL": "http://127.0.0.1:1"},
        PLACE | {"LISTENKEY_TIME_SCALE": "no"},
        PLACE | {"LISTENKEY_WS_URL": "ws://x"},
    ],
)
def test_an_environment_that_cant_be_used_names_no_key(environment: dict[str, str]) -> None:
    with pytest.raises(VenueMistake) as told:
        venue_of({}, environment)
    assert told.value.key is None
