"""The listen key's life, row by row as docs/reference/faults.md numbers them. K1 and K5 are in the commit tier."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.chaos.processes import until
from tests.chaos.stage import Stage, now_ms
from tests.chaos.test_network import passes

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(300)]

POST = "POST /eapi/v1/listenKey"
PUT = "PUT /eapi/v1/listenKey"


def test_k2_the_key_dies_without_a_word(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=202, time_scale=60) as stage:
        stage.warm_up()
        stage.sandbox.fault("expire_key_silently", account="alice")
        stage.burst(10)
        until(stage.client.has_open_gap, 30, "the next renewal, or the beat before it, finds out")
        stage.burst(5)
        stage.settle()
        stage.check()


def test_k3_renewals_fail_for_twenty_five_minutes(tmp_path: Path) -> None:
    # An account without a position: at this speed its beat of ten seconds would be one of 0.2 s.
    with Stage(tmp_path, seed=203, time_scale=60) as stage:
        stage.warm_up(0)
        stage.sandbox.fault("http_status", status=503, path="/eapi/v1/listenKey", method="PUT", duration_ms=25 * 60_000)
        until(lambda: not stage.sandbox.faults(), 40, "they are over")
        renewed = stage.requests(PUT)
        until(lambda: stage.requests(PUT) > renewed, 30, "it is renewed again")
        assert keys_made(stage) == 1, "the key has survived"
        assert stage.client.count("gap_opened") == 0
        stage.burst(10)
        stage.settle()
        stage.check()


def keys_made(stage: Stage) -> int:
    return len({row["key"] for row in stage.sandbox.ledger()["keys"]})


def test_k4_nobody_renews_because_the_process_sleeps(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=204, time_scale=600) as stage:
        stage.warm_up()
        stage.client.process.send_signal(signal.SIGSTOP)
        passes(8)
        stage.burst(10)
        woke_ms = now_ms()
        stage.client.process.send_signal(signal.SIGCONT)
        stage.wait_for_live(woke_ms, within_s=10)
        stage.burst(5)
        stage.settle()
        stage.check()


def test_k6_another_program_has_replaced_the_key(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=206, time_scale=10, switches={"delete_pushes_expired": False}) as stage:
        stage.warm_up(40)
        assert stage.sandbox.ask("DELETE", "/eapi/v1/listenKey")[0] == 200
        assert stage.sandbox.ask("POST", "/eapi/v1/listenKey")[0] == 200
        stage.others_deleted = 1
        stage.burst(10)
        until(lambda: stage.sockets_opened() >= 2, 20, "its own socket brings nothing more")
        stage.settle()
        stage.check()


def test_k7_the_end_of_a_key_is_told_twice_and_again_when_it_is_long_over(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=207) as stage:
        stage.warm_up()
        [old] = [one for one in stage.proxy.secrets if len(one) == 64 and not _is_hex(one)]
        stage.proxy.rule("duplicate", match=b"listenKeyExpired", copies=3)
        expired_ms = now_ms()
        stage.sandbox.fault("expire_key", account="alice")
        stage.wait_for_live(expired_ms, within_s=2)
        told = b'{"stream":"%s","data":{"e":"listenKeyExpired","E":"1","listenKey":"%s"}}' % (old, old)
        stage.proxy.rule("replace", match=b"GREEK_UPDATE", payload=told, count=2)
        stage.burst(10)
        stage.settle()
        assert keys_made(stage) == 2
        assert stage.sockets_opened() == 2, "what is said of a key that is not ours is nothing to us"
        stage.check()


def _is_hex(one: bytes) -> bool:
    return all(letter in b"0123456789abcdef" for letter in one)


def test_k8_keys_expire_all_the_time(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=208) as stage:
        stage.warm_up()
        stage.traffic(fills=100, per_second=4)
        stage.sandbox.fault("expire_key", account="alice", count=8, every_ms=3_000)
        until(lambda: not [one for one in stage.sandbox.faults() if one["left"]], 60, "the storm is over")
        stage.settle(within_s=150)
        meters = stage.sandbox.meters()
        assert stage.requests(POST) <= 0.1 * max(meters["weight_by_minute"].values()) + 12
        stage.check()


def test_k9_the_key_ends_between_its_making_and_the_subscription(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=209) as stage:
        stage.warm_up()
        stage.proxy.doors("stall")
        stage.proxy.cut()
        passes(0.5)
        stage.sandbox.fault("expire_key_silently", account="alice")
        stage.burst(5)
        stage.proxy.doors("open")
        stage.settle()
        stage.burst(5)
        stage.settle()
        stage.check()


def test_k10_nobody_says_when_the_key_ends(tmp_path: Path) -> None:
    with Stage(tmp_path, seed=210, time_scale=300, switches={"post_answers_expiration": False}) as stage:
        stage.warm_up(0)
        until(lambda: stage.requests(PUT) >= 5, 60, "it is renewed by our own clock")
        assert stage.client.count("gap_opened") == 0
        assert keys_made(stage) == 1
        stage.burst(10)
        stage.settle()
        stage.check()
