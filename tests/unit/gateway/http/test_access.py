"""Callers are let in by the name it was asked for, by the page it comes from, by the token it shows."""

from __future__ import annotations

import pytest

from listenkey.credentials import Secret
from listenkey.gateway.http.access import ADDRESSES_MAX, TRIES_MAX, TRIES_WITHIN_S, AccessControl, Caller, WrongTokens
from listenkey.gateway.http.answers import Problem

TOKEN = "right"


def control(host: str = "127.0.0.1") -> AccessControl:
    return AccessControl(Secret(TOKEN), host, 8780)


def caller(
    *hosts: str, origin: str | None = None, authorization: tuple[str, ...] = (), local: str = "127.0.0.1"
) -> Caller:
    return Caller(hosts or ("127.0.0.1:8780",), origin, authorization, "127.0.0.1", local)


@pytest.mark.parametrize("host", ["127.0.0.1:8780", "localhost:8780", "LOCALHOST:8780", "[::1]:8780"])
def test_names_of_this_machine_are_let_in(host: str) -> None:
    control().check_place(caller(host))


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "evil.test:8780",
        "localhost.evil.test:8780",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:8781",
        "127.0.0.1:8780.evil.test",
        "127.0.0.1:٨٧٨٠",
        "127.0.0.1:" + "9" * 5_000,
        "[::1:8780",
        "[::1]8780",
        "",
        ":8780",
        "user@127.0.0.1:8780",
        "0.0.0.0:8780",
        "10.0.0.1:8780",
        "2130706433:8780",
    ],
)
def test_another_name_is_refused(host: str) -> None:
    for of in (control(), control("0.0.0.0")):
        with pytest.raises(Problem) as refused:
            of.check_place(caller(host))
        assert (refused.value.status, refused.value.error) == (421, "wrong_host")


def test_every_host_has_to_be_right_and_there_has_to_be_one() -> None:
    for wrong in (caller("127.0.0.1:8780", "evil.test"), Caller((), None, (), "127.0.0.1")):
        with pytest.raises(Problem, match="wrong_host"):
            control().check_place(wrong)


def test_the_listening_address_and_the_one_that_was_reached_are_let_in() -> None:
    control("gateway.internal").check_place(caller("gateway.internal:8780"))
    control("0.0.0.0").check_place(caller("10.1.2.3:8780", local="10.1.2.3"))
    with pytest.raises(Problem, match="wrong_host"):
        control("0.0.0.0").check_place(caller("10.1.2.3:8780", local="10.1.2.4"))


def test_the_port_of_http_may_be_left_out() -> None:
    AccessControl(Secret(TOKEN), "127.0.0.1", 80).check_place(caller("localhost"))


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.test",
        "http://evil.test:8780",
        "https://127.0.0.1:8780",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "file://",
        "127.0.0.1:8780",
    ],
)
def test_a_page_of_another_place_is_refused(origin: str) -> None:
    with pytest.raises(Problem) as refused:
        control().check_place(caller(origin=origin))
    assert (refused.value.status, refused.value.error) == (403, "wrong_origin")


def test_a_page_of_its_own_is_let_in() -> None:
    control().check_place(caller("localhost:8780", origin="http://localhost:8780"))


@pytest.mark.parametrize("value", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"Bearer  {TOKEN} "])
def test_the_token_is_let_in(value: str) -> None:
    control().check_token(caller(authorization=(value,)), 0.0)


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer \udcff"]
)
def test_a_wrong_token_is_refused(value: str) -> None:
    with pytest.raises(Problem) as refused:
        control().check_token(caller(authorization=(value,)), 0.0)
    assert (refused.value.status, refused.value.error) == (401, "wrong_token")
    assert TOKEN not in str(refused.value.to_dict())


def test_no_token_is_another_word_and_two_are_none() -> None:
    with pytest.raises(Problem, match="missing_token"):
        control().check_token(caller(), 0.0)
    with pytest.raises(Problem, match="wrong_token"):
        control().check_token(caller(authorization=(f"Bearer {TOKEN}", "Bearer x")), 0.0)


def test_an_empty_token_lets_nobody_in() -> None:
    with pytest.raises(Problem):
        control().check_token(caller(authorization=("Bearer ",)), 0.0)


def test_who_tries_too_often_waits_and_the_right_token_never_does() -> None:
    of = control()
    wrong, right = caller(authorization=("Bearer wrong",)), caller(authorization=(f"Bearer {TOKEN}",))
    for n in range(TRIES_MAX):
        with pytest.raises(Problem, match="wrong_token"):
            of.check_token(wrong, float(n))
    with pytest.raises(Problem) as refused:
        of.check_token(wrong, 10.0)
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "51")
    of.check_token(right, 10.0)
    with pytest.raises(Problem, match="wrong_token"):
        of.check_token(wrong, TRIES_WITHIN_S)


def test_addresses_are_counted_apart_and_a_bounded_number_of_them() -> None:
    tries = WrongTokens()
    for _ in range(TRIES_MAX):
        assert tries.wait_s("10.0.0.1", 0.0) == 0
    assert tries.wait_s("10.0.0.1", 0.0) > 0
    assert tries.wait_s("10.0.0.2", 0.0) == 0
    for n in range(ADDRESSES_MAX):
        tries.wait_s(f"11.0.{n // 256}.{n % 256}", 0.0)
    assert len(tries._tries) == ADDRESSES_MAX
    assert tries.wait_s("10.0.0.1", 0.0) == 0, "it was forgotten"


def test_one_site_has_many_addresses_of_ipv6() -> None:
    tries = WrongTokens()
    assert [tries.wait_s(f"2001:db8::{n}%eth0", 0.0) for n in range(TRIES_MAX + 1)][-1] > 0
    assert tries.wait_s("2001:db8:0:1::1", 0.0) == 0
    assert tries.wait_s("a name", 0.0) == 0
