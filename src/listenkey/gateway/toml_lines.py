"""
The lines of a TOML document's tables, keys and values, which the standard library's parser does not tell.

It reads texts that `tomllib` has accepted, and finds the places alone: the values are `tomllib`'s. See decisions/0012.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Final, TypeAlias

Place: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys of tables and indices of arrays, as `values["accounts"][2]["name"]` goes it."""

_SPACE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BETWEEN: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_ONE_LINE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|' + r"'[^']*'")
_MANY_LINES: Final = re.compile(r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}|' + r"'''(?:[^']|'{1,2}(?!'))*'{3,5}", re.DOTALL)
_SCALAR: Final = re.compile(r"[^,\]}\r\n#]*")


class TomlLines:
    """
    The line on which each part of a document begins.

    Args:
        text: A document that `tomllib` accepts.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted_to = 0
        self._lines: dict[Place, int] = {}
        self._sizes: dict[Place, int] = {}
        self._heads: list[int] = []
        self._read()

    def __iter__(self) -> Iterator[Place]:
        return iter(self._lines)

    def of(self, *place: str | int) -> int:
        """Return the line where a part begins, or the nearest part around it that is there; 1 is the whole document."""
        while place:
            if line := self._lines.get(place):
                return line
            place = place[:-1]
        return 1

    def head_above(self, line: int) -> int:
        """Return the line of the `[table]` or `[[table]]` that a line lies below; 0 where it is above all of them."""
        return max((head for head in self._heads if head <= line), default=0)

    def _read(self) -> None:
        table: Place = ()
        while self._skip(_SPACE):
            if self._text[self._at] == "[":
                table = self._head()
            else:
                self._pair(table)

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        """Go on behind what matches; return False at the end."""
        found = pattern.match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        return self._at < len(self._text)

    def _note(self, place: Place) -> None:
        """Keep the line of a part, and of the tables around it which have none of their own."""
        self._line += self._text.count("\n", self._counted_to, self._at)
        self._counted_to = self._at
        for size in range(1, len(place) + 1):
            self._lines.setdefault(place[:size], self._line)

    def _head(self) -> Place:
        is_array = self._text.startswith("[[", self._at)
        begin = self._at
        self._at += 1 + is_array
        *above, last = self._key()
        after, self._at = self._at, begin
        place: Place = ()
        for part in above:
            place = self._newest((*place, part))
        place = (*place, last)
        if is_array:
            self._sizes[place] = self._sizes.get(place, 0) + 1
            place = self._newest(place)
        self._lines.pop(place, None)  # It may have been seen as the table around another.
        self._note(place)
        self._heads.append(self._line)
        self._at = self._text.index("]", after) + 1 + is_array
        return place

    def _newest(self, place: Place) -> Place:
        return (*place, self._sizes[place] - 1) if place in self._sizes else place

    def _key(self) -> list[str]:
        """Read `name`, `"name"` or `a.b.c`."""
        parts = []
        while True:
            self._skip(_BETWEEN)
            found = _BARE.match(self._text, self._at) or _ONE_LINE.match(self._text, self._at)
            assert found is not None
            self._at = found.end()
            quoted = found[0][0] in "\"'"
            parts.append(tomllib.loads(f"it = {found[0]}")["it"] if quoted else found[0])
            self._skip(_BETWEEN)
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _pair(self, table: Place) -> None:
        begin = self._at
        key = self._key()
        after, self._at = self._at, begin
        place = (*table, *key)
        self._note(place)
        self._at = self._text.index("=", after) + 1
        self._skip(_BETWEEN)
        self._value(place)

    def _value(self, place: Place) -> None:
        match self._text[self._at]:
            case "[":
                self._array(place)
            case "{":
                self._inline_table(place)
            case '"' | "'" as quote:
                self._skip(_MANY_LINES if self._text.startswith(quote * 3, self._at) else _ONE_LINE)
            case _:
                self._skip(_SCALAR)

    def _array(self, place: Place) -> None:
        self._at += 1
        index = 0
        while self._skip(_SPACE) and self._text[self._at] != "]":
            self._note((*place, index))
            self._value((*place, index))
            index += 1
            self._comma()
        self._at += 1

    def _inline_table(self, place: Place) -> None:
        self._at += 1
        while self._skip(_SPACE) and self._text[self._at] != "}":
            self._pair(place)
            self._comma()
        self._at += 1

    def _comma(self) -> None:
        self._skip(_SPACE)
        if self._text.startswith(",", self._at):
            self._at += 1
