"""The WebSocket and what comes over it, row by row as docs/reference/faults.md numbers them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.chaos.processes import ClientProcess, until
from tests.chaos.stage import Stage, now_ms
from tests.chaos.test_commit_tier import fill_of, held_symbols
from tests.chaos.test_network import QUIET_WEIGHT, passes
from tests.chaos.ws_frames import PONG

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(300)]

TRADE = b'"x":"TRADE"'
MIB = 1024 * 1024
FOUND_WITHIN_S = 75
"""The bill is looked at once a minute."""


def rss_bytes(client: ClientProcess) -> int:
    return int(Path(f"/proc/{client.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_w1_a_socket_is_replaced_before_it_ends_and_nothing_is_missed(tmp_path: Path) -> None:
    timing = {"rotate_after_s": 6.0, "rotate_jitter_s": 0.5, "overlap_s": 2.0}
    with Stage(tmp_path, seed=120, timing=timing) as stage:
        stage.warm_up()
        stage.traffic(fills=300, per_second=20)
        until(lambda: stage.sockets_opened() >= 3, 40, "it is rotated, twice")
        stage.settle()
        assert stage.client.count("gap_opened") == 0, "both sockets overlap"
        stage.sockets_max = 2
        stage.check()


def test_w1_twenty_four_hours_end_every_socket(tmp_path: Path) -> None:
    # An account without a position: at this speed its beat of ten seconds would be one of ten milliseconds.
    with Stage(tmp_path, seed=121, time_scale=1000) as stage:
        stage.warm_up(0)
        until(lambda: stage.sockets_opened() == 2, 110, "it is rotated after 23 hours")
        until(lambda: stage.sandbox.meters()["sockets_open"] == 1, 10, "the old one is closed")
        assert stage.client.count("gap_opened") == 0, "both sockets overlap"
        stage.check()


def test_w2_every_way_to_close(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=122, switches={"weight_per_minute": QUIET_WEIGHT}) as stage:
        stage.warm_up()
        for code in (1000, 1001, 1008, 1011, 1012, 1013, 4000, None):
            closed_ms = now_ms()
            stage.sandbox.fault("drop_sockets", **({} if code is None else {"close_code": code}))
            stage.wait_for_live(closed_ms, within_s=5)
            stage.burst(3)
        stage.settle()
        assert stage.client.count("gap_opened") == 8
        stage.check()


def test_w3_our_pongs_are_lost_and_the_venue_drops_us(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=123, time_scale=60) as stage:
        stage.warm_up()
        rule = stage.proxy.rule("drop", opcode=PONG, direction="up")
        lost_ms = now_ms()
        stage.wait_for_gap(lost_ms, within_s=25)
        assert rule.struck >= 1
        stage.proxy.heal()
        stage.wait_for_live(lost_ms, within_s=30)
        stage.burst(10)
        stage.settle()
        stage.check()


def test_w5_a_subscription_that_is_acknowledged_and_dead(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=125, time_scale=10) as stage:
        stage.warm_up(40)
        stage.sandbox.fault("ack_dead", count=1)
        stage.outage(5)
        passes(1)
        stage.burst(10)
        until(lambda: stage.sockets_opened() >= 3, 20, "the beat does not come, so it is replaced")
        stage.settle()
        stage.check()


def test_w7_everything_comes_twice(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=127) as stage:
        stage.warm_up()
        stage.proxy.rule("duplicate", probability=0.4)
        stage.sandbox.fault("duplicate_event", probability=0.3, copies=2)
        stage.traffic(fills=200, per_second=50)
        stage.settle()
        assert stage.client.count("gap_opened") == 0
        stage.check()


def test_w8_messages_change_places(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=128) as stage:
        stage.warm_up()
        stage.proxy.rule("reorder", window=5)
        stage.traffic(fills=200, per_second=40)
        stage.settle()
        assert stage.sockets_opened() == 1
        stage.check()


def test_w9_fills_come_long_after_rest_gave_them(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=129) as stage:
        stage.warm_up(40)
        stage.proxy.rule("hold", match=TRADE, seconds=12, probability=0.3)
        stage.traffic(fills=60, per_second=20)
        stage.settle(within_s=90)
        until(lambda: len(stage.proxy.fills) == stage.expected, 30, "the held ones came as well")
        stage.burst(5)
        stage.settle()
        stage.check()


def test_w10_ten_thousand_events_at_once_to_a_client_that_stands_still(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=130) as stage:
        stage.warm_up()
        before = rss_bytes(stage.client)
        stage.client.process.send_signal(signal.SIGSTOP)
        stage.burst(2_500)
        stage.client.process.send_signal(signal.SIGCONT)
        stage.settle()
        assert rss_bytes(stage.client) - before <= 64 * MIB
        stage.check()


def test_w11_messages_that_are_too_big(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=131) as stage:
        stage.warm_up()
        before = rss_bytes(stage.client)
        for parameters in (
            {"payload": b'{"e":"' + b"x" * 2 * MIB + b'"}'},
            {"payload": b'{"e":"' + b"x" * 6 * MIB + b'"}'},
            {"payload": b'{"e":"' + b"x" * MIB + b'"}', "size": 1},
        ):
            began_ms = now_ms()
            stage.proxy.rule("replace", match=TRADE, count=1, **parameters)
            stage.burst(2)
            stage.wait_for_gap(began_ms, within_s=20)
            stage.settle()
        began_ms = now_ms()
        stage.proxy.rule("compressed", match=TRADE, count=1)
        stage.burst(2)
        stage.wait_for_gap(began_ms, within_s=5)
        stage.settle()
        assert rss_bytes(stage.client) - before <= 64 * MIB
        stage.slack_ms = 5_000  # A million pieces are on their way for seconds.
        stage.check()


def test_w13_frames_of_every_wrong_kind(tmp_path: Path) -> None:
    kinds = ["array", "null", "number", "string", "unknown_event", "wrong_types", "long_id", "truncated", "not_json"]
    with Stage(tmp_path, seed=133) as stage:
        stage.warm_up()
        stage.sandbox.fault("malformed_frame", frames=kinds, count=4)
        stage.traffic(fills=60, per_second=20)
        stage.settle()
        assert stage.sockets_opened() == 1
        stage.check()


def test_w14_the_generation_changes_in_mid_life(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=134) as stage:
        stage.warm_up()
        stage.sandbox.switch(generation="legacy")
        stage.burst(10)
        sql = "SELECT count(*) FROM fills"
        until(lambda: stage.client.rows(sql)[0][0] >= stage.expected, 20, "fills of the old shape are read")
        stage.sandbox.switch(generation="current")
        stage.burst(10)
        until(lambda: stage.client.rows(sql)[0][0] >= stage.expected, 20, "and those of the new one")
        assert stage.client.rows(sql)[0][0] == stage.expected
        assert stage.client.process.poll() is None


@pytest.mark.parametrize("kind", ["truncate", "utf8", "opcode", "reserved", "masked", "binary"])
def test_w15_frames_that_the_standard_forbids(tmp_path: Path, kind: str) -> None:
    with Stage(tmp_path, seed=135) as stage:
        stage.warm_up()
        rule = stage.proxy.rule(kind, match=TRADE, nth=4, count=1)  # type: ignore[arg-type]
        stage.traffic(fills=40, per_second=20)
        stage.settle()
        assert rule.struck == 1
        assert (stage.client.count("gap_opened") > 0) == (kind != "binary")
        stage.check()


def test_w16_the_server_says_that_it_will_go(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=136) as stage:
        stage.warm_up()
        stage.traffic(fills=60, per_second=10)
        stage.sandbox.fault("server_shutdown")
        until(lambda: stage.sockets_opened() == 2, 5, "another socket before this one breaks")
        stage.settle()
        until(lambda: stage.sandbox.meters()["sockets_open"] == 1, 15, "and the first is let go")
        assert stage.client.count("gap_opened") == 0
        stage.check()


def test_w17_maintenance_connected_silent_and_rest_is_down(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=137, time_scale=10) as stage:
        stage.warm_up(40)
        stage.sandbox.fault("mute")
        stage.sandbox.fault("http_status", status=503, path="/eapi")
        stage.burst(20)
        until(stage.client.has_open_gap, 20, "the beat stops")
        asked = stage.requests()
        passes(45)
        assert stage.requests() - asked <= 20, "it waits longer and longer"
        stage.sandbox.clear_faults()
        stage.settle(within_s=90)
        stage.check()


def test_w18_the_address_is_retired(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=138) as stage:
        stage.warm_up()
        stage.sandbox.fault("retire_endpoint", status=410)
        stage.sandbox.fault("drop_sockets")
        stage.burst(5)
        passes(4)
        tries = stage.proxy.connections + stage.requests("POST /eapi/v1/listenKey")
        until(lambda: stage.client.fills() >= stage.expected, 30, "fills come over REST, without a socket")
        assert stage.client.has_open_gap()
        passes(30)
        more = stage.proxy.connections + stage.requests("POST /eapi/v1/listenKey") - tries
        assert more <= 2, f"once a minute at most, not {more} times"
        stage.sandbox.clear_faults()
        stage.settle(within_s=90)
        stage.check()


def test_w4_a_zombie_without_a_position(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=124) as stage:
        stage.warm_up(0)
        muted_ms = now_ms()
        stage.sandbox.fault("mute", duration_ms=3_000)
        stage.burst(10)
        took_s = stage.wait_for_gap(muted_ms, within_s=FOUND_WITHIN_S)
        print(f"a zombie without a position: the bill told it after {took_s:.1f} s")  # noqa: T201
        stage.settle()
        stage.check()


@pytest.mark.parametrize("what", ["in a symbol that is held", "and nothing comes after it"])
def test_w6_one_event_in_silence(tmp_path: Path, what: str) -> None:
    with Stage(tmp_path, seed=126) as stage:
        stage.warm_up(40)
        if what == "in a symbol that is held":
            pattern, least = fill_of(held_symbols(stage)), 0.0
            stage.proxy.rule("drop", match=pattern, count=1)
        else:
            # Nor is its position told, nor what else the fill has changed of its order: only the bill knows.
            pattern, least = b"ORDER_TRADE_UPDATE|BALANCE_POSITION_UPDATE", 10.0
            stage.proxy.rule("drop", match=pattern)
        began_ms = now_ms()
        stage.traffic(fills=1 if least else 40, per_second=20)
        took_s = stage.wait_for_gap(began_ms, within_s=FOUND_WITHIN_S)
        print(f"one event dropped, {what}: found after {took_s:.1f} s")  # noqa: T201
        stage.proxy.heal()
        stage.settle()
        assert took_s >= least
        assert stage.sockets_opened() == 1
        stage.check()
