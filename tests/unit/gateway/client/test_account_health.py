"""A state line becomes a `Health`, as `UserStream.health` gives it."""

from __future__ import annotations

import json

import pytest

from listenkey.errors import ProtocolError
from listenkey.gateway.client.account_health import health_of, not_reached


@pytest.mark.parametrize(
    ("status", "gap", "live"),
    [
        ("LIVE", None, True),
        ("SETTLING", None, True),
        ("DEGRADED", None, True),
        ("DEGRADED", 5, False),
        ("SUSPECT", None, True),
        ("SUSPECT", 5, False),
        ("GAP", 5, False),
        ("RECOVERING", 5, False),
        ("FAILED", None, False),
        ("CONNECTING", None, False),
    ],
)
def test_the_words_of_the_line_are_those_of_the_health(status: str, gap: int | None, live: bool) -> None:
    line = {
        "kind": "state",
        "account": "desk-1",
        "status": status,
        "why": "because",
        "status_since_ms": 3,
        "open_gap_from_ms": gap,
        "fills_complete": live,
        "a_later_word": 1,
    }
    health = health_of(json.dumps(line).encode())
    assert (health.status, health.live, health.open_gap_from_ms) == (status, live, gap)
    assert (health.why, health.status_since_ms, health.fills_complete) == ("because", 3, live)


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"[1]", b'{"status":1}', b'{"status":"LIVE","fills_complete":1}', b"\xff"]
)
def test_a_line_that_is_none_is_said(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        health_of(line)


def test_nothing_is_known_of_an_account_whose_gateway_is_not_reached() -> None:
    health = not_reached("no route", 7)
    assert (health.status, health.live, health.fills_complete, health.status_since_ms) == (
        "CONNECTING",
        False,
        False,
        7,
    )
    assert "no route" in health.why
