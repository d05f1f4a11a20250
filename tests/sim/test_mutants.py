"""Builds that are broken on purpose are found; all of them by `python -m sim --mutants`, a few here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.mutants import ALL, FOUND_BY_TESTS, MUTANTS, hunt
from sim.mutants.plugin import NAME
from sim.runner.campaigns import CAMPAIGNS

TESTS = Path(__file__).parent.parent
TESTS_FAILED = 1

AIMED_QUICK = ("only_trades_brought_back", "lost_ends_are_let_go", "open_orders_not_looked_at", "orders_by_id_alone", "written_clock_believed",
               "written_ban_believed", "never_late_without_a_secret", "limits_taken_as_they_are",
               "one_row_spoils_all", "idle_never_wakes", "idle_is_forgotten")  # fmt: skip
"""Faults that trials found, each shown by the first world that is made for it."""

QUICK = ("gap_not_told", "waits_for_goodbye", "told_before_written", "amounts_are_floats", "deletes_on_exit")
"""Found by one of the first seeds."""


@pytest.mark.parametrize("name", [*QUICK, *AIMED_QUICK])
def test_a_broken_build_is_found(name: str) -> None:
    (mutant,) = (each for each in MUTANTS if each.__name__ == name)
    _, mode, days = CAMPAIGNS["commit"]
    assert hunt(mutant, 1, 12, mode, days).rule


def test_there_are_enough_of_them_and_each_says_what_is_broken() -> None:
    assert len(MUTANTS) >= 25
    assert all(mutant.__doc__ for mutant in MUTANTS)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", sorted(FOUND_BY_TESTS))
def test_a_build_that_is_broken_outside_of_the_simulation_fails_a_test(name: str) -> None:
    file, _, test = FOUND_BY_TESTS[name].partition("::")
    where = str(TESTS / file) + ("::" + test if test else "")
    broken = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "sim.mutants.plugin", "-p", "no:cacheprovider", where],
        cwd=TESTS.parent, env=os.environ | {NAME: name}, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert broken.returncode == TESTS_FAILED, broken.stdout[-2000:] + broken.stderr[-2000:]
    assert " failed" in broken.stdout


def test_each_broken_build_is_looked_for_in_one_place() -> None:
    names = [each.__name__ for each in ALL]
    assert len(set(names)) == len(names)
    assert set(FOUND_BY_TESTS) <= set(names)
    assert {each.__name__ for each in MUTANTS} == set(names) - set(FOUND_BY_TESTS)
