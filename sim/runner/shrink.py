"""A failing run made short: which of its faults does it take? And the rest of it written as a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Final

from sim.environment.options import Options
from sim.faults.model import Fault
from sim.runner.options import draw_options
from sim.runner.run import Outcome, run_case

RUNS_MAX: Final = 80


def shrink(outcome: Outcome, tell: Callable[[str], None] = lambda _: None, runs_max: int = RUNS_MAX) -> list[Fault]:
    """
    The shortest list of faults found that fails by the same rule (delta debugging).

    Traffic, prices and latencies have random numbers of their own, so that leaving a fault out changes little else.
    """
    faults, rule, options = list(outcome.faults), outcome.rule, outcome.options
    left = runs_max
    pieces = 2
    while len(faults) > 1 and left > 0:
        size = -(-len(faults) // pieces)
        for start in range(0, len(faults), size):
            fewer = faults[:start] + faults[start + size :]
            left -= 1
            if fewer and run_case(options, fewer).rule == rule:
                tell(f"{len(fewer)} faults still fail")
                faults, pieces = fewer, max(2, pieces - 1)
                break
            if left == 0:
                break
        else:
            if size == 1:
                break
            pieces = min(len(faults), pieces * 2)
    return faults


def as_test(options: Options, faults: list[Fault], rule: str) -> str:
    """
    Return a case for `tests/sim/test_pinned.py`.

    It names each circumstance in which the run differed from the one that its seed draws: somebody may have chosen it, and
    faults that were left out since may have brought it about.
    """
    drawn = draw_options(options.seed, options.mode, options.days)
    world = f"draw_options({options.seed}, {options.mode!r}, {options.days})"
    names = (field.name for field in fields(options))
    if changed := [name for name in names if getattr(options, name) != getattr(drawn, name)]:
        world = f"replace({world}, {', '.join(f'{name}={getattr(options, name)!r}' for name in changed)})"
    lines = [f"    # {rule}", "    Case(", f"        {world},", "        ["]
    lines += [f"            {fault!r}," for fault in faults]
    return "\n".join([*lines, "        ],", "    ),"])
