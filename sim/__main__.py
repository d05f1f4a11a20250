"""`python -m sim SEED`: one world from one seed. Exit codes: 0 fine, 2 crash, 3 wrong, 4 stuck."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path

from sim.faults.schedule import faults_of
from sim.mutants.campaign import hunt_all
from sim.runner.campaigns import CAMPAIGNS, run_many, twice
from sim.runner.options import draw_options
from sim.runner.run import FINE, WORDS, WRONG, Outcome, run_case
from sim.runner.shrink import as_test, shrink

SHOWN_MAX = 10


def main() -> int:
    """Read the command line, run, tell."""
    parser = argparse.ArgumentParser(prog="python -m sim", description=__doc__)
    parser.add_argument("seed", nargs="?", type=int, default=1, help="everything is drawn from it")
    parser.add_argument("--mode", choices=("safety", "liveness", "pair", "long", "idle"), default="safety")
    parser.add_argument("--days", type=float, default=0.25, help="simulated days of each stream")
    parser.add_argument("--trace", type=Path, help="where to write every line of what happened")
    parser.add_argument("--tier", choices=sorted(CAMPAIGNS), help="many seeds, from SEED on")
    parser.add_argument("--seeds", type=int, help="how many of them")
    parser.add_argument(
        "--mutants", nargs="*", metavar="NAME", help="hunt builds that are broken on purpose; all, or these"
    )
    parser.add_argument(
        "--tally", type=Path, help="where a tier writes what it has come to; a later run goes on from it"
    )
    parser.add_argument("--workers", type=int, help="processes at once; as many as there are processors if not given")
    parser.add_argument("--twice", type=int, metavar="N", help="run so many seeds twice, and compare every byte")
    parser.add_argument("--no-shrink", action="store_true", help="leave a failing list of faults as long as it is")
    asked = parser.parse_args()
    if asked.mutants is not None:
        return hunt_all(asked.mutants, asked.seed, asked.seeds)
    if asked.twice:
        return twice(asked.seed, asked.twice)
    if asked.tier:
        seeds, mode, days = CAMPAIGNS[asked.tier]
        summary = run_many(asked.seed, asked.seeds or seeds, mode, days, asked.workers, asked.tally)
        print("\n".join(summary.lines()))
        return WRONG if summary.failed else FINE
    return _one(asked.seed, asked.mode, asked.days, asked.trace, shorten=not asked.no_shrink)


def _one(seed: int, mode: str, days: float, trace: Path | None, *, shorten: bool) -> int:
    options = draw_options(seed, mode, days)
    faults = faults_of(options)
    print("\n".join(options.lines()))
    print(f"{len(faults)} faults: {', '.join(sorted({fault.kind for fault in faults}))}", flush=True)
    began_s = time.monotonic()
    outcome = run_case(options, faults, keep_trace=trace is not None)
    if trace is not None:
        trace.write_text("\n".join(outcome.trace_lines or []) + "\n", "utf-8")
    _tell(outcome, time.monotonic() - began_s)
    if outcome.code != FINE and shorten:
        fewer = shrink(outcome, lambda text: print(text, file=sys.stderr, flush=True))
        print(f"\nof {len(faults)} faults it takes {len(fewer)}:\n{as_test(outcome.options, fewer, outcome.rule)}")
    return outcome.code


def _tell(outcome: Outcome, took_s: float) -> None:
    evidence = outcome.evidence
    if evidence is not None:
        items = sum(len(stream.told) for stream in evidence.streams)
        fills = sum(len(ledger["fills"]) for ledger in evidence.ledgers.values())
        print(f"{items} items of {len(evidence.streams)} streams, {fills} fills, {took_s:.1f} s")
        print(f"items {evidence.digest()}\ntrace {evidence.trace}")
    if outcome.crash is not None:
        traceback.print_exception(outcome.crash)
    for violation in outcome.violations[:SHOWN_MAX]:
        print(violation)
    if len(outcome.violations) > SHOWN_MAX:
        print(f"and {len(outcome.violations) - SHOWN_MAX} more")
    print(WORDS[outcome.code])


if __name__ == "__main__":
    sys.exit(main())
