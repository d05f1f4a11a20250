from __future__ import annotations

import inspect
import re

import pytest

from listenkey import errors


def classes() -> list[type[errors.ListenKeyError]]:
    return [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.ListenKeyError) and kind.__module__ == errors.__name__
    ]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn: list[tuple[str, str]] = []
    above: dict[int, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^( {4,})([A-Z]\w+)(\s|$)", line)
        if not match:
            continue
        depth = (len(match[1]) - 4) // 2
        above[depth] = match[2]
        if depth:
            drawn.append((match[2], above[depth - 1]))
    real = {(kind.__name__, kind.__mro__[1].__name__) for kind in classes() if kind is not errors.ListenKeyError}
    assert set(drawn) == real


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (errors.Refused(401, -2015, "Invalid API-key."), "HTTP 401, code -2015: Invalid API-key; check the API key"),
        (errors.RateLimited(429, -1008, "Too many", 12.0), "HTTP 429, code -1008: Too many (wait 12 s); wait"),
        (errors.VenueDown(503), "HTTP 503; the outcome is unknown"),
        (errors.Unreachable("eapi.binance.com", "no route"), "eapi.binance.com is not reachable: no route"),
        (errors.TimedOut("POST", 10), "POST: no answer within 10 s"),
        (errors.Disconnected(1008, "bye"), "disconnected (close code 1008): bye"),
        (errors.Disconnected(None, "reset"), "disconnected: reset"),
        (errors.ProtocolError("no key in the answer", b"{}"), "no key in the answer"),
    ],
)
def test_each_says_what_happened_and_what_to_do(error: errors.ListenKeyError, sentence: str) -> None:
    assert str(error).startswith(sentence)


def test_a_mistake_of_the_caller_is_a_value_error_too() -> None:
    assert issubclass(errors.UsageError, ValueError)


def test_a_ban_is_a_rate_limit_that_says_until_when() -> None:
    banned = errors.Banned(418, -1008, until_ms=1_795_000_000_000)
    assert isinstance(banned, errors.RateLimited)
    assert banned.until_ms == 1_795_000_000_000
