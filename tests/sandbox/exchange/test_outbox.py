from __future__ import annotations

from decimal import Decimal

import pytest

from tests.sandbox.exchange.exchange_kit import Pit


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


def test_positions_may_be_told_once_for_the_fills_of_a_moment() -> None:
    pit = Pit(position_events="gathered")
    other = pit.exchange.symbols()[-2]
    for price in ("100", "101"):
        pit.sell("bob", "1", price)
    pit.sell("bob", "1", "50", symbol=other)
    pit.events()
    pit.buy("alice", "2", "101")
    first_ms = pit.now_ms
    pit.buy("alice", "1", "50", symbol=other)
    pit.exchange.transfer("alice", Decimal(1), pit.now_ms)
    told = [each["e"] for each in pit.events("alice")]
    assert told.count("BALANCE_POSITION_UPDATE") == 1, "that of the transfer"
    pit.exchange.advance(first_ms + 49)
    assert pit.events("alice") == []
    pit.exchange.advance(first_ms + 50)
    [event] = pit.events("alice")
    assert (event["e"], event["m"], event["E"], event["T"]) == (
        "BALANCE_POSITION_UPDATE",
        "ORDER",
        first_ms + 50,
        pit.now_ms,
    )
    assert {each["s"]: each["c"] for each in event["P"]} == {pit.symbol: "2.00", other: "1.00"}
    pit.sell("alice", "1", "1", symbol=other)
    pit.exchange.advance(pit.now_ms + 50)
    assert "BALANCE_POSITION_UPDATE" not in pit.story("alice"), "it only rests"


def test_positions_may_never_be_told() -> None:
    pit = Pit(position_events="none")
    pit.sell("bob", "1", "100")
    pit.events()
    pit.buy("alice", "1", "100")
    pit.exchange.transfer("alice", Decimal(1), pit.now_ms)
    assert pit.story("alice") == [
        "NEW/NEW",
        "TRADE/FILLED",
        "ACCOUNT_UPDATE",
        "GREEK_UPDATE",
        "ACCOUNT_UPDATE",
    ]


def test_before_2026_there_is_nothing_to_gather() -> None:
    pit = Pit(position_events="gathered", generation="legacy")
    pit.sell("bob", "1", "100")
    pit.buy("alice", "1", "100")
    pit.exchange.advance(pit.now_ms + 50)
    assert {each["e"] for each in pit.events("alice")} == {"ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"}
