"""The simulation finds nothing wrong: a part of the tier that `make sim` runs whole."""

from __future__ import annotations

import pytest

from sim.run import FINE, run_seed
from sim.tiers import TIERS

DAYS = TIERS["commit"][2]
SEEDS = range(1, 21)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_wrong_in_this_world(seed: int) -> None:
    outcome = run_seed(seed, "safety", DAYS)
    assert outcome.code == FINE, [str(violation) for violation in outcome.violations] or outcome.crash


@pytest.mark.parametrize("seed", [1, 3, 5])
def test_the_same_seed_gives_the_same_bytes(seed: int) -> None:
    digests = set()
    for _ in range(2):
        evidence = run_seed(seed, "safety", DAYS).evidence
        assert evidence is not None
        digests.add((evidence.trace, evidence.digest()))
    assert len(digests) == 1
