"""docs/reference/faults.md: every row is there, says where it is shown, and what it names exists."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sim.faults.registry import KINDS
from tests.tidy.source import ROOT, files, none_of

PAGE: Final = ROOT / "docs" / "reference" / "faults.md"
ROWS: Final = {"N": 16, "W": 18, "K": 10, "R": 15, "T": 5, "P": 9, "D": 9, "G": 7}
ROW: Final = re.compile(r"^\| ([NWKRTPDG])(\d+) \| ([^|]+) \| (.+) \|$", re.MULTILINE)
NAMED: Final = re.compile(r"`(test_\w+)`")
OF_A_ROW: Final = re.compile(r"^(?:async )?def (test_[nwkrtpdg]\d+_\w+)", re.MULTILINE)
COMMIT_TIER: Final = 12


def names_in(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        yield from re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)


def test_all_eighty_nine_rows_are_there_in_order() -> None:
    found = [(letter, int(number)) for letter, number, _, _ in ROW.findall(PAGE.read_text("utf-8"))]
    assert found == [(letter, number) for letter, count in ROWS.items() for number in range(1, count + 1)]
    assert sum(Counter(letter for letter, _ in found).values()) == 89


def test_every_row_says_where_it_is_shown_or_why_not_and_since_when() -> None:
    for letter, number, _, where in ROW.findall(PAGE.read_text("utf-8")):
        shown = NAMED.search(where) or "`sim:" in where
        assert shown or re.search(r"not shown.*\(\d{4}-\d\d-\d\d\)", where), f"{letter}{number}"


def test_what_is_named_exists_and_every_test_of_a_row_is_named() -> None:
    page = PAGE.read_text("utf-8")
    python = [path for path in files() if path.suffix == ".py" and "tests" in path.parts]
    there = set(names_in(python))
    none_of(f"{name} is no test" for name in NAMED.findall(page) if name not in there)
    none_of(f"{kind} is no kind of the simulation's" for kind in re.findall(r"`sim:(\w+)`", page) if kind not in KINDS)
    chaos = [path for path in python if "chaos" in path.parts]
    rows = {name for path in chaos for name in OF_A_ROW.findall(path.read_text("utf-8"))}
    none_of(f"{name} is not on the page" for name in sorted(rows) if f"`{name}`" not in page)


def test_the_twelve_of_every_commit_are_marked() -> None:
    assert len(re.findall(r"\*\*`test_", PAGE.read_text("utf-8"))) == COMMIT_TIER
