"""Price before time, and nothing that rests can trade with what rests opposite."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from listenkey.sandbox.exchange.book import Book
from listenkey.sandbox.exchange.contracts import UNDERLYINGS, contracts_for, expiries_at
from listenkey.sandbox.exchange.orders import ExchangeOrder
from tests.sandbox.exchange.exchange_kit import NOW_MS

CONTRACT = contracts_for(UNDERLYINGS[0], expiries_at(NOW_MS)[0], 0, Decimal(90_000))[0]


def order(number: int, *, is_buy: bool, ticks: int, lots: int = 1) -> ExchangeOrder:
    return ExchangeOrder(
        id=number,
        account="alice",
        contract=CONTRACT,
        client_id=f"c{number}",
        is_buy=is_buy,
        price=ticks * Decimal("0.1"),
        ticks=ticks,
        quantity=lots * Decimal("0.01"),
        time_in_force="GTC",
        reduce_only=False,
        post_only=False,
        mmp=False,
        stp="EXPIRE_MAKER",
        stp_key="alice",
        created_ms=NOW_MS,
    )


def test_the_best_price_is_met_first_and_the_oldest_of_a_price() -> None:
    book = Book(CONTRACT)
    for number, ticks in enumerate((12, 11, 10, 10, 13)):
        book.add(order(number, is_buy=False, ticks=ticks))
    met = []
    while (maker := book.match_for(is_buy=True, ticks=12)) is not None:
        met.append(maker.id)
        book.remove(maker)
    assert met == [2, 3, 1, 0]
    assert book.best_ask_ticks() == 13


def test_what_could_be_filled_and_what_is_ahead_are_counted_to_the_limit() -> None:
    book = Book(CONTRACT)
    orders = [order(number, is_buy=True, ticks=ticks, lots=2) for number, ticks in enumerate((9, 10, 10, 8))]
    for each in orders:
        book.add(each)
    assert book.fillable(is_buy=False, ticks=9) == Decimal("0.06")
    assert book.fillable(is_buy=False, ticks=11) == 0
    assert book.ahead_of(orders[0]) == Decimal("0.04")
    assert book.depth(2) == ([["1.0", "0.04"], ["0.9", "0.02"]], [])


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 6), st.booleans()), max_size=60))
def test_a_book_holds_exactly_what_was_added_and_not_removed_in_order(moves: list[tuple[bool, int, bool]]) -> None:
    book, there = Book(CONTRACT), dict[int, ExchangeOrder]()
    for number, (is_buy, ticks, removes) in enumerate(moves):
        if removes and there:
            gone = there.pop(next(iter(there)))
            book.remove(gone)
            book.remove(gone)
        else:
            there[number] = order(number, is_buy=is_buy, ticks=ticks)
            book.add(there[number])
    bids = sorted((each for each in there.values() if each.is_buy), key=lambda each: (-each.ticks, each.id))
    asks = sorted((each for each in there.values() if not each.is_buy), key=lambda each: (each.ticks, each.id))
    assert book.resting() == bids + asks
    assert book.best_bid_ticks() == (bids[0].ticks if bids else None)
    assert book.best_ask_ticks() == (asks[0].ticks if asks else None)
