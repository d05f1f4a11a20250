"""Test the requests, as values."""

from __future__ import annotations

import math

import pytest

from listenkey import venue
from listenkey.credentials import Credentials
from listenkey.errors import UsageError
from listenkey.wire import requests
from listenkey.wire.requests import ALLOWED, Request
from listenkey.wire.signing import Signer

API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
CREDENTIALS = Credentials.of(API_KEY, api_secret="NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j")


@pytest.mark.parametrize(
    ("request_", "method"),
    [
        (requests.create_listen_key(CREDENTIALS), "POST"),
        (requests.renew_listen_key(CREDENTIALS), "PUT"),
        (requests.close_listen_key(CREDENTIALS), "DELETE"),
    ],
)
def test_the_three_calls_are_a_path_and_a_header(request_: Request, method: str) -> None:
    assert (request_.method, request_.path, request_.query) == (method, "/eapi/v1/listenKey", "")
    assert request_.wire_headers() == {"Accept": "application/json", "X-MBX-APIKEY": API_KEY}


@pytest.mark.parametrize("request_", [requests.server_time(), requests.exchange_info()])
def test_public_calls_carry_no_key(request_: Request) -> None:
    assert request_.wire_headers() == {"Accept": "application/json"}


def test_a_signed_get_ends_with_window_time_and_signature() -> None:
    request = requests.signed_get(
        venue.USER_TRADES_PATH, {"symbol": "BTC-261225-90000-C", "fromId": None}, CREDENTIALS, 1795330000123, 10_000
    )
    text = "symbol=BTC-261225-90000-C&recvWindow=10000&timestamp=1795330000123"
    assert request.query == f"{text}&signature={Signer.of(CREDENTIALS).sign(text)}"
    assert request.method == "GET"


@pytest.mark.parametrize("window_ms", [0, -1, 60_000])
def test_a_window_the_venue_refuses_is_not_sent(window_ms: int) -> None:
    with pytest.raises(UsageError, match="from 1 to 59999"):
        requests.signed_get(venue.POSITION_PATH, {}, CREDENTIALS, 1, window_ms)


def test_what_is_added_here_is_not_taken_from_outside() -> None:
    with pytest.raises(UsageError, match="signature, timestamp"):
        requests.signed_get(venue.POSITION_PATH, {"timestamp": 1, "signature": "x"}, CREDENTIALS, 1)


@pytest.mark.parametrize(
    "query", ["a b", "a=é", "a\r\nX-MBX-APIKEY: x", "a#b"], ids=["space", "not ascii", "line break", "fragment"]
)
def test_a_query_that_is_not_encoded_is_no_query(query: str) -> None:
    with pytest.raises(UsageError, match="not encoded"):
        Request("GET", venue.TIME_PATH, query)


def test_the_calls_take_no_parameters() -> None:
    with pytest.raises(UsageError, match="takes no parameters"):
        Request("POST", venue.LISTEN_KEY_PATH, "listenKey=abc")


@pytest.mark.parametrize("timeout_s", [0, -1, math.inf, math.nan])
def test_every_request_has_an_end(timeout_s: float) -> None:
    with pytest.raises(UsageError, match="timeout_s"):
        requests.server_time(timeout_s)


def test_a_request_shows_neither_key_nor_signature() -> None:
    request = requests.signed_get(venue.POSITION_PATH, {}, CREDENTIALS, 1)
    shown = f"{request!r} {request} {request.what}"
    assert API_KEY not in shown
    assert "signature" not in shown


def test_only_the_listen_key_is_ever_changed() -> None:
    assert {pair for pair in ALLOWED if pair[0] != "GET"} == {
        (method, "/eapi/v1/listenKey") for method in ("POST", "PUT", "DELETE")
    }
