"""Where a key may go."""

from __future__ import annotations

import pytest

from listenkey.errors import UsageError
from listenkey.transport import address


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
