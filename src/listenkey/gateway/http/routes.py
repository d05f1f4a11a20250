"""The addresses of the gateway: one table, which the server asks and the tests go through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote

from aiohttp import web

from listenkey.gateway.http.answers import Problem

CHANGING: Final = frozenset({"DELETE", "POST", "PUT"})
"""Methods that change something."""

Handler = Callable[["Asked"], Awaitable[web.StreamResponse]]


class Asked(NamedTuple):
    """
    A request whose sender may ask.

    Attributes:
        request: The request.
        names: What stands in the address for the names in braces.
        query: The parameters of the address.
    """

    request: web.BaseRequest
    names: Mapping[str, str]
    query: Mapping[str, str]


class Route(NamedTuple):
    """
    One method of one address.

    Attributes:
        method: In capitals. `GET` answers `HEAD` as well.
        template: The path, with names in braces.
        handler: Answers it.
        is_open: True where no token is asked for.
        parameters: Parameters that the address may have.
    """

    method: str
    template: str
    handler: Handler
    is_open: bool = False
    parameters: frozenset[str] = frozenset()


class Router:
    """
    Finds the route of a request.

    Args:
        routes: All of them.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)

    def is_open(self, method: str, path: str) -> bool:
        """Return True where a request needs no token."""
        return any(route.is_open and route.template == path and _means(route, method) for route in self.routes)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """
        Return the route of a request, and the names in its path.

        Raises:
            Problem: 404 or 405.
        """
        fitting = [(route, names) for route in self.routes if (names := _names(route.template, path)) is not None]
        for route, names in fitting:
            if _means(route, method):
                return route, names
        if not fitting:
            raise Problem(
                404, "no_such_address", "There is no such address here.", "See docs/reference/gateway.md for them."
            )
        allowed = ", ".join(sorted({route.method for route, _ in fitting}))
        raise Problem(
            405,
            "wrong_method",
            "This address does not take this method.",
            f"It takes {allowed}.",
            headers={"Allow": allowed},
        )


def _means(route: Route, method: str) -> bool:
    return route.method == ("GET" if method == "HEAD" else method)


def _names(template: str, path: str) -> dict[str, str] | None:
    """Return what a path has in the place of a template's names; None where it is another address."""
    wanted, given = template.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    names: dict[str, str] = {}
    for want, part in zip(wanted, given, strict=True):
        if not want.startswith("{"):
            if want != part:
                return None
        elif part:
            names[want.strip("{}")] = unquote(part, errors="replace")
        else:
            return None
    return names


def parameters(query: str, known: frozenset[str]) -> dict[str, str]:
    """
    Return the parameters of an address.

    Raises:
        Problem: One is not known or comes twice. A misspelt `after` would begin with now, and nobody would notice.
    """
    found: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        if name not in known or name in found:
            raise Problem(
                400,
                "bad_parameter",
                "The address has a parameter that it does not take, or one twice.",
                f"It takes {' and '.join(sorted(known)) or 'none'}. A token belongs into the header Authorization.",
            )
        found[name] = unquote(value, errors="replace")
    return found
