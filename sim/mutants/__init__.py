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
from sim.options import Options, draw_options
from sim.run import FINE, faults_of, run_case

MUTANTS: Final[tuple[Callable[[Patches], None], ...]] = (*CONNECTION, *KEEPING)


@dataclass(frozen=True, slots=True)
class Aim:
    """
    Worlds in which a mutant shows that hides in most others.

    Attributes:
        only: The kinds of fault that it takes.
        recovers: Whether the client asks REST for what it missed: it hides some mistakes, and shows others.
        days: How long, where the tier's hour is not enough.
        level: How often faults come.
        quotes: As in `Options`.
        weight: The venue's limit a minute, where it is not drawn.
    """

    only: tuple[str, ...]
    recovers: bool = True
    days: float | None = None
    level: float = 20.0
    quotes: bool = False
    weight: int | None = None

    def at(self, seed: int, mode: str, days: float) -> Options:
        """The world of a seed."""
        drawn = draw_options(seed, mode, self.days or days)
        if self.weight is not None:
            switches = dict(drawn.switches) | {"weight_per_minute": self.weight}
            drawn = replace(drawn, switches=tuple(sorted(switches.items())))
        return replace(drawn, only=self.only, recovers=self.recovers, level=self.level, journal=True, quotes=self.quotes,
                       episode_s=AIMED_EPISODE_S, rotate_after_s=AIMED_ROTATION_S, latency_ms=AIMED_LATENCY_MS)  # fmt: skip


AIMED: Final[dict[str, Aim]] = {
    "never_renewed": Aim(("old_key_expires",), days=0.09, level=0.5),
    "gap_from_now": Aim(("nat_loss", "partition"), recovers=False),
    "deadlines_on_the_wall": Aim(("clock_step", "nat_loss")),
    "rotation_closes_first": Aim(("shutdown",)),
    "restart_without_a_gap": Aim(("crash", "power_cut")),
    "audits_begin_anew": Aim(("drop_event", "mute", "crash")),
    "never_polls": Aim(("retired",), level=60.0),
    "closed_positions_beat": Aim(("reset", "nat_loss")),
    "gap_closes_on_failure": Aim(("reset", "http_status", "rest_cut")),
    "never_settles": Aim(("nat_loss", "refuse", "rest_lag")),
    "cursor_is_last_seen": Aim(("reset", "rest_lag", "drop_event")),
    "stale_snapshot_wins": Aim(("reset", "stale_snapshot", "rest_lag"), quotes=True),
    "budget_ignored": Aim(("reset", "nat_loss"), level=100.0, weight=200),
    "same_file_after_failed_fsync": Aim(("disk_errors", "power_cut")),
    "pieces_are_messages": Aim(("pieces",)),
    "told_before_written": Aim(("crash", "power_cut")),
    "end_not_missed": Aim(("older_copy",)),
    "seals_not_compared": Aim(("bit_flipped",)),
    "newer_journal_used": Aim(("other_version",)),
}

SHOWN_BY: Final[dict[str, int]] = {
    "held_dropped": 11,
    "no_ping_timeout": 9,
    "any_key_end_obeyed": 10,
    "gives_up": 7,
    "gap_not_told": 4,
    "gap_from_now": 3,
    "waits_for_goodbye": 9,
    "bans_ignored": 14,
    "no_backoff": 8,
    "put_is_proof": 4,
    "deadlines_on_the_wall": 4,
    "cursor_is_last_seen": 3,
    "never_settles": 4,
    "never_audits": 21,
    "never_polls": 2,
    "audits_begin_anew": 6,
    "closed_positions_beat": 8,
    "stale_snapshot_wins": 10,
    "gap_closes_on_failure": 10,
    "known_fills_forgotten": 8,
    "recovered_as_answered": 24,
    "all_fills_complete": 20,
    "amounts_are_floats": 2,
    "not_synchronised": 2,
    "failed_write_forgotten": 14,
}
"""The seed that has shown it before, where it was not the first; tried before all others, so that a hunt is short."""

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
    """A mutant, the seed that found it, and the rule it broke; `rule` is empty where it was not found."""

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
    shown_by = SHOWN_BY.get(name, first)
    for seed in dict.fromkeys((shown_by, *range(first, first + seeds))):
        options = AIMED[name].at(seed, mode, days) if name in AIMED else draw_options(seed, mode, days)
        faults = faults_of(options)
        with broken(mutant):
            outcome = run_case(options, faults)
        # A world that is wrong without the mutant shows nothing of it.
        if outcome.code != FINE and run_case(options, faults).code == FINE:
            return Caught(name, seed, outcome.rule, time.monotonic() - began_s)
    return Caught(name, first + seeds - 1, "", time.monotonic() - began_s)
