"""One run from one seed, or from a list of faults; and what came of it."""

from __future__ import annotations

import logging
import random
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sim.checkers import check
from sim.checkers.violation import Violation
from sim.evidence import Evidence
from sim.faults import KINDS, Fault, draw_faults, in_order
from sim.loop import Spinning
from sim.options import Options, draw_options
from sim.world import World

FAULTS_FROM_S: Final = 60.0

IN_MEMORY: Final = Path("/dev/shm")
"""A file system that is memory, where there is one: what is simulated is the disk, not this machine's."""

FINE, CRASH, WRONG, STUCK = 0, 2, 3, 4
WORDS: Final = {FINE: "fine", CRASH: "crash", WRONG: "wrong", STUCK: "stuck"}


@dataclass(slots=True)
class Outcome:
    """
    What came of a run.

    Attributes:
        code: `FINE`, `CRASH`, `WRONG` or `STUCK`; also the exit code.
        violations: What the checkers found.
        crash: What was raised, if anything was.
    """

    options: Options
    faults: list[Fault]
    code: int
    violations: list[Violation] = field(default_factory=list)
    crash: BaseException | None = None
    evidence: Evidence | None = None
    trace_lines: list[str] | None = None

    @property
    def rule(self) -> str:
        """What is wrong, shortly: two runs with the same one are taken for the same failure."""
        if self.crash is not None:
            return f"crash {type(self.crash).__name__}"
        return self.violations[0].rule if self.violations else "fine"


def faults_of(options: Options) -> list[Fault]:
    """The faults of a seed, by its mode."""
    rng = random.Random(f"{options.seed}:faults")
    if options.mode == "pair":
        return pair(rng, options)
    return draw_faults(rng, len(options.processes), FAULTS_FROM_S, options.heal_s, options.level)


def pair(rng: random.Random, options: Options) -> list[Fault]:
    """Two kinds, again and again: the second begins in some phase of the first, or of the recovery from it."""
    names = sorted(KINDS)
    first, second = names[options.seed // len(names) % len(names)], names[options.seed % len(names)]
    faults = []
    for client in range(len(options.processes)):
        at_s = FAULTS_FROM_S + 60 * client
        while True:
            lengths = [_length(rng, name) for name in (first, second)]
            # Before, at the same time, while it lasts, and in the seconds after it, when recovery is under way.
            later_s = rng.choice((-5.0, 0.0, lengths[0] * rng.random(), lengths[0] + 40 * rng.random() ** 2))
            starts = (at_s + 10, at_s + 10 + later_s)
            if max(start + length for start, length in zip(starts, lengths, strict=True)) >= options.heal_s:
                break
            for name, start, length in zip((first, second), starts, lengths, strict=True):
                params = tuple(sorted(KINDS[name].draw(rng).items()))
                faults.append(Fault(name, client, round(max(FAULTS_FROM_S, start), 3), round(length, 3), params))
            at_s += 600 + max(lengths) + 900 * rng.random()
    return in_order(faults)


def _length(rng: random.Random, name: str) -> float:
    kind = KINDS[name]
    return kind.least_s + (min(kind.most_s, 600.0) - kind.least_s) * rng.random() ** 2 if kind.most_s else 0.0


def run_seed(seed: int, mode: str = "safety", days: float = 0.25, *, keep_trace: bool = False) -> Outcome:
    """Draw everything from the seed, run, and judge."""
    options = draw_options(seed, mode, days)
    return run_case(options, faults_of(options), keep_trace=keep_trace)


def run_case(options: Options, faults: list[Fault], *, keep_trace: bool = False) -> Outcome:
    """Run, and judge."""
    # What the client logs is for people; here it would be most of the work.
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None, prefix="sim-") as folder:
        return _run_in(Path(folder), options, faults, keep_trace=keep_trace)


def _run_in(folder: Path, options: Options, faults: list[Fault], *, keep_trace: bool) -> Outcome:
    world = World(options, faults, folder, keep_trace=keep_trace)
    try:
        evidence = world.run()
    except Spinning as spinning:
        return Outcome(options, faults, STUCK, crash=spinning, trace_lines=world.trace)
    except Exception as crash:  # noqa: BLE001 - whatever a run dies of is its outcome, and is told
        return Outcome(options, faults, CRASH, crash=crash, trace_lines=world.trace)
    finally:
        logging.disable(logging.NOTSET)
    violations = check(evidence)
    wrong = any(not violation.stuck for violation in violations)
    code = WRONG if wrong else STUCK if violations else FINE
    return Outcome(options, faults, code, violations, None, evidence, world.trace)
