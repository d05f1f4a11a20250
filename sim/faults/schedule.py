"""Draw the schedule of a run: which faults begin when, from its seed and by its mode."""

from __future__ import annotations

import itertools
import random
from typing import Final

from sim.environment.options import Options
from sim.faults.model import Fault
from sim.faults.registry import KINDS
from sim.faults.traits import ASKING, LASTING

FAULTS_FROM_S: Final = 60.0
PAIR_AT_S: Final = 120.0
PAIR_MOST_S: Final = 150.0
"""Two faults of this length, one after the other, end before the run heals."""

COMPANION: Final = 0.3
"""The share of faults with a second one at about the same time: a client seldom breaks of one thing alone."""


def faults_of(options: Options) -> list[Fault]:
    """The faults of a seed, by its mode."""
    rng = random.Random(f"{options.seed}:faults")
    if options.mode == "pair":
        return pair(rng, options)
    drawn = draw_faults(rng, len(options.processes), FAULTS_FROM_S, options.heal_s, options.level, options.only)
    return [fault for fault in drawn if options.recovers or fault.kind not in LASTING | ASKING]


def draw_faults(
    rng: random.Random, clients: int, from_s: float, until_s: float, level: float, only: tuple[str, ...] = ()
) -> list[Fault]:
    """
    The faults of one run, in order of time.

    Each seed has some of the kinds and not the others: a world that does everything at once never does one thing long
    enough (swarm testing).

    Args:
        rng: The seed's.
        clients: How many processes there are.
        from_s: Faults begin after this.
        until_s: And all have ended by then.
        level: Times the rates of `registry.KINDS`.
        only: These kinds, and not a draw of all.
    """
    often = [name for name, kind in KINDS.items() if kind.share is None]
    has = list(only) or [name for name in often if rng.random() < rng.choice((0.3, 0.6, 0.9))] or ["reset"]
    faults = _at_random(rng, clients, from_s, until_s, level, has)
    if not only:
        seldom = [name for name, kind in KINDS.items() if kind.share is not None and rng.random() < kind.share]
        faults += _at_random(rng, clients, from_s, until_s, level, seldom)
    return in_order([fault for fault in faults if fault.until_s < until_s])


def _at_random(
    rng: random.Random, clients: int, from_s: float, until_s: float, level: float, has: list[str]
) -> list[Fault]:
    faults: list[Fault] = []
    for client in range(clients):
        for name in has:
            at_s = from_s
            while (at_s := at_s + rng.expovariate(KINDS[name].per_day * level / 86_400)) < until_s:
                fault = draw_fault(rng, name, client, at_s)
                faults.append(fault)
                if rng.random() < COMPANION:
                    near_s = max(from_s, at_s - 2 + rng.random() * (fault.for_s + 10))
                    faults.append(draw_fault(rng, rng.choice(has), client, near_s))
    return faults


def draw_fault(rng: random.Random, name: str, client: int, at_s: float) -> Fault:
    """One fault of this kind. Most are short; a few are as long as they may be."""
    kind = KINDS[name]
    for_s = kind.least_s + (kind.most_s - kind.least_s) * rng.random() ** 3
    return Fault(name, client, round(at_s, 3), round(for_s, 3), tuple(sorted(kind.draw(rng).items())))


def pairs_of_kinds() -> list[tuple[str, str]]:
    """Every kind with every other, and with itself."""
    return list(itertools.combinations_with_replacement(sorted(KINDS), 2))


def pair_of(seed: int) -> tuple[str, str]:
    """The pair that a seed plays."""
    pairs = pairs_of_kinds()
    return pairs[seed % len(pairs)]


def pair(rng: random.Random, options: Options) -> list[Fault]:
    """Two kinds: in each process the second begins in another phase of the first, or of the recovery from it."""
    pairs = pairs_of_kinds()
    first, second = pair_of(options.seed)
    faults = []
    for client in range(len(options.processes)):
        lengths = [_length(rng, name) for name in (first, second)]
        phases = (
            -3.0 - 10 * rng.random(),  # before it
            lengths[0] * rng.random(),  # while it lasts
            lengths[0] + 3 * rng.random(),  # when it is noticed, and the way back is sought
            lengths[0] + 3 + 30 * rng.random(),  # while REST is asked, and what was found settles
            lengths[0] + 30 + 60 * rng.random(),  # when all seems well, and is about to be looked at again
        )
        later_s = phases[(options.seed // len(pairs) + client) % len(phases)]
        for name, start_s, length_s in zip((first, second), (PAIR_AT_S, PAIR_AT_S + later_s), lengths, strict=True):
            params = tuple(sorted(KINDS[name].draw(rng).items()))
            faults.append(Fault(name, client, round(start_s, 3), round(length_s, 3), params))
    return in_order(faults)


def _length(rng: random.Random, name: str) -> float:
    kind = KINDS[name]
    most_s = max(kind.least_s, min(kind.most_s, PAIR_MOST_S))
    return kind.least_s + (most_s - kind.least_s) * rng.random() ** 2


def in_order(faults: list[Fault]) -> list[Fault]:
    """Sort by time; the rest of the key only makes the order the same every time."""
    return sorted(faults, key=lambda fault: (fault.at_s, fault.client, fault.kind))
