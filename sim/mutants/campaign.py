"""Hunt the broken builds, one after the other."""

from __future__ import annotations

from sim.mutants import MUTANTS, hunt
from sim.runner.campaigns import CAMPAIGNS
from sim.runner.run import FINE, WRONG


def hunt_all(names: list[str], first: int, seeds: int | None) -> int:
    """Every mutant, or those named, against the commit campaign; a table, and whether all were found."""
    most, mode, days = CAMPAIGNS["commit"]
    chosen = [mutant for mutant in MUTANTS if not names or mutant.__name__ in names]
    print("| broken build | found by seed | rule | s |\n| --- | --- | --- | --- |")
    missed = 0
    for mutant in chosen:
        caught = hunt(mutant, first, seeds or most, mode, days)
        missed += not caught.rule
        found = (caught.seed, caught.rule) if caught.rule else ("none", f"not found in {seeds or most} seeds")
        print(f"| {caught.name} | {found[0]} | {found[1]} | {caught.seconds:.0f} |", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} found")
    return WRONG if missed else FINE
