"""Time, as docs/reference/faults.md numbers it: what can be done to a process's own."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.chaos.processes import until
from tests.chaos.stage import Stage
from tests.chaos.test_network import passes

FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
"""Lies to one process about the wall clock, and leaves the others theirs."""

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(120)]


def test_t4_the_process_stands_still(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=404) as stage:
        stage.warm_up()
        stage.traffic(fills=100, per_second=10)
        stage.wait_for_fills(10)
        stage.client.process.send_signal(signal.SIGSTOP)
        passes(12)
        stage.client.process.send_signal(signal.SIGCONT)
        stage.settle()
        assert stage.sockets_opened() == 1, "what waited in the socket is life enough"
        stage.check()


@pytest.mark.skipif(FAKETIME is None, reason="2026-11-22: libfaketime is not installed")
@pytest.mark.parametrize("step", ["+3600", "-3600"])
def test_t1_the_wall_clock_is_set_by_an_hour(tmp_path: Path, step: str) -> None:
    told = tmp_path / "clock"
    told.write_text("+0")
    lies = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(told),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
    }
    with Stage(tmp_path, seed=401, more=lies) as stage:
        stage.moved_clock = True
        stage.warm_up()
        told.write_text(step)
        stage.burst(5)
        passes(12)
        stage.settle()
        newest_ms, by_venue_ms = stage.client.rows("SELECT received_ms, event_ms FROM items ORDER BY seq DESC")[0]
        assert abs(newest_ms - by_venue_ms - int(step) * 1000) < 60_000, "its clock was set"
        assert stage.sockets_opened() == 1, "durations do not go by the wall clock"
        assert stage.client.count("gap_opened") == 0
        lives = stage.client.count("live")
        stage.outage(10)
        until(lambda: stage.client.count("live") > lives, 20, "it is live again")
        stage.settle()
        stage.check()
