"""Many seeds, on all processors: the tier that runs with every commit, and longer ones."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from sim.rows import PAIRS, covered
from sim.run import FINE, WRONG, pair_of, pairs_of_kinds, run_seed

TIERS: Final[dict[str, tuple[int, str, float]]] = {
    "commit": (200, "safety", 0.04),
    "nightly": (750, "long", 1.0),
    "pairs": (len(pairs_of_kinds()), "pair", 0.037),
}
"""Name -> seeds, mode, days of each."""

TOLD_EVERY: Final = 50


@dataclass(slots=True)
class Summary:
    """
    What many runs came to.

    Attributes:
        failed: Seed, and what was wrong.
        faults: How often each kind was put in.
        pairs: Pairs of kinds that were put in together.
    """

    seeds: int = 0
    stream_days: float = 0.0
    fills: int = 0
    told: int = 0
    gaps: int = 0
    seconds: float = 0.0
    failed: list[tuple[int, str]] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    pairs: set[tuple[str, str]] = field(default_factory=set)

    def add(self, other: Summary) -> None:
        """Both together."""
        self.seeds += other.seeds
        self.stream_days += other.stream_days
        self.fills += other.fills
        self.told += other.told
        self.gaps += other.gaps
        self.failed += other.failed
        self.faults += other.faults
        self.pairs |= other.pairs

    def lines(self) -> list[str]:
        """For people."""
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items()))
        pairs = f"{len(self.pairs)} pairs of kinds: {covered(self.pairs)} of the {PAIRS} pairs of rows"
        return [
            (
                f"{self.seeds} seeds, {self.stream_days:.0f} account-days, {self.fills} fills, {self.told} items told, "
                f"{self.gaps} gaps, {self.seconds:.0f} s"
            ),
            f"{sum(self.faults.values())} faults: {kinds}",
            *([pairs] if self.pairs else []),
            *[f"seed {seed}: {what}" for seed, what in self.failed],
            "0 violations" if not self.failed else f"{len(self.failed)} seeds failed",
        ]


def one(seed: int, mode: str, days: float) -> Summary:
    """One seed."""
    outcome = run_seed(seed, mode, days)
    summary = Summary(seeds=1, stream_days=outcome.options.streams * days)
    evidence = outcome.evidence
    if evidence is not None:
        summary.fills = sum(len(ledger["fills"]) for ledger in evidence.ledgers.values())
        summary.told = sum(len(stream.told) for stream in evidence.streams)
        summary.gaps = sum(type(told.item).__name__ == "GapOpened" for each in evidence.streams for told in each.told)
        summary.faults = Counter(evidence.counts)
        if mode == "pair" and set(pair := pair_of(seed)) <= set(evidence.counts):
            summary.pairs = {pair}
    if outcome.code != FINE:
        summary.failed = [(seed, str(outcome.violations[0] if outcome.violations else repr(outcome.crash)))]
    return summary


def hunt_all(names: list[str], first: int, seeds: int | None) -> int:
    """Every mutant, or those named, against the commit tier; a table, and whether all were found."""
    from sim.mutants import MUTANTS, hunt  # noqa: PLC0415 - a run that is not broken needs none of it

    most, mode, days = TIERS["commit"]
    chosen = [mutant for mutant in MUTANTS if not names or mutant.__name__ in names]
    print("| broken build | found by seed | rule | s |\n| --- | --- | --- | --- |")
    missed = 0
    for mutant in chosen:
        caught = hunt(mutant, first, seeds or most, mode, days)
        missed += not caught.rule
        found = (caught.seed, caught.rule) if caught.rule else ("none", f"not found in {seeds or most} seeds")
        print(f"| {caught.name} | {found[0]} | {found[1]} | {caught.seconds:.0f} |", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} found")
    return WRONG if missed else FINE


def _digests(seed: int) -> tuple[str, str]:
    _, mode, days = TIERS["commit"]
    evidence = run_seed(seed, mode, days).evidence
    return ("", "") if evidence is None else (evidence.trace, evidence.digest())


def twice(first: int, seeds: int) -> int:
    """Each seed in two processes: the SHA-256 of the trace and of everything told, journals included, must agree."""
    numbers = range(first, first + seeds)
    # With a limit of tasks a process, CPython 3.11 was seen to wait for ever at the end of the first fifty.
    with ProcessPoolExecutor(os.cpu_count() or 1, multiprocessing.get_context("spawn")) as pool:
        once = list(pool.map(_digests, numbers, chunksize=4))
        again = list(pool.map(_digests, numbers, chunksize=4))
    differ = [seed for seed, one, other in zip(numbers, once, again, strict=True) if one != other or not one[0]]
    print(f"{seeds - len(differ)} of {seeds} seeds gave the same bytes twice; others: {differ[:20]}")
    return WRONG if differ else FINE


def run_many(first: int, seeds: int, mode: str, days: float, processes: int | None = None) -> Summary:
    """Seeds in a row, shared among processes."""
    total, began_s = Summary(), time.monotonic()
    processes = processes or os.cpu_count() or 1
    numbers = range(first, first + seeds)
    if processes == 1:
        for seed in numbers:
            total.add(_told(one(seed, mode, days), seed + 1 - first, seeds))
    else:
        # Whoever calls may have threads, and a process that has some is not to be forked.
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            summaries = pool.map(one, numbers, [mode] * seeds, [days] * seeds, chunksize=4)
            for done, summary in enumerate(summaries, 1):
                total.add(_told(summary, done, seeds))
    total.seconds = time.monotonic() - began_s
    return total


def _told(summary: Summary, done: int, seeds: int) -> Summary:
    """How far it is, now and then, and what is wrong, at once: a long run is looked at while it runs."""
    for seed, what in summary.failed:
        print(f"seed {seed}: {what}", file=sys.stderr, flush=True)
    if done % TOLD_EVERY == 0:
        print(f"{done} of {seeds}", file=sys.stderr, flush=True)
    return summary
