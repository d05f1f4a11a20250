"""
Builds that are broken on purpose. The simulation must find each of them, or it finds nothing.

Each is one change to the client as it ships, made for as long as a `with` lasts.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from sim.mutants.connection import CONNECTION
from sim.mutants.keeping import KEEPING
from sim.mutants.patching import Patches
from sim.options import draw_options
from sim.run import FINE, faults_of, run_case

MUTANTS: Final[tuple[Callable[[Patches], None], ...]] = (*CONNECTION, *KEEPING)


AIMED: Final[dict[str, tuple[str, ...]]] = {
    "rotation_closes_first": ("shutdown",),
    "restart_without_a_gap": ("crash", "power_cut"),
    "audits_begin_anew": ("drop_event", "mute", "crash"),
    "closed_positions_beat": ("reset", "nat_loss"),
    "gap_closes_on_failure": ("reset", "http_status", "rest_cut"),
    "never_settles": ("nat_loss", "refuse", "rest_lag"),
    "cursor_is_last_seen": ("reset", "rest_lag", "drop_event"),
    "stale_snapshot_wins": ("reset", "stale_snapshot", "rest_lag"),
}
"""Faults that it takes to see these."""

AIMED_LEVEL: Final = 20.0
AIMED_EPISODE_S: Final = 40.0
AIMED_ROTATION_S: Final = 120.0
AIMED_LATENCY_MS: Final = 100.0


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
    """
    Run seed after seed until one finds it.

    What shows in few worlds is looked for in worlds that have the faults it takes, and more going on.
    """
    began_s = time.monotonic()
    name = mutant.__name__
    for seed in range(first, first + seeds):
        options = draw_options(seed, mode, days)
        if name in AIMED:
            options = replace(options, only=AIMED[name], level=AIMED_LEVEL, episode_s=AIMED_EPISODE_S, recovers=True)
            options = replace(options, journal=True, rotate_after_s=AIMED_ROTATION_S, latency_ms=AIMED_LATENCY_MS)
        faults = faults_of(options)
        with broken(mutant):
            outcome = run_case(options, faults)
        # A world that is wrong without the mutant shows nothing of it.
        if outcome.code != FINE and run_case(options, faults).code == FINE:
            return Caught(name, seed, outcome.rule, time.monotonic() - began_s)
    return Caught(name, first + seeds - 1, "", time.monotonic() - began_s)
