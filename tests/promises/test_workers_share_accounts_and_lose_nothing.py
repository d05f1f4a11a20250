"""Two gateways on three servers of NATS keep each fill once and in order, whichever of them dies, stands still, or is cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.gateway.workers import Play

ACCOUNTS = 20
SESSION_S = 5
STANDS_STILL_S = 8.0


@pytest.mark.timeout(
    600
)  # An election whose first vote is split takes eight seconds, and a loaded machine doubles all.
def test_nothing_is_lost_doubled_or_disordered_whatever_dies(tmp_path: Path) -> None:
    with Play(tmp_path, ACCOUNTS, 2.0, SESSION_S) as play:
        play.load(12)
        play.kill_worker()
        held = len(play.one.held())
        play.load(18)
        fenced = play.stop_worker(STANDS_STILL_S)
        play.load(12)
        play.kill_leader()
        play.load(12)
        play.kill_all()
        outcome = play.outcome(fenced)
    assert outcome.fills >= ACCOUNTS * 2 * 50
    assert (outcome.lost, outcome.doubled, outcome.disordered, outcome.holes) == (0, 0, 0, 0)
    assert outcome.fenced == held > 0
    assert outcome.gaps > 0
    # No absolute speed: that a takeover waits for the end of the session, and not for ever, is all that can be said here.
    assert set(outcome.took_s) == {"worker killed", "worker stopped"}
