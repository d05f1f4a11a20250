"""Worlds in which something went wrong once, each made short."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from sim.faults import Fault
from sim.options import Options, draw_options
from sim.run import FINE, run_case


class Case(NamedTuple):
    """Its circumstances, and the faults that it takes."""

    options: Options
    faults: list[Fault]


CASES = {
    "a fill lost while REST was down, and then a gap": Case(
        draw_options(6, "safety", 0.1),
        [
            Fault("rest_cut", 3, 2547.098, 800.0, (("way", "in"),)),
            Fault("mute", 3, 2816.772, 70.0),
            Fault("reset", 3, 3249.0, 0.0),
        ],
    ),
    "a fill lost while REST was down, and then the process ends": Case(
        draw_options(6, "safety", 0.1),
        [
            Fault("rest_cut", 3, 2547.098, 800.0, (("way", "in"),)),
            Fault("mute", 3, 2816.772, 70.0),
            Fault("crash", 3, 2900.0, 60.0, (("in_write", False),)),
        ],
    ),
    "a position that only REST saw closed": Case(
        draw_options(4, "safety", 0.1),
        [Fault("reset", client, at_s, 0.0) for at_s in range(300, 3600, 45) for client in (1, 2, 3)],
    ),
    "a key fight that shows only in lost sockets": Case(
        draw_options(3, "safety", 0.05), [Fault("key_fight", 0, 300.0, 600.0)]
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_does_not_go_wrong_again(name: str) -> None:
    outcome = run_case(*CASES[name])
    assert outcome.code == FINE, [str(violation) for violation in outcome.violations] or outcome.crash
