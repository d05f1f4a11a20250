"""
Real fills on demand: an account and the house trade with each other, through the book like everybody else.

Each group of fills happens at a price strictly between the best bid and the best ask, where nobody else rests, so that
the number of fills is exact. Sides, roles, sizes and symbols vary; positions are turned back before they grow, so that
an account never runs out of margin.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from listenkey.sandbox.exchange.orders import OrderRequest
from listenkey.sandbox.exchange.rejections import Rejected

if TYPE_CHECKING:
    import random

    from listenkey.sandbox.exchange.book import Book
    from listenkey.sandbox.exchange.exchange import Exchange

HOUSE: Final = "_burst"
"""The house account on the other side of every fill."""

POSITION_MAX: Final = Decimal("0.3")
"""A position this large is only made smaller."""

LOTS: Final = (Decimal("0.01"), Decimal("0.01"), Decimal("0.02"), Decimal("0.03"))
GROUP: Final = (1, 1, 1, 2, 3)
"""The numbers of fills that an order of the account may get; one is drawn per order."""

TRIES_MAX: Final = 200
"""Refusals and crowded books in a row, before a burst gives up."""


def burst(exchange: Exchange, account: str, fills: int, now_ms: int) -> int:
    """
    Makes so many fills of an account, at once.

    Nothing is made when the account is unknown (-5002), and fewer than asked for when its money is used up or a
    symbol's book leaves no room between its sides; the number made is returned.
    """
    exchange.advance(now_ms)
    state = exchange.state
    customer = state.account(account)
    open_house(exchange, HOUSE, now_ms)
    made = tries = 0
    while made < fills and tries < TRIES_MAX:
        before = len(customer.trades)
        _group(exchange, account, fills - made, now_ms)
        gained = len(customer.trades) - before
        made += gained
        tries = 0 if gained else tries + 1
    return made


def open_house(exchange: Exchange, name: str, now_ms: int) -> None:
    """Opens one of the house's own accounts, unless it is open."""
    if name not in exchange.state.accounts:
        exchange.add_account(name, now_ms, deposit=Decimal(0), quiet=True)


def _group(exchange: Exchange, account: str, fills_max: int, now_ms: int) -> None:
    """One order of the account against one or more of the house, or the other way round."""
    state, rng = exchange.state, exchange.state.rng
    symbol = rng.choice(exchange.symbols())
    ticks = free_ticks(exchange, symbol, rng)
    if ticks is None:
        return
    contract = state.contract(symbol)
    position = state.accounts[account].position(contract).quantity
    is_buy = position < 0 if abs(position) >= POSITION_MAX else rng.random() < 0.5
    parts = [rng.choice(LOTS) for _ in range(min(fills_max, rng.choice(GROUP)))]
    price = contract.underlying.tick * ticks

    def place(name: str, quantity: Decimal, *, buys: bool, time_in_force: str) -> None:
        side = "BUY" if buys else "SELL"
        request = OrderRequest(symbol=symbol, side=side, quantity=quantity, price=price, time_in_force=time_in_force)
        exchange.place_order(name, request, now_ms)

    whole = sum(parts, Decimal(0))
    try:
        if rng.random() < 0.5:
            place(account, whole, buys=is_buy, time_in_force=rng.choice(("GTC", "GTX")))
            for part in parts:
                place(HOUSE, part, buys=not is_buy, time_in_force="IOC")
        else:
            # A refused taker must not leave the house's orders behind.
            for part in parts:
                place(HOUSE, part, buys=not is_buy, time_in_force="GTC")
            place(account, whole, buys=is_buy, time_in_force=rng.choice(("GTC", "IOC", "FOK")))
    except Rejected:
        exchange.cancel_symbol(HOUSE, symbol, now_ms)


def free_ticks(exchange: Exchange, symbol: str, rng: random.Random, spread: int = 5) -> int | None:
    """
    A price near the mark that meets nobody and where nobody rests, in ticks; None when the book leaves none.

    It is at most `spread` ticks from the mark, unless the book is in the way.
    """
    book = exchange.state.book(symbol)
    mark = int(exchange.reference_price(symbol) / book.contract.underlying.tick)
    lowest, highest = _gap(book)
    if lowest > highest:
        return None
    return min(max(mark + rng.randint(-spread, spread), lowest), highest)


def _gap(book: Book) -> tuple[int, int]:
    """The lowest and the highest tick strictly between the best bid and the best ask."""
    rules = book.contract.underlying
    bid, ask = book.best_bid_ticks(), book.best_ask_ticks()
    lowest = 1 if bid is None else bid + 1
    highest = int(rules.max_price / rules.tick) if ask is None else ask - 1
    return lowest, highest
