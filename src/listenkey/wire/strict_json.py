"""
JSON as the venue documents it, and nothing looser.

Why not `json.loads` as it comes: it takes NaN, UTF-16, any depth and integers of any length, lets the last of two equal
names win, and turns `0.1` into a float. Here each of these is refused or kept exact.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final, NoReturn, TypeAlias

JsonValue: TypeAlias = Any
"""None, bool, int, Decimal (a number with a fraction or an exponent), str, list or dict, nested."""

DEPTH_MAX: Final = 32
"""The deepest documented answer has 5 levels (`exchangeInfo`: symbols, filters)."""

VALUES_MAX: Final = 262_144
"""
Commas, objects and lists in one answer: `exchangeInfo` of 2,400 options has some 70,000. Each takes half a microsecond
in which nothing else is done.
"""

INT_MAX: Final = 2**63 - 1
"""Ids are 64-bit integers. [O general-info]"""

ODD_CHARS_MAX: Final = 128
"""The characters kept of a number beyond the bounds; it is no amount and no id then."""

NUMBER: Final = re.compile(r"-?[0-9]{1,24}(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
"""The texts that become a Decimal. Longer ones are no amount of this venue, and slow to calculate with."""


class NotJson(ValueError):
    """The text is not JSON as the venue documents it; the message says why without quoting it."""


def parse(body: bytes, size_max: int, *, keep_odd_numbers: bool = False) -> JsonValue:
    """
    Read one JSON value.

    Args:
        body: UTF-8 without a byte order mark.
        size_max: Bytes; looked at first.
        keep_odd_numbers: A number beyond the bounds becomes its text, instead of costing the whole answer: of a list of
            rows, a field that nobody needs must not cost the others.

    Raises:
        NotJson: With the reason, never with the text: an answer may hold a listen key.
    """
    if len(body) > size_max:
        raise NotJson(f"{len(body)} bytes, more than {size_max}")
    opened = body.count(b"{") + body.count(b"[")
    if opened + body.count(b",") > VALUES_MAX:
        raise NotJson(f"more than {VALUES_MAX} values")
    try:
        value = (_KEEPING if keep_odd_numbers else _DECODER).decode(body.decode("utf-8"))
    except UnicodeDecodeError:
        reason = "not UTF-8"
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at character {error.pos}"
    except RecursionError:
        reason = "nested too deep"
    else:
        if opened > DEPTH_MAX and _deeper_than(value, DEPTH_MAX):
            raise NotJson("nested too deep")
        return value
    # Raised here and not above: the decoder's own errors hold the whole document, and a context would carry it on.
    raise NotJson(reason)


def _integer(digits: str) -> int:
    # The length is looked at first: int() of a very long text is slow, or a ValueError of its own.
    if len(digits) > 20 or not -INT_MAX - 1 <= int(digits) <= INT_MAX:
        raise NotJson("an integer of more than 63 bits")
    return int(digits)


def _number(digits: str) -> Decimal:
    if not NUMBER.fullmatch(digits):
        raise NotJson("a number of too many digits")
    return Decimal(digits)


def _integer_or_text(digits: str) -> int | str:
    try:
        return _integer(digits)
    except NotJson:
        return digits[:ODD_CHARS_MAX]


def _number_or_text(digits: str) -> Decimal | str:
    try:
        return _number(digits)
    except NotJson:
        return digits[:ODD_CHARS_MAX]


def _constant(_word: str) -> NoReturn:
    raise NotJson("NaN or Infinity")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    # Two equal names with different values: which one is meant, nobody can say.
    if len(value) != len(pairs) and any(value[name] != member for name, member in pairs):
        raise NotJson("one name with two values")
    return value


def _deeper_than(value: JsonValue, levels: int) -> bool:
    """Level by level, so that the depth of this function does not depend on the text."""
    layer = _containers([value])
    for _ in range(levels):
        if not layer:
            return False
        layer = [inner for container in layer for inner in _containers(container)]
    return bool(layer)


def _containers(value: dict[str, Any] | list[Any]) -> list[Any]:
    members = value.values() if isinstance(value, dict) else value
    return [member for member in members if isinstance(member, (dict, list))]


_DECODER: Final = json.JSONDecoder(
    parse_int=_integer, parse_float=_number, parse_constant=_constant, object_pairs_hook=_object
)
_KEEPING: Final = json.JSONDecoder(
    parse_int=_integer_or_text, parse_float=_number_or_text, parse_constant=_constant, object_pairs_hook=_object
)
