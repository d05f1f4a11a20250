"""Compare the tables of causes and losses in the pages with the enums."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from listenkey.outcomes import OF_FILLS, GapCause, Loss

DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(r"^\| `([A-Z_]+)` \| `([a-z_]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


@pytest.mark.parametrize(("page", "kind"), [("reference/stream.md", GapCause), ("explanation/recovery.md", Loss)])
def test_each_value_has_its_row_and_each_row_its_value(page: str, kind: type[GapCause | Loss]) -> None:
    rows = ROW.findall((DOCS / page).read_text())
    assert [(name, value) for name, value, _, _ in rows] == [(one.name, one.value) for one in kind]


def test_the_losses_that_fills_are_among_are_marked() -> None:
    rows = ROW.findall((DOCS / "explanation/recovery.md").read_text())
    assert {name for name, _, lost, _ in rows if "*fills*" in lost} == {loss.name for loss in OF_FILLS}
