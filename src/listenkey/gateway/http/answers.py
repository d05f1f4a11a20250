"""Answers of the gateway: JSON, marked so that no browser keeps, sniffs or frames them; and what is wrong with a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

JSON: Final = "application/json"

STANDING_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Server": "listenkey-gateway",
    "X-Content-Type-Options": "nosniff",
}
"""The headers of every answer. There is no CORS header among them: no page of another origin may read anything."""


class Problem(Exception):
    """
    A request that is not carried out, as it is answered.

    Nothing of the request goes into the words, as that could be a secret in the wrong place.

    Attributes:
        status: The HTTP status.
        error: A word for programs.
        message: What happened, for people.
        what_to_do: What helps.
        facts: More for programs, such as `oldest_seq`.
        headers: Headers of the answer beside the standing ones.
    """

    def __init__(
        self,
        status: int,
        error: str,
        message: str,
        what_to_do: str,
        facts: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, error)
        self.status = status
        self.error = error
        self.message = message
        self.what_to_do = what_to_do
        self.facts = dict(facts or {})
        self.headers = dict(headers or {})

    def to_dict(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return {"error": self.error, "message": self.message, "what_to_do": self.what_to_do, **self.facts}


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a value as JSON."""
    body = msgspec.json.encode(value)
    return web.Response(status=status, body=body, content_type=JSON, headers={**STANDING_HEADERS, **(headers or {})})


def refusal(problem: Problem) -> web.Response:
    """Return the answer to a request that is not carried out."""
    return answer(problem.to_dict(), problem.status, problem.headers)
