"""Compare the tables of causes and losses in the pages with the enums."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from listenkey.outcomes import OF_FILLS, GapCause, Loss

PAGE = Path(__file__).parents[2] / "docs/reference/gaps.md"
ROW = re.compile(r"^\| `([A-Z_]+)` \| `([a-z_]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def rows_below(heading: str) -> list[tuple[str, str, str, str]]:
    (section,) = [text for text in PAGE.read_text().split("\n## ") if text.startswith(heading)]
    return ROW.findall(section)


@pytest.mark.parametrize(("heading", "kind"), [("Causes of a gap", GapCause), ("Losses of a gap", Loss)])
def test_each_value_has_its_row_and_each_row_its_value(heading: str, kind: type[GapCause | Loss]) -> None:
    rows = rows_below(heading)
    assert [(name, value) for name, value, _, _ in rows] == [(one.name, one.value) for one in kind]


def test_the_losses_that_fills_are_among_are_marked() -> None:
    rows = rows_below("Losses of a gap")
    assert {name for name, _, lost, _ in rows if "*fills*" in lost} == {loss.name for loss in OF_FILLS}
