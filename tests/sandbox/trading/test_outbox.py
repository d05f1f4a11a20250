from __future__ import annotations

import pytest

from tests.sandbox.trading.trading_kit import Pit


def test_what_a_fill_pushes_is_a_switch() -> None:
    pit = Pit(fill_events=("ACCOUNT_UPDATE", "no such event", "ORDER_TRADE_UPDATE"))
    pit.sell("bob", "1", "100")
    pit.events()
    pit.buy("alice", "1", "100")
    assert pit.story("alice") == ["NEW/NEW", "ACCOUNT_UPDATE", "TRADE/FILLED"]


def test_events_are_taken_once_and_in_order() -> None:
    pit = Pit()
    pit.buy("alice", "1", "1")
    pit.sell("bob", "1", "200")
    taken = pit.exchange.take_events()
    assert [(each.account, each.at_ms, each.trade_id) for each in taken] == [
        ("alice", pit.now_ms - 1, None),
        ("bob", pit.now_ms, None),
    ]
    assert pit.exchange.take_events() == []


@pytest.mark.parametrize(
    ("generation", "count"),
    [("current", 3), ("legacy", 1)],
)
def test_one_legacy_event_says_what_three_say_today(generation: str, count: int) -> None:
    pit = Pit(generation=generation)
    pit.sell("bob", "1", "100")
    pit.buy("alice", "1", "100")
    assert len([each for each in pit.events("bob") if each["e"] != "ORDER_TRADE_UPDATE"]) == count
