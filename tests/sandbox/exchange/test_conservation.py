"""Test conservation: after any order, cancel, transfer or expiry, no money appears and every total adds up."""

from __future__ import annotations

import contextlib
import random
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from listenkey.sandbox.exchange.exchange import Exchange, OrderRequest, Rejected
from listenkey.sandbox.switches import Switches
from tests.sandbox.exchange.exchange_kit import NOW_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNTS = ("a", "b", "c")
DEPOSIT = Decimal(100_000)


def moves_of(rng: random.Random, count: int) -> Iterator[tuple[Any, ...]]:
    """A flow of orders with now and then something else: dense enough that most orders meet another."""
    for _ in range(count):
        account = rng.choice(ACCOUNTS)
        kind = rng.random()
        if kind < 0.8:
            yield (
                "order",
                account,
                rng.choice(("BUY", "SELL")),
                rng.randint(1, 200),
                rng.randint(-6, 6),
                rng.choice(("GTC", "GTC", "GTC", "IOC", "FOK", "GTX")),
                rng.choice(("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "NONE")),
                rng.random() < 0.2,
                rng.randint(0, 1),
            )
        elif kind < 0.88:
            yield "cancel", account, rng.randint(0, 5)
        elif kind < 0.93:
            yield "transfer", account, rng.randint(-20_000, 20_000)
        elif kind < 0.985:
            yield "wait", rng.randint(1, 15_000)
        else:
            yield "sleep", rng.randint(30, 100)


class Watcher:
    """Holds the world and its events to their promises."""

    def __init__(self) -> None:
        self.exchange = Exchange(NOW_MS, switches=Switches())
        self.now_ms = NOW_MS
        for name in ACCOUNTS:
            self.exchange.add_account(name, NOW_MS, deposit=DEPOSIT, trade_group_id=3 if name == "c" else -1)
        # The first expires within two hours, the second within days.
        symbols = self.exchange.symbols()
        self.symbols = [symbols[4], symbols[25]]
        self.deposits = DEPOSIT * len(ACCOUNTS)
        self.filled: dict[int, Decimal] = defaultdict(Decimal)
        self.positions: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self.costs: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self.balances = dict.fromkeys(ACCOUNTS, DEPOSIT)
        self.last_ms = 0

    def act(self, move: tuple[Any, ...]) -> None:
        kind, *rest = move
        with contextlib.suppress(Rejected):
            getattr(self, f"do_{kind}")(*rest)
        for emission in self.exchange.take_events():
            self.read(emission.account, emission.payload)
        self.check_world()

    def do_order(
        self, account: str, side: str, lots: int, away: int, tif: str, stp: str, reduce_only: bool, which: int
    ) -> None:
        symbol = self.symbols[which]
        price = max(Decimal("0.1"), self.exchange.reference_price(symbol) + away)
        request = OrderRequest(
            symbol=symbol,
            side=side,
            quantity=Decimal(lots) / 100,
            price=price,
            time_in_force=tif,
            stp=stp,
            reduce_only=reduce_only,
        )
        self.exchange.place_order(account, request, self.now_ms)

    def do_cancel(self, account: str, which: int) -> None:
        orders = self.exchange.open_orders(account)
        if which < len(orders):
            order = orders[which]
            self.exchange.cancel_order(account, order["symbol"], self.now_ms, order_id=order["orderId"])

    def do_transfer(self, account: str, amount: int) -> None:
        self.exchange.transfer(account, Decimal(amount), self.now_ms)
        self.deposits += amount

    def do_wait(self, ms: int) -> None:
        self.now_ms += ms
        self.exchange.advance(self.now_ms)

    def do_sleep(self, minutes: int) -> None:
        self.do_wait(minutes * 60_000)

    # --- What events promise ---

    def read(self, account: str, event: dict[str, Any]) -> None:
        assert event["E"] >= event["T"] >= self.last_ms
        self.last_ms = event["T"]
        getattr(self, f"read_{event['e']}")(account, event)

    def read_ORDER_TRADE_UPDATE(self, account: str, event: dict[str, Any]) -> None:  # noqa: N802
        order = event["o"]
        assert order["T"] == event["T"]
        self.filled[order["i"]] += Decimal(order["l"])
        assert Decimal(order["z"]) == self.filled[order["i"]] <= Decimal(order["q"])
        assert (order["x"] == "TRADE") == (order["t"] > 0)
        if order["x"] == "TRADE":
            sign = 1 if order["S"] == "BUY" else -1
            self.positions[account, order["s"]] += sign * Decimal(order["l"])
            self.balances[account] += Decimal(order["n"]) - sign * Decimal(order["l"]) * Decimal(order["L"])

    def read_BALANCE_POSITION_UPDATE(self, account: str, event: dict[str, Any]) -> None:  # noqa: N802
        (balance,) = event["B"]
        if event["m"] in {"DEPOSIT", "WITHDRAW"}:
            self.balances[account] += Decimal(balance["bc"])
            assert event["P"] == []
        else:
            assert balance["bc"] == "0"
        for row in event["P"]:
            if event["m"] == "EXERCISE":
                self.positions[account, row["s"]] = Decimal(0)
                self.balances[account] = Decimal(balance["b"])
            assert Decimal(row["c"]) == self.positions[account, row["s"]]
            assert Decimal(row["p"]) == Decimal(row["c"]) * Decimal(row["a"])
            self.costs[account, row["s"]] = Decimal(row["p"])
        assert Decimal(balance["b"]) == self.balances[account]

    def read_ACCOUNT_UPDATE(self, account: str, event: dict[str, Any]) -> None:  # noqa: N802
        equity, balance, value, profit = (Decimal(event[key]) for key in ("eq", "b", "m", "u"))
        assert equity == balance + value
        assert balance == self.balances[account]
        assert profit == value - sum(cost for (name, _), cost in self.costs.items() if name == account)
        longs = any(quantity > 0 for (name, _), quantity in self.positions.items() if name == account)
        assert Decimal(event["aeq"]) == (equity if longs else balance)
        assert Decimal(event["i"]) >= Decimal(event["M"]) >= 0

    def read_GREEK_UPDATE(self, account: str, event: dict[str, Any]) -> None:  # noqa: N802
        names = [each["u"] for each in event["G"]]
        assert len(names) == len(set(names)) > 0
        if not any(quantity for (name, _), quantity in self.positions.items() if name == account):
            assert {each[key] for each in event["G"] for key in "dgtv"} == {"0.00000000"}

    # --- What the world promises ---

    def check_world(self) -> None:
        accounts = self.exchange.state.accounts.values()
        cash = sum(each.balance for each in accounts) + self.exchange.state.fees_collected
        assert cash == self.deposits
        for symbol in self.exchange.symbols():
            assert sum(each.positions[symbol].quantity for each in accounts if symbol in each.positions) == 0
            book = self.exchange.state.book(symbol)
            bid, ask = book.best_bid_ticks(), book.best_ask_ticks()
            assert bid is None or ask is None or bid < ask
        for account in accounts:
            self.check_account(account.name)

    def check_account(self, name: str) -> None:
        account = self.exchange.state.accounts[name]
        assert account.balance == self.balances[name]
        for symbol, position in account.positions.items():
            mine = [each for each in account.open_orders.values() if each.contract.symbol == symbol]
            bids, asks = ([each for each in mine if each.is_buy is side] for side in (True, False))
            assert position.bid_quantity == sum(each.remaining for each in bids)
            assert position.ask_quantity == sum(each.remaining for each in asks)
            assert position.bid_cost == sum(each.remaining * each.price for each in bids)
            assert position.open_count == len(mine)
            reducing = sum((each.remaining for each in mine if each.reduce_only), Decimal(0))
            assert reducing <= abs(position.quantity)
        bills = sum((each.amount for each in account.bills), Decimal(0))
        assert bills == account.balance
        fresh = dict(account.totals(self.exchange.state.prices).greeks)
        value = account.totals(self.exchange.state.prices).value
        account.forget_totals()
        again = account.totals(self.exchange.state.prices)
        assert (again.value, again.greeks) == (value, fresh)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 150))
def test_nothing_is_made_from_nothing_and_totals_add_up(seed: int, count: int) -> None:
    watcher = Watcher()
    for move in moves_of(random.Random(seed), count):
        watcher.act(move)


def test_the_flow_is_dense_enough_to_prove_something() -> None:
    watcher = Watcher()
    for move in moves_of(random.Random(1), 300):
        watcher.act(move)
    kinds = {each["status"] for name in ACCOUNTS for each in watcher.exchange.ledger(name)["orders"]}
    assert kinds == {"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"}
    assert sum(len(watcher.exchange.ledger(name)["fills"]) for name in ACCOUNTS) > 60
    assert any(watcher.exchange.exercise_record(name) for name in ACCOUNTS)
