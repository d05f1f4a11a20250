"""
Read the messages of a client on a socket (SUBSCRIBE and its four sisters) and refuse as documented. Pure.

Source: [O Live-Subscribing-Unsubscribing-to-streams]. The documentation prints the inner error only; its outer form
`{"error": ..., "id": ...}` is what third-party clients read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

METHODS: Final = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
ID_MAX: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class SocketRequest:
    """One request, well-formed. `params` are as the method needs them."""

    method: str
    params: tuple[Any, ...]
    id: int


class RequestRefused(Exception):
    """The message is answered with an error."""

    def __init__(self, code: int, message: str, request_id: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.id = request_id

    def answer(self) -> dict[str, Any]:
        """The frame to send."""
        return {"error": {"code": self.code, "msg": self.message}, "id": self.id}


def parse(text: str) -> SocketRequest:
    """Reads one text frame. Raises `RequestRefused`."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise RequestRefused(3, f"Invalid JSON: expected value at line {error.lineno} column {error.colno}") from None
    except (RecursionError, ValueError):
        raise RequestRefused(3, "Invalid JSON: expected value at line 1 column 1") from None
    if _has_surrogates(text):
        raise RequestRefused(3, "Invalid JSON: lone surrogate in hex escape")
    if not isinstance(value, dict):
        raise RequestRefused(2, "Invalid request: invalid type, expected a request at line 1 column 1")
    request_id = value.get("id")
    if isinstance(request_id, bool) or not isinstance(request_id, int) or not 0 <= request_id <= ID_MAX:
        request_id = None
    if "method" not in value:
        raise RequestRefused(2, f"Invalid request: missing field `method` at line 1 column {len(text)}", request_id)
    method = value["method"]
    if method not in METHODS:
        raise RequestRefused(2, _unknown_variant(text, method), request_id)
    if request_id is None:
        raise RequestRefused(2, "Invalid request: request ID must be an unsigned integer")
    params = value.get("params", [])
    if not isinstance(params, list):
        raise RequestRefused(2, "Invalid request: params must be an array", request_id)
    _check(method, params, request_id)
    return SocketRequest(method, tuple(params), request_id)


def _has_surrogates(text: str) -> bool:
    r"""
    Return True where a JSON text has half of a surrogate pair in it, `\ud800`, which no UTF-8 can carry.

    Python's reader accepts it, and whatever it was put into could not be sent.
    """
    if "\\u" not in text:
        return False
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _check(method: str, params: list[Any], request_id: int) -> None:
    if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
        if not params or not all(isinstance(stream, str) and stream for stream in params):
            raise RequestRefused(2, "Invalid request: invalid stream", request_id)
        return
    allowed = {"LIST_SUBSCRIPTIONS": 0, "GET_PROPERTY": 1, "SET_PROPERTY": 2}[method]
    if len(params) > allowed:
        raise RequestRefused(2, "Invalid request: too many parameters", request_id)
    if allowed and (not params or not isinstance(params[0], str)):
        raise RequestRefused(2, "Invalid request: property name must be a string", request_id)
    if allowed and params[0] != "combined":
        raise RequestRefused(0, "Unknown property", request_id)
    if method == "SET_PROPERTY" and (len(params) < 2 or not isinstance(params[1], bool)):
        raise RequestRefused(1, "Invalid value type: expected Boolean", request_id)


def _unknown_variant(text: str, method: Any) -> str:
    shown = method if isinstance(method, str) else json.dumps(method)
    shown = "".join(letter for letter in shown[:64] if letter.isprintable())
    column = text.find(json.dumps(method)) + len(json.dumps(method))
    expected = ", ".join(f"`{name}`" for name in METHODS)
    return f"Invalid request: unknown variant {shown}, expected one of {expected} at line 1 column {column}"
