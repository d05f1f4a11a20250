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

from sim.environment.options import Options
from sim.faults.model import Fault
from sim.faults.schedule import faults_of, in_order
from sim.mutants.clocks import CLOCKS
from sim.mutants.closing import CLOSING
from sim.mutants.connection import CONNECTION
from sim.mutants.keeping import KEEPING
from sim.mutants.patching import Patches
from sim.mutants.reading import READING
from sim.mutants.rest_history import REST_HISTORY
from sim.runner.options import draw_options, idle
from sim.runner.run import FINE, run_case

ALL: Final[tuple[Callable[[Patches], None], ...]] = (*CONNECTION, *KEEPING, *REST_HISTORY, *CLOCKS, *READING, *CLOSING)

FOUND_BY_TESTS: Final[dict[str, str]] = {
    "lag_forgiven": "promises/test_no_loss_is_forgotten_because_rest_is_late_or_refuses.py::test_a_gap_stays_open_while_rest_is_seen_to_lag",
    "held_beats_are_silence": "promises/test_no_loss_is_forgotten_because_rest_is_late_or_refuses.py::test_beats_that_wait_while_rest_hangs_are_beats",
    "one_fill_of_a_trade": "promises/test_a_trade_with_oneself_is_two_fills.py",
    "only_trade_is_a_fill": "fuzz/test_documents.py::test_a_fill_survives_whatever_does_not_say_which_it_is",
    "late_by_trade_id": "promises/test_a_late_fill_says_so.py",
    "looks_fail_aloud": "unit/journal/sqlite/test_own_files.py::test_a_folder_that_cant_be_looked_at_is_waited_for",
    "whatever_has_the_name": "unit/journal/sqlite/test_own_files.py",
}
"""
Builds that the simulation is the wrong place for: how a message is spelt that its exchange never sends, what a user is shown,
a real folder, and how long a real request hangs. Each is found by a test of its own, below `tests/`.
"""

MUTANTS: Final = tuple(each for each in ALL if each.__name__ not in FOUND_BY_TESTS)
"""Builds that the simulation finds."""


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
        idle: Accounts in which little happens, and which are audited less often then.
        faults: These, and none that are drawn: where it takes more than one, in a certain order.
    """

    only: tuple[str, ...]
    recovers: bool = True
    days: float | None = None
    level: float = 20.0
    quotes: bool = False
    weight: int | None = None
    faults: tuple[Fault, ...] = ()
    idle: bool = False

    def of(self, seed: int, mode: str, days: float) -> tuple[Options, list[Fault]]:
        """The world of a seed, and its faults."""
        options = self.at(seed, mode, days)
        if not self.faults:
            return options, faults_of(options)
        options = replace(options, rotate_after_s=draw_options(seed).rotate_after_s)
        return options, in_order([fault for fault in self.faults if fault.client < len(options.processes)])

    def at(self, seed: int, mode: str, days: float) -> Options:
        """The world of a seed."""
        drawn = draw_options(seed, mode, self.days or days)
        if self.weight is not None:
            switches = dict(drawn.switches) | {"weight_per_minute": self.weight}
            drawn = replace(drawn, switches=tuple(sorted(switches.items())))
        if self.idle:
            return idle(replace(drawn, only=self.only, level=self.level))
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
    "refusals_forgotten": Aim((), faults=(
        Fault("no_positions", 0, 190.0, 640.0, (("drops", False), ("late_ms", None))),
        Fault("contract_refused", 0, 200.0, 600.0, (("answer", 400), ("gap", False), ("half", 0))),
    )),
    "one_row_spoils_all": Aim((), faults=(
        Fault("wrong_shape", 0, 400.0, 280.0, (("path", "/eapi/"), ("rows", True))),
    )),
    "counts_compared": Aim(
        (),
        faults=(
            Fault("no_positions", 0, 190.0, 840.0, (("drops", False), ("late_ms", None))),
            Fault("lag_and_drops", 0, 200.0, 800.0, (("busy", True), ("ms", 20_000), ("path", "/eapi/"))),
        ),
    ),
    "only_trades_brought_back": Aim((), faults=(
        Fault("expiry_unseen", 0, 200.0, 60.0, (("how", "down"),)),
        Fault("expiry_unseen", 1, 200.0, 60.0, (("how", "cut"),)),
    )),
    "lost_ends_are_let_go": Aim((), faults=tuple(
        Fault("expiry_unseen", client, 200.0, 60.0, (("how", "lost"),)) for client in range(3)
    )),
    "open_orders_not_looked_at": Aim((), quotes=True, faults=tuple(
        Fault("order_step_lost", client, 200.0, 300.0, (("execution_type", "CANCELED"),)) for client in range(3)
    )),
    "orders_by_id_alone": Aim((), quotes=True, faults=(
        Fault("ids_by_contract", 0, 0.0, 0.0),
        *(Fault("order_step_lost", client, 200.0, 600.0, (("execution_type", "CANCELED"),)) for client in range(3)),
    )),
    "never_late_without_a_secret": Aim((), recovers=False, faults=tuple(
        Fault("reorder", client, 200.0, 300.0) for client in range(3)
    )),
    "before_first_live_told": Aim(("traded_before",)),
    "written_clock_believed": Aim(("wrong_clock",)),
    "written_ban_believed": Aim(("wrong_clock_limited",)),
    "read_is_covered": Aim(("latency", "reset")),
    "commission_needed": Aim(("odd_fields",)),
    "exponents_refused": Aim(("odd_fields",)),
    "limits_taken_as_they_are": Aim(("wrong_shape",), level=40.0),
    "ends_with_its_caller": Aim(("cancelled",)),
    "idle_never_wakes": Aim((), days=0.25, idle=True, faults=tuple(
        Fault("no_positions", client, 9000.0, 100.0, (("drops", True), ("late_ms", None))) for client in range(3)
    )),
    "idle_is_forgotten": Aim(("mute",), days=0.25, level=100.0, idle=True),
    "status_without_gaps": Aim(
        (),
        faults=(
            Fault("lag_and_drops", 0, 200.0, 300.0, (("ms", 60_000), ("path", "/eapi/"))),
            Fault("reset", 0, 330.0, 0.0),
        ),
    ),
}  # fmt: skip

SHOWN_BY: Final[dict[str, int]] = {
    "refusals_forgotten": 3,
    "before_first_live_told": 4,
    "ends_with_its_caller": 2,
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
    "recovered_as_answered": 14,
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
        aim = AIMED.get(name)
        options = draw_options(seed, mode, days)
        options, faults = (options, faults_of(options)) if aim is None else aim.of(seed, mode, days)
        with broken(mutant):
            outcome = run_case(options, faults)
        # A world that is wrong without the mutant shows nothing of it.
        if outcome.code != FINE and run_case(options, faults).code == FINE:
            return Caught(name, seed, outcome.rule, time.monotonic() - began_s)
    return Caught(name, first + seeds - 1, "", time.monotonic() - began_s)
