"""Read a TOML document with the lines of its parts, and go on behind an error of form, so that none hides the others."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final, NamedTuple

from listenkey.gateway.mistakes import Mistake
from listenkey.gateway.toml_lines import TomlLines

ERRORS_MAX: Final = 20
"""Errors of form that are looked for; each costs another reading."""

_AT_LINE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

IN_WORDS: Final = (
    ("Invalid value", 'this value is none that TOML knows; a text stands in quotes, as in name = "desk-1"'),
    ("Expected '=' after a key", 'expected NAME = VALUE, as in name = "desk-1"'),
    ("Cannot overwrite a value", "this key stands twice in its table; take one out"),
    ("Cannot declare", "this table stands twice; write its keys below the first one"),
    ("Expected newline", "the value ends before the line does; a text stands in quotes, with nothing after it"),
    ("Illegal character", 'a text is not closed, or holds a control character; end it with "'),
    ("Unterminated string", 'a text is not closed; end it with "'),
    ("Expected ']", "the head of a table is not closed; write [gateway] or [[accounts]]"),
    ("Unclosed array", 'a list is not closed; end it with "]"'),
    ("Unclosed inline table", 'a table is not closed; end it with "}"'),
)
"""The beginnings of the parser's messages, and the same in words that say what to do."""

OPEN_ENDED: Final = ("Unclosed", "Unterminated")
"""Errors that are told where the value begins: the parser notices them at its end, or at the end of the file."""

STEPS_BACK_MAX: Final = 200
"""Lines above an error among which the beginning of its value is looked for; each costs another reading."""

_HEAD: Final = re.compile(r"\[\[?[A-Za-z0-9_.\"' \t-]+\]\]?[ \t]*(?:#.*)?")


class TomlFile(NamedTuple):
    """
    A document.

    Attributes:
        values: Its values; empty where an error has no end.
        lines: Their lines.
        mistakes: Errors of form. What stood on these lines is in no value.
        is_whole: Whether all else could be read.
    """

    values: dict[str, Any]
    lines: TomlLines
    mistakes: tuple[Mistake, ...]
    is_whole: bool

    def is_broken(self, line: int) -> bool:
        """Return True where the table that begins on this line has an error of form: keys may be missing for it."""
        return any(self.lines.head_above(mistake.line) == line for mistake in self.mistakes)


def read_toml(text: str) -> TomlFile:
    """
    Return the values and lines of a document.

    A line that can't be read is told, left out, and the rest is read again, so that the user gets all mistakes at once.
    """
    rows = [*text.replace("\r\n", "\n").rstrip("\n").split("\n"), ""]
    mistakes: list[Mistake] = []
    while len(mistakes) < ERRORS_MAX:
        try:
            values = tomllib.loads("\n".join(rows))
        except RecursionError:
            mistakes.append(Mistake(1, "tables or lists are nested too deep"))
            break
        except ValueError as error:
            mistakes.append(_leave_out(rows, str(error)))
        else:
            return TomlFile(values, TomlLines("\n".join(rows)), tuple(mistakes), is_whole=True)
    return TomlFile({}, TomlLines(""), tuple(mistakes), is_whole=False)


def _leave_out(rows: list[str], message: str) -> Mistake:
    """Empty the lines of the error that the parser found, and return it."""
    at = _AT_LINE.search(message)
    line = min(int(at[1]), len(rows) - 1) if at and at[1] else len(rows) - 1
    begin = _beginning(rows, line)
    plain = _AT_LINE.sub("", message)
    if not (at and at[1]) and plain == "Invalid value":
        plain = "Unclosed array"  # The parser waits for one more value of it.
    words = next((words for start, words in IN_WORDS if plain.startswith(start)), f"not TOML: {plain}")
    is_open = plain.startswith(OPEN_ENDED) or not (at and at[1])
    if begin != line and not is_open:
        words += f" (within the value that begins on line {begin})"
    is_head = rows[begin - 1].lstrip().startswith("[")
    ends = begin
    # The keys below a head that can't be read would count for the table above; the rest of an open value for nothing.
    while (is_head or is_open or begin != line) and ends < len(rows) and not _HEAD.fullmatch(rows[ends].lstrip(" \t")):
        ends += 1
    rows[begin - 1 : ends] = [""] * (ends - begin + 1)
    return Mistake(begin if is_open else line, words)


def _beginning(rows: list[str], line: int) -> int:
    """Return the line where what ends on a line with an error begins: all above it can be read."""
    for above in range(line - 1, max(-1, line - 1 - STEPS_BACK_MAX), -1):
        try:
            tomllib.loads("\n".join(rows[:above]) + "\n")
        except ValueError:
            continue
        return above + 1
    return line
