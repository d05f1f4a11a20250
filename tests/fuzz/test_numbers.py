"""Numbers and JSON from outside: exact, or refused; nothing else is raised, and nothing takes long."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from listenkey.core.account_state import amount
from listenkey.events import Position
from listenkey.wire.strict_json import INT_MAX, NotJson, parse

SIZE = 1 << 20
SPELLED = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
NUMBERISH = st.one_of(
    st.text(st.sampled_from("0123456789+-.eE_ \nNaInfity٣１"), max_size=30),
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
    st.floats().map(repr),
    st.integers().map(str),
    st.text(max_size=20),
)


@given(NUMBERISH)
def test_a_text_is_an_exact_amount_or_none_at_all(text: str) -> None:
    position = Position("s", text, "0", "0")
    if is_bounded(text):
        assert position.quantity is not None
        assert position.quantity == amount(text) == Decimal(text)
        assert position.quantity.is_finite()
        assert Decimal(f"{position.quantity:f}") == Decimal(text)
    else:
        assert position.quantity is None
        assert amount(text) == 0, "what can't be read can't be reckoned with"


def is_bounded(text: str) -> bool:
    """By other means than ours: what `Decimal` takes, in ASCII, of at most 24 digits before the point and 40 behind."""
    if not SPELLED.fullmatch(text):
        return False
    value = Decimal(text)
    digits = max(text.upper().split("E")[0].split("."), key=len).lstrip("+-")
    exponent = int(value.as_tuple().exponent)
    return len(digits) <= 40 and value.adjusted() < 24 and -40 <= exponent <= 40


FRACTIONS = st.decimals(min_value=-(10**15), max_value=10**15, places=8, allow_nan=False, allow_infinity=False)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-INT_MAX - 1, INT_MAX) | FRACTIONS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def written(value: Any) -> str:
    """JSON with every digit."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{written(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


@given(VALUES)
def test_what_is_documented_json_comes_back_to_the_digit(value: Any) -> None:
    again = parse(written(value).encode(), SIZE)
    assert again == value
    assert written(again) == written(value)


PIECES = st.sampled_from(
    ["{", "}", "[", "]", ",", ":", '"a"', '"\\u0000"', '"\\ud800"', "1", "-0", "1e5", "1e999", "0.1", "NaN", "Infinity",
     "true", "nul", " ", "\n", "9" * 19, "9" * 5000, "1." + "0" * 30, "é", "\ufeff", '"', "\\"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30).map("".join), st.floats(0, 1), st.none() | st.integers(0, 255))
@example("9" * 5000, 0.0, None)
@example("1." + "0" * 5000, 0.0, None)
@example("1e999999999", 0.0, None)
@example("[" * 100_000, 0.0, None)
@example('{"a":1,"a":2}', 0.0, None)
def test_anything_else_is_refused_with_no_word_of_it(text: str, place: float, other_byte: int | None) -> None:
    body = bytearray(text.encode("utf-8", "surrogatepass"))
    if body and other_byte is not None:
        body[int(place * (len(body) - 1))] = other_byte
    refusal: NotJson | None = None
    try:
        value = parse(bytes(body), SIZE)
    except NotJson as refused:
        refusal = refused
    if refusal is None:
        # What is taken says the same to everybody: the standard decoder reads it, too.
        other = json.loads(body, parse_float=Decimal, parse_constant=lambda _: pytest.fail("NaN was taken"))
        assert other == value
    else:
        assert refusal.__context__ is None
        assert len(str(refusal)) < 100
