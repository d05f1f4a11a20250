"""The table of addresses: a path is one of them or none, and what it doesn't take is said."""

from __future__ import annotations

import pytest
from aiohttp import web

from listenkey.gateway.http.answers import Problem, answer
from listenkey.gateway.http.routes import Asked, Route, Router, parameters


async def nothing(_: Asked) -> web.StreamResponse:
    return answer({})


ROUTER = Router(
    [
        Route("GET", "/healthz", nothing, is_open=True),
        Route("GET", "/a/{name}", nothing),
        Route("PUT", "/a/{name}", nothing),
        Route("GET", "/a/{name}/b/{other}", nothing),
    ]
)


def test_names_are_taken_out_of_the_path_as_they_were_meant() -> None:
    route, names = ROUTER.find("GET", "/a/desk%201/b/x")
    assert (route.template, names) == ("/a/{name}/b/{other}", {"name": "desk 1", "other": "x"})
    assert ROUTER.find("GET", "/a/x%2Fb%2Fy")[1] == {"name": "x/b/y"}


def test_head_is_get() -> None:
    assert ROUTER.find("HEAD", "/a/x")[0].method == "GET"
    assert ROUTER.is_open("HEAD", "/healthz")


@pytest.mark.parametrize(
    "path", ["", "/", "/a", "/a/", "/a/x/", "/a//b/y", "/A/x", "/healthz/", "//healthz", "/a/x/c/y"]
)
def test_another_path_is_none(path: str) -> None:
    with pytest.raises(Problem) as refused:
        ROUTER.find("GET", path)
    assert refused.value.status == 404
    assert not ROUTER.is_open("GET", path)


def test_another_method_is_told_which_ones_there_are() -> None:
    with pytest.raises(Problem) as refused:
        ROUTER.find("DELETE", "/a/x")
    assert (refused.value.status, refused.value.headers["Allow"]) == (405, "GET, PUT")
    assert not ROUTER.is_open("POST", "/healthz")


def test_parameters_are_known_ones_and_come_once() -> None:
    assert parameters("", frozenset({"after"})) == {}
    assert parameters("after=%37", frozenset({"after"})) == {"after": "7"}
    for wrong in ("token=secret", "after=1&after=2", "after=1&", "&", "=1"):
        with pytest.raises(Problem) as refused:
            parameters(wrong, frozenset({"after"}))
        assert "secret" not in str(refused.value.to_dict())
