from __future__ import annotations

from listenkey.sandbox.rate_limits import BAN_S, REFUSALS_BEFORE_BAN, Limits, Ordered
from listenkey.sandbox.switches import Switches

MINUTE_MS = 60_000
T0 = 1_795_330_020_000  # the start of a minute
IP = "127.0.0.1"


def make() -> Limits:
    return Limits(Switches(weight_per_minute=100, orders_per_minute=5, orders_per_10_s=3, connections_per_5_min=4))


def exhaust(limits: Limits, now_ms: int) -> None:
    limits.spend(IP, 100, now_ms)
    for _ in range(REFUSALS_BEFORE_BAN):
        assert limits.spend(IP, 1, now_ms).http_status == 429


def test_weight_is_counted_an_address_and_a_minute() -> None:
    limits = make()
    assert limits.spend(IP, 40, T0).used == 40
    assert limits.spend("10.0.0.1", 5, T0).used == 5
    assert limits.spend(IP, 60, T0 + 59_999).used == 100
    assert limits.used(IP, T0 + 59_999) == 100
    assert limits.used(IP, T0 + MINUTE_MS) == 0
    assert limits.weight_by_minute == {T0: 105}


def test_beyond_the_limit_is_429_until_the_minute_ends() -> None:
    limits = make()
    limits.spend(IP, 100, T0)
    spent = limits.spend(IP, 1, T0 + 1_000)
    assert (spent.http_status, spent.used, spent.until_ms) == (429, 101, T0 + MINUTE_MS)
    assert limits.spend(IP, 1, T0 + MINUTE_MS).http_status == 200


def test_going_on_after_429_is_a_ban_and_bans_grow_up_to_three_days() -> None:
    limits = make()
    now_ms = T0
    for ban_s in (*BAN_S, BAN_S[-1]):
        exhaust(limits, now_ms)
        spent = limits.spend(IP, 1, now_ms)
        assert (spent.http_status, spent.until_ms) == (418, now_ms + ban_s * 1000)
        assert limits.spend(IP, 1, spent.until_ms - 1).http_status == 418
        now_ms = spent.until_ms
    assert BAN_S[0] == 120
    assert BAN_S[-1] == 3 * 86_400
    assert len(limits.bans) == len(BAN_S) + 1


def test_a_ban_long_ago_is_forgotten() -> None:
    limits = make()
    exhaust(limits, T0)
    limits.spend(IP, 1, T0)
    later_ms = T0 + 10 * 86_400_000
    exhaust(limits, later_ms)
    assert limits.spend(IP, 1, later_ms).until_ms == later_ms + BAN_S[0] * 1000


def test_orders_are_counted_an_account_in_both_windows() -> None:
    limits = make()
    assert limits.order("alice", 1, T0) == Ordered(1, 1, None, 0)
    assert limits.order("alice", 2, T0) == Ordered(3, 3, None, 0)
    assert limits.order("bob", 1, T0) == Ordered(1, 1, None, 0)
    assert limits.order("alice", 1, T0 + 1) == Ordered(4, 4, "3 orders per 10 SECOND", T0 + 10_000)
    assert limits.order("alice", 1, T0 + 10_000) == Ordered(1, 5, None, 0)
    assert limits.order("alice", 1, T0 + 20_000) == Ordered(1, 6, "5 orders per MINUTE", T0 + MINUTE_MS)
    assert limits.order("alice", 4, T0 + 20_000) == Ordered(5, 10, "5 orders per MINUTE", T0 + MINUTE_MS)
    assert limits.order("alice", 1, T0 + MINUTE_MS) == Ordered(1, 1, None, 0)


def test_connection_attempts_in_a_sliding_five_minutes() -> None:
    limits = make()
    for second in range(4):
        assert limits.connect(IP, T0 + second * 1000).http_status == 200
    assert limits.connect(IP, T0 + 4_000).http_status == 429
    assert limits.connect(IP, T0 + 300_000).http_status == 200
    assert limits.connect(IP, T0 + 300_000).http_status == 429


def test_repeated_flooding_bans_the_address_from_connecting() -> None:
    limits = make()
    for second in range(3):
        assert limits.connect(IP, T0).http_status == 200
        limits.flooded(IP, T0 + second)
    assert limits.connect(IP, T0 + 10).http_status == 418
    assert limits.connect(IP, T0 + 130_000).http_status == 200
