"""JSON as documented, and nothing looser."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenkey.wire.strict_json import DEPTH_MAX, NotJson, parse

SIZE = 8 * 1024 * 1024
FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_every_fixture_is_read(path: Path) -> None:
    body = path.read_bytes()
    assert json.dumps(parse(body, SIZE), default=float) == json.dumps(json.loads(body))


def test_numbers_keep_every_digit() -> None:
    assert parse(b"[4611875134427365377, 9223372036854775807, -9223372036854775808]", SIZE) == [
        4611875134427365377,
        2**63 - 1,
        -(2**63),
    ]
    (number,) = parse(b"[0.12345678901234567890]", SIZE)
    assert str(number) == "0.12345678901234567890"
    assert parse(b"5.0E-4", SIZE) == Decimal("0.0005")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "at character 0"),
        (b"<html>", "at character 0"),
        (b"{}{}", "Extra data"),
        (b'{"a": NaN}', "NaN"),
        (b"[-Infinity]", "NaN or Infinity"),
        (b"\xef\xbb\xbf{}", "at character 0"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'"\xff"', "not UTF-8"),
        (b"9223372036854775808", "63 bits"),
        (b"9" * 5000, "63 bits"),
        (b"1e999999", "too many digits"),
        (b"0." + b"1" * 5000, "too many digits"),
        (b'{"listenKey": "a", "listenKey": "b"}', "two values"),
        (b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1), "too deep"),
        (b"[" * 100_000, "too deep"),
        (b'{"a":' * 100_000, "too deep"),
        (b" " * 101, "101 bytes, more than 100"),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else None,
)
def test_the_rest_is_refused(body: Any, words: str) -> None:
    with pytest.raises(NotJson, match=words) as caught:
        parse(body, 100 if body.isspace() else SIZE)
    assert caught.value.__context__ is None


def test_what_says_the_same_twice_is_no_contradiction() -> None:
    assert parse(b'{"a": 1, "a": 1}', SIZE) == {"a": 1}


def test_the_deepest_that_is_taken() -> None:
    assert parse(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX, SIZE) is not None


@given(st.binary() | st.text().map(str.encode))
def test_nothing_else_is_ever_raised(body: Any) -> None:
    with contextlib.suppress(NotJson):
        parse(body, SIZE)
