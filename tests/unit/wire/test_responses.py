"""Test the meaning of an answer: the status first, then the code."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenkey import errors
from listenkey.credentials import Secret
from listenkey.wire import responses
from listenkey.wire.responses import OptionsCreateListenKeyV1Resp, Response, listen_key_answer, read

FIXTURES = Path(__file__).parents[2] / "fixtures"
INDEX = json.loads((FIXTURES / "index.json").read_text())
ERRORS = [entry for entry in INDEX if entry["kind"] == "error"]
KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
PAGE = b"<!DOCTYPE html><html><body>ERROR: The request could not be satisfied</body></html>"

EXPECTED = {
    "error_1000.json": errors.VenueDown,
    "error_1001.json": errors.VenueDown,
    "error_1002.json": errors.Refused,
    "error_1003_banned_other_products.json": errors.Banned,
    "error_1003_other_products.json": errors.RateLimited,
    "error_1007_other_products.json": errors.VenueDown,
    "error_1008.json": errors.RateLimited,
    "error_1008_banned.json": errors.Banned,
    "error_1015.json": errors.RateLimited,
    "error_1021.json": errors.OutOfWindow,
    "error_1021_ahead.json": errors.OutOfWindow,
    "error_1022.json": errors.Refused,
    "error_1125.json": errors.KeyUnknown,
    "error_2014.json": errors.Refused,
    "error_2015.json": errors.Refused,
    "error_503_internal.json": errors.VenueDown,
    "error_503_unavailable.json": errors.VenueDown,
    "error_503_unknown.json": errors.VenueDown,
}
"""The class of each documented error; what is not named here is a plain VenueError."""


def said(code: int | str | None, message: str = "Words.") -> bytes:
    return json.dumps({"code": code, "msg": message}).encode()


def error_of(status: int, body: bytes = b"{}", *headers: tuple[str, str]) -> errors.ListenKeyError:
    with pytest.raises(errors.ListenKeyError) as caught:
        read(Response(status, headers, body))
    assert caught.value.__context__ is None
    return caught.value


def test_every_error_fixture_is_listed() -> None:
    on_disk = {path.name for path in FIXTURES.glob("error_*.json")} - {"error_catalog.json"}
    assert {entry["file"] for entry in ERRORS} == on_disk
    assert set(EXPECTED) <= on_disk


@pytest.mark.parametrize("entry", ERRORS, ids=lambda entry: entry["file"])
def test_documented_errors_with_their_documented_status(entry: dict[str, Any]) -> None:
    body = (FIXTURES / entry["file"]).read_bytes()
    error = error_of(entry["http_status"], body)
    assert type(error) is EXPECTED.get(entry["file"], errors.VenueError)
    assert isinstance(error, errors.VenueError)
    assert error.code == json.loads(body).get("code")
    assert error.message == json.loads(body)["msg"]
    assert error.http_status == entry["http_status"]


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        # The trap: the same code is a limit, a ban or an overload, by its status.
        (429, -1008, errors.RateLimited),
        (418, -1008, errors.Banned),
        (503, -1008, errors.VenueDown),
        (400, -1008, errors.RateLimited),
        (400, -1003, errors.RateLimited),
        # A status that decides is not overruled by any code.
        (429, -1125, errors.RateLimited),
        (500, -2015, errors.VenueDown),
        (408, -1007, errors.VenueDown),
        (418, -2015, errors.Banned),
        # A status that doesn't, is.
        (403, -2015, errors.Refused),
        (403, -1003, errors.RateLimited),
        (404, -1125, errors.KeyUnknown),
        (404, -2013, errors.VenueError),
        (404, -1000, errors.Retired),
        (410, None, errors.Retired),
        (404, 0, errors.Retired),
        (401, -1, errors.Refused),
        (401, -1021, errors.OutOfWindow),
        (400, -5002, errors.Refused),
        (400, -1001, errors.VenueDown),
        (400, -4029, errors.VenueError),
        (400, "-1125", errors.KeyUnknown),
        (409, None, errors.VenueError),
        (451, 0, errors.Refused),
        # A success with an error inside.
        (200, -1125, errors.KeyUnknown),
        (200, -9, errors.VenueError),
    ],
)
def test_the_status_decides_first_and_the_code_after_it(status: int, code: Any, expected: Any) -> None:
    assert type(error_of(status, said(code))) is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, errors.ProtocolError),
        (204, errors.ProtocolError),
        (302, errors.ProtocolError),
        (101, errors.ProtocolError),
        (600, errors.ProtocolError),
        (400, errors.VenueError),
        (401, errors.Refused),
        (403, errors.RateLimited),
        (404, errors.Retired),
        (418, errors.Banned),
        (429, errors.RateLimited),
        (502, errors.VenueDown),
    ],
)
@pytest.mark.parametrize("body", [PAGE, b"", b"{", b"\x1f\x8b\x08"], ids=["page", "empty", "cut", "gzip"])
def test_a_page_is_an_error_and_never_a_success(status: int, expected: Any, body: Any) -> None:
    error = error_of(status, body)
    assert type(error) is expected
    assert "could not be satisfied" not in str(error)
    if isinstance(error, errors.VenueError):
        assert error.code is None


def test_a_firewall_asks_for_a_minute_at_least() -> None:
    for wait, expected in (("5", 60.0), ("600", 600.0)):
        error = error_of(403, PAGE, ("retry-after", wait))
        assert isinstance(error, errors.RateLimited)
        assert error.retry_after_s == expected
        assert "firewall" in str(error)
    assert "firewall" not in errors.RateLimited.advice


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        (" 17 ", 17.0),
        ("259200", 259_200.0),
        ("259201", None),
        ("99999999999", None),
        ("Thu, 26 Nov 2026 12:00:00 GMT", None),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2026 12:00:30", None),
        ("soon", None),
        ("-5", None),
        ("1e3", None),
        ("٣", None),
        ("9" * 400, None),
        ("", None),
    ],
)
def test_retry_after_is_read_or_ignored(text: str, seconds: Any) -> None:
    error = error_of(429, said(-1008), ("DATE", "Sun, 22 Nov 2026 12:00:00 GMT"), ("rEtRy-AfTeR", text))
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after_s == seconds


@pytest.mark.parametrize(
    ("message", "headers", "until_ms"),
    [
        ("Way too much; IP banned until 1660090423228. Please", (), 1660090423228),
        ("Way too much; IP banned until 1660090423. Please", (), 1660090423000),
        ("Way too much; IP banned until 1660090423228999. Please", (), 1660090423228),
        ("Way too much; IP banned until %s.", (), None),
        ("IP banned until 16600904232281660090423228.", (), None),
        ("Words.", (("Retry-After", "120"),), None),
        ("Words.", (("Retry-After", "120"), ("Date", "Sun, 22 Nov 2026 12:00:00 GMT")), 1795348920000),
        ("until 1660090423228", (("Retry-After", "1"), ("Date", "Sun, 22 Nov 2026 12:00:00 GMT")), 1660090423228),
    ],
)
def test_a_ban_says_until_when(message: str, headers: Any, until_ms: Any) -> None:
    error = error_of(418, said(-1003, message), *headers)
    assert isinstance(error, errors.Banned)
    assert error.until_ms == until_ms


def test_a_ban_is_measured_by_the_answer_s_own_clock() -> None:
    body, date = said(-1008, "IP banned until 1795362960000."), ("Date", "Sun, 22 Nov 2026 15:54:00 GMT")
    until_ms, in_s = 1795362960000, 120
    assert_ban = [(error_of(418, body, date), in_s), (error_of(418, body, date, ("Retry-After", "300")), 300)]
    for error, wait_s in assert_ban:
        assert isinstance(error, errors.Banned)
        assert (error.retry_after_s, error.until_ms) == (wait_s, until_ms)


def test_a_ban_that_nobody_can_mean_says_nothing() -> None:
    body, date = said(-1003, "IP banned until 9999999999999."), ("Date", "Sun, 22 Nov 2026 15:54:00 GMT")
    for headers, wait_s in (((date,), None), ((date, ("Retry-After", "300")), 300)):
        error = error_of(418, body, *headers)
        assert isinstance(error, errors.Banned)
        assert error.retry_after_s == wait_s


def test_the_venues_words_are_cleaned() -> None:
    secret = Secret("my-odd-key")
    body = said(-2015, f"key my-odd-key or {KEY}\x1b[31m\r\nforged line")
    with pytest.raises(errors.Refused) as caught:
        read(Response(401, (), body), hide=[secret])
    assert caught.value.message == "key [hidden] or [hidden][31m forged line"


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"listenKey": "x"}', b'{"code": 0, "msg": "success"}'])
def test_a_success_is_its_json_value(body: Any) -> None:
    assert read(Response(200, (), body)) == json.loads(body)


def test_the_documented_answers_to_post() -> None:
    current = listen_key_answer(Response(200, (), (FIXTURES / "listen_key_post.json").read_bytes()))
    assert current == OptionsCreateListenKeyV1Resp(KEY, 1762855900452)
    legacy = listen_key_answer(Response(200, (), (FIXTURES / "legacy_listen_key_post.json").read_bytes()))
    assert legacy == OptionsCreateListenKeyV1Resp(KEY)
    assert current.to_dict() == json.loads((FIXTURES / "listen_key_post.json").read_bytes())


@pytest.mark.parametrize(
    ("expiration", "read_as"),
    [
        ("1762855900452", 1762855900452),
        ('"1762855900452"', 1762855900452),
        ("null", None),
        ('"soon"', None),
        ("true", None),
        ("-1", None),
        ("0", None),
        ("1.5", None),
        ("[]", None),
    ],
)
def test_an_expiration_of_any_kind_does_no_harm(expiration: str, read_as: Any) -> None:
    answer = listen_key_answer(Response(200, (), b'{"listenKey": "k", "expiration": %s}' % expiration.encode()))
    assert answer.expiration == read_as
    # What could not be read is kept as it came.
    assert ("expiration" in answer.extra) == (read_as is None and expiration != "null")


def test_unknown_keys_are_kept() -> None:
    answer = listen_key_answer(Response(200, (), b'{"listenKey": "k", "region": "x", "expiration": 5}'))
    assert answer.extra == {"region": "x"}
    assert answer.to_dict() == {"listenKey": "k", "expiration": 5, "region": "x"}


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b'["%s"]' % KEY.encode(),
        b'"%s"' % KEY.encode(),
        b"null",
        b"17",
        b'{"listenKey": ""}',
        b'{"listenKey": null}',
        b'{"listenKey": 17}',
        b'{"listenkey": "%s"}' % KEY.encode(),
        b'{"listenKey": "a b"}',
        b'{"listenKey": "a\\r\\nb"}',
        b'{"listenKey": "\\ud800"}',
        b'{"listenKey": "%s"}' % (b"x" * 1025),
        b'{"data": {"listenKey": "%s"}}' % KEY.encode(),
        PAGE,
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_post_without_a_usable_key_is_an_error(body: Any) -> None:
    with pytest.raises(errors.ProtocolError) as caught:
        listen_key_answer(Response(200, (), body))
    assert KEY not in f"{caught.value} {caught.value!r} {caught.value.body!r}"
    assert caught.value.__context__ is None


def test_the_answer_to_post_does_not_show_its_key() -> None:
    answer = OptionsCreateListenKeyV1Resp(KEY, 5, {"again": KEY})
    assert KEY not in f"{answer} {answer!r}"
    assert KEY not in repr(Response(200, (), json.dumps(answer.to_dict()).encode()))
    assert pickle.loads(pickle.dumps(answer)) == answer
    assert hash(answer) == hash(OptionsCreateListenKeyV1Resp(KEY, 5))


@pytest.mark.parametrize(
    ("headers", "weight"),
    [
        ((("x-mbx-used-weight-1m", "17"),), 17),
        ((("X-MBX-USED-WEIGHT-1M", " 400 "),), 400),
        ((("X-MBX-USED-WEIGHT", "5"),), None),
        ((("X-MBX-USED-WEIGHT-1M", "-1"),), None),
        ((("X-MBX-USED-WEIGHT-1M", "9" * 5000),), None),
        ((), None),
    ],
)
def test_the_used_weight_is_read_in_any_case(headers: Any, weight: Any) -> None:
    assert responses.used_weight_1m(Response(200, headers)) == weight


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"serverTime": "soon"}', b'{"serverTime": -5}'])
def test_a_time_that_is_none_is_an_error(body: Any) -> None:
    assert responses.server_time_answer(Response(200, (), b'{"serverTime": 1762855900452}')) == 1762855900452
    with pytest.raises(errors.ProtocolError, match="serverTime"):
        responses.server_time_answer(Response(200, (), body))


@given(
    st.integers(100, 999),
    st.lists(st.tuples(st.sampled_from(["Retry-After", "Date", "Content-Type"]), st.text())).map(tuple),
    st.binary()
    | st.builds(said, st.integers() | st.text() | st.none(), st.text())
    | st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists).map(
        lambda value: json.dumps(value).encode()
    ),
)
def test_no_answer_whatever_raises_anything_else(status: int, headers: Any, body: Any) -> None:
    told = ""
    try:
        listen_key_answer(Response(status, headers, body))
    except errors.ListenKeyError as error:
        told = str(error)
    assert "\n" not in told
