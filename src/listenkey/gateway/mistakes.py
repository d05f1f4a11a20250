"""The mistakes of a configuration: all at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from listenkey.errors import UsageError


class Mistake(NamedTuple):
    """
    One mistake.

    Attributes:
        line: Its line in the file, from 1; 0 where it is not in the file, but in the environment.
        text: What is wrong and what to write instead. It repeats no value that may be a secret.
    """

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


class ConfigError(UsageError):
    """
    A configuration can't be used.

    Attributes:
        path: Its file.
        mistakes: All of them, in the order of their lines.
    """

    def __init__(self, path: Path, mistakes: Iterable[Mistake]) -> None:
        self.path = path
        self.mistakes = tuple(sorted(mistakes))
        super().__init__(path, self.mistakes)

    def __str__(self) -> str:
        many = "1 mistake" if len(self.mistakes) == 1 else f"{len(self.mistakes)} mistakes"
        return f"{self.path} has {many}: " + "; ".join(map(str, self.mistakes))
