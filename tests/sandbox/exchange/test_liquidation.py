"""An account that can't meet its maintenance margin. What is told of it is documented; the rest is assumed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from listenkey.sandbox.exchange.exchange import Rejected
from tests.sandbox.exchange.exchange_kit import Pit


def thin(pit: Pit, *, index: float = 150_000) -> str:
    """Somebody short, with an order resting, after the price has run away; the symbol. The beat is a second away."""
    pit.exchange.add_account("thin", pit.now_ms, deposit=Decimal(30_000))
    symbol = next(each for each in reversed(pit.exchange.symbols()) if each[:3] == "BTC" and each[-1] == "C")
    pit.buy("bob", "1", "100", symbol=symbol)
    pit.sell("thin", "1", "100", symbol=symbol)
    pit.buy("thin", "1", "1")
    pit.now_ms += 9_000
    pit.exchange.state.prices.set_index("BTCUSDT", index)
    pit.events()
    return symbol


def fills(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each["o"] for each in events if each["e"] == "ORDER_TRADE_UPDATE" and each["o"]["x"] == "TRADE"]


def test_its_order_ends_then_a_new_order_of_the_venue_then_the_fill() -> None:
    pit = Pit()
    symbol = thin(pit)
    pit.exchange.advance(pit.now_ms + 1_000)
    events = pit.events("thin")
    told = [f"{each['o']['x']}/{each['o']['X']}" if "o" in each else each["e"] for each in events]
    assert told == [
        "ACCOUNT_UPDATE",
        "GREEK_UPDATE",
        "CANCELED/CANCELED",
        "NEW/NEW",
        "TRADE/FILLED",
        "BALANCE_POSITION_UPDATE",
        "ACCOUNT_UPDATE",
        "GREEK_UPDATE",
    ]
    forced = events[3]["o"]
    assert forced["c"].startswith("autoclose-")
    assert (forced["s"], forced["S"], forced["q"]) == (symbol, "BUY", "1.00")
    assert (events[5]["m"], events[5]["P"][0]["c"]) == ("ORDER", "0.00")
    assert events[6]["M"] == "0.00000000"
    assert [each["trade_id"] for each in pit.exchange.ledger("thin")["fills"]][1:] == [fills(events)[0]["t"]]
    assert pit.exchange.state.accounts["_insurance"].open_orders == {}
    pit.exchange.transfer("thin", Decimal(100_000), pit.now_ms + 1_000)
    pit.now_ms += 1_000
    assert pit.buy("thin", "1", "1")["status"] == "NEW"


def test_whoever_sells_more_cheaply_fills_it_first() -> None:
    pit = Pit()
    symbol = thin(pit)
    pit.sell("alice", "0.4", "200", symbol=symbol)
    pit.exchange.advance(pit.now_ms + 1_000)
    assert [(each["l"], each["X"]) for each in fills(pit.events("thin"))] == [
        ("0.40", "PARTIALLY_FILLED"),
        ("0.60", "FILLED"),
    ]


def test_while_it_lasts_no_order_is_taken_and_none_cancelled() -> None:
    pit = Pit()
    thin(pit)
    mine = next(iter(pit.exchange.state.accounts["thin"].open_orders.values()))
    pit.exchange.state.accounts["thin"].liquidating = True
    with pytest.raises(Rejected) as caught:
        pit.buy("thin", "1", "1")
    assert caught.value.code == -6055
    with pytest.raises(Rejected) as caught:
        pit.exchange.cancel_order("thin", mine.contract.symbol, pit.now_ms, order_id=mine.id)
    assert caught.value.code == -6059
    assert mine.is_open


def test_enough_margin_is_left_alone_and_a_market_maker_too() -> None:
    pit = Pit()
    thin(pit, index=91_000)
    pit.exchange.advance(pit.now_ms + 1_000)
    assert fills(pit.events("thin")) == []
    pit = Pit()
    thin(pit)
    pit.exchange.state.accounts["thin"].market_maker = True
    pit.exchange.advance(pit.now_ms + 1_000)
    assert [each["e"] for each in pit.events("thin")][-1] == "RISK_LEVEL_CHANGE"


@pytest.mark.parametrize("reason", ["ORDER", "LIQUIDATION"])
def test_its_reason_is_a_switch_and_the_house_is_told_of_a_plain_order(reason: str) -> None:
    pit = Pit(liquidation_reason=reason)
    symbol = thin(pit)
    pit.sell("alice", "1", "200", symbol=symbol)
    pit.exchange.advance(pit.now_ms + 1_000)
    assert [each["m"] for each in pit.events() if each.get("P")] == ["ORDER", reason]


def test_legacy_tells_it_in_its_own_shape() -> None:
    pit = Pit(generation="legacy")
    thin(pit)
    pit.exchange.advance(pit.now_ms + 1_000)
    orders = [each["o"][0] for each in pit.events("thin") if each["e"] == "ORDER_TRADE_UPDATE"]
    assert [(each["c"][:10], each["S"]) for each in orders[1:]] == [
        ("autoclose-", "ACCEPTED"),
        ("autoclose-", "FILLED"),
    ]


def test_the_short_that_needs_most_margin_goes_first_and_no_more_than_it_takes() -> None:
    pit = Pit()
    pit.exchange.add_account("thin", pit.now_ms, deposit=Decimal(30_000))
    calls = [each for each in reversed(pit.exchange.symbols()) if each[:3] == "BTC" and each[-1] == "C"]
    for symbol, quantity in ((calls[1], "0.05"), (calls[0], "1")):
        pit.buy("bob", quantity, "100", symbol=symbol)
        pit.sell("thin", quantity, "100", symbol=symbol)
    pit.events()
    pit.exchange.state.prices.set_index("BTCUSDT", 110_000)
    pit.now_ms += 10_000
    pit.exchange.advance(pit.now_ms)
    assert [each["s"] for each in fills(pit.events("thin"))] == [calls[0]]
    assert [each["symbol"] for each in pit.exchange.position("thin", now_ms=pit.now_ms)] == [calls[1]]


def test_its_fills_may_have_an_execution_type_of_their_own() -> None:
    pit = Pit(liquidation_execution="CALCULATED")
    thin(pit)
    pit.exchange.advance(pit.now_ms + 1_000)
    orders = [each["o"] for each in pit.events("thin") if each["e"] == "ORDER_TRADE_UPDATE"]
    assert [(each["x"], each["X"]) for each in orders] == [
        ("CANCELED", "CANCELED"),
        ("NEW", "NEW"),
        ("CALCULATED", "FILLED"),
    ]
    assert (orders[-1]["l"], orders[-1]["t"] > 0) == ("1.00", True)
    step = pit.exchange.ledger("thin")["orders"][-1]
    assert (step["execution_type"], step["trade_id"]) == ("CALCULATED", orders[-1]["t"])
