"""Builds that are broken on purpose are found; all of them by `python -m sim --mutants`, a few here."""

from __future__ import annotations

import pytest

from sim.mutants import MUTANTS, hunt
from sim.tiers import TIERS

QUICK = ("gap_not_told", "waits_for_goodbye", "told_before_written", "amounts_are_floats", "deletes_on_exit")
"""Found by one of the first seeds."""


@pytest.mark.parametrize("name", QUICK)
def test_a_broken_build_is_found(name: str) -> None:
    (mutant,) = (each for each in MUTANTS if each.__name__ == name)
    _, mode, days = TIERS["commit"]
    assert hunt(mutant, 1, 12, mode, days).rule


def test_there_are_enough_of_them_and_each_says_what_is_broken() -> None:
    assert len(MUTANTS) >= 25
    assert all(mutant.__doc__ for mutant in MUTANTS)
