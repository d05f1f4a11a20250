"""Every kind of fault does something, and stands for a row of docs/reference/faults.md."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from sim import faults
from sim.environment.options import Options
from sim.faults import registry
from sim.faults.matrix import FAULT_MATRIX, NOT_SIMULATED, PAIRS, covered
from sim.faults.model import Fault
from sim.faults.registry import KINDS
from sim.faults.schedule import draw_fault
from sim.runner.options import draw_options
from sim.runner.run import circumstances, run_case
from tests.tidy.source import ROOT

OPTIONS = replace(
    draw_options(1, "safety", 0.005), processes=(1, 1), accounts=(0, 1), recovers=True, journal=True, episode_s=30.0
)
FILLS = (("fills", 20),)
RESETS = [
    Fault("burst", 0, 125.0, 0.001, FILLS), Fault("reset", 0, 130.0, 0.0),
    Fault("burst", 0, 169.999, 0.001, FILLS), Fault("reset", 0, 170.0, 0.0),
]  # fmt: skip
"""Resets that reveal a fault which keeps a client from coming back, or from asking for missed events."""


def _traced(options: Options, faults: list[Fault]) -> list[str]:
    lines = run_case(options, faults, keep_trace=True).trace_lines or []
    return [line for line in lines if line.split(" ")[1] != "fault"]


@cache
def _without(options: Options) -> list[str]:
    return _traced(options, RESETS)


@pytest.mark.parametrize("kind", KINDS)
def test_it_changes_what_happens(kind: str) -> None:
    import random

    drawn = draw_fault(random.Random(f"{kind} 1"), kind, 0, 120.0)
    for_s = 0.0 if KINDS[kind].most_s == 0 else max(drawn.for_s, 60.0)
    fault = replace(drawn, for_s=for_s)
    # Who is there is not what the fault does.
    options = replace(OPTIONS, co_tenants=circumstances(OPTIONS, [fault]).co_tenants)
    assert _traced(options, [fault, *RESETS]) != _without(options)


def test_each_kind_is_begun_in_one_domain() -> None:
    modules = [importlib.import_module(f"sim.faults.{each.name}") for each in pkgutil.iter_modules(faults.__path__)]
    domains = [module for module in modules if hasattr(module, "BEGIN") and module is not registry]
    assert sorted(kind for domain in domains for kind in domain.BEGIN) == sorted(KINDS) == sorted(registry.BEGIN)
    ends = sorted(kind for domain in domains for kind in getattr(domain, "END", ()))
    assert ends == sorted(registry.END)
    assert set(ends) <= set(KINDS)


def test_every_row_is_simulated_or_says_why_not_and_every_kind_is_some_row_s() -> None:
    text = (Path(ROOT) / "docs" / "reference" / "faults.md").read_text("utf-8")
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ") and line[2:3].isupper()]
    assert set(FAULT_MATRIX) | set(NOT_SIMULATED) == set(rows)
    assert not set(FAULT_MATRIX) & set(NOT_SIMULATED)
    assert all(reason[:10].count("-") == 2 for reason in NOT_SIMULATED.values())
    assert {kind for kinds in FAULT_MATRIX.values() for kind in kinds} == set(KINDS)


def test_all_pairs_of_kinds_are_all_pairs_of_the_rows_that_are_simulated() -> None:
    every = [(one, other) for one in KINDS for other in KINDS]
    assert PAIRS == 5778
    assert covered(every) == len(FAULT_MATRIX) * (len(FAULT_MATRIX) + 1) // 2
    assert covered([("reset", "ban")]) == 1
    assert covered([("suspend", "suspend")]) == 3  # K4 and T3 are one kind: each with itself, and with the other
