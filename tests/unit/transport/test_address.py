"""Test the addresses that a key may be sent to."""

from __future__ import annotations

import pytest

from listenkey import UserDataStreamsApi, UserStream
from listenkey.errors import UsageError
from listenkey.transport import address
from listenkey.venue import PRODUCTION

REST, WS, SCALE = "LISTENKEY_REST_URL", "LISTENKEY_WS_URL", "LISTENKEY_TIME_SCALE"
HERE = {REST: "http://127.0.0.1:8700", WS: "ws://127.0.0.1:8700"}


def test_where_a_program_names_no_venue_the_environment_does() -> None:
    assert address.default_venue({}) == PRODUCTION
    assert address.default_venue({REST: "", WS: ""}) == PRODUCTION
    found = address.default_venue(HERE | {SCALE: "60"})
    assert (found.rest_url, found.ws_url, found.time_scale) == (HERE[REST], HERE[WS], 60.0)
    assert address.default_rest_url({}) == PRODUCTION.rest_url
    assert address.default_rest_url(HERE) == HERE[REST]


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({REST: HERE[REST]}, "LISTENKEY_REST_URL is set and LISTENKEY_WS_URL is not"),
        ({WS: HERE[WS]}, "LISTENKEY_WS_URL is set and LISTENKEY_REST_URL is not"),
        (HERE | {WS: "127.0.0.1:8700"}, "LISTENKEY_REST_URL and LISTENKEY_WS_URL: "),
        (HERE | {SCALE: "fast"}, "LISTENKEY_TIME_SCALE must be a number"),
    ],
)
def test_an_environment_that_cant_be_right_is_told_so(environment: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        address.default_venue(environment)


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in HERE.items():
        monkeypatch.setenv(name, value)
    assert address.venue_of(None).rest_url == HERE[REST]
    assert UserStream(api_key="k").venue.ws_url == HERE[WS]
    assert UserDataStreamsApi(api_key="k").base_url == HERE[REST]
    assert address.venue_of("production") == PRODUCTION
    assert UserStream(api_key="k", venue="production").venue == PRODUCTION
    assert UserDataStreamsApi("k", PRODUCTION.rest_url).base_url == PRODUCTION.rest_url
    monkeypatch.setenv(WS, "ws://192.0.2.1")
    with pytest.raises(UsageError, match="plain text"):
        UserStream(api_key="k")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://eapi.binance.com", "eapi.binance.com"),
        ("wss://fstream.binance.com/private", "fstream.binance.com"),
        ("http://127.0.0.1:8700", "127.0.0.1"),
        ("http://127.8.9.10", "127.8.9.10"),
        ("ws://[::1]:8700", "::1"),
        ("http://localhost:1", "localhost"),
        ("https://gate.example:8443/binance", "gate.example"),
    ],
)
def test_encrypted_to_anywhere_and_plain_to_this_machine(url: str, host: str) -> None:
    assert address.check(url) == host


@pytest.mark.parametrize(
    "url",
    [
        "http://eapi.binance.com",
        "ws://fstream.binance.com",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://0.0.0.0:8700",
        "http://127.1",
        "http://2130706433",
        "http://192.168.1.2",
        "http://[fe80::1]",
    ],
)
def test_plain_text_stays_at_home(url: str) -> None:
    with pytest.raises(UsageError, match=r"in plain text; use (http|ws)s://"):
        address.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "eapi.binance.com",
        "ftp://eapi.binance.com",
        "https://",
        "https://host:port",
        "https://[::1",
        "HTTPS://eapi.binance.com",
        "https://name:word@eapi.binance.com",
        "https://eapi.binance.com?x=1",
        "https://eapi.binance.com#x",
        "https://eapi.binance.com/a b",
    ],
)
def test_what_is_no_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        address.check(url)
    assert "word" not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["eapi.binance.com", "BINANCE.COM", "testnet.binancefuture.com.", "localhost", "127.0.0.1", "::1"]
)
def test_the_venue_is_known(host: str) -> None:
    assert address.is_venue(host)


@pytest.mark.parametrize("host", ["binance.com.evil.example", "notbinance.com", "binance.org", "10.0.0.1"])
def test_strangers_are_strangers(host: str) -> None:
    assert not address.is_venue(host)


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("127.0.0.1:8780", "; write http://127.0.0.1:8780"),
        ("localhost:8780/options", "; write http://localhost:8780/options"),
        ("[::1]:8780", "; write http://[::1]:8780"),
        ("gateway.example", "; write https://gateway.example"),
        ("ws://127.0.0.1:8780", ""),
        ("wss://gateway.example", ""),
        ("HTTP://127.0.0.1", ""),
        ("me:secret@gateway.example", ""),
        ("gateway.example?token=secret", ""),
        ("[", ""),
        ("", ""),
    ],
)
def test_an_address_that_is_not_of_http_is_told_with_the_one_that_is_meant(url: str, advice: str) -> None:
    with pytest.raises(UsageError) as refused:
        address.check_http(url)
    assert str(refused.value) == f"the address begins with https://, or on this machine with http://{advice}"


def test_an_address_of_http_is_held_to_the_same_rule() -> None:
    assert address.check_http("http://127.0.0.1:8780") == "127.0.0.1"
    assert address.check_http("https://gateway.example/options") == "gateway.example"
    with pytest.raises(UsageError, match="plain text"):
        address.check_http("http://gateway.example")
