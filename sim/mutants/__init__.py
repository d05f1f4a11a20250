"""
Builds that are broken on purpose. The simulation must find each of them, or it finds nothing.

Each is one change to the client as it ships, made for as long as a `with` lasts.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from sim.mutants.connection import CONNECTION
from sim.mutants.keeping import KEEPING
from sim.mutants.patching import Patches
from sim.run import FINE, run_seed

MUTANTS: Final[tuple[Callable[[Patches], None], ...]] = (*CONNECTION, *KEEPING)


@contextlib.contextmanager
def broken(mutant: Callable[[Patches], None]) -> Iterator[None]:
    """The client, broken in this way."""
    with Patches() as patches:
        mutant(patches)
        yield


@dataclass(frozen=True, slots=True)
class Caught:
    """By which seed a mutant was found, and by what rule; `rule` is empty where it was not."""

    name: str
    seed: int
    rule: str
    seconds: float


def hunt(mutant: Callable[[Patches], None], first: int, seeds: int, mode: str, days: float) -> Caught:
    """Run seed after seed until one finds it."""
    began_s = time.monotonic()
    with broken(mutant):
        for seed in range(first, first + seeds):
            outcome = run_seed(seed, mode, days)
            if outcome.code != FINE:
                return Caught(mutant.__name__, seed, outcome.rule, time.monotonic() - began_s)
    return Caught(mutant.__name__, first + seeds - 1, "", time.monotonic() - began_s)
