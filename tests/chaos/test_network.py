"""
The network, row by row as docs/reference/faults.md numbers them: what the proxy can do to connections and to bytes.

What needs the kernel is in test_kernel.py, certificates in test_tls.py.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.chaos.processes import until
from tests.chaos.stage import Stage, now_ms
from tests.chaos.ws_frames import PONG

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(300)]

DEAD_WITHIN_S = 10
QUIET_WEIGHT = 20_000
"""A weight limit of which no test that reconnects all the time uses much."""


def passes(seconds: float) -> None:
    """Wait for time to pass, where its passing is what is tested, and nothing else could show it."""
    ends_s = time.monotonic() + seconds
    until(lambda: time.monotonic() >= ends_s, seconds + 5, "time passes")


@pytest.mark.parametrize("direction", ["down", "up"])
def test_n3_nothing_comes_through_one_way(tmp_path: Path, direction: str) -> None:
    with Stage(tmp_path, seed=103) as stage:
        stage.warm_up()
        pulled_ms = now_ms()
        stage.proxy.block(direction)  # type: ignore[arg-type]
        stage.wait_for_gap(pulled_ms, within_s=DEAD_WITHIN_S)
        stage.burst(10)
        stage.proxy.heal()
        stage.settle()
        until(lambda: stage.sandbox.meters()["sockets_open"] == 1, 30, "no second socket is left behind")
        stage.check()


def test_n4_a_nat_that_forgets_idle_connections(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=104) as stage:
        stage.warm_up()
        stage.proxy.forget_idle(4.0)
        passes(15)
        stage.burst(10)
        stage.settle()
        assert stage.client.count("gap_opened") == 0, "our pings keep it alive"
        assert "ws" not in [one.detail for one in stage.proxy.log if one.what == "forgotten"]
        stage.check()


def test_n5_bandwidth_collapses(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=105) as stage:
        stage.warm_up()
        stage.proxy.shape("down", bytes_per_s=6_000)
        stage.traffic(fills=60, per_second=60)
        stage.settle(within_s=90)
        assert stage.sockets_opened() == 1, "slow is not dead"
        stage.check()


def test_n6_latency_of_up_to_three_seconds(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=106) as stage:
        stage.warm_up()
        stage.proxy.rule("delay", seconds=0, seconds_max=3)
        stage.proxy.rule("delay", seconds=0, seconds_max=3, opcode=PONG)
        stage.traffic(fills=60, per_second=4)
        stage.settle()
        assert stage.sockets_opened() == 1, "no false death"
        assert stage.client.count("gap_opened") == 0
        stage.check()


def test_n8_byte_by_byte_and_a_pong_within_each_message(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=108) as stage:
        stage.warm_up()
        stage.proxy.shape("down", slice_bytes=1)
        stage.proxy.shape("up", slice_bytes=1)
        stage.burst(5)
        stage.proxy.rule("interrupt", size=40)
        stage.burst(5)
        stage.settle()
        assert stage.client.count("gap_opened") == 0
        assert stage.sockets_opened() == 1
        stage.check()


def test_n9_connecting_hangs(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=109) as stage:
        stage.warm_up()
        stage.proxy.doors("stall")
        cut_ms = now_ms()
        stage.proxy.cut()
        before = stage.proxy.connections
        stage.burst(10)
        passes(20)
        assert 2 <= stage.proxy.connections - before <= 12, "each try is given up after five seconds"
        stage.proxy.heal()
        stage.wait_for_live(cut_ms, within_s=60)
        stage.settle()
        stage.check()


@pytest.mark.parametrize("seconds", [1, 30])
def test_n10_refused_for_a_while(tmp_path: Path, seconds: int) -> None:
    with Stage(tmp_path, seed=110) as stage:
        stage.warm_up()
        stage.proxy.refuse(refused=True)
        stage.proxy.cut(which="all")
        stage.burst(20)
        passes(seconds)
        back_ms = now_ms()
        stage.proxy.heal()
        stage.wait_for_live(back_ms, within_s=35)
        stage.settle()
        stage.check()


def test_n14_a_firewall_s_page_is_no_answer(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=114) as stage:
        stage.warm_up()
        stage.sandbox.fault("http_status", status=200, html=True, path="/eapi")
        stage.sandbox.fault("expire_key", account="alice")
        stage.burst(5)
        passes(4)
        assert stage.client.has_open_gap(), "a page with 200 is no key"
        stage.sandbox.clear_faults()
        stage.settle()
        stage.sandbox.fault("http_status", status=403, path="/eapi")
        stage.sandbox.fault("expire_key", account="alice")
        until(stage.client.has_open_gap, 10, "the key is gone")
        passes(3)
        asked = stage.requests()
        passes(50)
        assert stage.requests() <= asked + 1, "after a 403 a minute of silence"
        stage.sandbox.clear_faults()
        stage.settle(within_s=90)
        stage.check()


def test_n15_the_socket_is_cut_every_two_seconds(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=115, switches={"weight_per_minute": QUIET_WEIGHT}) as stage:
        stage.warm_up()
        stage.traffic(fills=120, per_second=2)
        for _ in range(30):
            passes(2)
            cut_ms = now_ms()
            stage.proxy.cut()
        stage.wait_for_live(cut_ms, within_s=60)
        stage.settle(within_s=90)
        assert stage.sockets_opened() <= 60
        stage.check()


def test_n16_fail_over_while_the_old_socket_stays_open_and_silent(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=116) as stage:
        stage.warm_up()
        pulled_ms = now_ms()
        stage.proxy.block("down", which="ws", fresh=False)
        stage.traffic(fills=60, per_second=10)
        stage.wait_for_gap(pulled_ms, within_s=DEAD_WITHIN_S)
        stage.wait_for_live(pulled_ms, within_s=15)
        stage.proxy.unblock()  # What the old one held back comes now, to nobody.
        stage.settle()
        stage.check()
