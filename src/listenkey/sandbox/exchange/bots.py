"""
A market of bots, so that things happen: quotes around the marks, trades among the house, fills for customers.

Every customer's resting order near the mark is filled now and then, bit by bit. An order farther than a quarter from
the mark is left alone, so that it can be found, replaced and cancelled at leisure. A busy account does not wait for
its owner: the market trades in its name.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from listenkey.sandbox.exchange.burst import burst, free_ticks, open_house
from listenkey.sandbox.exchange.orders import OrderRequest
from listenkey.sandbox.exchange.rejections import Rejected

if TYPE_CHECKING:
    import random

    from listenkey.sandbox.exchange.accounts import Account
    from listenkey.sandbox.exchange.exchange import Exchange
    from listenkey.sandbox.exchange.orders import ExchangeOrder, OrderKey

__all__ = ["Market", "burst"]

MAKER: Final = "_maker"
TAKER: Final = "_taker"

STEP_MS: Final = (150, 350)
"""Between two steps, from and to."""

QUOTED_PER_STEP: Final = 2
QUOTE_AWAY: Final = 12
"""The least distance of a quote from the mark, ticks; at most as much again is added."""

NEAR: Final = Decimal("0.25")
"""The distance from the mark within which orders are filled now and then."""

FILL_CHANCE: Final = 0.3
"""The chance that a customer has one of its orders filled in a step."""

RESTING_MAX: Final = 4
"""Orders that the market keeps open in a busy account's name."""


