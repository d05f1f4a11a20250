"""
The faults that are shown at every commit, with real processes: nine of the network, the stream, keys and REST.

Each test is one row of docs/reference/faults.md, named there. The others run in `make chaos`.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.chaos.processes import until
from tests.chaos.stage import Stage, now_ms

TRADE = b'"x":"TRADE"'
QUICK = {"settle_after_s": [0.5, 1.0, 2.0, 4.0], "lag_hold_s": 0.5, "lag_max_s": 5.0}


def test_n1_a_reset_in_the_middle_of_the_stream(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=101) as stage:
        stage.warm_up()
        stage.traffic(fills=60, per_second=40)
        stage.wait_for_fills(10)
        cut_ms = now_ms()
        assert stage.proxy.cut("rst") == 1
        stage.wait_for_gap(cut_ms, within_s=0.5)
        stage.wait_for_live(cut_ms, within_s=5)
        stage.settle()
        stage.check()


def test_n2_packets_vanish_both_ways(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=102) as stage:
        stage.warm_up()
        stage.traffic(fills=60, per_second=10)
        stage.wait_for_fills(5)
        pulled_ms = now_ms()
        stage.proxy.block()
        stage.wait_for_gap(pulled_ms, within_s=10)
        healed_ms = now_ms()
        stage.proxy.heal()
        stage.wait_for_live(healed_ms, within_s=10)
        stage.settle()
        until(lambda: stage.sandbox.meters()["sockets_open"] == 1, 5, "the old socket is gone from the exchange, too")
        stage.check()


def test_w4_a_zombie_answers_pings_and_brings_nothing(tmp_path: Path) -> None:
    scale = 10
    with Stage(tmp_path, seed=104, time_scale=scale) as stage:
        stage.warm_up(40)
        until(lambda: beats(stage) >= 2, 5, "the beat of an open position")
        muted_ms = now_ms()
        stage.sandbox.fault("mute")
        stage.burst(10)
        stage.wait_for_gap(muted_ms, within_s=25 / scale + 1)
        stage.sandbox.clear_faults()
        stage.wait_for_live(muted_ms, within_s=10)
        stage.burst(5)
        stage.settle()
        stage.check()


def beats(stage: Stage) -> int:
    return int(stage.client.rows("SELECT count(*) FROM items WHERE type = 'ACCOUNT_UPDATE'")[0][0])


def test_w6_one_fill_is_dropped_on_a_healthy_link(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=106) as stage:
        stage.warm_up(40)
        rule = stage.proxy.rule("drop", match=fill_of(held_symbols(stage)), nth=3, count=1)
        began_ms = now_ms()
        stage.traffic(fills=60, per_second=30)
        stage.wait_for_gap(began_ms, within_s=10)
        [dropped] = [each for each in stage.proxy.log if each.what == "drop"]
        stage.wait_for_gap(dropped.wall_ms, within_s=2)  # The position of its symbol is told at once, and doubted.
        stage.settle()
        assert rule.struck == 1
        assert stage.sandbox.meters()["sockets_opened"] == 1, "the socket is healthy and stays"
        stage.check()


def held_symbols(stage: Stage) -> list[str]:
    """Symbols whose position the client has been told of: what it never heard of, only the audit can miss."""
    sql = "SELECT DISTINCT json_extract(p.value, '$.s') FROM items, json_each(raw, '$.P') AS p"
    return [symbol for (symbol,) in stage.client.rows(f"{sql} WHERE items.type = 'BALANCE_POSITION_UPDATE'")]


def fill_of(symbols: list[str]) -> bytes:
    return b'"s":"(' + "|".join(symbols).encode() + b')".*' + TRADE


def test_w12_a_frame_that_is_no_json(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=112) as stage:
        stage.warm_up()
        stage.proxy.rule("garble", match=TRADE, nth=3, count=1)
        garbled_ms = now_ms()
        stage.traffic(fills=30, per_second=20)
        stage.wait_for_gap(garbled_ms, within_s=5)
        stage.settle()
        assert stage.sandbox.meters()["sockets_opened"] == 1, "the stream goes on"
        stage.check()


def test_k1_the_listen_key_expires_on_a_live_socket(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=201) as stage:
        stage.warm_up()
        stage.traffic(fills=60, per_second=30)
        stage.wait_for_fills(10)
        expired_ms = now_ms()
        stage.sandbox.fault("expire_key", account="alice")
        stage.wait_for_live(expired_ms, within_s=2)
        stage.settle()
        stage.check()


def test_k5_another_program_deletes_the_key(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=205) as stage:
        stage.warm_up()
        stage.traffic(fills=60, per_second=30)
        stage.wait_for_fills(10)
        deleted_ms = now_ms()
        assert stage.sandbox.ask("DELETE", "/eapi/v1/listenKey")[0] == 200
        stage.others_deleted = 1
        stage.wait_for_live(deleted_ms, within_s=2)
        stage.settle()
        stage.check()


def test_r3_banned_the_socket_stays_and_nothing_is_asked(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=303, timing=QUICK) as stage:
        stage.allowed_refusals = True
        stage.warm_up()
        stage.sandbox.fault("ban", seconds=4)
        stage.proxy.rule("drop", match=TRADE, nth=2, count=1)
        banned_ms = now_ms()
        stage.traffic(fills=60, per_second=20)
        until(lambda: stage.sandbox.meters()["refused_418"] >= 1, 5, "the loss is asked for, and refused")
        first = stage.sandbox.meters()
        fills = stage.client.fills()
        until(lambda: stage.client.fills() >= fills + 10, 5, "the socket delivers while the address is banned")
        assert now_ms() < banned_ms + 4_000, "too slow a machine to say anything"
        assert stage.sandbox.meters()["requests"] == first["requests"], "something was sent during the ban"
        assert stage.sandbox.meters()["sockets_opened"] == 1
        stage.settle(within_s=15)
        recovered_ms = stage.client.told_ms("gap_closed", 0)
        assert recovered_ms is not None
        assert banned_ms + 4_000 <= recovered_ms <= banned_ms + 4_000 + 4_000
        stage.check()


def test_r5_rest_lags_behind_the_stream(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=305, timing=QUICK) as stage:
        stage.sandbox.fault("rest_lag", ms=2_500)
        stage.warm_up()
        stage.traffic(fills=60, per_second=30)
        stage.wait_for_fills(10)
        stage.proxy.doors("reset")
        stage.proxy.cut()
        began_s = time.monotonic()
        until(lambda: len(stage.sandbox.ledger()["fills"]) >= stage.expected - 5, 10, "most happens meanwhile")
        stage.proxy.heal()
        stage.settle()
        until(lambda: stage.client.statuses()[-1]["status"] == "LIVE", 15, "proven")
        assert "SETTLING" in {one["status"] for one in stage.client.statuses()}
        assert time.monotonic() - began_s > 2.5, "proven before REST could show it"
        stage.check()
