"""An error of form is told with its line, and hides none of the others."""

from __future__ import annotations

import pytest

from listenkey.gateway.toml_file import ERRORS_MAX, read_toml


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[a]\nb = word", 2, "a text stands in quotes"),
        ("[a]\nlisten = 127.0.0.1:80\nc = 1", 2, "a text stands in quotes"),
        ("[a]\nb\nc = 1", 2, "expected NAME = VALUE"),
        ("[a]\nb = 1\nb = 2\nc = 1", 3, "stands twice"),
        ("[a]\nb = 1\n[c]\n[a]\nd = 1", 4, "this table stands twice"),
        ('[a]\nb = "x\nc = 1', 2, "not closed"),
        ('[a]\nb = """x\nc = 1', 2, "not closed"),
        ("[a]\nb = [1,\n2\n", 2, "not closed"),
        ("[a]\nb = [1,\n2,\n", 2, "a list is not closed"),
        ("[a]\nb = {c = 1\n", 2, "not closed"),
        ("[a\nb = 1", 1, "head of a table is not closed"),
        ('[a]\nb = "\\q"', 2, "not TOML: Unescaped"),
    ],
)
def test_each_kind_is_told_where_it_begins(text: str, line: int, words: str) -> None:
    found = read_toml(text)
    assert [mistake.line for mistake in found.mistakes] == [line]
    assert words in found.mistakes[0].text
    assert found.is_whole


def test_several_are_told_at_once_and_the_rest_is_read() -> None:
    text = '[a]\nb = word\nc = 3\n[[d]\ne = 1\n[f]\ng = [1,\n"h"\n\n[[i]]\nj = "x\nk = 4\n'
    found = read_toml(text)
    assert [mistake.line for mistake in found.mistakes] == [2, 4, 7, 11]
    assert found.values == {"a": {"c": 3}, "f": {}, "i": [{"k": 4}]}
    assert found.lines.of("i", 0, "k") == 12
    assert [found.is_broken(line) for line in (1, 6, 10)] == [True, True, True]
    assert not read_toml("[a]\nb = 1\n[c]\nd = e").is_broken(1)


def test_an_error_within_a_long_value_is_told_on_its_own_line() -> None:
    found = read_toml('a = [\n  "x",\n  word,\n]\nb = 1\n[c]\nd = 1')
    assert [(mistake.line, "begins on line 1" in mistake.text) for mistake in found.mistakes] == [(3, True)]
    assert found.values == {"c": {"d": 1}}


def test_there_is_an_end_to_it() -> None:
    found = read_toml("word\n" * (ERRORS_MAX + 5))
    assert len(found.mistakes) == ERRORS_MAX
    assert not found.is_whole
    assert read_toml("a = " + "[" * 5000).mistakes[0].line == 1


def test_lines_of_another_system_and_a_number_without_end() -> None:
    assert read_toml("a = 1\r\nb = \r\n").mistakes[0].line == 2
    assert read_toml("a = 1\nb = " + "1" * 5000).mistakes[0].text.startswith("not TOML")