class Market:
    """
    The bots of one exchange.

    Args:
        exchange: Where they trade.
        rng: Their choices; the same numbers make the same market.
    """

    def __init__(self, exchange: Exchange, rng: random.Random) -> None:
        self._exchange = exchange
        self._rng = rng
        self._due_ms = exchange.state.now_ms
        self._busy: dict[str, list[OrderKey]] = {}
        """The orders that the market placed in a busy account's name, oldest first."""
        for name in (MAKER, TAKER):
            open_house(exchange, name, exchange.state.now_ms)

    def keep_busy(self, account: str) -> None:
        """Trades in an account's name from now on, a few fills a second. -5002 for an unknown one."""
        self._exchange.state.account(account)
        self._busy.setdefault(account, [])

    def due_ms(self) -> int | None:
        """Return when the bots act again."""
        return self._due_ms

    def step(self, now_ms: int) -> None:
        """Lets the bots act, if it is time. Steps that were missed are not made up for."""
        if now_ms < self._due_ms:
            return
        exchange, rng = self._exchange, self._rng
        exchange.advance(now_ms)
        symbols = exchange.symbols()
        wanting = [symbol for symbol in symbols if self._lacks_a_side(symbol)]
        for symbol in [*wanting, *rng.sample(symbols, min(QUOTED_PER_STEP, len(symbols)))]:
            self._quote(symbol, now_ms)
        if rng.random() < 0.2:
            self._take_quote(rng.choice(symbols), now_ms)
        for account in list(exchange.state.accounts.values()):
            if not account.quiet and account.open_orders and rng.random() < FILL_CHANCE:
                self._fill_one(account, now_ms)
        for name in self._busy:
            self._act_for(name, now_ms)
        self._due_ms = now_ms + rng.randint(*STEP_MS)

    def _place(
        self, account: str, symbol: str, *, is_buy: bool, quantity: Decimal, ticks: int, tif: str, now_ms: int
    ) -> OrderKey:
        """Places an order at a price in ticks; its symbol and id."""
        tick = self._exchange.state.contract(symbol).underlying.tick
        request = OrderRequest(
            symbol=symbol,
            side="BUY" if is_buy else "SELL",
            quantity=quantity,
            price=tick * ticks,
            time_in_force=tif,
        )
        return symbol, self._exchange.place_order(account, request, now_ms)["orderId"]

    def _lacks_a_side(self, symbol: str) -> bool:
        book = self._exchange.state.book(symbol)
        return book.best_bid_ticks() is None or book.best_ask_ticks() is None

    def _quote(self, symbol: str, now_ms: int) -> None:
        """Replaces the maker's quotes of a symbol with ones around its mark, where they meet nobody."""
        exchange, rng = self._exchange, self._rng
        exchange.cancel_symbol(MAKER, symbol, now_ms)
        book = exchange.state.book(symbol)
        tick = book.contract.underlying.tick
        mark = int(exchange.reference_price(symbol) / tick)
        for is_buy in (True, False):
            away = rng.randint(QUOTE_AWAY, 2 * QUOTE_AWAY)
            quantity = Decimal(rng.randint(10, 300)) / 100
            ask, bid = book.best_ask_ticks(), book.best_bid_ticks()
            if is_buy:
                ticks = max(1, mark - away) if ask is None else min(max(1, mark - away), ask - 1)
            else:
                ticks = mark + away if bid is None else max(mark + away, bid + 1)
            if ticks >= 1:
                self._try(MAKER, symbol, is_buy=is_buy, quantity=quantity, ticks=ticks, tif="GTX", now_ms=now_ms)

    def _try(
        self, account: str, symbol: str, *, is_buy: bool, quantity: Decimal, ticks: int, tif: str, now_ms: int
    ) -> OrderKey | None:
        """Places an order; None when it was refused, which is no matter to a bot."""
        try:
            return self._place(account, symbol, is_buy=is_buy, quantity=quantity, ticks=ticks, tif=tif, now_ms=now_ms)
        except Rejected:
            return None

    def _take_quote(self, symbol: str, now_ms: int) -> None:
        """Trades among the house, so that trade ids have gaps as seen by a customer."""
        is_buy = self._rng.random() < 0.5
        book = self._exchange.state.book(symbol)
        ticks = book.best_ask_ticks() if is_buy else book.best_bid_ticks()
        if ticks is not None:
            quantity = Decimal(self._rng.randint(1, 5)) / 100
            self._try(TAKER, symbol, is_buy=is_buy, quantity=quantity, ticks=ticks, tif="IOC", now_ms=now_ms)

    def _fill_one(self, account: Account, now_ms: int) -> None:
        """Fills a part, or all, of one of an account's orders near the mark, and whatever is ahead of it."""
        near = [order for order in account.open_orders.values() if self._is_near(order)]
        if not near:
            return
        order = self._rng.choice(near)
        lots = int(order.remaining / order.contract.underlying.step)
        part = order.contract.underlying.step * (lots if self._rng.random() < 0.4 else self._rng.randint(1, lots))
        ahead = self._exchange.state.book(order.contract.symbol).ahead_of(order)
        self._try(
            TAKER,
            order.contract.symbol,
            is_buy=not order.is_buy,
            quantity=min(ahead + part, order.contract.underlying.max_quantity),
            ticks=order.ticks,
            tif="IOC",
            now_ms=now_ms,
        )

    def _is_near(self, order: ExchangeOrder) -> bool:
        mark = self._exchange.mark_price(order.contract.symbol)
        tick = order.contract.underlying.tick
        return abs(order.price - mark) <= max(NEAR * mark, 2 * QUOTE_AWAY * tick)

    def _act_for(self, name: str, now_ms: int) -> None:
        """A busy account's turn: a fill or two, an order to rest, or one of those cancelled."""
        rng = self._rng
        account = self._exchange.state.accounts[name]
        mine = self._busy[name] = [each for each in self._busy[name] if each in account.open_orders]
        what = rng.random()
        if what < 0.6:
            burst(self._exchange, name, rng.randint(1, 2), now_ms)
        elif what < 0.9 and len(mine) < RESTING_MAX:
            symbol = rng.choice(self._exchange.symbols())
            ticks = free_ticks(self._exchange, symbol, rng)
            if ticks is not None:
                quantity = Decimal(rng.randint(2, 20)) / 100
                is_buy = account.position(self._exchange.state.contract(symbol)).quantity <= 0
                placed = self._try(
                    name, symbol, is_buy=is_buy, quantity=quantity, ticks=ticks, tif="GTC", now_ms=now_ms
                )
                if placed is not None:
                    mine.append(placed)
        elif mine:
            symbol, order_id = mine.pop(0)
            self._exchange.cancel_order(name, symbol, now_ms, order_id=order_id)
