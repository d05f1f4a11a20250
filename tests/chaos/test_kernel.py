"""The network by the kernel's means, in a namespace: resets, vanished packets, loss, a black hole for large ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos import kernel
from tests.chaos.processes import until
from tests.chaos.stage import Stage, now_ms
from tests.chaos.test_network import DEAD_WITHIN_S, QUIET_WEIGHT, passes

AT_ONCE = 4
"""Requests that the client sends at the same time, each over a connection that is then kept."""

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(kernel.missing("nft", "ss", "tc")), reason=kernel.missing("nft", "ss", "tc")),
]


@pytest.fixture(autouse=True)
def network() -> Iterator[None]:
    with kernel.own_network():
        yield


def test_n1_a_connection_is_destroyed(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=151) as stage:
        stage.warm_up()
        stage.traffic(fills=60, per_second=30)
        stage.wait_for_fills(10)
        killed_ms = now_ms()
        kernel.kill_sockets(stage.proxy.port)
        stage.wait_for_gap(killed_ms, within_s=0.5)
        stage.wait_for_live(killed_ms, within_s=5)
        stage.settle()
        stage.check()


@pytest.mark.parametrize("ways", [("dport", "sport"), ("dport",), ("sport",)])
def test_n2_n3_packets_vanish(tmp_path: Path, ways: tuple[str, ...]) -> None:
    with Stage(tmp_path, seed=152) as stage:
        stage.warm_up()
        pulled_ms = now_ms()
        kernel.strike(*(f"tcp {way} {stage.proxy.port} drop" for way in ways))
        stage.burst(20)
        stage.wait_for_gap(pulled_ms, within_s=DEAD_WITHIN_S)
        kernel.mend()
        stage.wait_for_live(pulled_ms, within_s=60)
        stage.settle()
        stage.sockets_max = 2  # Our reset vanished as well.
        assert connections(stage) <= 1 + AT_ONCE, "no second socket is left behind here"
        stage.check()


def connections(stage: Stage) -> int:
    """Count the client's TCP connections: one socket, and a few for REST."""
    listed = kernel.run("ss", "-tnpH", "state", "established", f"( dport = :{stage.proxy.port} )")
    return listed.count(f"pid={stage.client.process.pid},")


def test_n4_packets_of_an_idle_flow_are_dropped_from_now_on(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=154) as stage:
        stage.warm_up()
        port = stage.proxy.port
        kernel.run("nft", "add", "table", "inet", kernel.TABLE)
        kernel.run(
            "nft", f"add set inet {kernel.TABLE} alive {{ type inet_service; flags dynamic, timeout; timeout 4s; }}"
        )
        kernel.run("nft", f"add chain inet {kernel.TABLE} incoming {{ type filter hook input priority 0; }}")
        rule = f"add rule inet {kernel.TABLE} incoming tcp dport {port}"
        kernel.run("nft", f"{rule} tcp flags syn update @alive {{ tcp sport }} accept")
        kernel.run("nft", f"{rule} tcp sport != @alive drop")
        kernel.run("nft", f"{rule} update @alive {{ tcp sport }}")
        stage.proxy.cut(which="all")  # New connections, which the rules have seen begin.
        until(lambda: stage.client.count("live") >= 2, 20, "it is live again")
        gaps = stage.client.count("gap_opened")
        passes(15)
        stage.burst(10)
        stage.settle()
        assert stage.client.count("gap_opened") == gaps, "our pings keep it alive"
        stage.check()


def test_n5_bandwidth_collapses(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=155) as stage:
        stage.warm_up()
        kernel.slow_down("256kbit")
        stage.traffic(fills=60, per_second=30)
        until(lambda: stage.client.fills() >= stage.expected, 120, "slow, and whole")
        kernel.full_speed()
        stage.settle()
        assert stage.sockets_opened() <= 2, "no loop of reconnects"
        stage.check()


def test_n7_every_tenth_packet_is_lost(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=157) as stage:
        stage.warm_up()
        port = stage.proxy.port
        kernel.strike(*(f"tcp {way} {port} numgen random mod 10 == 0 drop" for way in ("dport", "sport")))
        stage.traffic(fills=200, per_second=20)
        stage.settle()
        assert stage.sockets_opened() == 1, "TCP hides it"
        assert stage.client.count("gap_opened") == 0
        stage.check()


def test_n9_nobody_answers_a_syn(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=159) as stage:
        stage.warm_up()
        kernel.strike(f"tcp dport {stage.proxy.port} tcp flags syn / syn,ack drop")
        cut_ms = now_ms()
        kernel.kill_sockets(stage.proxy.port)
        stage.wait_for_gap(cut_ms, within_s=0.5)
        stage.burst(10)
        passes(12)
        kernel.mend()
        stage.wait_for_live(cut_ms, within_s=60)
        stage.settle()
        stage.check()


def test_n13_large_packets_vanish(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=163) as stage:
        stage.warm_up()
        kernel.strike(f"tcp sport {stage.proxy.port} meta length > 1300 drop")
        began_ms = now_ms()
        stage.burst(30)
        stage.wait_for_gap(began_ms, within_s=DEAD_WITHIN_S)
        kernel.mend()
        stage.wait_for_live(began_ms, within_s=60)
        stage.settle()
        stage.check()


def test_n15_connections_are_destroyed_every_two_seconds(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=165, switches={"weight_per_minute": QUIET_WEIGHT}) as stage:
        stage.warm_up()
        stage.traffic(fills=60, per_second=2)
        for _ in range(15):
            passes(2)
            killed_ms = now_ms()
            kernel.kill_sockets(stage.proxy.port)
        stage.wait_for_live(killed_ms, within_s=60)
        stage.settle(within_s=90)
        stage.check()
