"""The pages as text: their blocks of code and the mark above each, and the command lines in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
BLOCK: Final = re.compile(
    r"^(?P<indent> *)(?:<!-- (?P<mark>[^>\n]*?) -->\n *)?```(?P<language>\w*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
INLINE: Final = re.compile(r"`(listenkey [^`\n]+)`")
PLACEHOLDERS: Final = re.compile(r"[<>|…\[\]]|\.\.\.|\b[A-Z]{3,}\b|^listenkey [A-Z]")


class Block(NamedTuple):
    """One fenced block: where it starts, the HTML comment right above it, and its text."""

    page: str
    line: int
    language: str
    mark: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> dict[str, str]:
    """README.md and everything in docs/, by path from the root."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in found}


def blocks_in(page: str, text: str) -> Iterator[Block]:
    for match in BLOCK.finditer(text):
        lines = match["text"].splitlines(keepends=True)
        body = "".join(line.removeprefix(match["indent"]) for line in lines)
        line = text.count("\n", 0, match.start("text")) + 1
        yield Block(page, line, match["language"], match["mark"] or "", body)


def blocks(language: str) -> list[Block]:
    return [block for page, text in pages().items() for block in blocks_in(page, text) if block.language == language]


def commands_in(text: str) -> Iterator[list[str]]:
    """The arguments of each `listenkey ...` in a piece of shell, pipes, redirections and comments left out."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="|&;<>()")
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:
            continue  # a quotation over several lines: no command of ours
        yield from commands_of(words)


def commands_of(words: list[str]) -> Iterator[list[str]]:
    """Of one line's words; `pip install listenkey` is none, `NAME=VALUE listenkey tail` is one."""
    simple: list[str] = []
    for word in [*words, ";"]:
        if set(word) <= set("|&;<>()"):
            while simple and re.match(r"\w+=", simple[0]):
                del simple[0]
            if simple and simple[0].rpartition("/")[2] == "listenkey":
                yield simple[1:]
            simple = []
        else:
            simple.append(word)


def inline_commands(text: str) -> Iterator[str]:
    """Commands within a sentence; those with a placeholder are left out."""
    return (code for code in INLINE.findall(text) if not PLACEHOLDERS.search(code))
