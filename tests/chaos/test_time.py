"""Time, as docs/faults.md numbers it: what can be done to a process's own."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.chaos.stage import Stage
from tests.chaos.test_network import passes

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
