"""Independent judges of a run. Each reads the evidence and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from sim.checkers.agreement import agreement
from sim.checkers.before import before
from sim.checkers.closing import closing
from sim.checkers.coverage import covered
from sim.checkers.exercised import exercised
from sim.checkers.false_alarms import false_alarms
from sim.checkers.fills import fills
from sim.checkers.grammar import grammar
from sim.checkers.isolation import isolation
from sim.checkers.journals import journals
from sim.checkers.liveness import liveness
from sim.checkers.orders import orders
from sim.checkers.patience import patience
from sim.checkers.polling import polling
from sim.checkers.recoveries import recoveries
from sim.checkers.steps import steps
from sim.checkers.violation import Violation
from sim.checkers.weight import weight
from sim.world.evidence import Evidence

CHECKERS: Final[tuple[Callable[[Evidence], Iterator[Violation]], ...]] = (
    grammar, fills, orders, covered, steps, before, recoveries, exercised, polling, false_alarms, weight, journals, agreement,
    liveness, isolation, patience, closing,
)  # fmt: skip


def check(evidence: Evidence) -> list[Violation]:
    """Return everything that is wrong with a run."""
    return [violation for checker in CHECKERS for violation in checker(evidence)]
