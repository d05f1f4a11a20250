"""Test the ten-second beat and kill switches. Expiries have a file of their own."""

from __future__ import annotations

import pytest

from listenkey.sandbox.exchange.exchange import Rejected
from tests.sandbox.exchange.exchange_kit import Pit, fixture, fixture_code


def test_an_account_with_a_position_is_told_of_it_every_ten_seconds_and_no_longer() -> None:
    pit = Pit()
    pit.sell("bob", "1", "100")
    pit.buy("alice", "1", "100")
    start_ms = pit.now_ms
    pit.events()
    assert pit.exchange.due_ms() == start_ms + 10_000
    pit.exchange.advance(start_ms + 30_500)
    beats = pit.events("alice")
    assert [each["e"] for each in beats] == ["ACCOUNT_UPDATE", "GREEK_UPDATE"] * 3
    assert [each["T"] - start_ms for each in beats[::2]] == [10_000, 20_000, 30_000]
    assert len({each["m"] for each in beats[::2]}) > 1

    pit.now_ms = start_ms + 31_000
    pit.buy("bob", "1", "100")
    pit.sell("alice", "1", "100")
    pit.events()
    pit.exchange.advance(start_ms + 60_000)
    assert pit.events() == []
    pit.now_ms = start_ms + 65_000
    pit.sell("bob", "1", "100")
    pit.buy("alice", "1", "100")
    pit.events()
    pit.exchange.advance(pit.now_ms + 10_000)
    assert len(pit.events("alice")) == 2


def test_a_kill_switch_cancels_its_underlying_once_unless_it_is_refreshed() -> None:
    pit = Pit()
    exchange, now_ms = pit.exchange, pit.now_ms
    pit.buy("alice", "1", "1")
    pit.buy("alice", "1", "1", symbol=pit.btc)
    answer = exchange.set_kill_switch("alice", "ETHUSDT", 30_000, now_ms)
    assert answer == fixture("countdown_cancel_all_post")
    assert exchange.get_kill_switches("alice", None) == answer
    assert exchange.get_kill_switches("alice", "BTCUSDT") == {}
    assert exchange.heartbeat("alice", ["BTCUSDT", "ETHUSDT"], now_ms + 29_000) == {"underlyings": ["ETHUSDT"]}
    exchange.advance(now_ms + 58_999)
    assert len(exchange.open_orders("alice")) == 2
    pit.events()
    exchange.advance(now_ms + 59_000)
    assert pit.story("alice") == ["CANCELED/CANCELED"]
    assert [each["symbol"] for each in exchange.open_orders("alice")] == [pit.btc]
    assert exchange.get_kill_switches("alice") == {}


def test_a_kill_switch_can_be_put_off_and_knows_its_bounds() -> None:
    pit = Pit()
    pit.buy("alice", "1", "1")
    for underlying in ("ETHUSDT", "BTCUSDT"):
        pit.exchange.set_kill_switch("alice", underlying, 5_000, pit.now_ms)
    assert len(pit.exchange.get_kill_switches("alice")) == 2
    pit.exchange.set_kill_switch("alice", "ETHUSDT", 0, pit.now_ms)
    pit.exchange.advance(pit.now_ms + 5_000)
    assert len(pit.exchange.open_orders("alice")) == 1
    with pytest.raises(Rejected) as caught:
        pit.exchange.set_kill_switch("alice", "ETHUSDT", 4_999, pit.now_ms)
    assert (caught.value.code, caught.value.message) == fixture_code("error_6009")
    with pytest.raises(Rejected):
        pit.exchange.set_kill_switch("alice", "DOGEUSDT", 5_000, pit.now_ms)
