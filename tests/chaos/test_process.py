"""Rows P2 to P9, T4 and D8 of docs/reference/faults.md: SIGTERM anywhere, a second one, no descriptors left, stopped, moved, closed."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenkey.testing import LocalSandbox
from sim.judge import wrongs
from tests.chaos.kills import struck
from tests.chaos.processes import until
from tests.chaos.traffic import ledger, patient_exchange, trading
from tests.chaos.victim import Victim, fills_in, gaps_open_in, is_live_in, owed_in, whole_lines
from tests.promises.command import environment, finished

SETTLE_WITHIN_S = 60.0
ENDS_WITHIN_S = 2.0
BUSY_S = 1.5


@pytest.fixture
def exchange() -> Iterator[LocalSandbox]:
    with patient_exchange() as made:
        yield made


def until_whole(exchange: LocalSandbox, victim: Victim, journal: Path) -> None:
    """The journal has every fill of the ledger, and no gap is open."""

    def is_whole() -> bool:
        assert victim.process.poll() is None, victim.complaints.read_text()
        return fills_in(journal) >= owed_in(journal, exchange.ledger()["fills"]) and gaps_open_in(journal) == 0

    until(is_whole, SETTLE_WITHIN_S, "the journal is whole")


def check(exchange: LocalSandbox, victim: Victim, journal: Path) -> None:
    until_whole(exchange, victim, journal)
    assert victim.ended_after_s() < ENDS_WITHIN_S + BUSY_S
    assert victim.process.returncode == 0
    assert wrongs(ledger(exchange), journal, whole_lines(victim.shown)) == []


def test_p2_sigterm_at_any_moment_ends_in_two_seconds_and_deletes_no_key(tmp_path: Path) -> None:
    took_s, codes = [], []

    def terminate(victim: Victim) -> None:
        took_s.append(victim.ended_after_s())
        codes.append(victim.process.returncode)

    found = struck(random.Random(8), tmp_path, tmp_path / "fills.db", 3, terminate)
    assert found.wrongs == []
    assert max(took_s) < ENDS_WITHIN_S + BUSY_S
    # Before Python has come to our first line, its own answer to the signal counts.
    assert set(codes) <= {0, 143, -signal.SIGTERM}


def test_p3_a_second_process_ends_with_its_own_code_and_the_first_goes_on(
    exchange: LocalSandbox, tmp_path: Path
) -> None:
    journal = tmp_path / "fills.db"
    began_s = time.monotonic()
    assert finished("--version", env=environment()).returncode == 0
    start_s = time.monotonic() - began_s
    with Victim(exchange, journal, tmp_path / "shown") as first:
        first.until_shown(b'"kind":"live"')
        began_s = time.monotonic()
        second = finished("tail", "--json", "--journal", str(journal), env=environment(exchange))
        assert time.monotonic() - began_s < start_s + 1.0 + BUSY_S
        assert second.returncode == 6
        assert "another process writes" in second.stderr
        exchange.burst(10)
        check(exchange, first, journal)


def test_p6_no_descriptor_left_costs_nothing_but_time(exchange: LocalSandbox, tmp_path: Path) -> None:
    journal = tmp_path / "fills.db"
    with Victim(exchange, journal, tmp_path / "shown") as victim:
        victim.until_shown(b'"kind":"live"')
        exchange.burst(10)
        until_whole(exchange, victim, journal)
        pid = victim.process.pid
        used = max(int(name.name) for name in Path(f"/proc/{pid}/fd").iterdir())
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(5, used), before[1]))
        exchange.burst(10)
        until_whole(exchange, victim, journal)
        exchange.fault("drop_sockets")
        exchange.burst(10)
        until(lambda: victim.complaints.read_bytes().count(b"\n") >= 2, 30, "it says that no socket can be opened")
        assert victim.process.poll() is None
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        check(exchange, victim, journal)


@pytest.mark.parametrize("stopped_s", [1.5, pytest.param(10.0, marks=pytest.mark.nightly)])
def test_t4_a_process_that_stands_still_for_a_while_misses_nothing(
    exchange: LocalSandbox, tmp_path: Path, stopped_s: float
) -> None:
    journal = tmp_path / "fills.db"
    with Victim(exchange, journal, tmp_path / "shown") as victim:
        victim.until_shown(b'"kind":"live"')
        with trading(exchange):
            victim.process.send_signal(signal.SIGSTOP)
            time.sleep(stopped_s)  # The fault itself lasts so long; it is no condition.
            victim.process.send_signal(signal.SIGCONT)
        check(exchange, victim, journal)


def test_d8_a_folder_that_is_moved_away_is_noticed_and_healed_when_it_is_back(
    exchange: LocalSandbox, tmp_path: Path
) -> None:
    folder, away = tmp_path / "here", tmp_path / "away"
    folder.mkdir()
    journal = folder / "fills.db"
    with Victim(exchange, journal, tmp_path / "shown") as victim:
        victim.until_shown(b'"kind":"live"')
        exchange.burst(5)
        until_whole(exchange, victim, journal)
        folder.rename(away)
        exchange.burst(5)
        until(lambda: b"moved or removed" in victim.complaints.read_bytes(), 20, "it says so")
        shown = len(victim.new_lines())
        exchange.burst(5)
        assert len(victim.new_lines()) == shown, "what can't be kept is not shown"
        away.rename(folder)
        check(exchange, victim, journal)
        assert exchange.meters()["sockets_opened"] == 1


@pytest.mark.parametrize(
    ("closed", "code"), [("<&- >&- 2>&-", 0), ("2>/dev/full", 0), (">/dev/full", 1), (">/dev/full 2>/dev/full", 1)]
)
def test_p9_the_journal_is_written_whatever_becomes_of_the_output(
    exchange: LocalSandbox, tmp_path: Path, closed: str, code: int
) -> None:
    journal = tmp_path / "fills.db"
    command = f'exec "$0" -m listenkey tail --json --journal "$1" {closed}'
    with subprocess.Popen(
        ["sh", "-c", command, sys.executable, str(journal)], env=environment(exchange), stdout=subprocess.DEVNULL
    ) as process:
        try:
            until(lambda: is_live_in(journal), 30, "it is live")
            exchange.burst(20)
            until(lambda: fills_in(journal) == len(exchange.fills()), 30, "the fills are in the journal")
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(20) == code
        finally:
            process.kill()
    assert wrongs(ledger(exchange), journal) == []


@pytest.mark.nightly
def test_p7_a_crash_loop_asks_for_at_most_twenty_keys_a_minute(exchange: LocalSandbox, tmp_path: Path) -> None:
    """Every three seconds a new process, killed without mercy, for more than a minute."""
    asked: list[tuple[float, int]] = []
    ends_s = time.monotonic() + 75

    def posts() -> int:
        return int(exchange.meters()["requests"].get("POST /eapi/v1/listenKey", 0))

    while time.monotonic() < ends_s:
        with Victim(exchange, tmp_path / "fills.db", tmp_path / "shown") as victim:
            next_s = time.monotonic() + 3
            while time.monotonic() < next_s:  # The loop's own beat, and what is measured in it.
                asked.append((time.monotonic(), posts()))
                time.sleep(0.05)
            victim.kill()
    most = max(later - first for at, first in asked for then, later in asked if 0 <= then - at <= 59.5)
    assert 10 <= most <= 20
