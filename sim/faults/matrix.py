"""
The 107 rows of docs/reference/faults.md, and which kinds of the simulation stand for each; or why none does.

A pair of rows is played when a kind of the one was played with a kind of the other. Rows that share a kind share its pairs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final

FAULT_MATRIX: Final[dict[str, tuple[str, ...]]] = {
    "N1": ("reset", "late_close"),
    "N2": ("partition",),
    "N3": ("partition",),
    "N4": ("nat_loss",),
    "N5": ("narrow",),
    "N6": ("surge",),
    "N7": ("loss",),
    "N8": ("pieces",),
    "N9": ("syn_loss",),
    "N10": ("refuse",),
    "N11": ("no_name",),
    "N12": ("tls_refused",),
    "N13": ("black_hole",),
    "N14": ("http_status",),
    "N15": ("flapping",),
    "N16": ("freeze",),
    "W1": ("day_limit",),
    "W2": ("close", "refuse_ws"),
    "W3": ("pongs_lost",),
    "W4": ("mute",),
    "W5": ("ack_dead",),
    "W6": ("drop_event",),
    "W7": ("duplicate",),
    "W8": ("reorder",),
    "W9": ("delay",),
    "W10": ("burst",),
    "W11": ("bad_protocol",),
    "W12": ("malformed",),
    "W13": ("malformed",),
    "W14": ("generation",),
    "W15": ("bad_protocol",),
    "W16": ("shutdown",),
    "W17": ("maintenance",),
    "W18": ("retired",),
    "K1": ("key_expires",),
    "K2": ("key_dies_silently",),
    "K3": ("renewals_fail",),
    "K4": ("suspend",),
    "K5": ("key_deleted", "key_fight"),
    "K6": ("key_replaced",),
    "K7": ("old_key_expires",),
    "K8": ("key_storm",),
    "K9": ("key_dies_young",),
    "K10": ("no_expiration",),
    "R1": ("hang",),
    "R2": ("rate_limit",),
    "R3": ("ban",),
    "R4": ("clock_skew", "clock_step"),
    "R5": ("rest_lag",),
    "R6": ("stale_snapshot",),
    "R7": ("paging",),
    "R8": ("retention",),
    "R9": ("mute", "drop_event"),
    "R10": ("bad_answers",),
    "R11": ("key_revoked",),
    "R12": ("slow",),
    "R13": ("trades_lag",),
    "R14": ("rest_cut",),
    "R15": ("limit_lowered",),
    "T1": ("clock_step",),
    "T2": ("drift",),
    "T3": ("suspend",),
    "T4": ("stall",),
    "T5": ("expiry",),
    "P1": ("crash",),
    "P2": ("sigterm",),
    "P3": ("second_instance",),
    "P4": ("crash",),
    "P5": ("user_code",),
    "P6": ("no_descriptors",),
    "P7": ("crash_loop",),
    "P8": ("other_version",),
    "P9": ("no_output",),
    "D1": ("power_cut",),
    "D2": ("disk_errors",),
    "D3": ("disk_errors",),
    "D4": ("disk_full",),
    "D5": ("torn_tail",),
    "D6": ("bit_flipped",),
    "D7": ("disk_slow",),
    "D8": ("folder_gone",),
    "D9": ("older_copy",),
    "G1": ("all_lose",),
    "G2": ("poison",),
    "G3": ("slow_reader",),
    "G4": ("comes_and_goes",),
    "G5": ("two_keys",),
    "G6": ("ban_all",),
    "G7": ("takeover",),
    "X1": ("wrong_clock",),
    "X2": ("wrong_clock_limited",),
    "X3": ("no_positions",),
    "X4": ("lag_and_drops",),
    "X5": ("contract_refused",),
    "X6": ("ids_by_contract",),
    "X7": ("odd_fields",),
    "X8": ("order_step_lost",),
    "X9": ("expiry_unseen",),
    "X10": ("traded_before",),
    "X11": ("latency",),
    "X12": ("cancelled",),
    "X15": ("key_rotated", "right_lost", "wrong_secret"),
    "X16": ("wrong_shape",),
    "X17": ("short_sockets",),
    "X18": ("held_while_hanging",),
}
"""
The kinds that play each row. Some are not called like it. The kernel's memory limit (P4) ends a process as any kill
does. Fills in symbols never seen (R9) are most of the traffic, and they are missed where events are. A connection that
was kept and is gone (R14) is a request that is reset, for the one retry is the HTTP client's, and that one is not
simulated.
"""

NOT_SIMULATED: Final[dict[str, str]] = {
    "X13": "2026-11-30: a folder's rights, mounts and working directories are the kernel's: tests/chaos/test_folder.py",
    "X14": "2026-11-30: a process of the simulation has no children that inherit its files: tests/chaos/test_folder.py",
}
"""Rows that no kind stands for, and since when that is known to be so."""

ALL: Final = len(FAULT_MATRIX) + len(NOT_SIMULATED)
PAIRS: Final = ALL * (ALL + 1) // 2
"""The pairs of all rows, each with itself as well: 5,778."""


def covered(played: Iterable[tuple[str, str]]) -> int:
    """Count the pairs of rows, those of a row with itself included, that these pairs of kinds have played."""
    done = {_sorted(*pair) for pair in played}
    return sum(
        any(_sorted(first, second) in done for first in FAULT_MATRIX[one] for second in FAULT_MATRIX[other])
        for one, other in itertools.combinations_with_replacement(FAULT_MATRIX, 2)
    )


def _sorted(first: str, second: str) -> tuple[str, str]:
    return (first, second) if first <= second else (second, first)
