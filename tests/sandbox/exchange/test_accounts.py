from __future__ import annotations

from copy import deepcopy

from tests.sandbox.exchange.exchange_kit import Pit


def test_what_is_available_is_the_balance_less_margin_and_locks() -> None:
    pit = Pit()
    account, prices = pit.exchange.state.accounts["alice"], pit.exchange.state.prices
    assert account.available(prices) == 1_000_000
    pit.buy("alice", "2", "10")
    assert account.available(prices) == 1_000_000 - 22
    pit.buy("bob", "1", "50", symbol=pit.btc)
    pit.sell("alice", "1", "50", symbol=pit.btc)
    margin = account.totals(prices).initial_margin
    assert margin == prices.quote(pit.exchange.state.contract(pit.btc)).initial_margin
    assert account.available(prices) == account.balance - margin - 22


def test_totals_kept_up_by_fills_are_those_counted_anew() -> None:
    pit = Pit()
    prices = pit.exchange.state.prices
    for side, quantity, price in (("BUY", "1", "100"), ("SELL", "3", "99"), ("BUY", "0.5", "98")):
        pit.order("bob", "SELL" if side == "BUY" else "BUY", quantity, price)
        pit.order("alice", side, quantity, price)
        account = pit.exchange.state.accounts["alice"]
        kept = deepcopy(account.totals(prices))
        account.forget_totals()
        again = account.totals(prices)
        assert account.totals(prices) is again
        assert again.positions == 1
        assert kept == again


def test_orders_are_forgotten_when_they_are_final() -> None:
    pit = Pit()
    account = pit.exchange.state.accounts["alice"]
    placed = [pit.buy("alice", "1", "1")["orderId"] for _ in range(2)]
    assert ([each.id for each in account.open_orders.values()], account.open_by_underlying) == (placed, {"ETHUSDT": 2})
    for order_id in placed:
        pit.cancel("alice", order_id)
    assert (account.open_orders, account.working, account.open_by_underlying) == ({}, {}, {"ETHUSDT": 0})
    assert [each.id for each in account.orders.values()] == placed
