from __future__ import annotations

import pytest

from listenkey import venue
from listenkey.venue import Attach, Venue


def test_what_stands_behind_each_name() -> None:
    assert venue.VENUES["production"].rest_url == "https://eapi.binance.com"
    assert venue.VENUES["production"].ws_url == "wss://fstream.binance.com"
    assert venue.VENUES["legacy"].attach is Attach.LEGACY_PATH
    assert set(venue.VENUES) == {"production", "legacy", "testnet"}


@pytest.mark.parametrize("ws_url", ["ws://h", "ws://h/", "ws://h/private", "ws://h/private/"])
def test_a_socket_address_may_be_given_with_or_without_private(ws_url: str) -> None:
    assert Venue("http://h", ws_url).ws_url == "ws://h"


@pytest.mark.parametrize(
    ("rest_url", "ws_url"),
    [
        ("eapi.binance.com", "wss://h"),
        ("ftp://h", "wss://h"),
        ("https://h", "https://h"),
        ("https://u:p@h", "wss://h"),
        ("https://h?x=1", "wss://h"),
        ("https://", "wss://h"),
    ],
)
def test_an_address_that_cant_be_one_is_refused(rest_url: str, ws_url: str) -> None:
    with pytest.raises(ValueError, match=r"rest_url|ws_url"):
        Venue(rest_url, ws_url)


def test_a_time_scale_is_positive() -> None:
    with pytest.raises(ValueError, match="time_scale"):
        Venue("http://h", "ws://h", time_scale=0)
