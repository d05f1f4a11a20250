"""Bursts are exact, varied and affordable."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from listenkey.sandbox.exchange import burst as bursts
from listenkey.sandbox.exchange.bots import Market, burst
from listenkey.sandbox.exchange.exchange import Rejected
from tests.sandbox.exchange.exchange_kit import Pit


@pytest.mark.parametrize("fills", [1, 2, 3, 500])
def test_a_burst_makes_exactly_so_many_fills(fills: int) -> None:
    pit = Pit()
    assert burst(pit.exchange, "alice", fills, pit.now_ms) == fills
    assert len(pit.exchange.ledger("alice")["fills"]) == fills
    told = [each["o"] for each in pit.events("alice") if each["e"] == "ORDER_TRADE_UPDATE"]
    assert sum(each["x"] == "TRADE" for each in told) == fills
    assert pit.exchange.open_orders("alice") == []


def test_a_burst_in_portions_among_other_orders_is_exact_varied_and_affordable() -> None:
    pit = Pit()
    market = Market(pit.exchange, random.Random(1))
    for _ in range(100):
        pit.now_ms += 300
        market.step(pit.now_ms)
    mine = pit.buy("alice", "1", "1")["orderId"]
    made = len(pit.exchange.ledger("alice")["fills"])
    for _ in range(30):
        pit.now_ms += 100
        assert burst(pit.exchange, "alice", 50, pit.now_ms) == 50
    fills = pit.exchange.ledger("alice")["fills"][made:]
    assert len(fills) == 1_500
    assert len({(each["symbol"], each["trade_id"]) for each in fills}) == 1_500
    assert len({each["symbol"] for each in fills}) > 30
    for key in ("maker", "side"):
        counts = [sum(each[key] == value for each in fills) for value in {each[key] for each in fills}]
        assert len(counts) == 2
        assert min(counts) > 300
    positions = pit.exchange.position("alice", now_ms=pit.now_ms)
    assert max(abs(Decimal(each["quantity"])) for each in positions) < Decimal("0.5")
    assert mine in [each["orderId"] for each in pit.exchange.open_orders("alice")]


def test_a_burst_of_the_poor_ends_and_says_so() -> None:
    pit = Pit()
    pit.exchange.add_account("poor", pit.now_ms, deposit=Decimal("0.001"))
    assert burst(pit.exchange, "poor", 10, pit.now_ms) == 0
    depths = [pit.exchange.depth(symbol) for symbol in pit.exchange.symbols()]
    assert [each for each in depths if each["bids"] or each["asks"]] == []
    with pytest.raises(Rejected):
        burst(pit.exchange, "nobody", 1, pit.now_ms)


def test_positions_are_turned_back_before_they_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bursts, "POSITION_MAX", Decimal("0.02"))
    pit = Pit()
    burst(pit.exchange, "alice", 3_000, pit.now_ms)
    positions = [abs(Decimal(each["quantity"])) for each in pit.exchange.position("alice", now_ms=pit.now_ms)]
    # One group more than the limit, at most three times the largest lot.
    assert max(positions) <= Decimal("0.12")


def test_a_free_price_is_between_the_sides_or_there_is_none() -> None:
    pit = Pit()
    rng = random.Random(1)
    mark = pit.exchange.reference_price(pit.symbol)
    tick = Decimal("0.1")
    pit.buy("bob", "1", str(mark + 2 * tick))
    pit.sell("bob", "1", str(mark + 4 * tick))
    ticks = {bursts.free_ticks(pit.exchange, pit.symbol, rng) for _ in range(50)}
    assert ticks == {int(mark / tick) + 3}
    pit.sell("bob", "1", str(mark + 3 * tick))
    assert bursts.free_ticks(pit.exchange, pit.symbol, rng) is None
