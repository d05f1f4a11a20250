"""
Documented messages and answers, each with one field that is wrong: absent, null, of another type, huge, oddly spelled.

A mutant is the document's JSON in which the text of one value was replaced, so that spellings count which no JSON
library would write: `-0`, `1e999999`, an integer of twenty digits.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

FIXTURES: Final = Path(__file__).parents[1] / "fixtures"
INDEX: Final[list[dict[str, Any]]] = json.loads((FIXTURES / "index.json").read_bytes())

HUGE: Final = b"x" * 20_000
WRONG: Final = {
    "null": b"null",
    "empty": b'""',
    "space": b'" "',
    "a word": b'"word"',
    "an integer": b"5",
    "an integer as text": b'"5"',
    "true": b"true",
    "false": b"false",
    "zero": b"0",
    "minus zero": b"-0",
    "minus zero as text": b'"-0"',
    "negative": b"-7",
    "negative as text": b'"-7.5"',
    "a fraction": b"1.5",
    "a fraction as text": b'"1.50"',
    "an exponent": b"1.5E-3",
    "an exponent as text": b'"0E-8"',
    "a large exponent": b"2e3",
    "a huge exponent": b"1e999999",
    "a huge exponent as text": b'"1e999999"',
    "twenty digits": b"12345678901234567890",
    "twenty digits as text": b'"12345678901234567890"',
    "forty digits": b"9" * 40,
    "not a number": b'"NaN"',
    "endless": b'"-Infinity"',
    "a plus": b'"+1"',
    "digits of another script": '"١２"'.encode(),
    "a list": b"[]",
    "a list of one": b"[1]",
    "a list of an object": b'[{"s":1}]',
    "an object": b"{}",
    "an object of one": b'{"a":[null]}',
    "a huge text": b'"' + HUGE + b'"',
    "a huge number": b'"' + b"9" * 20_000 + b'"',
    "a long list": b"[" + b"0," * 2_000 + b"0]",
    "deep": b"[" * 24 + b"]" * 24,
    "control characters": b'"\\u0000\\u001b[2J\\u202e"',
    "half a surrogate pair": b'"\\ud800"',
}
"""The wrong values that a field may have."""

ABSENT: Final = "absent"
_MARK: Final = "\x00mark\x00"
_MARKED: Final = json.dumps(_MARK).encode()


class Mutant(NamedTuple):
    """
    A document with one wrong field.

    Attributes:
        path: Of the field: `("o", "n")`, `(0, "fee")`; empty where the whole document was replaced.
        kind: `ABSENT`, or a name of `WRONG`.
        body: The JSON.
    """

    path: tuple[str | int, ...]
    kind: str
    body: bytes


def document(name: str) -> Any:
    """The document of a file."""
    return json.loads((FIXTURES / name).read_bytes())


def compact(value: Any) -> bytes:
    """JSON as the venue writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def mutants(whole: Any) -> Iterator[Mutant]:
    """Each field of a document, nested ones too, with each kind of wrong value; and the document itself."""
    for kind, text in WRONG.items():
        yield Mutant((), kind, text)
    for path in _paths(whole):
        yield Mutant(path, ABSENT, compact(_with(whole, path, absent=True)))
        marked = compact(_with(whole, path, absent=False))
        assert marked.count(_MARKED) == 1
        for kind, text in WRONG.items():
            yield Mutant(path, kind, marked.replace(_MARKED, text))


def _paths(tree: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    # Of a list its first element stands for all.
    members: list[tuple[str | int, Any]] = list(enumerate(tree[:1])) if isinstance(tree, list) else list(tree.items())
    for key, value in members:
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from _paths(value, (*path, key))


def _with(whole: Any, path: tuple[str | int, ...], *, absent: bool) -> Any:
    changed = copy.deepcopy(whole)
    place = changed
    for step in path[:-1]:
        place = place[step]
    if absent:
        del place[path[-1]]
    else:
        place[path[-1]] = _MARK
    return changed
