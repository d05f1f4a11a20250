"""Many seeds, on all processors: the campaign that runs with every commit, and longer ones."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sim.faults.matrix import PAIRS, covered
from sim.faults.schedule import pair_of, pairs_of_kinds
from sim.runner.run import FINE, WRONG, run_seed

CAMPAIGNS: Final[dict[str, tuple[int, str, float]]] = {
    "commit": (200, "safety", 0.04),
    "nightly": (750, "long", 1.0),
    "idle": (40, "idle", 0.25),
    "pairs": (len(pairs_of_kinds()), "pair", 0.037),
}
"""Name -> seeds, mode, days of each."""

TOLD_EVERY: Final = 50


@dataclass(slots=True)
class Summary:
    """
    The results of many runs, summed up.

    Attributes:
        failed: Seed, and what was wrong.
        faults: How often each kind was put in.
        pairs: Pairs of kinds that were put in together.
        played: Which seeds.
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
    played: set[int] = field(default_factory=set)

    def add(self, other: Summary) -> None:
        """Add another summary to this one."""
        self.seeds += other.seeds
        self.stream_days += other.stream_days
        self.fills += other.fills
        self.told += other.told
        self.gaps += other.gaps
        self.failed += other.failed
        self.faults += other.faults
        self.pairs |= other.pairs
        self.played |= other.played

    def to_json(self) -> str:
        """Write it for a file, from which a later run goes on."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        plain |= {
            "pairs": sorted(self.pairs),
            "played": sorted(self.played),
            "faults": dict(sorted(self.faults.items())),
        }
        return json.dumps(plain, indent=1)

    @classmethod
    def of_json(cls, text: str) -> Summary:
        """Read it as `to_json` wrote it."""
        plain = json.loads(text)
        plain["pairs"] = {(first, second) for first, second in plain["pairs"]}
        plain["failed"] = [(seed, what) for seed, what in plain["failed"]]
        return cls(**plain | {"played": set(plain["played"]), "faults": Counter(plain["faults"])})

    def lines(self) -> list[str]:
        """Return it in words."""
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
    summary = Summary(seeds=1, stream_days=outcome.options.streams * days, played={seed})
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


def _digests(seed: int) -> tuple[str, str]:
    _, mode, days = CAMPAIGNS["commit"]
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


def run_many(
    first: int, seeds: int, mode: str, days: float, processes: int | None = None, tally: Path | None = None
) -> Summary:
    """
    Seeds in a row, shared among processes.

    Args:
        first: The first of them.
        seeds: How many.
        mode: As in `Options`.
        days: As in `Options`.
        processes: At once; as many as there are processors if not given.
        tally: A file that says every now and then what it has come to. Seeds that are in it already are left out, so
            that a run may be interrupted, or cut in parts.
    """
    total, began_s = Summary(), time.monotonic()
    if tally is not None and tally.exists():
        total = Summary.of_json(tally.read_text("utf-8"))
    before_s = total.seconds
    processes = processes or os.cpu_count() or 1
    numbers = [seed for seed in range(first, first + seeds) if seed not in total.played]

    def take(summary: Summary, done: int) -> None:
        total.add(_told(summary, done, len(numbers)))
        total.seconds = before_s + time.monotonic() - began_s
        if tally is not None and (done % TOLD_EVERY == 0 or done == len(numbers)):
            fresh = tally.with_name(tally.name + "~")
            fresh.write_text(total.to_json(), "utf-8")
            fresh.replace(tally)

    if processes == 1:
        for done, seed in enumerate(numbers, 1):
            take(one(seed, mode, days), done)
    else:
        # Whoever calls may have threads, and a process that has some is not to be forked.
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            summaries = pool.map(one, numbers, [mode] * len(numbers), [days] * len(numbers), chunksize=4)
            for done, summary in enumerate(summaries, 1):
                take(summary, done)
    return total


def _told(summary: Summary, done: int, seeds: int) -> Summary:
    """Print progress now and then, and failures at once: a long run is looked at while it runs."""
    for seed, what in summary.failed:
        print(f"seed {seed}: {what}", file=sys.stderr, flush=True)
    if done % TOLD_EVERY == 0:
        print(f"{done} of {seeds}", file=sys.stderr, flush=True)
    return summary
