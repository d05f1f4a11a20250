"""Bursts are exact, the market keeps everyone busy, and the same seed makes the same world."""

from __future__ import annotations

import random
from decimal import Decimal

from listenkey.sandbox.exchange.bots import Market, burst
from listenkey.sandbox.exchange.exchange import Exchange, OrderRequest
from tests.sandbox.exchange.exchange_kit import NOW_MS, Pit


def test_the_market_fills_orders_near_the_mark_and_leaves_far_ones_alone() -> None:
    pit = Pit()
    market = Market(pit.exchange, random.Random(1))
    far = pit.buy("alice", "1", "0.1")["orderId"]
    near = pit.order("alice", "BUY", "1", str(pit.exchange.reference_price(pit.symbol)))["orderId"]
    for _ in range(100):
        pit.now_ms += 400
        market.step(pit.now_ms)
    found = [each["orderId"] for each in pit.exchange.open_orders("alice")]
    assert (far in found, near in found) == (True, False)
    quoted = [pit.exchange.depth(symbol) for symbol in pit.exchange.symbols()]
    assert sum(bool(each["bids"] and each["asks"]) for each in quoted) > 30


def test_a_busy_account_is_filled_a_few_times_a_second_and_does_all_that_orders_do() -> None:
    pit = Pit()
    market = Market(pit.exchange, random.Random(1))
    market.keep_busy("alice")
    mine = pit.buy("alice", "1", "0.1")["orderId"]
    end_ms = pit.now_ms + 120_000
    while (due_ms := market.due_ms()) is not None and due_ms < end_ms:
        market.step(due_ms)
    ledger = pit.exchange.ledger("alice")
    assert 1 < len(ledger["fills"]) / 120 < 10
    assert {each["status"] for each in ledger["orders"]} >= {"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED"}
    assert mine in [each["orderId"] for each in pit.exchange.open_orders("alice")]
    assert len(pit.exchange.open_orders("alice")) <= 5
    assert pit.exchange.ledger("bob")["fills"] == []


def test_the_house_is_no_customer_and_leaves_no_traces() -> None:
    pit = Pit()
    market = Market(pit.exchange, random.Random(1))
    burst(pit.exchange, "alice", 20, pit.now_ms)
    market.step(pit.now_ms)
    assert pit.exchange.account_names() == ["alice", "bob"]
    assert {each.account for each in pit.exchange.take_events()} == {"alice"}
    for account in pit.exchange.state.accounts.values():
        if account.quiet:
            kept = (account.orders, account.trades, account.bills, account.transitions)
            assert [len(each) for each in kept] == [0, 0, 0, 0]


def test_the_same_seed_makes_the_same_world_through_expiries() -> None:
    def world(seed: int) -> tuple[list[object], list[str]]:
        exchange = Exchange(NOW_MS, seed=seed)
        exchange.add_account("alice", NOW_MS)
        market = Market(exchange, random.Random(seed))
        market.keep_busy("alice")
        events: list[object] = []
        now_ms = NOW_MS
        for number in range(80):
            now_ms += 20_000 if number % 10 else 1_200_000
            exchange.advance(now_ms)
            market.step(now_ms)
            events += [each.payload for each in exchange.take_events()]
        return events, exchange.symbols()

    assert world(5) == world(5)
    assert world(5) != world(6)


def test_every_book_has_two_sides_from_the_first_step_on_and_again_after_they_are_taken() -> None:
    exchange = Exchange(NOW_MS)
    market = Market(exchange, random.Random(3))
    exchange.add_account("alice", NOW_MS, deposit=Decimal(10_000_000))

    def one_sided() -> list[str]:
        books = {symbol: exchange.depth(symbol, 1) for symbol in exchange.symbols()}
        return [symbol for symbol, book in books.items() if not (book["bids"] and book["asks"])]

    market.step(NOW_MS)
    assert one_sided() == []
    now_ms = NOW_MS
    for symbol in exchange.symbols()[:20]:
        ask = exchange.depth(symbol, 1)["asks"][0]
        request = OrderRequest(
            symbol=symbol, side="BUY", quantity=Decimal(ask[1]), price=Decimal(ask[0]), time_in_force="IOC"
        )
        exchange.place_order("alice", request, now_ms)
    assert len(one_sided()) >= 20
    now_ms += 350
    market.step(now_ms)
    assert one_sided() == []
    # A customer's order on either side of the mark leaves the maker room beyond it.
    symbol = exchange.symbols()[-1]
    price = exchange.reference_price(symbol) + 2
    request = OrderRequest(symbol=symbol, side="BUY", quantity=Decimal(5), price=price)
    exchange.place_order("alice", request, now_ms)
    for _ in range(40):
        now_ms += 350
        market.step(now_ms)
        assert one_sided() == []
    exchange.advance(min(exchange.state.contract(symbol).expiry_ms for symbol in exchange.symbols()))
    market.step(exchange.state.now_ms)
    assert one_sided() == []
