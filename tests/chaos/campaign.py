"""
A long run in small pieces: each session is its own exchange, journal and chance, drawn from the seed and its number.

What a session found is added to a file as soon as it is over, so a run that was interrupted goes on where it stopped,
and a session that went wrong can be run again alone.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

DEFAULT_SEED: Final = 20261122


@dataclass
class Found:
    """
    The result of one session.

    Attributes:
        counts: How much of what happened.
        wrongs: What was wrong; nothing, where all is well.
    """

    counts: Counter[str] = field(default_factory=Counter)
    wrongs: list[str] = field(default_factory=list)


Session: TypeAlias = Callable[[random.Random, Path, int, int], Found]
"""Runs so many strikes in a folder of its own, with this chance; the last is how many there were before."""


def run(name: str, session: Session, strikes_each: int, arguments: list[str] | None = None) -> int:
    """
    The command line of a campaign; the exit code.

    Args:
        name: Of the campaign, for its file.
        session: What to run.
        strikes_each: Kills, cuts or errors in one session.
        arguments: Of the command line.
    """
    parser = argparse.ArgumentParser(prog=f"python -m tests.chaos.{name}")
    parser.add_argument("--count", type=int, default=strikes_each, help="strikes in all")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--out", type=Path, help="a folder for the results; with it, a run goes on where it stopped")
    parser.add_argument("--only", type=int, help="run this session alone")
    asked = parser.parse_args(arguments)
    sessions = range(-(-asked.count // strikes_each)) if asked.only is None else [asked.only]
    with tempfile.TemporaryDirectory(prefix=f"listenkey-{name}-") as scratch:
        results = (asked.out or Path(scratch)) / f"{name}-{asked.seed}.jsonl"
        results.parent.mkdir(parents=True, exist_ok=True)
        done = _done(results)
        for number in sessions:
            if number in done and asked.only is None:
                continue
            folder = Path(tempfile.mkdtemp(prefix=f"{number}-", dir=scratch))
            strikes = min(strikes_each, asked.count - number * strikes_each) if asked.only is None else strikes_each
            began_s = time.monotonic()
            done[number] = session(random.Random(f"{asked.seed}/{number}"), folder, strikes, number * strikes_each)
            _tell(number, len(sessions), done[number], time.monotonic() - began_s)
            with results.open("a") as file:
                file.write(json.dumps({"session": number, **vars(done[number])}) + "\n")
    return _summary(name, asked.seed, [done[number] for number in sessions])


def _done(results: Path) -> dict[int, Found]:
    lines = results.read_text().splitlines() if results.exists() else []
    told = [json.loads(line) for line in lines]
    return {one["session"]: Found(Counter(one["counts"]), one["wrongs"]) for one in told if not one["wrongs"]}


def _tell(number: int, sessions: int, found: Found, took_s: float) -> None:
    counts = ", ".join(f"{count} {what}" for what, count in found.counts.items())
    print(f"session {number} of {sessions}, {took_s:.0f} s: {counts}", flush=True)
    for wrong in found.wrongs:
        print(f"  WRONG: {wrong}", flush=True)


def _summary(name: str, seed: int, found: list[Found]) -> int:
    counts = sum((one.counts for one in found), Counter[str]())
    wrongs = sum(len(one.wrongs) for one in found)
    print(f"{name}, seed {seed}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    print(f"wrong: {wrongs}")
    return 1 if wrongs else 0
