"""Docstrings say what a thing is or does; a question asks the reader to work it out first."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from tests.tidy.source import Module, none_of, python_modules

QUESTION: Final = re.compile(
    r"[^\w`]*(?:(?:at|by|for|from|in|of|on|since|to|until|with) )?"
    r"(?:what|whatever|whether|how|however|who|whoever|whom|whose|when|whenever|where|wherever|which|whichever|why)\b",
    re.IGNORECASE,
)
"""A question word at the beginning, behind a preposition, too; a name in backticks is a name."""


def docstrings(module: Module) -> Iterator[tuple[int, str]]:
    """Every text that stands alone, by its line: docstrings of modules, classes and functions, and those of constants."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text


def questions(module: Module) -> Iterator[str]:
    """The docstrings that open with a question word."""
    for line, text in docstrings(module):
        if QUESTION.match(text):
            yield f"{module.path}:{line}: {text.strip().splitlines()[0]}"


def test_no_docstring_opens_with_a_question_word() -> None:
    none_of(problem for module in python_modules() for problem in questions(module))


def test_questions_are_found_wherever_a_docstring_stands() -> None:
    planted = Module("m", '''
"""What a module is."""

LIMIT = 1
"""How much may wait."""


class Box:
    """
    Whoever keeps things.
    """

    size: int = 0
    """Until when it is kept."""

    def is_full(self) -> bool:
        r"""Whether nothing more fits."""
        return True
''')  # fmt: skip
    assert {problem.partition(": ")[2] for problem in questions(planted)} == {
        "What a module is.",
        "How much may wait.",
        "Whoever keeps things.",
        "Until when it is kept.",
        "Whether nothing more fits.",
    }


def test_statements_are_left_alone() -> None:
    told = ["Return what was kept.", "True where it is full.", "`why` it ended.", "The box of whoever asks.", "Whole."]
    assert list(questions(Module("m", "\n\n".join(f'"""{text}"""' for text in told)))) == []
