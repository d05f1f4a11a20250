"""Accounts of one process whose listen keys share sockets, in worlds full of faults: each keeps every fill once, or says so."""

from __future__ import annotations

import pytest

from sim.environment.options import Options
from sim.faults.schedule import faults_of
from sim.runner.run import CRASH, run_case

KINDS = ("close", "black_hole", "mute", "key_expires", "key_deleted", "drop_event", "duplicate", "reorder", "surge")


@pytest.mark.parametrize("seed", range(3))
def test_each_account_of_a_shared_socket_keeps_its_fills(seed: int) -> None:
    options = Options(
        seed=seed, days=0.06, processes=(1,), accounts=(0,), co_tenants=((0, 1), (0, 2), (0, 3)), only=KINDS, level=8.0,
        rotate_after_s=900.0, keys_per_socket=25,
    )  # fmt: skip
    outcome = run_case(options, faults_of(options))
    assert outcome.code != CRASH, outcome.crash
    # What hits the socket of one account hits its neighbours, for whom the checkers know no cause.
    assert not [violation for violation in outcome.violations if violation.rule != "sparing"]
    assert outcome.evidence is not None
    assert len(outcome.faults) > 10
