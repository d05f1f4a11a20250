"""
kill -9 of `listenkey tail` at seeded instants, under 200 events a second.

    python -m tests.chaos.kills --count 500 --out DIR

After every kill the judge asks whether all that was shown is in the journal, the same, once; after the last one of a
session, whether the next process has made it whole: ledger = journal.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from listenkey.journal.sqlite.verify import verify_journal
from listenkey.testing import LocalSandbox
from sim.judge import wrongs
from tests.chaos.campaign import Found, run
from tests.chaos.processes import until
from tests.chaos.traffic import ledger, patient_exchange, trading
from tests.chaos.victim import COMMAND, Victim, fills_in, gaps_open_in, owed_in, whole_lines

KILLS_EACH: Final = 8
"""A start asks for a key twice, and all starts on one journal for at most twenty in a minute; one more is to follow."""
EARLY: Final = 0.3
"""The share killed at any moment of their start; the others at any moment after they were live."""

EARLY_WITHIN_S: Final = 0.8
LIVE_FOR_S: Final = 1.5
SETTLE_WITHIN_S: Final = 60.0


def session(draw: random.Random, folder: Path, kills: int, _before: int = 0) -> Found:
    """So many kills on one journal, each a new process."""
    return struck(draw, folder, folder / "fills.db", kills, lambda victim: victim.kill())


def struck(
    draw: random.Random,
    folder: Path,
    journal: Path,
    strikes: int,
    strike: Callable[[Victim], None],
    program: Sequence[str] = COMMAND,
) -> Found:
    """
    Processes on one journal, each ended by a strike, and a last one that makes the journal whole.

    Args:
        draw: Chance.
        folder: For what is shown.
        journal: May lie elsewhere, on a disk of its own.
        strikes: How many.
        strike: Ends a process, in its own way.
        program: What Python runs instead of the command.
    """
    found, shown = Found(), folder / "shown"
    with patient_exchange(seed=draw.randrange(1_000_000)) as exchange:
        with trading(exchange):
            for number in range(strikes):
                found.counts["strikes"] += 1
                with Victim(exchange, journal, shown, program=program) as victim:
                    _wait(victim, draw, found)
                    strike(victim)
                found.wrongs += [f"strike {number}: {wrong}" for wrong in _wrong_now(exchange, journal, shown)]
        if not found.wrongs:  # What is broken now would not be made whole.
            _made_whole(exchange, journal, shown, found)
    return found


def _wait(victim: Victim, draw: random.Random, found: Found) -> None:
    """Until the instant that was drawn."""
    if draw.random() < EARLY:
        # An instant of the clock is what is asked for here, and no condition.
        time.sleep(draw.random() * EARLY_WITHIN_S)
        found.counts["while starting"] += b'"kind":"live"' not in victim.new_bytes()
        return
    victim.until_shown(b'"kind":"live"')
    time.sleep(draw.random() * LIVE_FOR_S)


def _wrong_now(exchange: LocalSandbox, journal: Path, shown: Path) -> list[str]:
    lines = whole_lines(shown)
    if not journal.exists() or not _has_tables(journal):
        return ["something was shown, and there is no journal"] if lines else []
    return wrongs(ledger(exchange), journal, lines, settled=False)


def _has_tables(journal: Path) -> bool:
    """Return True where the first process lived long enough to make the tables."""
    return fills_in(journal) >= 0


def _made_whole(exchange: LocalSandbox, journal: Path, shown: Path, found: Found) -> None:
    """Let a last process, left in peace, make the journal whole."""
    with Victim(exchange, journal, shown) as victim:
        made = ledger(exchange)["fills"]
        fills = len(made)

        def is_whole() -> bool:
            return fills_in(journal) >= owed_in(journal, made) and gaps_open_in(journal) == 0

        try:
            until(
                lambda: is_whole() or victim.process.poll() is not None,
                SETTLE_WITHIN_S,
                f"{fills} fills, but for those from before it was first live, are in the journal and no gap is open",
            )
        except AssertionError as not_in_time:
            found.wrongs.append(str(not_in_time))
        victim.ended_after_s()
        if victim.process.returncode != 0:
            found.wrongs.append(f"it ended with {victim.process.returncode}: {victim.complaints.read_text()[-500:]}")
    found.wrongs += wrongs(ledger(exchange), journal, whole_lines(shown))
    found.wrongs += verify_journal(journal).problems
    found.wrongs += [f"it sent {asked}" for asked in exchange.meters()["requests"] if asked.startswith("DELETE")]
    found.counts["fills"] += fills
    found.counts["items shown"] += len(whole_lines(shown))


if __name__ == "__main__":
    sys.exit(run("kills", session, KILLS_EACH))
