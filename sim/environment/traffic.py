"""Act on the accounts: orders that rest, fill and are cancelled, positions opened and closed, transfers."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Final

from listenkey.sandbox.exchange.burst import HOUSE, free_ticks, open_house
from listenkey.sandbox.exchange.exchange import OrderRequest
from listenkey.sandbox.exchange.rejections import Rejected
from sim.environment.environment import Environment

LARGE: Final = 60
"""Fills of a burst that comes all at once."""

HEALED_S: Final = 300.0
RARER: Final = 5
"""The factor by which episodes are rarer long after the last fault: most of a short run, they show least."""

QUOTES: Final = 0.7
"""The share of resting orders in the acts of an account that quotes."""


RESTING: Final = 3
"""Orders that rest, of an account that has traded."""


class Traffic:
    """The life of one account, drawn from the seed; independent of the faults, so that a shorter list changes nothing."""

    def __init__(self, env: Environment, account: str) -> None:
        self._env = env
        self._account = account
        self._rng = random.Random(f"{env.options.seed}:traffic:{account}")

    def start(self) -> None:
        """Make the first appointment."""
        open_house(self._env.exchange.exchange, HOUSE, self._env.now_ms)
        self._later(self._env.options.episode_s, self._episode)

    def _later(self, mean_s: float, what: object) -> None:
        wait_us = int(self._rng.expovariate(1 / mean_s) * 1e6) + 1
        self._env.at(self._env.now_us + wait_us, what)  # type: ignore[arg-type]

    def _every_s(self) -> float:
        """Between two episodes; when faults have ended, a few of them show as well that all is well again."""
        options = self._env.options
        has_healed = self._env.now_us >= (options.heal_s + HEALED_S) * 1e6
        return options.episode_s * (RARER if has_healed else 1)

    def _episode(self) -> None:
        """One thing happens, and the next is appointed."""
        what = self._rng.random()
        if self._env.options.quotes and what < QUOTES:
            self._rest_and_cancel()
        elif what < 0.80:
            self._fills(self._rng.choice((1, 1, 2, 3, 5)))
        elif what < 0.81:
            self._fills(LARGE)
        elif what < 0.95:
            self._rest_and_cancel()
        else:
            self._env.exchange.transfer(self._account, Decimal(self._rng.randint(1, 1000)), self._env.now_ms)
        self._env.flush()
        self._later(self._every_s(), self._episode)

    def _fills(self, count: int) -> None:
        self._env.exchange.burst(self._account, count, self._env.now_ms)
        if self._rng.random() < 0.5:
            # Some come one after the other.
            self._later(0.5, lambda: self._more(2))
        self._later(self._env.options.hold_s, self._flatten)

    def _more(self, count: int) -> None:
        self._env.exchange.burst(self._account, count, self._env.now_ms)
        self._env.flush()

    def _rest_and_cancel(self) -> None:
        exchange, now_ms = self._env.exchange.exchange, self._env.now_ms
        symbols = exchange.symbols()
        symbol = symbols[0] if self._env.options.quotes else self._rng.choice(symbols)
        try:
            order = exchange.place_order(
                self._account,
                OrderRequest(symbol=symbol, side="BUY", quantity=Decimal("0.01"), price=Decimal("0.1")),
                now_ms,
            )
        except Rejected:
            return
        self._drain()
        self._later(20.0, lambda: self._cancel(symbol, order["orderId"]))

    def _cancel(self, symbol: str, order_id: int) -> None:
        try:
            self._env.exchange.exchange.cancel_order(self._account, symbol, self._env.now_ms, order_id=order_id)
        except Rejected:
            return
        self._drain()

    def _flatten(self) -> None:
        """Close every position against the house."""
        exchange, now_ms = self._env.exchange.exchange, self._env.now_ms
        exchange.advance(now_ms)
        account = exchange.state.accounts[self._account]
        for symbol, holding in list(account.positions.items()):
            if not holding.quantity or symbol not in exchange.state.books:
                continue
            ticks = free_ticks(exchange, symbol, self._rng)
            if ticks is None:
                continue
            sells = holding.quantity > 0
            price = holding.contract.underlying.tick * ticks
            amount = abs(holding.quantity)
            try:
                for name, side, how in ((HOUSE, "BUY" if sells else "SELL", "GTC"),
                                        (self._account, "SELL" if sells else "BUY", "IOC")):  # fmt: skip
                    exchange.place_order(
                        name,
                        OrderRequest(symbol=symbol, side=side, quantity=amount, price=price, time_in_force=how),
                        now_ms,
                    )
            except Rejected:
                exchange.cancel_symbol(HOUSE, symbol, now_ms)
        self._drain()

    def _drain(self) -> None:
        self._env.exchange.drain(self._env.now_ms)
        self._env.flush()


def trade(env: Environment, account: str, fills: int, orders: int = RESTING) -> None:
    """Fills, and orders that rest."""
    env.exchange.burst(account, fills, env.now_ms)
    exchange = env.exchange.exchange
    for symbol in exchange.symbols()[:orders]:
        request = OrderRequest(symbol=symbol, side="BUY", quantity=Decimal("0.01"), price=Decimal("0.1"))
        try:
            exchange.place_order(account, request, env.now_ms)
        except Rejected:
            continue
    env.exchange.drain(env.now_ms)
    env.flush()
