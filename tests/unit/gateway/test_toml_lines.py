"""Every part of a document has the line on which a person finds it."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenkey.gateway.toml_lines import Place, TomlLines

DOCUMENT = '''\
top = 1   # 1
[gateway]
listen = "a # b = [c] \\" ]"
'a.b' = """
one "quoted" line = 3
[not_a_table]
""""
dotted . name = 1979-05-27 07:32:00
list = [ 1, [2,
  3], { a = 1, b = { c = "}" } }, # ]
  "x",
]

[[accounts]]
name = 'one'
[accounts.more]
deep = true
[[accounts]]
name = "two"
[[accounts.inner]]
x = 1
[[accounts.inner]]
x = 2
[other.inner]
[other]
y = 1
'''


def places(value: Any, place: Place = ()) -> dict[Place, Any]:
    found = {place: value} if place else {}
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        found |= places(part, (*place, name))
    return found


def test_each_part_has_its_line() -> None:
    lines = TomlLines(DOCUMENT)
    assert set(places(tomllib.loads(DOCUMENT))) <= set(lines)
    rows = DOCUMENT.splitlines()
    expected = {
        ("top",): 1,
        ("gateway",): 2,
        ("gateway", "listen"): 3,
        ("gateway", "a.b"): 4,
        ("gateway", "dotted", "name"): 8,
        ("gateway", "list", 1): 9,
        ("gateway", "list", 1, 1): 10,
        ("gateway", "list", 2, "b", "c"): 10,
        ("gateway", "list", 3): 11,
        ("accounts", 0): rows.index("[[accounts]]") + 1,
        ("accounts", 0, "name"): rows.index("name = 'one'") + 1,
        ("accounts", 0, "more", "deep"): rows.index("deep = true") + 1,
        ("accounts", 1, "name"): rows.index('name = "two"') + 1,
        ("accounts", 1, "inner", 1, "x"): rows.index("x = 2") + 1,
        ("other",): rows.index("[other]") + 1,
        ("other", "y"): rows.index("y = 1") + 1,
    }
    assert {place: lines.of(*place) for place in expected} == expected


def test_what_is_not_there_has_the_line_of_what_is_around_it() -> None:
    lines = TomlLines(DOCUMENT)
    assert lines.of("accounts", 1, "key") == lines.of("accounts", 1)
    assert lines.of("nothing") == 1


def test_the_head_above_a_line() -> None:
    lines = TomlLines(DOCUMENT)
    assert (lines.head_above(1), lines.head_above(2), lines.head_above(9)) == (0, 2, 2)


def test_lines_of_another_system_count_alike() -> None:
    assert TomlLines("a = 1\r\n[b]\r\nc = 1\r\n").of("b", "c") == 3


KEYS = st.text("ab-_0é\"'\\ .#=[]{}\n\t", min_size=1, max_size=4)
SCALARS = st.one_of(st.integers(-9, 9), st.booleans(), st.just(1.5), st.text("ab\"'\\#=[]{},\n\r\t é", max_size=6))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
TABLES = st.dictionaries(
    KEYS, st.one_of(VALUES, st.lists(st.dictionaries(KEYS, VALUES, max_size=2), min_size=1, max_size=3))
)


def quoted(text: str, draw: Any) -> str:
    if text and "'" not in text and text.isprintable() and draw(st.booleans()):
        return f"'{text}'"
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(escapes.get(letter, letter) for letter in text) + '"'


def written(value: Any, draw: Any) -> str:
    """A value as TOML, with spaces, comments and line breaks where the form allows them."""
    space: str = draw(st.sampled_from(["", " ", "  # [x] = {\n\t", "\n\n"]))
    match value:
        case bool():
            return "true" if value else "false"
        case str() if "\n" in value and draw(st.booleans()):
            return '"""\n' + value.replace("\\", "\\\\").replace('"""', '""\\"').replace("\r", "\\r") + ' """'
        case str():
            return quoted(value, draw)
        case list():
            return "[" + space + f"{space},{space}".join(written(each, draw) for each in value) + space + "]"
        case dict():
            return "{ " + ", ".join(f"{quoted(k, draw)} = {written(v, draw)}" for k, v in value.items()) + " }"
        case _:
            return str(value)


@given(st.data(), TABLES, st.lists(st.dictionaries(KEYS, VALUES, max_size=3), max_size=3))
def test_every_document_has_a_line_for_each_of_its_parts(
    data: st.DataObject, top: dict[str, Any], more: list[Any]
) -> None:
    rows = [f"{quoted(key, data.draw)} = {written(value, data.draw)}" for key, value in top.items()]
    for table in more:
        rows.append("[[ a.'+' ]] # ]]")
        rows += [f"{quoted(key, data.draw)}={written(value, data.draw)}" for key, value in table.items()]
    text = "\n".join(rows)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # Two ways to the same table, or "a" is none.
    lines = TomlLines(text)
    found = places(values)
    assert set(found) == set(lines)
    # What begins on a line ends the part of the document that can't be read without that line.
    by_line = text.split("\n")
    for place, value in found.items():
        if len(place) == 1 and not isinstance(value, dict | list):
            assert place[0] in tomllib.loads("\n".join(by_line[lines.of(*place) - 1 :]).partition("\n[[")[0])


@pytest.mark.parametrize("text", ["", "\n", "# a comment"])
def test_an_empty_document_has_no_parts(text: str) -> None:
    assert list(TomlLines(text)) == []
