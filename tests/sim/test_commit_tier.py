"""The simulation finds nothing wrong: the tier that `make sim` runs, whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.faults.registry import KINDS
from sim.runner.campaigns import CAMPAIGNS, run_many
from sim.runner.run import run_seed

DAYS = CAMPAIGNS["commit"][2]
ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(900)  # a minute on two processors that have nothing else to do
def test_nothing_is_wrong_in_two_hundred_worlds_and_every_kind_of_fault_was_in_them() -> None:
    seeds, mode, days = CAMPAIGNS["commit"]
    summary = run_many(1, seeds, mode, days)
    assert summary.failed == []
    assert summary.seeds == 200
    assert set(summary.faults) == set(KINDS)


@pytest.mark.parametrize("seed", [1, 3, 5])
def test_the_same_seed_gives_the_same_bytes(seed: int) -> None:
    digests = set()
    for _ in range(2):
        evidence = run_seed(seed, "safety", DAYS).evidence
        assert evidence is not None
        digests.add((evidence.trace, evidence.digest()))
    assert len(digests) == 1


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    """Python orders a set of texts by a number drawn for each process; a world in which many symbols are suspected."""
    command = [sys.executable, "-m", "sim", "1384", "--mode", "pair", "--days", "0.037", "--no-shrink"]
    printed = {
        subprocess.run(
            command, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": drawn}, capture_output=True, text=True, check=True
        ).stdout.partition("\nitems ")[2]
        for drawn in ("1", "2")
    }
    assert len(printed) == 1
    assert "trace" in printed.pop()
